//! A person as asserted by an identity provider.
//!
//! A person is identified by provider and subject only: no two providers share a person, and the e-mail address is a
//! claim. Each [`Identity`] has its [`Evidence`]; only the adapters that verified a token or an assertion create it.

mod claim_path;
mod claims;
mod email;
mod name_id;
mod read;
mod untrusted_email;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::base::secret::{SecretDigest, SecretText};
use crate::base::{limits, text_newtype};

pub use claim_path::ClaimPath;
pub use claims::Claims;
pub use email::{EmailAddress, EmailDomain, InvalidEmail};
pub use name_id::NameId;
pub use read::{InvalidClaims, ReadClaims, UnreadClaims, UnreadReason};
pub use untrusted_email::{UntrustedEmail, UntrustedEmailReason, trusted_email};

text_newtype!(
    /// ID of a configured identity provider. It is short, because it is part of the redirect URI.
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

/// The verified assertion of the provider. It is kept for sign-out at the provider and for later proofs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Evidence {
    /// A verified ID token (OIDC Core 2).
    IdToken {
        /// ID token in compact form, for `id_token_hint` at sign-out. Empty if it is not kept with the identity, because AWS
        /// accepts it as a credential.
        #[serde(with = "crate::base::secret::sealed_text")]
        token: SecretText,
        /// Session ID of the provider (`sid`, OIDC Front-Channel Logout 3), if present.
        sid: Option<String>,
    },
    /// The parts of a verified SAML assertion (SAML Core 2.3.3) that single logout needs. The assertion is not kept,
    /// because it is valid for one use.
    SamlAssertion {
        /// `NameID`, if present. Without it, the sign-out can neither be sent to the provider nor received from it.
        name_id: Option<NameId>,
        /// `SessionIndex` of the authentication statement.
        session_index: Option<String>,
        /// `SessionNotOnOrAfter`: the session of the gateway ends no later (SAML Core 2.7.2).
        ends_at: Option<DateTime<Utc>>,
    },
}

impl Evidence {
    /// The end of the provider's session, if known.
    pub fn ends_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::IdToken { .. } => None,
            Self::SamlAssertion { ends_at, .. } => *ends_at,
        }
    }

    /// The ID token, if it is kept here. It may be sent to the provider as `id_token_hint`.
    pub fn id_token(&self) -> Option<&SecretText> {
        match self {
            Self::IdToken { token, .. } => Some(token).filter(|token| !token.expose().is_empty()),
            Self::SamlAssertion { .. } => None,
        }
    }

    /// The same without the ID token.
    #[must_use]
    pub fn without_id_token(self) -> Self {
        match self {
            Self::IdToken { sid, .. } => Self::IdToken {
                token: SecretText::new(String::new()),
                sid,
            },
            Self::SamlAssertion { .. } => self,
        }
    }

    /// The part that single logout of the provider compares, if it supports it. It contains no secret.
    pub fn for_logout(&self) -> Option<Self> {
        match self {
            Self::IdToken { .. } => None,
            Self::SamlAssertion { .. } => Some(self.clone()),
        }
    }
}

/// How the time of authentication is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthTime {
    /// The provider sent it: `auth_time` (OIDC Core 2), `AuthnInstant` (SAML Core 2.7.2).
    Stated,
    /// The provider did not send it, but authentication was requested (`prompt=login`, `max_age`), and `auth_time =
    /// "assume_now"` is configured.
    Assumed,
    /// The provider did not send it, and no new authentication was requested. The next sign-in may have it.
    Unstated,
    /// The provider did not send it, although a new authentication was requested and it is required then (OIDC Core
    /// 3.1.2.1).
    Withheld,
    /// The record was written by an earlier version.
    #[default]
    Unrecorded,
}

impl AuthTime {
    fn is_unrecorded(&self) -> bool {
        *self == Self::Unrecorded
    }
}

