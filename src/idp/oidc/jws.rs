//! Strict parser for compact JWS (RFC 7515 3.1): exactly two dots, strict base64url, header and payload without
//! duplicate members, nothing encrypted, nested or critical.
//!
//! Keys and URLs in the header (`jwk`, `jku`, `x5c`, `x5u`) are never used.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::CoreJwsSigningAlgorithm;
use rolecall_core::base::{json, limits, text};
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::{Map, Value};

use super::metadata::Metadata;
use super::settings::OidcSettings;

/// Signature algorithms that can be allowed for a provider (RFC 7518 3.1, RFC 8037). All are asymmetric; there is
/// neither HS256 nor `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, mandatory in OIDC Core.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// EdDSA with Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All algorithms, for parsing.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The value of `alg`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Parses a value of `alg`, which is case-sensitive (RFC 7515 4.1.1).
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.name() == name)
    }

    pub(super) fn core(self) -> CoreJwsSigningAlgorithm {
        match self {
            Self::Rs256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            Self::Rs384 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
            Self::Rs512 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
            Self::Ps256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
            Self::Ps384 => CoreJwsSigningAlgorithm::RsaSsaPssSha384,
            Self::Ps512 => CoreJwsSigningAlgorithm::RsaSsaPssSha512,
            Self::Es256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            Self::Es384 => CoreJwsSigningAlgorithm::EcdsaP384Sha384,
            Self::EdDsa => CoreJwsSigningAlgorithm::EdDsa,
        }
    }
}

/// The parts of a compact JWS with an unverified signature. They are a token, so they are never logged.
pub struct UnverifiedJws {
    /// `alg`
    pub algorithm: Algorithm,
    /// `kid`
    pub key_id: Option<String>,
    /// The signed input: the first two parts with the dot between them.
    pub signing_input: String,
    /// The decoded payload.
    pub payload: Vec<u8>,
    /// The decoded signature.
    pub signature: Vec<u8>,
}

/// The warning of `check --online` for a provider that supports none of the allowed algorithms.
pub fn warning(settings: &OidcSettings, metadata: &Metadata) -> Option<String> {
    let offered = &metadata.algorithms_offered;
    let ours: Vec<&str> = settings.algorithms.iter().map(|one| one.name()).collect();
    let meets = offered.iter().any(|one| ours.contains(&one.as_str()));
    if offered.is_empty() || meets {
        return None;
    }
    Some(format!(
        "the provider signs ID tokens with {} only, but {} are allowed: all sign-ins will fail; configure a signing key at the provider for \
         one of these algorithms, or add its algorithm to oidc.algorithms",
        text::one_line(&offered.join(", "), limits::PROVIDER_TEXT_CHARS_MAX),
        ours.join(", ")
    ))
}

/// Checks that an ID token with these claims would not be too large.
///
/// # Errors
/// [`RejectReason::Malformed`], as [`UnverifiedJws::parse`].
pub fn fits(claims: &Map<String, Value>) -> Result<(), ProviderError> {
    let bytes = serde_json::to_vec(claims)
        .map_or(0, |text| text.len())
        .div_ceil(3)
        * 4;
    bounded(bytes)
}

fn bounded(bytes: usize) -> Result<(), ProviderError> {
    let max = limits::ID_TOKEN_BYTES_MAX;
    if bytes <= max {
        return Ok(());
    }
    Err(malformed(format!(
        "the token has {bytes} bytes, the maximum is {max}: configure the provider to send fewer groups or claims"
    )))
}

impl UnverifiedJws {
    /// Parses a compact JWS.
    ///
    /// # Errors
    /// [`RejectReason::Malformed`], and [`RejectReason::Algorithm`] for an unsupported algorithm such as `none`.
    pub fn parse(text: &str) -> Result<Self, ProviderError> {
        bounded(text.len())?;
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed(
                "the token does not have three parts; encrypted tokens are not supported",
            ));
        };
        let decode = |part: &str| {
            URL_SAFE_NO_PAD
                .decode(part)
                .map_err(|_| malformed("a part of the token is not valid base64url"))
        };
        let signing_input = format!("{header}.{payload}");
        let header = json::object(&decode(header)?)
            .map_err(|reason| malformed(format!("invalid token header: {reason}")))?;
        let unverified = Self {
            algorithm: known_algorithm(&header)?,
            key_id: text_member(&header, "kid")?,
            signing_input,
            payload: decode(payload)?,
            signature: decode(signature)?,
        };
        for member in ["crit", "b64", "cty", "enc", "zip"] {
            if header.contains_key(member) {
                return Err(malformed(format!("the token header contains {member}")));
            }
        }
        // RFC 8725 3.11: a token of another type (at+jwt, logout+jwt …) is not an ID token.
        match text_member(&header, "typ")?.map(|typ| typ.to_ascii_lowercase()) {
            None => {}
            Some(typ) if typ == "jwt" || typ == "application/jwt" => {}
            Some(_) => return Err(malformed("the typ of the token is not JWT")),
        }
        Ok(unverified)
    }

    /// The payload as an object without duplicate members.
    ///
    /// # Errors
    /// [`RejectReason::Malformed`].
    pub fn payload(&self) -> Result<Map<String, Value>, ProviderError> {
        json::object(&self.payload)
            .map_err(|reason| malformed(format!("invalid token payload: {reason}")))
    }
}

