//! What an ID token must say before anybody believes it (OpenID Connect Core 3.1.3.7), in the order of the standard.
//!
//! The library verifies signature, issuer, audience, expiry and nonce against the one key that fits; this adds what it
//! leaves open: types, `azp`, `nbf`, `iat`, `at_hash`, `auth_time`, and a leeway of [`limits::LEEWAY`] by our clock.

use chrono::{DateTime, Utc};
use openidconnect::core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKey, CoreJsonWebKeySet};
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, ClientId, IssuerUrl, Nonce,
};
use rolecall_core::identity::Subject;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use rolecall_core::{limits, timestamp};
use serde_json::{Map, Value};

use super::jws::{Algorithm, malformed};
use super::settings::OidcSettings;

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
    pub authenticated_at: DateTime<Utc>,
}

impl Verified {
    /// What claims say that nobody has signed: for explaining the access policy, never for signing in.
    ///
    /// # Errors
    /// [`RejectReason::Subject`], [`RejectReason::Malformed`].
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
        Ok(Self {
            subject,
            authenticated_at: time(claims, "auth_time")?.unwrap_or(now),
        })
    }
}

/// The registered claims have the types that RFC 7519 and OpenID Connect give them, and those that must be there are.
/// A claim of another type is refused, never taken for absent.
///
/// # Errors
/// [`RejectReason::Malformed`], or the reason that belongs to the missing claim.
pub fn well_formed(claims: &Map<String, Value>) -> Result<(), ProviderError> {
    for (name, reason) in [
        ("iss", RejectReason::Issuer),
        ("sub", RejectReason::Subject),
        ("aud", RejectReason::Audience),
        ("exp", RejectReason::Malformed),
        ("iat", RejectReason::Malformed),
    ] {
        if !claims.contains_key(name) {
            return Err(ProviderError::rejected(
                reason,
                format!("the token has no {name}"),
            ));
        }
    }
    for name in ["iss", "sub", "azp", "nonce", "at_hash", "acr", "sid"] {
        if claims.get(name).is_some_and(|value| !value.is_string()) {
            return Err(malformed(format!("{name} is no text")));
        }
    }
    for name in ["exp", "iat", "nbf", "auth_time"] {
        time(claims, name)?;
    }
    let texts = |value: &Value| {
        value
            .as_array()
            .is_some_and(|list| list.iter().all(Value::is_string))
    };
    if claims
        .get("aud")
        .is_some_and(|aud| !aud.is_string() && !texts(aud))
    {
        return Err(malformed("aud is neither a text nor a list of texts"));
    }
    if claims.get("amr").is_some_and(|amr| !texts(amr)) {
        return Err(malformed("amr is no list of texts"));
    }
    Ok(())
}

/// Holds a token whose signature has been verified against what we expect.
///
/// # Errors
/// [`ProviderError::Rejected`] with the first reason found.
pub fn check(
    token: &str,
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
) -> Result<Verified, ProviderError> {
    well_formed(claims)?;
    let Expected { settings, now, .. } = *expected;
    let reject = |reason, detail: String| Err(ProviderError::rejected(reason, detail));
    let text = |name: &str| claims.get(name).and_then(Value::as_str);

    by_the_library(token, expected)?;

    // 2. The library compares URLs as texts too; this says what we rely on.
    if text("iss") != Some(settings.issuer.as_str()) {
        return reject(
            RejectReason::Issuer,
            "iss is not the configured issuer".to_owned(),
        );
    }
    // 4., 5. azp, where there is one, is us; where there are several audiences there must be one.
    let several = matches!(claims.get("aud"), Some(Value::Array(list)) if list.len() > 1);
    match text("azp") {
        Some(azp) if azp != settings.client_id => {
            return reject(RejectReason::Audience, format!("azp is {azp:?}, not us"));
        }
        None if several => {
            return reject(
                RejectReason::Audience,
                "several audiences and no azp".to_owned(),
            );
        }
        Some(_) | None => {}
    }
    // RFC 7519 4.1.5 and 4.1.6.
    for name in ["nbf", "iat"] {
        if let Some(at) = time(claims, name)?
            && at > now + limits::LEEWAY
        {
            return reject(
                RejectReason::NotYetValid,
                format!(
                    "{name} lies {} s in our future; {CLOCKS}",
                    (at - now).num_seconds()
                ),
            );
        }
    }
    at_hash(text("at_hash"), expected)?;
    let auth_time = time(claims, "auth_time")?;
    if let Some(at) = auth_time
        && at > now + limits::LEEWAY
    {
        return reject(
            RejectReason::NotYetValid,
            format!(
                "auth_time lies {} s in our future; {CLOCKS}",
                (at - now).num_seconds()
            ),
        );
    }
    // 13. We asked for max_age=0, so there must be an auth_time, and it must be of this sign-in.
    if let Some(since) = expected.fresh_since
        && auth_time.is_none_or(|at| at < since - limits::LEEWAY)
    {
        return reject(
            RejectReason::NotFresh,
            auth_time.map_or_else(
                || "there is no auth_time".to_owned(),
                |at| {
                    format!(
                        "auth_time lies {} s before the sign-in",
                        (since - at).num_seconds()
                    )
                },
            ),
        );
    }
    let subject = Subject::parse(text("sub").unwrap_or_default())
        .map_err(|error| ProviderError::rejected(RejectReason::Subject, error.to_string()))?;
    Ok(Verified {
        subject,
        authenticated_at: auth_time.unwrap_or(now),
    })
}

