//! DPoP (RFC 9449): proof that the caller holds the key to which its code or token is bound.
//!
//! A token that is copied from a log or a cache file is useless without the key. Only ES256 (P-256) is supported, which
//! AWS's clients use. [`DpopProof::verify`] does the stateless checks of section 4.3; the token endpoint
//! records each proof under [`DpopProof::replay_key`], so that it is used once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use crate::base::limits::{DPOP_ID_BYTES_MAX, DPOP_PROOF_BYTES_MAX, LEEWAY};
use crate::base::secret::SecretDigest;
use crate::base::{KeyThumbprint, json, timestamp};
use crate::record::Record;

/// Why a proof is rejected, in the order of RFC 9449 section 4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DpopError {
    /// There is no `DPoP` header.
    #[error("the request has no DPoP proof")]
    Missing,
    /// There is more than one.
    #[error("the request has several DPoP proofs")]
    Several,
    /// It is not a compact JWT with the required members, or it is too large.
    #[error("the DPoP proof cannot be read")]
    Malformed,
    /// `typ` is not `dpop+jwt`.
    #[error("the DPoP proof is a token of another type")]
    Type,
    /// `alg` is not ES256.
    #[error("the DPoP proof is signed with an algorithm other than ES256")]
    Algorithm,
    /// `jwk` is not a P-256 public key, or contains the private key.
    #[error("the DPoP proof contains no P-256 public key")]
    Key,
    /// The signature does not verify with the key.
    #[error("the DPoP proof's signature does not verify")]
    Signature,
    /// `htm` is not the method of the request.
    #[error("the DPoP proof was issued for another method")]
    Method,
    /// `htu` is not the URL of the request.
    #[error("the DPoP proof was issued for another URL")]
    Target,
    /// `iat` is too far from the current time.
    #[error("the DPoP proof is not current: check the clock of this computer")]
    Time,
    /// The proof was used before.
    #[error("the DPoP proof was used before")]
    Replayed,
    /// The code or token is bound to another key.
    #[error("the DPoP proof was signed with another key")]
    OtherKey,
}

impl DpopError {
    /// Stable code for logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "dpop_missing",
            Self::Several => "dpop_several",
            Self::Malformed => "dpop_malformed",
            Self::Type => "dpop_type",
            Self::Algorithm => "dpop_algorithm",
            Self::Key => "dpop_key",
            Self::Signature => "dpop_signature",
            Self::Method => "dpop_method",
            Self::Target => "dpop_target",
            Self::Time => "dpop_time",
            Self::Replayed => "dpop_replayed",
            Self::OtherKey => "dpop_other_key",
        }
    }
}

/// A proof with valid signature, method, URL and time. Only the store knows whether it is new.
#[derive(Clone, Debug)]
pub struct DpopProof {
    /// Thumbprint of the key that signed the proof.
    pub key: KeyThumbprint,
    issued_at: DateTime<Utc>,
    replay_key: SecretDigest,
}

/// Record that marks a proof as used.
#[derive(Serialize, Deserialize)]
pub struct UsedProof {}

impl Record for UsedProof {
    const KIND: &'static str = "dpop";
}

impl DpopProof {
    /// Verifies the `DPoP` headers of a request with `method` for `url` at `now` (RFC 9449 section 4.3, without 10 and
    /// 12).
    ///
    /// # Errors
    /// The first [`DpopError`].
    pub fn verify(
        unverified_headers: &[&str],
        method: &str,
        url: &Url,
        now: DateTime<Utc>,
    ) -> Result<Self, DpopError> {
        let unverified = match unverified_headers {
            [] => return Err(DpopError::Missing),
            [one] => *one,
            [..] => return Err(DpopError::Several),
        };
        if unverified.len() > DPOP_PROOF_BYTES_MAX {
            return Err(DpopError::Malformed);
        }
        let mut parts = unverified.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(DpopError::Malformed);
        };
        let signed = &unverified[..header.len() + 1 + payload.len()];
        let (header, payload) = (object(header)?, object(payload)?);
        let (point, thumbprint) = proof_key(&header)?;
        let signature =
            Signature::from_slice(&decode(signature)?).map_err(|_| DpopError::Signature)?;
        let key = VerifyingKey::from_sec1_bytes(&point).map_err(|_| DpopError::Key)?;
        key.verify(signed.as_bytes(), &signature)
            .map_err(|_| DpopError::Signature)?;
        Self::of_claims(&payload, thumbprint, method, url, now)
    }

    fn of_claims(
        claims: &Map<String, Value>,
        key: KeyThumbprint,
        method: &str,
        url: &Url,
        now: DateTime<Utc>,
    ) -> Result<Self, DpopError> {
        let id = text(claims, "jti")?;
        if !(1..=DPOP_ID_BYTES_MAX).contains(&id.len()) {
            return Err(DpopError::Malformed);
        }
        if text(claims, "htm")? != method {
            return Err(DpopError::Method);
        }
        if address(text(claims, "htu")?) != address(url.as_str()) {
            return Err(DpopError::Target);
        }
        let issued_at = moment(claims, "iat")?.ok_or(DpopError::Malformed)?;
        // RFC 7519 4.1.4 and 4.1.5: not required in a proof, but never ignored.
        let (earliest, latest) = (now - LEEWAY, now + LEEWAY);
        let expired = moment(claims, "exp")?.is_some_and(|exp| exp <= earliest);
        let early = moment(claims, "nbf")?.is_some_and(|nbf| latest < nbf);
        if expired || early || !(earliest..=latest).contains(&issued_at) {
            return Err(DpopError::Time);
        }
        Ok(Self {
            key,
            issued_at,
            replay_key: SecretDigest::of("rolecall/dpop/v1", &[key.as_bytes(), id.as_bytes()]),
        })
    }

    /// Store key of the proof: a digest of key and `jti`, so nobody can use up the proof of another client.
    pub fn replay_key(&self) -> SecretDigest {
        self.replay_key
    }

    /// The time after which the proof is too old for every replica.
    pub fn replay_until(&self) -> DateTime<Utc> {
        self.issued_at + LEEWAY * 2
    }

    /// Checks that the proof was signed with the bound key (RFC 9449 4.3, 12).
    ///
    /// # Errors
    /// [`DpopError::OtherKey`].
    pub fn check_key(&self, bound: KeyThumbprint) -> Result<(), DpopError> {
        if self.key == bound {
            Ok(())
        } else {
            Err(DpopError::OtherKey)
        }
    }
}

