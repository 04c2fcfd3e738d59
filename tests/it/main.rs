//! Every integration test of the gateway, in one binary.

mod audit;
mod aws;
mod idp;
mod log;
mod store;
