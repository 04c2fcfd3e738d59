//! A key: creation, PEM, signatures (RFC 7518 sections 3.3 and 3.4), JWK (RFC 7517).
//!
//! ECDSA and RSA are OpenSSL's, which are constant-time; the `rsa` crate (RUSTSEC-2023-0071) is not used.

mod derived;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use openssl::x509::extension::{BasicConstraints, KeyUsage};
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Size of new RSA keys in bits.
const RSA_BITS: u32 = 2_048;
/// Accepted sizes of existing RSA keys in bits.
const RSA_BITS_READ: std::ops::RangeInclusive<u32> = 2_048..=4_096;
/// Size of a P-256 coordinate and of each half of a signature, in bytes.
const P256_BYTES: i32 = 32;
/// Lifetime of the certificate, which is longer than that of its key. It is not verified, but X.509 requires it.
const CERTIFICATE_LIFE: TimeDelta = TimeDelta::days(3_650);

/// The signing algorithms (`alg`, RFC 7518 section 3.1) that both IAM and the gateway support.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum KeyAlgorithm {
    /// ECDSA over P-256 with SHA-256.
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
}

impl KeyAlgorithm {
    /// The value of `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }
}

impl std::str::FromStr for KeyAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Es256, Self::Rs256]
            .into_iter()
            .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(text))
            .ok_or(UnknownAlgorithm)
    }
}

/// The text is not a supported algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unsupported algorithm: use ES256 or RS256")]
pub struct UnknownAlgorithm;

/// `kid`: the thumbprint of the key (RFC 7638, SHA-256), 43 characters of base64url. Also the name of its files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

/// The text is not a thumbprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid key ID: it has 43 characters, as printed by `rolecalld keys list`")]
pub struct InvalidKeyId;

impl KeyId {
    /// Parses a key ID.
    ///
    /// # Errors
    /// [`InvalidKeyId`].
    pub fn parse(text: &str) -> Result<Self, InvalidKeyId> {
        let sound = text.len() == 43
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if sound {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidKeyId)
        }
    }

    /// The key ID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for KeyId {
    type Error = InvalidKeyId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A private key with its certificate.
pub struct SigningKey {
    id: KeyId,
    algorithm: KeyAlgorithm,
    key: PKey<Private>,
    certificate: X509,
    jwk: serde_json::Value,
    jwt_header: String,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm.as_str(), self.id)
    }
}

impl SigningKey {
    /// Creates a key with OpenSSL's random source.
    ///
    /// # Errors
    /// If OpenSSL fails.
    pub fn generate(algorithm: KeyAlgorithm, now: DateTime<Utc>) -> Result<Self, ErrorStack> {
        let key = match algorithm {
            KeyAlgorithm::Es256 => {
                let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
                PKey::from_ec_key(EcKey::generate(&group)?)?
            }
            KeyAlgorithm::Rs256 => PKey::from_rsa(Rsa::generate(RSA_BITS)?)?,
        };
        let certificate = self_signed(&key, &thumbprint(&public_members(&key)?), now)?;
        Self::new(algorithm, key, certificate)
    }

    /// Parses PKCS#8 and X.509 in PEM.
    ///
    /// # Errors
    /// If either is invalid, the kind of key is not supported, or the certificate belongs to another key.
    pub fn parse(key: &[u8], certificate: &[u8]) -> Result<Self, ErrorStack> {
        // With an empty passphrase, because OpenSSL would otherwise prompt on the terminal.
        let key = PKey::private_key_from_pem_callback(key, |_| Ok(0))?;
        let certificate = X509::from_pem(certificate)?;
        let algorithm = match key.id() {
            Id::EC if key.ec_key()?.group().curve_name() == Some(Nid::X9_62_PRIME256V1) => {
                key.ec_key()?.check_key()?;
                KeyAlgorithm::Es256
            }
            Id::RSA if RSA_BITS_READ.contains(&key.bits()) => KeyAlgorithm::Rs256,
            _ => return Err(ErrorStack::get()),
        };
        if !certificate.public_key()?.public_eq(&key) {
            return Err(ErrorStack::get());
        }
        Self::new(algorithm, key, certificate)
    }

