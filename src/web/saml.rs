//! SAML: the metadata of the service provider, and the responses and logout messages of identity providers.
//!
//! A response is a form of another site, so the browser sends no cookies with it (`SameSite=Lax`). The gateway stores the
//! response and redirects the browser to a URL that completes the sign-in with the cookies.

mod acs;
mod form;
mod logout;
pub mod via_provider;

pub use acs::{consume, metadata, resume};
pub use form::FORM_BYTES_MAX;
pub use logout::{logout_by_form, logout_by_redirect};
