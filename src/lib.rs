//! The gateway as a library, so that tests and the demo can start it. See `ARCHITECTURE.md`.

pub mod audit;
pub mod aws;
mod canonical_xml;
pub mod cli;
mod client_address;
pub mod config;
pub mod database;
pub mod egress;
mod file;
mod hardening;
pub mod idp;
pub mod people;
pub mod policy_archive;
pub mod provisioning;
mod regions;
pub mod server;
mod sqlite_file;
pub mod store;
pub mod telemetry;
pub mod web;
pub mod world;
