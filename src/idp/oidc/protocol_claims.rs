//! Parses protocol claims with the types of RFC 7519 and OpenID Connect. `null` counts as absent; any other type is
//! rejected. Other claims are ignored.

use chrono::{DateTime, Utc};
use rolecall_core::base::timestamp;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::{Map, Value};

use super::audience::Audiences;
use super::jws::malformed;

/// The protocol claims as sent, unchecked.
#[derive(Debug)]
pub struct ProtocolClaims<'a> {
    /// `iss`
    pub issuer: Option<&'a str>,
    /// `sub`
    pub subject: Option<&'a str>,
    /// `azp`
    pub authorized_party: Option<&'a str>,
    /// `nonce` of the authorization request.
    pub nonce: Option<&'a str>,
    /// `at_hash`
    pub access_token_hash: Option<&'a str>,
    /// `exp`
    pub expires_at: Option<DateTime<Utc>>,
    /// `iat`
    pub issued_at: Option<DateTime<Utc>>,
    /// `nbf`
    pub not_before: Option<DateTime<Utc>>,
    /// `aud`
    pub audiences: Option<Audiences<'a>>,
    /// `auth_time`, if it is a valid time.
    pub auth_time: Option<DateTime<Utc>>,
}

/// The required claims of an ID token (Core 2), with the reason code if one is missing.
const REQUIRED: [(&str, RejectReason); 5] = [
    ("iss", RejectReason::Issuer),
    ("sub", RejectReason::Subject),
    ("aud", RejectReason::Audience),
    ("exp", RejectReason::Malformed),
    ("iat", RejectReason::Malformed),
];

impl<'a> ProtocolClaims<'a> {
    /// Parses the claims of an ID token (Core 2).
    ///
    /// # Errors
    /// [`RejectReason::Malformed`], or the reason code of a missing claim.
    pub fn read(claims: &'a Map<String, Value>) -> Result<Self, ProviderError> {
        Self::with(claims, &REQUIRED)
    }

    /// Parses unsigned claims, of which only `sub` is required.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_unsigned(claims: &'a Map<String, Value>) -> Result<Self, ProviderError> {
        Self::with(claims, &[("sub", RejectReason::Subject)])
    }

    fn with(
        claims: &'a Map<String, Value>,
        required: &[(&str, RejectReason)],
    ) -> Result<Self, ProviderError> {
        for (name, reason) in required {
            if present(claims, name).is_none() {
                let detail = format!("the token has no {name} claim");
                return Err(ProviderError::rejected(*reason, detail));
            }
        }
        Ok(Self {
            issuer: text(claims, "iss")?,
            subject: text(claims, "sub")?,
            authorized_party: text(claims, "azp")?,
            nonce: text(claims, "nonce")?,
            access_token_hash: text(claims, "at_hash")?,
            expires_at: time(claims, "exp")?,
            issued_at: time(claims, "iat")?,
            not_before: time(claims, "nbf")?,
            audiences: present(claims, "aud").map(Audiences::read).transpose()?,
            auth_time: auth_time(claims),
        })
    }
}

/// A claim; `null` counts as absent.
fn present<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).filter(|value| !value.is_null())
}

/// A string claim, if present.
fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, ProviderError> {
    let read = |value: &'a Value| {
        let text = value.as_str();
        text.ok_or_else(|| malformed(format!("{name} is not a string")))
    };
    present(claims, name).map(read).transpose()
}

/// A time claim, if present.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<DateTime<Utc>>, ProviderError> {
    let read = |value| {
        timestamp::from_numeric_date(value)
            .ok_or_else(|| malformed(format!("{name} is not a valid time")))
    };
    present(claims, name).map(read).transpose()
}

/// `auth_time`, which some providers send as a string. An invalid time counts as missing, because it is required only
/// for fresh sign-ins.
fn auth_time(claims: &Map<String, Value>) -> Option<DateTime<Utc>> {
    let value = present(claims, "auth_time")?;
    let Some(text) = value.as_str() else {
        return timestamp::from_numeric_date(value);
    };
    timestamp::from_numeric_date(&Value::from(text.parse::<i64>().ok()?))
}

#[cfg(test)]
mod tests;
