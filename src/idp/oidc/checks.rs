//! What an ID token must say before anybody believes it (OpenID Connect Core 3.1.3.7), in the order of the standard.
//!
//! The signature has been verified before, in [`super::jwks`]. Of the claims only those of the protocol are looked at, with
//! the provider's `leeway` by our clock; no other claim can refuse a token here, whatever its type.

use chrono::{DateTime, Utc};
use openidconnect::core::CoreJsonWebKey;
use openidconnect::{AccessToken, AccessTokenHash};
use rolecall_core::base::timestamp;
use rolecall_core::identity::{AuthTime, Subject};
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::{Map, Value};

use super::audience::Audiences;
use super::auth_time::AuthTimeRule;
use super::jws::{Algorithm, malformed};
use super::settings::OidcSettings;
use crate::idp::clock_advice::clock_advice;
use crate::idp::explanation::shown;

/// What the token is held against.
pub struct Expected<'a> {
    /// The provider's settings.
    pub settings: &'a OidcSettings,
    /// The key whose signature fitted, and with which algorithm.
    pub key: (&'a CoreJsonWebKey, Algorithm),
    /// The nonce we sent.
    pub nonce: &'a str,
    /// The access token that came with it.
    pub access_token: &'a str,
    /// When the sign-in began, if it must have been a fresh one.
    pub fresh_since: Option<DateTime<Utc>>,
    /// Now.
    pub now: DateTime<Utc>,
}

/// What a token that passed says for certain.
#[derive(Debug)]
pub struct Verified {
    /// `sub`
    pub subject: Subject,
    /// `auth_time`, or now.
    pub vouched_at: DateTime<Utc>,
    /// Which of the two, and why.
    pub auth_time: AuthTime,
}

impl Verified {
    /// What claims say that nobody has signed: for explaining the access policy, never for signing in. Claims of one
    /// token alone (`exp`, `iat`, `nonce`, `at_hash`) are not compared, and of the others those that are there.
    ///
    /// # Errors
    /// As [`check`].
    pub fn supposed(
        claims: &Map<String, Value>,
        settings: &OidcSettings,
        now: DateTime<Utc>,
    ) -> Result<Self, ProviderError> {
        required(claims, &[("sub", RejectReason::Subject)])?;
        types(claims)?;
        if present(claims, "iss").is_some() {
            issuer(claims, settings)?;
        }
        if let Some(audiences) = present(claims, "aud") {
            Audiences::read(Some(audiences))?.check(text(claims, "azp"), settings)?;
        }
        let told = told_auth_time(claims, now, settings)?;
        Ok(Self {
            subject: subject(claims)?,
            vouched_at: told.unwrap_or(now),
            auth_time: told.map_or(AuthTime::Unstated, |_| AuthTime::Stated),
        })
    }
}

/// The claims that every ID token has (Core 2), and the reason that belongs to each when it is missing.
const REQUIRED: [(&str, RejectReason); 5] = [
    ("iss", RejectReason::Issuer),
    ("sub", RejectReason::Subject),
    ("aud", RejectReason::Audience),
    ("exp", RejectReason::Malformed),
    ("iat", RejectReason::Malformed),
];

/// These claims are there.
fn required(
    claims: &Map<String, Value>,
    names: &[(&str, RejectReason)],
) -> Result<(), ProviderError> {
    let missing = names
        .iter()
        .find(|(name, _)| present(claims, name).is_none());
    match missing {
        Some((name, reason)) => Err(ProviderError::rejected(
            *reason,
            format!("the token has no {name}"),
        )),
        None => Ok(()),
    }
}

/// The claims on which a verdict depends have the types that RFC 7519 and OpenID Connect give them, where they are there.
/// `null` is absent; any other type is refused, never taken for absent.
///
/// # Errors
/// [`RejectReason::Malformed`].
fn types(claims: &Map<String, Value>) -> Result<(), ProviderError> {
    for name in ["iss", "sub", "azp", "nonce", "at_hash"] {
        if present(claims, name).is_some_and(|value| !value.is_string()) {
            return Err(malformed(format!("{name} is not a string")));
        }
    }
    for name in ["exp", "iat", "nbf"] {
        time(claims, name)?;
    }
    Audiences::read(present(claims, "aud")).map(drop)
}

/// A claim that is a string.
fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    present(claims, name).and_then(Value::as_str)
}

/// `iss` is the provider (Core 3.1.3.7, 2.).
fn issuer(claims: &Map<String, Value>, settings: &OidcSettings) -> Result<(), ProviderError> {
    let said = text(claims, "iss");
    if said == Some(settings.issuer.as_str()) {
        return Ok(());
    }
    Err(ProviderError::rejected(
        RejectReason::Issuer,
        format!(
            "iss is {:?}, the configured issuer is {:?}; if it is the right provider, set issuer to what it sends",
            shown(said.unwrap_or_default()),
            settings.issuer
        ),
    ))
}

