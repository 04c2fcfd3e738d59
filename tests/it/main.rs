//! All integration tests of the gateway, in one binary.

mod audit;
mod aws;
mod browser;
mod cli;
mod clients;
mod commands;
mod idp;
mod log;
mod manual;
mod misconfigurations;
mod operate;
mod package;
mod people;
mod readme;
mod reference_config;
mod schema;
mod security;
mod store;
mod templates;
mod tls;
mod web;
