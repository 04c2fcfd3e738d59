//! Time of authentication: how it is requested, and what a missing `auth_time` means (OIDC Core 2, 3.1.2.1).

use std::time::Duration;

use super::google;
use super::metadata::Metadata;
use super::settings::OidcSettings;

/// `claims` of an authorization request (OIDC Core 5.5) for claims that a provider may omit otherwise.
const CLAIMS_ASKED: &str = r#"{"id_token":{"auth_time":{"essential":true},"amr":null}}"#;
/// `max_age` of a sign-in that must reauthenticate. Not 0, for which some providers loop.
pub const FRESH_MAX_AGE: Duration = Duration::from_secs(1);
const NO_AUTH_TIME: &str = "auth_time: the provider does not list it in claims_supported; without it the age of a sign-in is unknown, and neither signed_in_within nor device codes work: configure the provider to send auth_time, or set auth_time = \"assume_now\" if it always reauthenticates for prompt=login";

/// What a missing `auth_time` in an ID token means (OIDC Core 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthTimeRule {
    /// The time of authentication is unknown.
    #[default]
    Required,
    /// A sign-in with `prompt=login` and `max_age` happened now; the time of any other is unknown.
    AssumeNow,
}

impl AuthTimeRule {
    /// Parses the value of `auth_time`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "required" => Some(Self::Required),
            "assume_now" => Some(Self::AssumeNow),
            _ => None,
        }
    }
}

/// The warning of `check --online` for a provider whose `claims_supported` does not contain `auth_time`.
pub fn warning(settings: &OidcSettings, metadata: &Metadata) -> Option<String> {
    let unstated = metadata.lists_auth_time == Some(false)
        && settings.auth_time == AuthTimeRule::Required
        && !google::is_google(&settings.issuer);
    unstated.then(|| NO_AUTH_TIME.to_owned())
}

/// `claims` of an authorization request, if the provider supports the parameter.
pub fn claims(metadata: &Metadata) -> Option<&'static str> {
    metadata.claims_parameter.then_some(CLAIMS_ASKED)
}