/// A person as asserted by a provider at [`Identity::asserted_at`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// Provider that asserted the identity.
    pub provider: ProviderId,
    /// Subject at the provider.
    pub subject: Subject,
    /// E-mail address, if the provider is trusted for its domain.
    pub email: Option<EmailAddress>,
    /// E-mail address that the provider sent, if it is not trusted.
    #[serde(
        rename = "unbelieved_email",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub untrusted_email: Option<UntrustedEmail>,
    /// Display name; any text.
    pub name: Option<String>,
    /// Names of groups of this provider, compared byte for byte.
    pub groups: Vec<String>,
    /// Claims that could be read and were kept.
    pub claims: Claims,
    /// Other claims, by name; see [`Identity::unread_claim`].
    #[serde(default, skip_serializing_if = "UnreadClaims::is_empty")]
    pub unread_claims: UnreadClaims,
    /// Whether a second factor was used, by `amr` or `acr` of the provider as configured.
    pub mfa: bool,
    /// What the response of the provider contains instead, if a second factor was requested and it states none: one
    /// line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed_mfa: Option<String>,
    /// Upper bound for the time of authentication: the time that the provider sent, or else the time of the sign-in.
    /// [`Identity::authenticated_at`] is the known time.
    #[serde(rename = "authenticated_at")]
    pub asserted_at: DateTime<Utc>,
    /// How this time is known.
    #[serde(default, skip_serializing_if = "AuthTime::is_unrecorded")]
    pub auth_time: AuthTime,
    /// The verified assertion of the provider.
    pub evidence: Evidence,
}

impl Identity {
    /// Name for display: the name, or else the e-mail address, or else the subject.
    pub fn display_name(&self) -> &str {
        self.name
            .as_deref()
            .filter(|name| !name.trim().is_empty())
            .or(self.email.as_ref().map(EmailAddress::as_str))
            .unwrap_or(self.subject.as_str())
    }

    /// Time of authentication; `None` if it is unknown.
    pub fn authenticated_at(&self) -> Option<DateTime<Utc>> {
        let known = match self.auth_time {
            AuthTime::Stated | AuthTime::Assumed => true,
            AuthTime::Unstated | AuthTime::Withheld => false,
            // Earlier versions stored the time of the sign-in if an ID token had no `auth_time`.
            AuthTime::Unrecorded => match self.evidence {
                Evidence::SamlAssertion { .. } => true,
                Evidence::IdToken { .. } => self.claims.single("auth_time").is_some(),
            },
        };
        known.then_some(self.asserted_at)
    }

    /// Key of the person: a digest of provider and subject.
    pub fn key(&self) -> SecretDigest {
        person_key(&self.provider, &self.subject)
    }
}

/// Key of a person: a digest of provider and subject.
pub fn person_key(provider: &ProviderId, subject: &Subject) -> SecretDigest {
    SecretDigest::of(
        "rolecall/person/v1",
        &[provider.as_str().as_bytes(), subject.as_str().as_bytes()],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of versions without `auth_time`.
    fn recorded(claims: &str, evidence: &str) -> Identity {
        let text = format!(
            r#"{{"provider":"okta","subject":"s","email":null,"name":null,"groups":[],"claims":{claims},"mfa":false,
                "authenticated_at":"2026-06-15T12:00:00Z","evidence":{evidence}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn keys_of_different_people_differ() {
        let key = |provider: &str, subject: &str| {
            let provider = ProviderId::parse(provider).unwrap();
            person_key(&provider, &Subject::parse(subject).unwrap())
        };
        let alice = key("okta", "alice");
        assert_eq!(alice, key("okta", "alice"));
        // The last two have the same characters as the first.
        for (provider, subject) in [
            ("okta", "bob"),
            ("google", "alice"),
            ("okt", "aalice"),
            ("oktaa", "lice"),
        ] {
            assert_ne!(alice, key(provider, subject), "{provider} {subject}");
        }
    }

    #[test]
    fn earlier_record_keeps_stated_auth_time() {
        let token = r#"{"IdToken":{"token":"","sid":null}}"#;
        let stated = recorded(r#"{"auth_time":["1781524800"]}"#, token);
        assert_eq!(stated.authenticated_at(), Some(stated.asserted_at));
        let unstated = recorded("{}", token);
        assert_eq!(unstated.authenticated_at(), None);
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
