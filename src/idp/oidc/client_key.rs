//! The key that signs client assertions (RFC 7523 3, `private_key_jwt` of OpenID Connect Core 9).
//!
//! A P-256 key signs with ES256, an RSA key with RS256; both through OpenSSL.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::sign::Signer;
use openssl::x509::X509;
use rolecall_core::base::Entropy;
use rolecall_core::base::secret::{SecretText, random_token};
use serde_json::json;

use super::metadata::Metadata;
use super::settings::OidcSettings;

/// Lifetime of an assertion. It is used at once, and clocks can differ.
const LIFE: TimeDelta = TimeDelta::seconds(60);
/// NIST SP 800-131A disallows signatures with shorter RSA keys.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2_048..=8_192;
/// Size of each half of a P-256 signature, in bytes.
const P256_BYTES: i32 = 32;

/// The private key of the client, with references to its public key.
#[derive(Clone)]
pub struct ClientKey {
    key: PKey<Private>,
    algorithm: &'static str,
    /// `kid`, if configured.
    id: Option<String>,
    /// `x5t` (SHA-1) and `x5t#S256`, if the file contains a certificate (RFC 7515 4.1.7 and 4.1.8).
    thumbprints: Option<(String, String)>,
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientKey({} [secret])", self.algorithm)
    }
}

/// Why a file is not a client key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClientKey {
    /// No PEM, or encrypted with a passphrase.
    #[error("the file does not contain an unencrypted private key in PEM")]
    NoKey,
    /// Unsupported curve, kind or size.
    #[error("the key must be EC on P-256, or RSA with at least 2,048 bits")]
    Unsuitable,
    /// The certificate belongs to another key.
    #[error("the certificate in the file belongs to another key")]
    OtherCertificate,
}

impl ClientKey {
    /// Parses a private key in PEM, optionally followed by its certificate. `id` is the `kid` that the provider uses
    /// for the public key.
    ///
    /// # Errors
    /// [`InvalidClientKey`].
    pub fn parse(pem: &SecretText, id: Option<String>) -> Result<Self, InvalidClientKey> {
        let pem = pem.expose().as_bytes();
        // With an empty passphrase, because OpenSSL would otherwise prompt on the terminal.
        let key = PKey::private_key_from_pem_callback(pem, |_| Ok(0))
            .map_err(|_| InvalidClientKey::NoKey)?;
        let on_p256 = || {
            key.ec_key()
                .is_ok_and(|key| key.group().curve_name() == Some(Nid::X9_62_PRIME256V1))
        };
        let algorithm = match key.id() {
            Id::EC if on_p256() => "ES256",
            Id::RSA if RSA_BITS.contains(&key.bits()) => "RS256",
            _ => return Err(InvalidClientKey::Unsuitable),
        };
        let thumbprints = match X509::from_pem(pem) {
            Err(_) => None,
            Ok(certificate) => {
                let its_own = certificate.public_key().is_ok_and(|of| of.public_eq(&key));
                if !its_own {
                    return Err(InvalidClientKey::OtherCertificate);
                }
                let digest = |by| certificate.digest(by).map(|d| URL_SAFE_NO_PAD.encode(d));
                digest(MessageDigest::sha1())
                    .and_then(|sha1| Ok((sha1, digest(MessageDigest::sha256())?)))
                    .ok()
            }
        };
        Ok(Self {
            key,
            algorithm,
            id,
            thumbprints,
        })
    }

    fn header(&self) -> serde_json::Value {
        let mut header = json!({ "alg": self.algorithm, "typ": "JWT" });
        if let Some(id) = &self.id {
            header["kid"] = json!(id);
        }
        if let Some((sha1, sha256)) = &self.thumbprints {
            header["x5t"] = json!(sha1);
            header["x5t#S256"] = json!(sha256);
        }
        header
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key)?;
        let signature = signer.sign_oneshot_to_vec(input)?;
        if self.algorithm == "RS256" {
            return Ok(signature);
        }
        // RFC 7518 3.4: both numbers at full length.
        let signature = EcdsaSig::from_der(&signature)?;
        let mut both = signature.r().to_vec_padded(P256_BYTES)?;
        both.extend(signature.s().to_vec_padded(P256_BYTES)?);
        Ok(both)
    }
}

