//! Tests of the AWS emulator, with requests like those of a gateway and of a browser.
//!
//! Tokens and the issuer are implemented in the tests, independently of the gateway.

mod caller;
mod cloudformation;
mod faults;
mod google;
mod partitions;
mod policies;
mod saml;
mod saml_setup;
mod session_tokens;
mod setup;
mod signed;
mod signin;
mod tokens;
mod trust;
