//! Checks the claims of an ID token (OpenID Connect Core 3.1.3.7), in the order of the standard.
//!
//! The signature was verified before, in [`super::verify`]. Only protocol claims are checked, with the configured
//! `leeway`; other claims never cause a rejection here, whatever their type.

use chrono::{DateTime, Utc};
use openidconnect::core::CoreJsonWebKey;
use openidconnect::{AccessToken, AccessTokenHash};
use rolecall_core::identity::{AuthTime, Subject};
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::{Map, Value};

use super::audience::Audiences;
use super::auth_time::AuthTimeRule;
use super::jws::Algorithm;
use super::protocol_claims::ProtocolClaims;
use super::settings::OidcSettings;
use crate::idp::clock_advice::clock_advice;
use crate::idp::explanation::shown;

/// The expected values.
pub struct Expected<'a> {
    /// The settings of the provider.
    pub settings: &'a OidcSettings,
    /// The nonce of the authorization request.
    pub nonce: &'a str,
    /// The access token of the same token response.
    pub access_token: &'a str,
    /// The start of the sign-in, if it must be fresh.
    pub fresh_since: Option<DateTime<Utc>>,
    /// The current time.
    pub now: DateTime<Utc>,
}

/// The verified protocol claims of a token.
#[derive(Debug)]
pub struct Verified {
    /// `sub`
    pub subject: Subject,
    /// `auth_time`, or the current time.
    pub asserted_at: DateTime<Utc>,
    /// Where this time comes from.
    pub auth_time: AuthTime,
    /// Validity of the token; `None` for unsigned claims.
    pub validity: Option<TokenValidity>,
}

/// How long a token is valid, and how it is signed.
#[derive(Clone, Copy, Debug)]
pub struct TokenValidity {
    /// `exp`
    pub expires_at: DateTime<Utc>,
    /// `alg`
    pub algorithm: Algorithm,
}

impl Verified {
    /// Builds the claims of an unsigned token, to explain the access policy and never for sign-in. Claims of a single
    /// token (`exp`, `iat`, `nonce`, `at_hash`) are not checked; others are checked if present.
    ///
    /// # Errors
    /// As [`check`].
    pub fn from_unsigned(
        claims: &Map<String, Value>,
        settings: &OidcSettings,
        now: DateTime<Utc>,
    ) -> Result<Self, ProviderError> {
        let claims = ProtocolClaims::from_unsigned(claims)?;
        if let Some(issuer) = claims.issuer {
            check_issuer(issuer, settings)?;
        }
        if let Some(audiences) = &claims.audiences {
            audiences.check(claims.authorized_party, settings)?;
        }
        let told = told_auth_time(&claims, now, settings)?;
        Ok(Self {
            subject: subject(&claims)?,
            asserted_at: told.unwrap_or(now),
            auth_time: told.map_or(AuthTime::Unstated, |_| AuthTime::Stated),
            validity: None,
        })
    }
}

/// `iss` is the configured issuer (Core 3.1.3.7, 2.).
fn check_issuer(said: &str, settings: &OidcSettings) -> Result<(), ProviderError> {
    if said == settings.issuer {
        return Ok(());
    }
    Err(ProviderError::rejected(
        RejectReason::Issuer,
        format!(
            "iss is {:?}, the configured issuer is {:?}; if this is the correct provider, set issuer to the received value",
            shown(said),
            settings.issuer
        ),
    ))
}

fn subject(claims: &ProtocolClaims<'_>) -> Result<Subject, ProviderError> {
    Subject::parse(claims.subject.unwrap_or_default())
        .map_err(|error| ProviderError::rejected(RejectReason::Subject, error.to_string()))
}

/// `auth_time`, if present and valid. A time in the future is rejected.
fn told_auth_time(
    claims: &ProtocolClaims<'_>,
    now: DateTime<Utc>,
    settings: &OidcSettings,
) -> Result<Option<DateTime<Utc>>, ProviderError> {
    if let Some(at) = claims.auth_time {
        not_ahead("auth_time", at, now, settings)?;
    }
    Ok(claims.auth_time)
}