fn subject(claims: &Map<String, Value>) -> Result<Subject, ProviderError> {
    Subject::parse(text(claims, "sub").unwrap_or_default())
        .map_err(|error| ProviderError::rejected(RejectReason::Subject, error.to_string()))
}

/// `auth_time`, where it is told and a time; never one that is still to come.
fn told_auth_time(
    claims: &Map<String, Value>,
    now: DateTime<Utc>,
    settings: &OidcSettings,
) -> Result<Option<DateTime<Utc>>, ProviderError> {
    let told = auth_time(claims);
    if let Some(at) = told {
        not_ahead("auth_time", at, now, settings)?;
    }
    Ok(told)
}

/// A claim that is there.
fn present<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).filter(|value| !value.is_null())
}

/// Holds a token whose signature has been verified against what we expect.
///
/// # Errors
/// [`ProviderError::Rejected`] with the first reason found.
pub fn check(
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
) -> Result<Verified, ProviderError> {
    required(claims, &REQUIRED)?;
    types(claims)?;
    let Expected { settings, now, .. } = *expected;
    let reject = |reason, detail: String| Err(ProviderError::rejected(reason, detail));
    issuer(claims, settings)?;
    Audiences::read(present(claims, "aud"))?.check(text(claims, "azp"), settings)?;
    // 9.
    if let Some(at) = time(claims, "exp")?
        && at <= now - settings.leeway
    {
        return reject(
            RejectReason::Expired,
            format!(
                "exp was {} s ago, and {} s are allowed; {}",
                (now - at).num_seconds(),
                settings.leeway.num_seconds(),
                clock_advice(now - at)
            ),
        );
    }
    // RFC 7519 4.1.5 and 4.1.6.
    for name in ["nbf", "iat"] {
        if let Some(at) = time(claims, name)? {
            not_ahead(name, at, now, settings)?;
        }
    }
    // 11. Neither nonce is quoted.
    if text(claims, "nonce") != Some(expected.nonce) {
        return reject(
            RejectReason::Nonce,
            "the nonce is not the one we sent".to_owned(),
        );
    }
    at_hash(text(claims, "at_hash"), expected)?;
    let auth_time = told_auth_time(claims, now, settings)?;
    // 13. We sent max_age, so an auth_time must be of this sign-in. Without one the age of the sign-in is unknown; refusing
    // it would refuse every further try as well.
    if let Some((since, at)) = expected.fresh_since.zip(auth_time)
        && at < since - settings.leeway
    {
        let seconds = (since - at).num_seconds();
        return reject(
            RejectReason::NotFresh,
            format!("auth_time lies {seconds} s before the sign-in"),
        );
    }
    Ok(Verified {
        subject: subject(claims)?,
        vouched_at: auth_time.unwrap_or(now),
        auth_time: match (auth_time, expected.fresh_since, settings.auth_time) {
            (Some(_), _, _) => AuthTime::Stated,
            (None, Some(_), AuthTimeRule::AssumeNow) => AuthTime::Assumed,
            (None, Some(_), AuthTimeRule::Required) => AuthTime::Withheld,
            (None, None, _) => AuthTime::Unstated,
        },
    })
}

fn not_ahead(
    name: &str,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
    settings: &OidcSettings,
) -> Result<(), ProviderError> {
    if at <= now + settings.leeway {
        return Ok(());
    }
    Err(ProviderError::rejected(
        RejectReason::NotYetValid,
        format!(
            "{name} lies {} s in our future, and {} s are allowed; {}",
            (at - now).num_seconds(),
            settings.leeway.num_seconds(),
            clock_advice(at - now)
        ),
    ))
}

/// `auth_time`, also where a provider writes it as text. What is no time is not told: it matters where a sign-in has to be
/// fresh, and there it has to be told.
fn auth_time(claims: &Map<String, Value>) -> Option<DateTime<Utc>> {
    let value = present(claims, "auth_time")?;
    let Some(text) = value.as_str() else {
        return timestamp::from_numeric_date(value);
    };
    timestamp::from_numeric_date(&Value::from(text.parse::<i64>().ok()?))
}

/// Core 3.1.3.8: where `at_hash` is, it fits the access token.
fn at_hash(sent: Option<&str>, expected: &Expected<'_>) -> Result<(), ProviderError> {
    let Some(sent) = sent else {
        return Ok(());
    };
    let (key, algorithm) = expected.key;
    let access_token = AccessToken::new(expected.access_token.to_owned());
    let fits = AccessTokenHash::from_token(&access_token, &algorithm.core(), key)
        .is_ok_and(|hash| hash == AccessTokenHash::new(sent.to_owned()));
    if fits {
        return Ok(());
    }
    Err(ProviderError::rejected(
        RejectReason::AccessTokenHash,
        "at_hash does not fit the access token",
    ))
}

/// A time that is one, where the claim is there.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<DateTime<Utc>>, ProviderError> {
    let read = |value| {
        timestamp::from_numeric_date(value).ok_or_else(|| malformed(format!("{name} is no time")))
    };
    present(claims, name).map(read).transpose()
}

#[cfg(test)]
mod tests;
