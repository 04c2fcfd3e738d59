//! What an ID token must say before anybody believes it (OpenID Connect Core 3.1.3.7), in the order of the standard.
//!
//! The signature has been verified before, in [`super::jwks`]. Of the claims only those of the protocol are looked at, with
//! the provider's `leeway` by our clock; no other claim can refuse a token here, whatever its type.

use chrono::{DateTime, Utc};
use openidconnect::core::CoreJsonWebKey;
use openidconnect::{AccessToken, AccessTokenHash};
use rolecall_core::identity::{AuthTime, Subject};
use rolecall_core::sign_in::{ProviderError, RejectReason};
use rolecall_core::timestamp;
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
    /// What claims say that nobody has signed: for explaining the access policy, never for signing in.
    ///
    /// # Errors
    /// [`RejectReason::Subject`].
    pub fn supposed(
        claims: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Self, ProviderError> {
        let subject = Subject::parse(
            claims
                .get("sub")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        )
        .map_err(|error| ProviderError::rejected(RejectReason::Subject, error.to_string()))?;
        let told = auth_time(claims);
        Ok(Self {
            subject,
            vouched_at: told.unwrap_or(now),
            auth_time: told.map_or(AuthTime::Unstated, |_| AuthTime::Stated),
        })
    }
}

/// The claims on which a verdict depends have the types that RFC 7519 and OpenID Connect give them, and those that must be
/// there are. `null` is absent; any other type is refused, never taken for absent.
///
/// # Errors
/// [`RejectReason::Malformed`], or the reason that belongs to the missing claim.
fn well_formed(claims: &Map<String, Value>) -> Result<(), ProviderError> {
    for (name, reason) in [
        ("iss", RejectReason::Issuer),
        ("sub", RejectReason::Subject),
        ("aud", RejectReason::Audience),
        ("exp", RejectReason::Malformed),
        ("iat", RejectReason::Malformed),
    ] {
        if present(claims, name).is_none() {
            return Err(ProviderError::rejected(
                reason,
                format!("the token has no {name}"),
            ));
        }
    }
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
    well_formed(claims)?;
    let Expected { settings, now, .. } = *expected;
    let reject = |reason, detail: String| Err(ProviderError::rejected(reason, detail));
    let text = |name: &str| present(claims, name).and_then(Value::as_str);

    // 2.
    if text("iss") != Some(settings.issuer.as_str()) {
        return reject(
            RejectReason::Issuer,
            format!(
                "iss is {:?}, the configured issuer is {:?}; if it is the right provider, set issuer to what it sends",
                shown(text("iss").unwrap_or_default()),
                settings.issuer
            ),
        );
    }
    Audiences::read(present(claims, "aud"))?.check(text("azp"), settings)?;
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
    if text("nonce") != Some(expected.nonce) {
        return reject(
            RejectReason::Nonce,
            "the nonce is not the one we sent".to_owned(),
        );
    }
    at_hash(text("at_hash"), expected)?;
    let auth_time = auth_time(claims);
    if let Some(at) = auth_time {
        not_ahead("auth_time", at, now, settings)?;
    }
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
    let subject = Subject::parse(text("sub").unwrap_or_default())
        .map_err(|error| ProviderError::rejected(RejectReason::Subject, error.to_string()))?;
    Ok(Verified {
        subject,
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
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(changes: &Value) -> Map<String, Value> {
        let mut claims = json!({"iss": "i", "sub": "s", "aud": "a", "exp": 1, "iat": 1});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object().unwrap().clone()
    }

    #[test]
    fn registered_claims_have_their_types() {
        assert!(well_formed(&claims(&json!({}))).is_ok());
        assert!(
            well_formed(&claims(
                &json!({"aud": ["a", "b"], "exp": 1.5, "amr": ["mfa"]})
            ))
            .is_ok()
        );
        for lenient in [
            json!({"acr": 1}),
            json!({"acr": null}),
            json!({"amr": "mfa"}),
            json!({"amr": [1, null]}),
            json!({"amr": {"mfa": true}}),
            json!({"sid": null}),
            json!({"sid": 17}),
            json!({"azp": null, "nonce": null, "at_hash": null, "nbf": null, "auth_time": null}),
            json!({"auth_time": "1795940000"}),
            json!({"auth_time": "2026-11-29T07:59:07Z"}),
            json!({"updated_at": "2026-11-29T07:59:07.841Z", "email_verified": "true", "picture": 1, "locale": {}}),
            json!({"name": {"given": "A"}, "email": ["a@example.com"], "address": "x", "birthdate": 0, "gender": []}),
        ] {
            assert!(well_formed(&claims(&lenient)).is_ok(), "{lenient}");
        }
        for bad in [
            json!({"iss": 1}),
            json!({"sub": 1}),
            json!({"sub": ["s"]}),
            json!({"aud": 1}),
            json!({"aud": {"a": 1}}),
            json!({"aud": [1]}),
            json!({"exp": "1"}),
            json!({"exp": null}),
            json!({"exp": -1}),
            json!({"exp": 1e300}),
            json!({"exp": 8_210_266_876_799_i64}),
            json!({"iat": i64::MIN}),
            json!({"nbf": i64::MAX}),
            json!({"exp": [1]}),
            json!({"iat": "1"}),
            json!({"nbf": "1"}),
            json!({"nbf": true}),
            json!({"azp": ["a"]}),
            json!({"nonce": 1}),
            json!({"at_hash": {}}),
        ] {
            assert!(
                matches!(
                    well_formed(&claims(&bad)),
                    Err(ProviderError::Rejected {
                        reason: RejectReason::Malformed,
                        ..
                    })
                ),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_time_of_signing_in_is_read_as_number_and_as_text() {
        let told = |value: Value| auth_time(&claims(&json!({ "auth_time": value })));
        for (value, seconds) in [
            (json!(17), Some(17)),
            (json!(17.9), Some(17)),
            (json!("17"), Some(17)),
            (json!("17.9"), None),
            (json!("yesterday"), None),
            (json!(-1), None),
            (json!([17]), None),
            (json!(null), None),
        ] {
            let found = told(value.clone()).map(|at| at.timestamp());
            assert_eq!(found, seconds, "{value}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (name, wanted) in [
            ("iss", RejectReason::Issuer),
            ("sub", RejectReason::Subject),
            ("aud", RejectReason::Audience),
            ("exp", RejectReason::Malformed),
            ("iat", RejectReason::Malformed),
        ] {
            let mut claims = claims(&json!({}));
            claims.remove(name);
            assert!(
                matches!(well_formed(&claims), Err(ProviderError::Rejected { reason, .. }) if reason == wanted),
                "{name}"
            );
        }
    }

    #[test]
    fn supposed_claims_have_plausible_times() {
        let now = DateTime::UNIX_EPOCH;
        let of = |auth_time: Value| {
            let claims = json!({"sub": "alice", "auth_time": auth_time});
            Verified::supposed(claims.as_object().unwrap(), now)
        };
        for five in [json!(5), json!("5")] {
            let supposed = of(five).unwrap();
            assert_eq!(supposed.vouched_at.timestamp(), 5);
            assert_eq!(supposed.auth_time, AuthTime::Stated);
        }
        // As at a sign-in, what is no time is not told.
        for bad in [json!(i64::MAX), json!(-1), json!(1e18), json!("yesterday")] {
            let supposed = of(bad.clone()).unwrap();
            assert_eq!(supposed.auth_time, AuthTime::Unstated, "{bad}");
        }
    }
}
