//! A person some identity provider has vouched for.
//!
//! The key of a person is (provider, subject) and nothing else: two providers never share one, and an e-mail address
//! is a claim. Each [`Identity`] names its [`Evidence`]; only the adapters that verified a token or an assertion create one.

mod claims;
mod email;
mod name_id;
mod read;
mod untrusted_email;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::base::secret::{SecretDigest, SecretText};
use crate::base::{limits, text_newtype};

pub use claims::Claims;
pub use email::{EmailAddress, EmailDomain, InvalidEmail};
pub use name_id::NameId;
pub use read::{InvalidClaims, ReadClaims, UnreadClaims, UnreadReason, claim_name};
pub use untrusted_email::{UntrustedEmail, UntrustedEmailReason, trusted_email};

text_newtype!(
    /// The id of a configured identity provider: part of its redirect URI, so it is short and plain.
    ProviderId,
    InvalidProviderId,
    "a provider id is 1 to 32 characters of a-z, 0-9 and -, beginning with a letter or digit",
    |text| (1..=32).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);

text_newtype!(
    /// `sub` (OIDC Core 2) or `NameID` (SAML Core 2.2.3): unique within one provider, compared byte for byte.
    Subject,
    InvalidSubject,
    "a subject is 1 to 255 bytes without control characters",
    |text| (1..=limits::SUBJECT_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
);

/// What convinced us. It is kept with the identity for what can be proven with it later, and to sign out upstream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Evidence {
    /// A verified ID token (OIDC Core 2).
    IdToken {
        /// The token itself.
        #[serde(with = "crate::base::secret::sealed_text")]
        token: SecretText,
        /// The provider's session id (`sid`, OIDC Front-Channel Logout 3) where it gave one.
        sid: Option<String>,
    },
    /// A verified SAML assertion (SAML Core 2.3.3): what single logout needs of it. The assertion itself is of no more
    /// use, since it counts once.
    SamlAssertion {
        /// `NameID`, where there was one: without it the provider cannot be told of a sign-out, nor tell of one.
        name_id: Option<NameId>,
        /// `SessionIndex` of the authentication statement.
        session_index: Option<String>,
        /// `SessionNotOnOrAfter`: no session of ours outlasts it (SAML Core 2.7.2).
        ends_at: Option<DateTime<Utc>>,
    },
}

impl Evidence {
    /// When it stops to vouch for a session, where the provider said so.
    pub fn ends_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::IdToken { .. } => None,
            Self::SamlAssertion { ends_at, .. } => *ends_at,
        }
    }

    /// What a provider's single logout is held against, where it has one. It holds no secret.
    pub fn for_logout(&self) -> Option<Self> {
        match self {
            Self::IdToken { .. } => None,
            Self::SamlAssertion { .. } => Some(self.clone()),
        }
    }
}

/// How it is known when the person proved who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthTime {
    /// The provider said so: `auth_time` (OIDC Core 2), `AuthnInstant` (SAML Core 2.7.2).
    Stated,
    /// It did not, but was told to authenticate the person anew (`prompt=login`, `max_age`), and `auth_time = "assume_now"`
    /// is configured for it.
    Assumed,
    /// It did not say, in a sign-in that was not told to be a new one. The next one may tell.
    Unstated,
    /// It did not say although it was told to authenticate the person anew, which obliges it to (OIDC Core 3.1.2.1).
    Withheld,
    /// The record is of an earlier version.
    #[default]
    Unrecorded,
}

impl AuthTime {
    fn is_unrecorded(&self) -> bool {
        *self == Self::Unrecorded
    }
}

