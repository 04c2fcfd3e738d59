//! Every integration test of the gateway, in one binary.

mod aws;
mod idp;