    fn new(
        algorithm: KeyAlgorithm,
        key: PKey<Private>,
        certificate: X509,
    ) -> Result<Self, ErrorStack> {
        let members = public_members(&key)?;
        let id = KeyId(URL_SAFE_NO_PAD.encode(thumbprint(&members)));
        let mut jwk = serde_json::Map::new();
        for (name, value) in members {
            jwk.insert(name.to_owned(), value.into());
        }
        jwk.insert("use".to_owned(), "sig".into());
        jwk.insert("alg".to_owned(), algorithm.as_str().into());
        jwk.insert("kid".to_owned(), id.as_str().into());
        jwk.insert(
            "x5c".to_owned(),
            vec![STANDARD.encode(certificate.to_der()?)].into(),
        );
        let header = json!({ "alg": algorithm.as_str(), "kid": id.as_str(), "typ": "JWT" });
        Ok(Self {
            jwt_header: URL_SAFE_NO_PAD.encode(header.to_string()),
            id,
            algorithm,
            key,
            certificate,
            jwk: jwk.into(),
        })
    }

    /// The key ID, `kid`.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The algorithm, `alg`.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The header of each JWT that this key signs, base64url (RFC 7515 section 3.1).
    pub fn jwt_header(&self) -> &str {
        &self.jwt_header
    }

    /// The public key as a JWK with `kid`, `alg`, `use` and `x5c`.
    pub fn jwk(&self) -> &serde_json::Value {
        &self.jwk
    }

    /// The private key as PKCS#8, PEM.
    pub(super) fn to_pem(&self) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
        self.key.private_key_to_pem_pkcs8().map(Zeroizing::new)
    }

    /// The certificate, PEM.
    pub(super) fn certificate_pem(&self) -> Result<Vec<u8>, ErrorStack> {
        self.certificate.to_pem()
    }

    /// The certificate, DER.
    ///
    /// # Errors
    /// If OpenSSL fails.
    pub fn certificate_der(&self) -> Result<Vec<u8>, ErrorStack> {
        self.certificate.to_der()
    }

    /// Creates a JWS signature. For ES256 it consists of r and s, 32 bytes each (RFC 7518 section 3.4), instead of
    /// OpenSSL's DER.
    ///
    /// # Errors
    /// If OpenSSL fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        match self.algorithm {
            KeyAlgorithm::Es256 => {
                let signature =
                    EcdsaSig::sign(&Sha256::digest(message), self.key.ec_key()?.as_ref())?;
                let mut both = signature.r().to_vec_padded(P256_BYTES)?;
                both.extend(signature.s().to_vec_padded(P256_BYTES)?);
                Ok(both)
            }
            KeyAlgorithm::Rs256 => {
                Signer::new(MessageDigest::sha256(), &self.key)?.sign_oneshot_to_vec(message)
            }
        }
    }
}

/// The required members of a public key, in the order of RFC 7638 section 3.2 (RFC 7518 sections 6.2.1 and 6.3.1).
fn public_members(key: &PKey<Private>) -> Result<Vec<(&'static str, String)>, ErrorStack> {
    if key.id() == Id::RSA {
        let rsa = key.rsa()?;
        return Ok(vec![
            ("e", URL_SAFE_NO_PAD.encode(rsa.e().to_vec())),
            ("kty", "RSA".to_owned()),
            ("n", URL_SAFE_NO_PAD.encode(rsa.n().to_vec())),
        ]);
    }
    let ec = key.ec_key()?;
    let (mut x, mut y, mut context) = (BigNum::new()?, BigNum::new()?, BigNumContext::new()?);
    ec.public_key()
        .affine_coordinates(ec.group(), &mut x, &mut y, &mut context)?;
    Ok(vec![
        ("crv", "P-256".to_owned()),
        ("kty", "EC".to_owned()),
        ("x", URL_SAFE_NO_PAD.encode(x.to_vec_padded(P256_BYTES)?)),
        ("y", URL_SAFE_NO_PAD.encode(y.to_vec_padded(P256_BYTES)?)),
    ])
}

