//! Adapter: identity providers. It verifies what providers say and turns it into the core's `Identity`.
//!
//! Whatever arrives from a browser or a provider is untrusted until every check has passed; nothing is fetched from an
//! address that a token names.

mod address;
mod cache;
mod clock_advice;
mod explanation;
pub mod http;
pub mod oidc;
mod probe;
mod provider;
mod redact;
mod reloadable;
pub mod saml;

pub use http::HttpClient;
pub use oidc::{
    Algorithm, AssertionAudience, AuthTimeRule, ClaimNames, ClientAuthentication, ClientKey,
    Finding, MfaRule, OidcProvider, OidcSettings, UserinfoUse,
};
pub use probe::Probed;
pub use provider::ProviderSettings;
pub use reloadable::Reloadable;
pub use saml::{SamlProvider, SamlSettings};