/// Checks the claims of a token. `signature` is the key that verified the signature, and the algorithm.
///
/// # Errors
/// [`ProviderError::Rejected`] for the first failed check.
pub fn check(
    claims: &ProtocolClaims<'_>,
    signature: (&CoreJsonWebKey, Algorithm),
    expected: &Expected<'_>,
) -> Result<Verified, ProviderError> {
    let Expected { settings, now, .. } = *expected;
    let reject = |reason, detail: String| Err(ProviderError::rejected(reason, detail));
    check_issuer(claims.issuer.unwrap_or_default(), settings)?;
    let audiences = claims.audiences.as_ref();
    audiences
        .unwrap_or(&Audiences::NONE)
        .check(claims.authorized_party, settings)?;
    // 9.
    if let Some(at) = claims.expires_at
        && at <= now - settings.leeway
    {
        return reject(
            RejectReason::Expired,
            format!(
                "exp was {} s ago, allowed are {} s; {}",
                (now - at).num_seconds(),
                settings.leeway.num_seconds(),
                clock_advice(now - at)
            ),
        );
    }
    // RFC 7519 4.1.5 and 4.1.6.
    for (name, at) in [("nbf", claims.not_before), ("iat", claims.issued_at)] {
        if let Some(at) = at {
            not_ahead(name, at, now, settings)?;
        }
    }
    // 11. Neither nonce is quoted.
    if claims.nonce != Some(expected.nonce) {
        return reject(
            RejectReason::Nonce,
            "the nonce differs from the one in the authorization request".to_owned(),
        );
    }
    at_hash(claims.access_token_hash, signature, expected.access_token)?;
    let auth_time = told_auth_time(claims, now, settings)?;
    // 13. `max_age` was sent, so an `auth_time` must be later than the request. Without it the age of the sign-in is
    // unknown; rejecting it would also reject every retry.
    if let Some((since, at)) = expected.fresh_since.zip(auth_time)
        && at < since - settings.leeway
    {
        let seconds = (since - at).num_seconds();
        return reject(
            RejectReason::NotFresh,
            format!("auth_time is {seconds} s before the start of the sign-in"),
        );
    }
    Ok(Verified {
        subject: subject(claims)?,
        asserted_at: auth_time.unwrap_or(now),
        auth_time: match (auth_time, expected.fresh_since, settings.auth_time) {
            (Some(_), _, _) => AuthTime::Stated,
            (None, Some(_), AuthTimeRule::AssumeNow) => AuthTime::Assumed,
            (None, Some(_), AuthTimeRule::Required) => AuthTime::Withheld,
            (None, None, _) => AuthTime::Unstated,
        },
        validity: claims.expires_at.map(|expires_at| TokenValidity {
            expires_at,
            algorithm: signature.1,
        }),
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
            "{name} is {} s in the future, allowed are {} s; {}",
            (at - now).num_seconds(),
            settings.leeway.num_seconds(),
            clock_advice(at - now)
        ),
    ))
}

/// Core 3.1.3.8: `at_hash`, if present, matches the access token.
fn at_hash(
    sent: Option<&str>,
    (key, algorithm): (&CoreJsonWebKey, Algorithm),
    access_token: &str,
) -> Result<(), ProviderError> {
    let Some(sent) = sent else {
        return Ok(());
    };
    let access_token = AccessToken::new(access_token.to_owned());
    let fits = AccessTokenHash::from_token(&access_token, &algorithm.core(), key)
        .is_ok_and(|hash| hash == AccessTokenHash::new(sent.to_owned()));
    if fits {
        return Ok(());
    }
    Err(ProviderError::rejected(
        RejectReason::AccessTokenHash,
        "at_hash does not match the access token",
    ))
}

#[cfg(test)]
mod tests;