/// RFC 7638 section 3: SHA-256 of the members as JSON without spaces. No value requires escaping.
pub(super) fn thumbprint(members: &[(&'static str, String)]) -> [u8; 32] {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":\"{value}\""))
        .collect();
    Sha256::digest(format!("{{{}}}", members.join(","))).into()
}

/// A self-signed certificate for `x5c`, from which verifiers of JWTs use only the key.
fn self_signed(
    key: &PKey<Private>,
    thumbprint: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<X509, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text(
        "CN",
        &format!("Rolecall {}", URL_SAFE_NO_PAD.encode(&thumbprint[..12])),
    )?;
    let name = name.build();
    // At most 20 bytes and positive (RFC 5280 section 4.1.2.2). Derived from the key, and therefore unique.
    let mut serial = thumbprint[..16].to_vec();
    serial[0] = serial[0] & 0x7f | 0x40;
    let mut builder = X509Builder::new()?;
    builder.set_version(2)?;
    builder
        .set_serial_number(Asn1Integer::from_bn(BigNum::from_slice(&serial)?.as_ref())?.as_ref())?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    builder.set_not_before(Asn1Time::from_unix(now.timestamp())?.as_ref())?;
    builder.set_not_after(Asn1Time::from_unix((now + CERTIFICATE_LIFE).timestamp())?.as_ref())?;
    builder.set_pubkey(key)?;
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
    builder.sign(key, MessageDigest::sha256())?;
    Ok(builder.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprint_matches_the_example_of_rfc_7638() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let members = [
            ("e", "AQAB".to_owned()),
            ("kty", "RSA".to_owned()),
            ("n", n.to_owned()),
        ];
        assert_eq!(
            URL_SAFE_NO_PAD.encode(thumbprint(&members)),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }

    #[test]
    fn keys_round_trip_and_foreign_certificates_are_rejected() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let keys: Vec<SigningKey> = [KeyAlgorithm::Es256, KeyAlgorithm::Rs256]
            .map(|algorithm| SigningKey::generate(algorithm, now).unwrap())
            .into();
        for key in &keys {
            let (pem, certificate) = (key.to_pem().unwrap(), key.certificate_pem().unwrap());
            let read = SigningKey::parse(&pem, &certificate).unwrap();
            assert_eq!((read.id(), read.algorithm()), (key.id(), key.algorithm()));
            assert!(
                key.certificate
                    .verify(&key.certificate.public_key().unwrap())
                    .unwrap()
            );
            assert!(!format!("{key:?}").contains("PRIVATE"));
            for other in keys.iter().filter(|other| other.id() != key.id()) {
                assert!(SigningKey::parse(&pem, &other.certificate_pem().unwrap()).is_err());
            }
        }
        let certificate = keys[0].certificate_pem().unwrap();
        let small = PKey::from_rsa(Rsa::generate(1_024).unwrap()).unwrap();
        let curve = EcGroup::from_curve_name(Nid::SECP384R1).unwrap();
        let other_curve = PKey::from_ec_key(EcKey::generate(&curve).unwrap()).unwrap();
        for key in [small, other_curve] {
            let own = self_signed(&key, &[7; 32], now).unwrap().to_pem().unwrap();
            let pem = key.private_key_to_pem_pkcs8().unwrap();
            assert!(SigningKey::parse(&pem, &own).is_err());
        }
        assert!(SigningKey::parse(b"", &certificate).is_err());
    }
}
