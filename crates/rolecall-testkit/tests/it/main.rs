//! The testkit, tested from outside, each part against something it was not written with.

mod browser;
mod node;
mod oidc;
mod oidc_faults;
mod saml;
mod saml_faults;
mod saml_logout;
mod saml_peer;
mod stores;
