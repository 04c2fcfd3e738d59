//! The gateway and everything that it talks to, in one process on loopback: identity providers, an AWS emulator, users and
//! accounts. Used by the demo, the tests, the benchmark and the fuzz targets.
//!
//! [`TestStack`] starts all parts. There is no network traffic beyond loopback, and all data is deleted when the stack is dropped.

mod audit_trail;
mod aws_application;
mod clock;
mod configuration;
mod files;
mod gateway_keys;
mod replica;
mod saml;
pub mod saml_verifier;
pub mod sample_data;
mod seed_aws;
mod settings;
mod stack;
mod terminal;

pub use audit_trail::export_audit_trail;
pub use clock::TestClock;
pub use replica::Replica;
pub use saml::SamlStackSettings;
pub use settings::{PrepareAws, TestStackSettings};
pub use stack::TestStack;
