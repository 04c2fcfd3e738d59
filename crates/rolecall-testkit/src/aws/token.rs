//! Verification of a web identity token. IAM requires the claims `iss`, `sub`, `aud`, `exp` and `iat`, and integers for
//! times. It accepts a token up to five minutes after `exp`.
//!
//! Only what is needed to find the key is read before the signature is verified.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::error::{AwsError, ErrorCode};
use super::iam::OidcProvider;
use super::keys::Key;

const GRACE_SECONDS: i64 = 300;
/// Claim with the roles that the token can be used for.
const ROLES: &str = "https://aws.amazon.com/roles";

/// A parsed token that has not been verified.
pub(super) struct UnverifiedToken<'a> {
    pub kid: String,
    pub issuer: String,
    alg: String,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> UnverifiedToken<'a> {
    pub fn parse(token: &'a str) -> Result<Self, AwsError> {
        Self::split(token)
            .ok_or_else(|| AwsError::invalid_token("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"))
    }

    fn split(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header: Map<String, Value> =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let claims: Map<String, Value> =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let text = |map: &Map<String, Value>, name: &str| {
            map.get(name).and_then(Value::as_str).map(str::to_owned)
        };
        Some(UnverifiedToken {
            // No key has an empty `kid`.
            kid: text(&header, "kid").unwrap_or_default(),
            alg: text(&header, "alg")?,
            issuer: text(&claims, "iss")?,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
            claims,
            signed,
        })
    }

    /// Verifies signature, times and audience, and returns the claims.
    pub fn verify(
        self,
        key: &Key,
        provider: &OidcProvider,
        now: DateTime<Utc>,
    ) -> Result<Claims, AwsError> {
        if !key.verifies(&self.alg, self.signed.as_bytes(), &self.signature) {
            return Err(AwsError::invalid_token(
                "The signature of the token is not valid",
            ));
        }
        let (now, exp, iat) = (now.timestamp(), self.time("exp")?, self.time("iat")?);
        if exp.saturating_add(GRACE_SECONDS) <= now {
            let message = format!(
                "Token expired: current date/time {now} must be before the expiration date/time {exp}"
            );
            return Err(AwsError::new(ErrorCode::ExpiredTokenException, message));
        }
        if iat > now.saturating_add(GRACE_SECONDS) {
            return Err(AwsError::invalid_token(
                "The token was issued in the future",
            ));
        }
        let subject = self.text("sub")?;
        if !(6..=255).contains(&subject.chars().count()) {
            return Err(AwsError::invalid_token(
                "The subject of the token has 6 to 255 characters",
            ));
        }
        Ok(Claims {
            subject: subject.to_owned(),
            audience: self.audience(provider)?,
            issuer: self.issuer,
            claims: self.claims,
        })
    }

    fn text(&self, claim: &str) -> Result<&str, AwsError> {
        self.claims
            .get(claim)
            .and_then(Value::as_str)
            .ok_or_else(|| missing(claim))
    }

    fn time(&self, claim: &str) -> Result<i64, AwsError> {
        match self.claims.get(claim) {
            None => Err(missing(claim)),
            Some(value) => value.as_i64().ok_or_else(|| {
                AwsError::invalid_token(format!("The claim {claim} must be an integer"))
            }),
        }
    }

    /// `azp` takes precedence over `aud`, as AWS documents for Google. Of several audiences, one must be registered.
    fn audience(&self, provider: &OidcProvider) -> Result<String, AwsError> {
        let named: Vec<&str> = match (self.claims.get("azp"), self.claims.get("aud")) {
            (_, None) => return Err(missing("aud")),
            (Some(azp), Some(_)) => azp.as_str().into_iter().collect(),
            (None, Some(Value::Array(list))) => list.iter().filter_map(Value::as_str).collect(),
            (None, Some(one)) => one.as_str().into_iter().collect(),
        };
        named
            .into_iter()
            .find(|name| provider.is_google() || provider.client_ids.iter().any(|id| id == name))
            .map(str::to_owned)
            .ok_or_else(|| AwsError::invalid_token("Incorrect token audience"))
    }
}

fn missing(claim: &str) -> AwsError {
    AwsError::invalid_token(format!("Missing a required claim: {claim}"))
}

/// Claims of a verified token.
pub(super) struct Claims {
    pub issuer: String,
    pub subject: String,
    pub audience: String,
    claims: Map<String, Value>,
}

impl Claims {
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// Whether the token has the roles claim with the requested role; `false` without the claim, so that only the trust
    /// policy applies. ARNs are compared exactly, before the trust policy is evaluated.
    ///
    /// # Errors
    /// If the claim does not contain the role.
    pub fn authorizes(&self, role_arn: &str) -> Result<bool, AwsError> {
        let Some(claim) = self.get(ROLES) else {
            return Ok(false);
        };
        let listed = match claim {
            Value::String(one) => one == role_arn,
            Value::Array(several) => several.iter().any(|one| one.as_str() == Some(role_arn)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
        };
        listed.then_some(true).ok_or_else(|| {
            AwsError::invalid_token(
                "The target role ARN is not present in the roles claim of the identity token",
            )
        })
    }

    /// `aud` as it is in the token, whatever `azp` is.
    pub fn original_audiences(&self) -> impl Iterator<Item = &str> {
        let claim = self.get("aud");
        let several = claim.and_then(Value::as_array).into_iter().flatten();
        several.chain(claim).filter_map(Value::as_str)
    }

    /// Authentication methods (`amr`), a multivalued condition key.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.get("amr")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    }
}
