//! When a person proved who they are: how the provider is asked for it, and what its silence means (OIDC Core 2, 3.1.2.1).

use std::time::Duration;

use super::google;
use super::metadata::Metadata;
use super::settings::OidcSettings;

/// `claims` of an authorization request (OIDC Core 5.5): what a provider may leave out when nobody asks.
const CLAIMS_ASKED: &str = r#"{"id_token":{"auth_time":{"essential":true},"amr":null}}"#;
/// `max_age` of a sign-in that must be a new one. Not 0, for which some providers ask again and again.
pub const FRESH_MAX_AGE: Duration = Duration::from_secs(1);
const NO_AUTH_TIME: &str = "auth_time: the provider does not list it among the claims it sends; without it the age of a sign-in is unknown, and neither signed_in_within nor device codes work: make the provider send auth_time, or set auth_time = \"assume_now\" if it asks for the password whenever prompt=login is sent";

/// What an ID token without `auth_time` means (OIDC Core 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthTimeRule {
    /// The age of the sign-in is unknown.
    #[default]
    Required,
    /// A sign-in for which `prompt=login` and `max_age` were sent is of this moment; the age of any other is unknown.
    AssumeNow,
}

impl AuthTimeRule {
    /// Reads the value of `auth_time`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "required" => Some(Self::Required),
            "assume_now" => Some(Self::AssumeNow),
            _ => None,
        }
    }
}

/// What `check --online` says of a provider whose `claims_supported` has no `auth_time`.
pub fn remark(settings: &OidcSettings, metadata: &Metadata) -> Option<String> {
    let unstated = metadata.lists_auth_time == Some(false)
        && settings.auth_time == AuthTimeRule::Required
        && !google::is_google(&settings.issuer);
    unstated.then(|| NO_AUTH_TIME.to_owned())
}

/// `claims` of an authorization request, where the provider knows the parameter.
pub fn claims(metadata: &Metadata) -> Option<&'static str> {
    metadata.claims_parameter.then_some(CLAIMS_ASKED)
}
