//! A verification key of an issuer: a JWK that is bound to one algorithm.
//!
//! Supports RS256/384/512 and ES256/384/512, each with a key of the required type, curve and size. `alg` is required.

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Public};
use openssl::rsa::Rsa;
use openssl::sign::Verifier;
use serde::Deserialize;

enum Material {
    Rsa(PKey<Public>),
    /// The key, and the length of r and of s in bytes.
    Ec(EcKey<Public>, usize),
}

/// A public key with its algorithm.
pub(super) struct Key {
    alg: String,
    digest: MessageDigest,
    material: Material,
}

#[derive(Deserialize)]
pub(super) struct Jwk {
    pub kid: Option<String>,
    alg: Option<String>,
    kty: String,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Key {
    /// Parses a JWK.
    ///
    /// # Errors
    /// If it is not a complete public key for its algorithm.
    pub fn read(jwk: &Jwk) -> anyhow::Result<Key> {
        let number = |text: &Option<String>| -> anyhow::Result<BigNum> {
            Ok(BigNum::from_slice(
                &URL_SAFE_NO_PAD.decode(
                    text.as_deref()
                        .context("a member with a number is missing")?,
                )?,
            )?)
        };
        let alg = jwk.alg.as_deref().context("no alg")?;
        let digest = match alg.get(2..) {
            Some("256") => MessageDigest::sha256(),
            Some("384") => MessageDigest::sha384(),
            Some("512") => MessageDigest::sha512(),
            Some(_) | None => bail!("unsupported alg"),
        };
        let material = match (alg, jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RS256" | "RS384" | "RS512", "RSA", None) => {
                let rsa = Rsa::from_public_components(number(&jwk.n)?, number(&jwk.e)?)?;
                ensure!(rsa.size() >= 256, "an RSA key must have at least 2048 bits");
                Material::Rsa(PKey::from_rsa(rsa)?)
            }
            ("ES256", "EC", Some("P-256")) => ec(
                Nid::X9_62_PRIME256V1,
                32,
                &number(&jwk.x)?,
                &number(&jwk.y)?,
            )?,
            ("ES384", "EC", Some("P-384")) => {
                ec(Nid::SECP384R1, 48, &number(&jwk.x)?, &number(&jwk.y)?)?
            }
            ("ES512", "EC", Some("P-521")) => {
                ec(Nid::SECP521R1, 66, &number(&jwk.x)?, &number(&jwk.y)?)?
            }
            _ => bail!("alg, kty and crv do not match"),
        };
        Ok(Key {
            alg: alg.to_owned(),
            digest,
            material,
        })
    }

    /// Whether the signature is valid for this key and the algorithm in the token's header.
    pub fn verifies(&self, alg: &str, signed: &[u8], signature: &[u8]) -> bool {
        alg == self.alg && self.check(signed, signature).unwrap_or(false)
    }

    fn check(&self, signed: &[u8], signature: &[u8]) -> Result<bool, openssl::error::ErrorStack> {
        match &self.material {
            Material::Rsa(key) => {
                Verifier::new(self.digest, key)?.verify_oneshot(signature, signed)
            }
            Material::Ec(_, width) if signature.len() != 2 * width => Ok(false),
            Material::Ec(key, width) => {
                let (r, s) = signature.split_at(*width);
                EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?
                    .verify(&hash(self.digest, signed)?, key)
            }
        }
    }
}

fn ec(curve: Nid, width: usize, x: &BigNum, y: &BigNum) -> anyhow::Result<Material> {
    let group = EcGroup::from_curve_name(curve)?;
    let key = EcKey::from_public_key_affine_coordinates(&group, x, y)?;
    key.check_key()?;
    Ok(Material::Ec(key, width))
}

#[cfg(test)]
mod tests {
    use openssl::bn::BigNumContext;
    use openssl::pkey::Private;
    use openssl::sign::Signer;
    use serde_json::{Value, json};

    use super::*;

    fn encode(number: &openssl::bn::BigNumRef) -> String {
        URL_SAFE_NO_PAD.encode(number.to_vec())
    }

