//! The emulated AWS, asked as a gateway and a browser ask the real one: every refusal it documents, and what follows a yes.
//!
//! Tokens are minted by hand and the issuer is a dozen lines, so that nothing of the gateway is trusted here.

mod caller;
mod faults;
mod saml;
mod saml_setup;
mod setup;
mod signin;
mod tokens;
mod trust;
