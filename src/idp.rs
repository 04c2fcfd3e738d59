//! Adapter for identity providers: verifies their responses and converts them to the `Identity` of core.
//!
//! Input from browsers and providers is untrusted until all checks have passed. URLs in tokens are never fetched.

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
mod step_up;

pub use http::HttpClient;
pub use oidc::{
    Algorithm, AssertionAudience, AuthTimeRule, ClaimNames, ClientAuthentication, ClientKey,
    MfaRule, OidcProvider, OidcSettings, SettingsFinding, UserinfoUse,
};
pub use probe::ProbeReport;
pub use provider::ProviderSettings;
pub use reloadable::Reloadable;
pub use saml::{SamlProvider, SamlSettings};
pub use step_up::StepUpRule;