/// A person some provider has vouched for, as of [`Identity::asserted_at`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// Who vouched.
    pub provider: ProviderId,
    /// For whom.
    pub subject: Subject,
    /// The address, only where the provider is believed about its domain.
    pub email: Option<EmailAddress>,
    /// What was sent as the address, where it is not believed.
    #[serde(
        rename = "unbelieved_email",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub untrusted_email: Option<UntrustedEmail>,
    /// For display only; any text.
    pub name: Option<String>,
    /// Group names, compared byte for byte, within this provider.
    pub groups: Vec<String>,
    /// What the provider said, as far as it could be read and kept.
    pub claims: Claims,
    /// What it said beyond that, by name; see [`Identity::unread_claim`].
    #[serde(default, skip_serializing_if = "UnreadClaims::is_empty")]
    pub unread_claims: UnreadClaims,
    /// Whether a second factor was used, by the provider's `amr` or `acr` as configured.
    pub mfa: bool,
    /// The latest moment at which the person may have proved who they are: what the provider said, else the sign-in's own
    /// time. How old the proof is, [`Identity::authenticated_at`] tells.
    #[serde(rename = "authenticated_at")]
    pub asserted_at: DateTime<Utc>,
    /// How that moment is known.
    #[serde(default, skip_serializing_if = "AuthTime::is_unrecorded")]
    pub auth_time: AuthTime,
    /// What convinced us.
    pub evidence: Evidence,
}

impl Identity {
    /// How the person is addressed: name, else e-mail, else subject.
    pub fn display_name(&self) -> &str {
        self.name
            .as_deref()
            .filter(|name| !name.trim().is_empty())
            .or(self.email.as_ref().map(EmailAddress::as_str))
            .unwrap_or(self.subject.as_str())
    }

    /// When the person proved who they are; none when nobody can tell.
    pub fn authenticated_at(&self) -> Option<DateTime<Utc>> {
        let known = match self.auth_time {
            AuthTime::Stated | AuthTime::Assumed => true,
            AuthTime::Unstated | AuthTime::Withheld => false,
            // Earlier versions took the time of the sign-in where an ID token had none.
            AuthTime::Unrecorded => match self.evidence {
                Evidence::SamlAssertion { .. } => true,
                Evidence::IdToken { .. } => self.claims.single("auth_time").is_some(),
            },
        };
        known.then_some(self.asserted_at)
    }

    /// The person's key: a digest of provider and subject.
    pub fn key(&self) -> SecretDigest {
        person_key(&self.provider, &self.subject)
    }
}

/// The key of a person: a digest of provider and subject.
pub fn person_key(provider: &ProviderId, subject: &Subject) -> SecretDigest {
    SecretDigest::of(
        "rolecall/person/v1",
        &[provider.as_str().as_bytes(), subject.as_str().as_bytes()],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record as versions without `auth_time` wrote it.
    fn recorded(claims: &str, evidence: &str) -> Identity {
        let text = format!(
            r#"{{"provider":"okta","subject":"s","email":null,"name":null,"groups":[],"claims":{claims},"mfa":false,
                "authenticated_at":"2026-06-15T12:00:00Z","evidence":{evidence}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn earlier_record_keeps_stated_auth_time() {
        let token = r#"{"IdToken":{"token":"","sid":null}}"#;
        let told = recorded(r#"{"auth_time":["1781524800"]}"#, token);
        assert_eq!(told.authenticated_at(), Some(told.asserted_at));
        let untold = recorded("{}", token);
        assert_eq!(untold.authenticated_at(), None);
        let assertion = r#"{"SamlAssertion":{"name_id":null,"session_index":null,"ends_at":null}}"#;
        let saml = recorded("{}", assertion);
        assert_eq!(saml.authenticated_at(), Some(saml.asserted_at));
    }

    #[test]
    fn record_is_readable_by_earlier_versions() {
        let mut identity = recorded("{}", r#"{"IdToken":{"token":"","sid":null}}"#);
        identity.auth_time = AuthTime::Withheld;
        let written = serde_json::to_value(&identity).unwrap();
        assert_eq!(written["authenticated_at"], "2026-06-15T12:00:00Z");
        assert_eq!(written["auth_time"], "withheld");
        let read: Identity = serde_json::from_value(written).unwrap();
        assert_eq!(read.auth_time, AuthTime::Withheld);
    }
}