/// Checks the header and returns the key: an uncompressed point (SEC 1, 2.3.3) and its thumbprint.
fn proof_key(header: &Map<String, Value>) -> Result<([u8; 65], KeyThumbprint), DpopError> {
    if header.get("typ").and_then(Value::as_str) != Some("dpop+jwt") {
        return Err(DpopError::Type);
    }
    if header.get("alg").and_then(Value::as_str) != Some("ES256") {
        return Err(DpopError::Algorithm);
    }
    if header.contains_key("crit") {
        return Err(DpopError::Malformed);
    }
    let jwk = header.get("jwk").and_then(Value::as_object);
    let jwk = jwk.ok_or(DpopError::Key)?;
    let member = |name: &str| jwk.get(name).and_then(Value::as_str).ok_or(DpopError::Key);
    if member("kty")? != "EC" || member("crv")? != "P-256" || jwk.contains_key("d") {
        return Err(DpopError::Key);
    }
    let (x, y) = (member("x")?, member("y")?);
    let mut point = [4; 65];
    for (text, place) in [x, y].iter().zip([1..33, 33..65]) {
        let coordinate = decode(text).map_err(|_| DpopError::Key)?;
        if coordinate.len() != 32 {
            return Err(DpopError::Key);
        }
        point[place].copy_from_slice(&coordinate);
    }
    // Both coordinates are valid base64url here.
    Ok((point, KeyThumbprint::of_p256(x, y)))
}

fn decode(part: &str) -> Result<Vec<u8>, DpopError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| DpopError::Malformed)
}

fn object(part: &str) -> Result<Map<String, Value>, DpopError> {
    json::object(&decode(part)?).map_err(|_| DpopError::Malformed)
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<&'a str, DpopError> {
    let value = claims.get(name).and_then(Value::as_str);
    value.ok_or(DpopError::Malformed)
}

fn moment(claims: &Map<String, Value>, name: &str) -> Result<Option<DateTime<Utc>>, DpopError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let at = value.as_i64().and_then(|at| timestamp::from_unix(at, 0));
    at.map(Some).ok_or(DpopError::Malformed)
}

/// Normalizes `htu` for comparison: without query and fragment, by syntax and scheme (RFC 3986 6.2.2, 6.2.3). `None`
/// for anything but a plain http or https URL.
fn address(text: &str) -> Option<String> {
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let url = Url::parse(text).ok().filter(|_| plain)?;
    let own = url.username().is_empty() && url.password().is_none();
    if !own || !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    Some(format!(
        "{}{}",
        &url[..url::Position::BeforePath],
        unescaped(url.path())
    ))
}

/// RFC 3986 6.2.2.1 and 6.2.2.2: unreserved characters are not escaped; other escapes are in upper case.
fn unescaped(path: &str) -> String {
    let mut rest = path;
    let mut plain = String::with_capacity(path.len());
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let hex = after
            .get(..2)
            .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        rest = &after[if byte.is_some() { 2 } else { 0 }..];
        match byte {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                plain.push(char::from(byte));
            }
            Some(byte) => plain.push_str(&format!("%{byte:02X}")),
            None => plain.push('%'),
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests;