    fn rsa(rsa: &Rsa<Private>, alg: &str) -> anyhow::Result<(PKey<Private>, Value)> {
        let jwk = json!({"kid": "k", "alg": alg, "kty": "RSA", "n": encode(rsa.n()), "e": encode(rsa.e())});
        Ok((PKey::from_rsa(rsa.clone())?, jwk))
    }

    fn elliptic(curve: Nid, crv: &str, alg: &str) -> anyhow::Result<(PKey<Private>, Value)> {
        let group = EcGroup::from_curve_name(curve)?;
        let key = EcKey::generate(&group)?;
        let (mut x, mut y, mut context) = (BigNum::new()?, BigNum::new()?, BigNumContext::new()?);
        key.public_key()
            .affine_coordinates(&group, &mut x, &mut y, &mut context)?;
        let jwk = json!({"kid": "k", "alg": alg, "kty": "EC", "crv": crv, "x": encode(&x), "y": encode(&y)});
        Ok((PKey::from_ec_key(key)?, jwk))
    }

    fn read(jwk: Value) -> anyhow::Result<Key> {
        Key::read(&serde_json::from_value(jwk)?)
    }

    #[test]
    fn only_supported_algorithms_verify() -> anyhow::Result<()> {
        let long = Rsa::generate(2048)?;
        let keys = [
            ("RS256", MessageDigest::sha256(), 0, rsa(&long, "RS256")?),
            ("RS384", MessageDigest::sha384(), 0, rsa(&long, "RS384")?),
            ("RS512", MessageDigest::sha512(), 0, rsa(&long, "RS512")?),
            (
                "ES256",
                MessageDigest::sha256(),
                32,
                elliptic(Nid::X9_62_PRIME256V1, "P-256", "ES256")?,
            ),
            (
                "ES384",
                MessageDigest::sha384(),
                48,
                elliptic(Nid::SECP384R1, "P-384", "ES384")?,
            ),
            (
                "ES512",
                MessageDigest::sha512(),
                66,
                elliptic(Nid::SECP521R1, "P-521", "ES512")?,
            ),
        ];
        for (alg, digest, half, (private, jwk)) in keys {
            let key = read(jwk)?;
            let mut signature = Signer::new(digest, &private)?.sign_oneshot_to_vec(b"message")?;
            if half > 0 {
                let pair = EcdsaSig::from_der(&signature)?;
                signature = [pair.r().to_vec_padded(half)?, pair.s().to_vec_padded(half)?].concat();
            }
            assert!(key.verifies(alg, b"message", &signature), "{alg}");
            assert!(!key.verifies(alg, b"massage", &signature), "{alg}");
            assert!(!key.verifies("none", b"message", &signature), "{alg}");
            assert!(!key.verifies(alg, b"message", &signature[1..]), "{alg}");
            assert!(
                !key.verifies(alg, b"message", &vec![0; signature.len()]),
                "{alg}"
            );
            assert!(!key.verifies(alg, b"message", b""), "{alg}");
        }
        Ok(())
    }

    #[test]
    fn mismatched_key_is_rejected() -> anyhow::Result<()> {
        let long = Rsa::generate(2048)?;
        let off_curve =
            json!({"kid": "k", "alg": "ES256", "kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"});
        for jwk in [
            off_curve,
            rsa(&Rsa::generate(1024)?, "RS256")?.1,
            rsa(&long, "PS256")?.1,
            rsa(&long, "ES256")?.1,
            rsa(&long, "RS255")?.1,
            rsa(&long, "R")?.1,
            elliptic(Nid::SECP384R1, "P-384", "ES256")?.1,
            elliptic(Nid::X9_62_PRIME256V1, "P-256", "RS256")?.1,
            json!({"kid": "k", "alg": "RS256", "kty": "RSA", "n": "!", "e": "AQAB"}),
            json!({"kid": "k", "alg": "RS256", "kty": "RSA", "e": "AQAB"}),
        ] {
            assert!(read(jwk.clone()).is_err(), "{jwk}");
        }
        Ok(())
    }
}
