//! A compact JWS (RFC 7515 3.1) read strictly, before any library sees it: exactly two dots, strict base64url, a header
//! and a payload without duplicate members, nothing encrypted, nested or critical.
//!
//! Keys and addresses in the header (`jwk`, `jku`, `x5c`, `x5u`) are never used and never fetched.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::CoreJwsSigningAlgorithm;
use rolecall_core::base::{json, limits, text};
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::{Map, Value};

use super::metadata::Metadata;
use super::settings::OidcSettings;

/// A signature algorithm a provider may be allowed (RFC 7518 3.1, RFC 8037): asymmetric ones only. A provider whose
/// keys are public cannot be asked to share a secret, so there is no HS256 here, and there is no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, what OIDC Core asks everybody to speak.
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
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them.
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

    /// The name in `alg`.
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

    /// Reads the name; case counts (RFC 7515 4.1.1).
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

/// The parts of a compact JWS whose signature nobody has checked yet. They are a token, so they are never printed.
pub struct UnverifiedJws {
    /// `alg`
    pub algorithm: Algorithm,
    /// `kid`
    pub key_id: Option<String>,
    /// What was signed: the first two parts with their dot.
    pub signing_input: String,
    /// The decoded payload.
    pub payload: Vec<u8>,
    /// The decoded signature.
    pub signature: Vec<u8>,
}

/// What `check --online` says of a provider that signs ID tokens by no algorithm that is taken.
pub fn remark(settings: &OidcSettings, metadata: &Metadata) -> Option<String> {
    let offered = &metadata.algorithms_offered;
    let ours: Vec<&str> = settings.algorithms.iter().map(|one| one.name()).collect();
    let meets = offered.iter().any(|one| ours.contains(&one.as_str()));
    if offered.is_empty() || meets {
        return None;
    }
    Some(format!(
        "the provider signs ID tokens with {} only, and {} are taken: nobody can sign in; give the provider a signing key for \
         one of these, or name its algorithm in oidc.algorithms",
        text::one_line(&offered.join(", "), limits::PROVIDER_TEXT_CHARS_MAX),
        ours.join(", ")
    ))
}

/// Whether an ID token with these claims is not too large (its signature aside).
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
        "the token has {bytes} bytes, at most {max} are taken: let the provider send fewer groups or claims"
    )))
}

impl UnverifiedJws {
    /// Takes the text apart.
    ///
    /// # Errors
    /// [`RejectReason::Malformed`], and [`RejectReason::Algorithm`] for one that we never speak, `none` among them.
    pub fn parse(text: &str) -> Result<Self, ProviderError> {
        bounded(text.len())?;
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed(
                "the token has not three parts; encrypted tokens are not taken",
            ));
        };
        let decode = |part: &str| {
            URL_SAFE_NO_PAD
                .decode(part)
                .map_err(|_| malformed("a part of the token is not base64url"))
        };
        let signing_input = format!("{header}.{payload}");
        let header = json::object(&decode(header)?)
            .map_err(|why| malformed(format!("the token's header: {why}")))?;
        let unverified = Self {
            algorithm: known_algorithm(&header)?,
            key_id: text_member(&header, "kid")?,
            signing_input,
            payload: decode(payload)?,
            signature: decode(signature)?,
        };
        for member in ["crit", "b64", "cty", "enc", "zip"] {
            if header.contains_key(member) {
                return Err(malformed(format!("the token's header has {member}")));
            }
        }
        // RFC 8725 3.11: a token of another kind (at+jwt, logout+jwt …) is no ID token.
        match text_member(&header, "typ")?.map(|typ| typ.to_ascii_lowercase()) {
            None => {}
            Some(typ) if typ == "jwt" || typ == "application/jwt" => {}
            Some(_) => return Err(malformed("the token's typ is not JWT")),
        }
        Ok(unverified)
    }

    /// The payload as an object without duplicate members.
    ///
    /// # Errors
    /// [`RejectReason::Malformed`].
    pub fn payload(&self) -> Result<Map<String, Value>, ProviderError> {
        json::object(&self.payload).map_err(|why| malformed(format!("the token's payload: {why}")))
    }
}

fn known_algorithm(header: &Map<String, Value>) -> Result<Algorithm, ProviderError> {
    let name =
        text_member(header, "alg")?.ok_or_else(|| malformed("the token's header has no alg"))?;
    Algorithm::parse(&name).ok_or_else(|| not_allowed(&name))
}

/// A token under an algorithm that is not allowed.
pub(super) fn not_allowed(name: &str) -> ProviderError {
    ProviderError::rejected(
        RejectReason::Algorithm,
        format!("the token is signed with {name:?}, which is not allowed"),
    )
}

fn text_member(header: &Map<String, Value>, name: &str) -> Result<Option<String>, ProviderError> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_),
        ) => Err(malformed(format!(
            "{name} in the token's header is no text"
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
    fn a_plain_token_comes_apart() {
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
    fn odd_headers_are_refused() {
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
    fn odd_shapes_are_refused() {
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
            // The last character has bits that decode to nothing.
            format!("{header}.e30.c2l"),
            format!("{header}.e31.c2ln"),
            format!("{{\"payload\":\"{good}\"}}"),
            "a".repeat(limits::ID_TOKEN_BYTES_MAX + 1),
        ] {
            assert!(UnverifiedJws::parse(&bad).is_err(), "{bad}");
        }
    }
}
