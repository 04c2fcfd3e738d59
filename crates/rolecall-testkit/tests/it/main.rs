//! Tests of the testkit, with independent implementations where possible.

mod browser;
mod node;
mod oidc;
mod oidc_faults;
mod saml;
mod saml_faults;
mod saml_logout;
mod saml_peer;
mod stores;