fn known_algorithm(header: &Map<String, Value>) -> Result<Algorithm, ProviderError> {
    let name =
        text_member(header, "alg")?.ok_or_else(|| malformed("the token header has no alg"))?;
    Algorithm::parse(&name).ok_or_else(|| not_allowed(&name))
}

/// The error for a token with an algorithm that is not allowed.
pub(super) fn not_allowed(name: &str) -> ProviderError {
    ProviderError::rejected(
        RejectReason::Algorithm,
        format!("the signature algorithm {name:?} is not allowed"),
    )
}

fn text_member(header: &Map<String, Value>, name: &str) -> Result<Option<String>, ProviderError> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_),
        ) => Err(malformed(format!(
            "{name} in the token header is not a string"
        ))),
    }
}

pub(super) fn malformed(detail: impl Into<String>) -> ProviderError {
    ProviderError::rejected(RejectReason::Malformed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compact(header: &str, payload: &str) -> String {
        format!(
            "{}.{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload),
            URL_SAFE_NO_PAD.encode("signature")
        )
    }

    #[test]
    fn valid_token_is_parsed() {
        let jws = UnverifiedJws::parse(&compact(r#"{"alg":"ES256","kid":"k","typ":"JWT"}"#, "{}"))
            .unwrap();
        assert_eq!(
            (jws.algorithm, jws.key_id.as_deref()),
            (Algorithm::Es256, Some("k"))
        );
        assert_eq!(jws.signature, b"signature");
        assert!(jws.payload().unwrap().is_empty());
    }

    #[test]
    fn invalid_headers_are_rejected() {
        for header in [
            r#"{}"#,
            r#"{"alg":5}"#,
            r#"{"alg":null}"#,
            r#"{"alg":"none"}"#,
            r#"{"alg":"NONE"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"rs256"}"#,
            r#"{"alg":"ES512"}"#,
            r#"{"alg":"whatever"}"#,
            r#"{"alg":"none","alg":"RS256"}"#,
            r#"{"alg":"RS256","kid":7}"#,
            r#"{"alg":"RS256","crit":["exp"]}"#,
            r#"{"alg":"RS256","crit":null}"#,
            r#"{"alg":"RS256","b64":false}"#,
            r#"{"alg":"RS256","cty":"JWT"}"#,
            r#"{"alg":"dir","enc":"A128GCM"}"#,
            r#"{"alg":"RS256","zip":"DEF"}"#,
            r#"{"alg":"RS256","typ":"at+jwt"}"#,
            r#"{"alg":"RS256","typ":"logout+jwt"}"#,
            r#"{"alg":"RS256","typ":["JWT"]}"#,
            "[]",
        ] {
            assert!(
                UnverifiedJws::parse(&compact(header, "{}")).is_err(),
                "{header}"
            );
        }
    }

    #[test]
    fn malformed_tokens_are_rejected() {
        let good = compact(r#"{"alg":"ES256"}"#, "{}");
        let mut parts = good.split('.');
        let header = parts.next().unwrap();
        for bad in [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            format!("{good}."),
            format!("{good}.x.y"),
            format!(" {good}"),
            format!("{good}\n"),
            format!("{good}="),
            good.replacen('.', "=.", 1),
            good.replacen('.', "\n.", 1),
            good.replace('.', "%2E"),
            format!("{header}.e30+.c2ln"),
            // The last character has bits that are not part of any byte.
            format!("{header}.e30.c2l"),
            format!("{header}.e31.c2ln"),
            format!("{{\"payload\":\"{good}\"}}"),
            "a".repeat(limits::ID_TOKEN_BYTES_MAX + 1),
        ] {
            assert!(UnverifiedJws::parse(&bad).is_err(), "{bad}");
        }
    }
}