const CLOCKS: &str = "compare this machine's clock with the provider's";

/// Signature, issuer, audience, expiry and nonce.
fn by_the_library(token: &str, expected: &Expected<'_>) -> Result<(), ProviderError> {
    let Expected { settings, now, .. } = *expected;
    let (key, algorithm) = expected.key;
    let issuer = IssuerUrl::new(settings.issuer.clone())
        .map_err(|_| ProviderError::rejected(RejectReason::Issuer, "the issuer is no URL"))?;
    // As for a public client: the client secret must never become a verification key.
    let verifier = CoreIdTokenVerifier::new_public_client(
        ClientId::new(settings.client_id.clone()),
        issuer,
        CoreJsonWebKeySet::new(vec![key.clone()]),
    )
    .set_allowed_algs([algorithm.core()])
    .set_other_audience_verifier_fn(|audience| {
        settings
            .extra_audiences
            .iter()
            .any(|listed| *listed == **audience)
    })
    .set_time_fn(|| now - limits::LEEWAY);
    let token: CoreIdToken = token
        .parse()
        .map_err(|_| malformed("the claims are not those of OpenID Connect"))?;
    let nonce = Nonce::new(expected.nonce.to_owned());
    let Err(error) = token.claims(&verifier, &nonce) else {
        return Ok(());
    };
    Err(match error {
        ClaimsVerificationError::Expired(what) => ProviderError::rejected(
            RejectReason::Expired,
            format!("{what}, with 60 s leeway; {CLOCKS}"),
        ),
        ClaimsVerificationError::InvalidAudience(what) => {
            ProviderError::rejected(RejectReason::Audience, what)
        }
        ClaimsVerificationError::InvalidIssuer(what) => {
            ProviderError::rejected(RejectReason::Issuer, what)
        }
        // The library quotes no nonce, and neither do we.
        ClaimsVerificationError::InvalidNonce(_) => {
            ProviderError::rejected(RejectReason::Nonce, "the nonce is not the one we sent")
        }
        ClaimsVerificationError::InvalidSubject(what) => {
            ProviderError::rejected(RejectReason::Subject, what)
        }
        ClaimsVerificationError::SignatureVerification(error) => {
            ProviderError::rejected(RejectReason::Signature, error.to_string())
        }
        ClaimsVerificationError::InvalidAuthContext(what)
        | ClaimsVerificationError::InvalidAuthTime(what)
        | ClaimsVerificationError::Unsupported(what)
        | ClaimsVerificationError::Other(what) => malformed(what),
        _ => malformed("the token was not accepted"),
    })
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

/// A NumericDate (RFC 7519 2); fractions are cut off.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<DateTime<Utc>>, ProviderError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    timestamp::from_numeric_date(value)
        .map(Some)
        .ok_or_else(|| malformed(format!("{name} is no time")))
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
        for bad in [
            json!({"iss": 1}),
            json!({"sub": 1}),
            json!({"sub": null}),
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
            json!({"auth_time": 253_402_300_800_i64}),
            json!({"exp": [1]}),
            json!({"iat": "1"}),
            json!({"nbf": "1"}),
            json!({"nbf": true}),
            json!({"auth_time": "1"}),
            json!({"azp": ["a"]}),
            json!({"nonce": 1}),
            json!({"at_hash": {}}),
            json!({"acr": 1}),
            json!({"amr": "mfa"}),
            json!({"amr": [1]}),
            json!({"sid": 1}),
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
        assert_eq!(of(json!(5)).unwrap().authenticated_at.timestamp(), 5);
        for bad in [json!(i64::MAX), json!(-1), json!(1e18), json!("5")] {
            assert!(of(bad.clone()).is_err(), "{bad}");
        }
    }
}
