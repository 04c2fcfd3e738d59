//! The gateway as a library, so that tests and the demo can start one.

pub mod audit;
pub mod aws;
mod file;
pub mod idp;
pub mod store;
pub mod web;
