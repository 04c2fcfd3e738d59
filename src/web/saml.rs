//! SAML over HTTP: our metadata, and the responses and logout messages that other sites bring.
//!
//! A response is a form of the provider's, so it comes without our cookies (`SameSite=Lax`). It is put aside, and the
//! browser is sent to fetch its session with a request of its own, which brings them.

mod acs;
mod form;
mod logout;
pub mod via_provider;

pub use acs::{consume, metadata, resume};
pub use form::FORM_BYTES_MAX;
pub use logout::{logout_by_form, logout_by_redirect};