/// The audience of client assertions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssertionAudience {
    /// The URL of the token endpoint (OpenID Connect Core 9).
    #[default]
    TokenEndpoint,
    /// The issuer, which some providers require.
    Issuer,
}

impl AssertionAudience {
    /// Parses the configured name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "token_endpoint" => Some(Self::TokenEndpoint),
            "issuer" => Some(Self::Issuer),
            _ => None,
        }
    }

    /// The value of `aud`.
    pub fn of<'a>(self, settings: &'a OidcSettings, metadata: &'a Metadata) -> &'a str {
        match self {
            Self::TokenEndpoint => metadata.token_endpoint.as_str(),
            Self::Issuer => &settings.issuer,
        }
    }
}

/// The contents of an assertion (RFC 7523 3).
pub struct Assertion<'a> {
    /// `iss` and `sub`
    pub client_id: &'a str,
    /// `aud`: a single string, because a list could contain another server.
    pub audience: &'a str,
    /// `iat`
    pub now: DateTime<Utc>,
}

impl Assertion<'_> {
    /// Signs the assertion with a new `jti`.
    ///
    /// # Errors
    /// If OpenSSL fails.
    pub fn sign(&self, key: &ClientKey, entropy: &dyn Entropy) -> Result<SecretText, ErrorStack> {
        let claims = json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.audience,
            "iat": self.now.timestamp(),
            "exp": (self.now + LIFE).timestamp(),
            "jti": random_token(entropy),
        });
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", part(key.header()), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes())?);
        Ok(SecretText::new(format!("{input}.{signature}")))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::rsa::Rsa;

    struct Zeros;
    impl Entropy for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    fn pem(curve: Nid) -> String {
        let group = EcGroup::from_curve_name(curve).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap()
    }

    fn parse(pem: &str) -> Result<ClientKey, InvalidClientKey> {
        ClientKey::parse(&SecretText::new(pem), Some("k1".to_owned()))
    }

    pub(in super::super) fn ec_key() -> ClientKey {
        parse(&pem(Nid::X9_62_PRIME256V1)).unwrap()
    }

    fn members(assertion: &SecretText, part: usize) -> serde_json::Value {
        let text = assertion.expose().split('.').nth(part).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    }

    #[test]
    fn assertion_is_valid_for_one_audience_for_a_minute() {
        let rsa = Rsa::generate(2_048).unwrap().private_key_to_pem().unwrap();
        let rsa = parse(std::str::from_utf8(&rsa).unwrap()).unwrap();
        for (key, algorithm) in [(ec_key(), "ES256"), (rsa, "RS256")] {
            let assertion = Assertion {
                client_id: "rolecall",
                audience: "https://idp.example/token",
                now: DateTime::UNIX_EPOCH,
            };
            let signed = assertion.sign(&key, &Zeros).unwrap();
            assert_eq!(
                members(&signed, 0),
                json!({"alg": algorithm, "typ": "JWT", "kid": "k1"})
            );
            let claims = members(&signed, 1);
            assert_eq!(claims["iss"], "rolecall");
            assert_eq!(claims["sub"], "rolecall");
            assert_eq!(claims["aud"], "https://idp.example/token");
            assert_eq!((&claims["iat"], &claims["exp"]), (&json!(0), &json!(60)));
            assert_eq!(claims["jti"].as_str().unwrap().len(), 43);
            let signature = signed.expose().rsplit('.').next().unwrap();
            let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
            assert_eq!(bytes.len(), if algorithm == "ES256" { 64 } else { 256 });
            assert!(!format!("{key:?}").contains("PRIVATE"));
        }
    }

    #[test]
    fn unsupported_keys_are_rejected() {
        for (text, error) in [
            (String::new(), InvalidClientKey::NoKey),
            ("secret".to_owned(), InvalidClientKey::NoKey),
            (pem(Nid::SECP384R1), InvalidClientKey::Unsuitable),
            (pem(Nid::SECP256K1), InvalidClientKey::Unsuitable),
            (
                String::from_utf8(Rsa::generate(1_024).unwrap().private_key_to_pem().unwrap())
                    .unwrap(),
                InvalidClientKey::Unsuitable,
            ),
        ] {
            assert_eq!(parse(&text).map(drop), Err(error));
        }
    }
}
