//! Signing keys, JWK and compact JWS (RFC 7515, 7517, 7518), for issuers and for forged tokens.
//!
//! Implemented with OpenSSL, independently of the gateway's JOSE code.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private, Public};
use openssl::rsa::Rsa;
use openssl::sign::{Signer, Verifier};
use serde_json::{Map, Value, json};

/// A signature algorithm of RFC 7518 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 bits.
    Rs256,
}

impl Algorithm {
    /// The `alg` value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }
}

/// A private key with its `kid`.
#[derive(Clone)]
pub struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    key: PKey<Private>,
}

impl SigningKey {
    /// Generates a key with a random `kid`.
    pub fn generate(algorithm: Algorithm) -> Result<Self> {
        let key = match algorithm {
            Algorithm::Es256 => {
                let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
                PKey::from_ec_key(EcKey::generate(&group)?)?
            }
            Algorithm::Rs256 => PKey::from_rsa(Rsa::generate(2048)?)?,
        };
        let kid = random_text(12)?;
        Ok(Self {
            kid,
            algorithm,
            key,
        })
    }

    /// The same key with another `kid`.
    pub fn with_kid(self, kid: impl Into<String>) -> Self {
        Self {
            kid: kid.into(),
            ..self
        }
    }

    /// The `kid` in a JWK set.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The signature algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The OpenSSL key.
    pub fn private_key(&self) -> &PKey<Private> {
        &self.key
    }

    /// The private key as PKCS#8 PEM.
    pub fn private_pem(&self) -> Result<Vec<u8>> {
        Ok(self.key.private_key_to_pem_pkcs8()?)
    }

    /// The public key as PEM, which is also the secret in an HS256 confusion attack.
    pub fn public_pem(&self) -> Result<Vec<u8>> {
        Ok(self.key.public_key_to_pem()?)
    }

    /// The public key as a JWK with `kid`, `use` and `alg`.
    pub fn jwk(&self) -> Result<Value> {
        let mut jwk = json!({ "kid": self.kid, "use": "sig", "alg": self.algorithm.name() });
        match self.algorithm {
            Algorithm::Es256 => {
                let key = self.key.ec_key()?;
                let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
                let mut context = BigNumContext::new()?;
                key.public_key()
                    .affine_coordinates(key.group(), &mut x, &mut y, &mut context)?;
                jwk["kty"] = json!("EC");
                jwk["crv"] = json!("P-256");
                jwk["x"] = json!(base64url(x.to_vec_padded(32)?));
                jwk["y"] = json!(base64url(y.to_vec_padded(32)?));
            }
            Algorithm::Rs256 => {
                let key = self.key.rsa()?;
                jwk["kty"] = json!("RSA");
                jwk["n"] = json!(base64url(key.n().to_vec()));
                jwk["e"] = json!(base64url(key.e().to_vec()));
            }
        }
        Ok(jwk)
    }

    /// A JOSE signature of `message`. For ES256, it is r and s, 32 bytes each (RFC 7518 3.4).
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key)?;
        let signature = signer.sign_oneshot_to_vec(message)?;
        match self.algorithm {
            Algorithm::Rs256 => Ok(signature),
            Algorithm::Es256 => {
                let pair = EcdsaSig::from_der(&signature)?;
                Ok([pair.r().to_vec_padded(32)?, pair.s().to_vec_padded(32)?].concat())
            }
        }
    }

    /// A compact JWS of `payload` with this protected header.
    pub fn jws(&self, header: &Map<String, Value>, payload: &[u8]) -> Result<String> {
        let input = signing_input(header, payload)?;
        let signature = self.sign(input.as_bytes())?;
        Ok(format!("{input}.{}", base64url(signature)))
    }

    /// A JWT of `claims` with the header of [`Self::header`].
    pub fn jwt(&self, claims: &Value) -> Result<String> {
        self.jws(&self.header(), claims.to_string().as_bytes())
    }

    /// The default protected header: `alg`, `kid` and `typ`.
    pub fn header(&self) -> Map<String, Value> {
        Map::from_iter([
            ("alg".to_owned(), json!(self.algorithm.name())),
            ("kid".to_owned(), json!(self.kid)),
            ("typ".to_owned(), json!("JWT")),
        ])
    }
}

/// A JWK set of these keys.
pub fn jwks<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> Result<Value> {
    let keys = keys
        .into_iter()
        .map(SigningKey::jwk)
        .collect::<Result<Vec<_>>>()?;
    Ok(json!({ "keys": keys }))
}

/// The signing input of a compact JWS: its first two parts.
pub fn signing_input(header: &Map<String, Value>, payload: &[u8]) -> Result<String> {
    let header = serde_json::to_vec(header)?;
    Ok(format!("{}.{}", base64url(header), base64url(payload)))
}

/// HMAC-SHA256, the `HS256` of RFC 7518 3.2.
pub fn hs256(secret: &[u8], message: &[u8]) -> Result<Vec<u8>> {
    let key = PKey::hmac(secret)?;
    Ok(Signer::new(MessageDigest::sha256(), &key)?.sign_oneshot_to_vec(message)?)
}

/// Verifies a compact JWS with the key of `jwks` that has its `kid` and `alg`. Returns the claims without checking them.
pub fn verify(jwks: &Value, token: &str) -> Result<Value> {
    let parts: Vec<&str> = token.split('.').collect();
    let &[header, payload, signature] = parts.as_slice() else {
        bail!("a compact JWS must have three parts, not {}", parts.len());
    };
    let input = format!("{header}.{payload}");
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header)?)?;
    let jwk = jwks["keys"]
        .as_array()
        .context("the JWK set has no `keys`")?
        .iter();
    let jwk = jwk
        .clone()
        .find(|jwk| jwk["kid"] == header["kid"])
        .context("the JWK set has no key with the token's `kid`")?;
    ensure!(
        jwk["alg"] == header["alg"],
        "the key is not for the token's `alg`"
    );
    let signature = URL_SAFE_NO_PAD.decode(signature)?;
    let (key, signature) = match jwk["alg"].as_str() {
        Some("ES256") => (ec_public(jwk)?, der(&signature)?),
        Some("RS256") => (rsa_public(jwk)?, signature),
        other => bail!("unsupported `alg` {other:?}"),
    };
    let mut verifier = Verifier::new(MessageDigest::sha256(), &key)?;
    ensure!(
        verifier.verify_oneshot(&signature, input.as_bytes())?,
        "the signature is not valid"
    );
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}

fn ec_public(jwk: &Value) -> Result<PKey<Public>> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let (x, y) = (number(jwk, "x")?, number(jwk, "y")?);
    let key = EcKey::from_public_key_affine_coordinates(&group, &x, &y)?;
    Ok(PKey::from_ec_key(key)?)
}

fn rsa_public(jwk: &Value) -> Result<PKey<Public>> {
    Ok(PKey::from_rsa(Rsa::from_public_components(
        number(jwk, "n")?,
        number(jwk, "e")?,
    )?)?)
}

fn number(jwk: &Value, member: &str) -> Result<BigNum> {
    let text = jwk[member]
        .as_str()
        .with_context(|| format!("the JWK has no `{member}`"))?;
    let bytes = URL_SAFE_NO_PAD.decode(text)?;
    Ok(BigNum::from_slice(&bytes)?)
}

fn der(signature: &[u8]) -> Result<Vec<u8>> {
    ensure!(
        signature.len() == 64,
        "an ES256 signature must have 64 bytes, not {}",
        signature.len()
    );
    let (r, s) = signature.split_at(32);
    Ok(
        EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?
            .to_der()?,
    )
}

/// Base64url without padding (RFC 7515 2).
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `bytes` random bytes, encoded in base64url.
pub fn random_text(bytes: usize) -> Result<String> {
    let mut random = vec![0; bytes];
    openssl::rand::rand_bytes(&mut random)?;
    Ok(base64url(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_jwk_of_signing_key_verifies() -> Result<()> {
        for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
            let key = SigningKey::generate(algorithm)?;
            let other = SigningKey::generate(algorithm)?.with_kid(key.kid());
            let token = key.jwt(&json!({ "sub": "alice" }))?;
            assert_eq!(verify(&jwks([&key])?, &token)?["sub"], "alice");
            assert!(verify(&jwks([&other])?, &token).is_err());
            assert!(verify(&json!({ "keys": [] }), &token).is_err());
            let (input, _) = token.rsplit_once('.').context("a token has dots")?;
            assert!(verify(&jwks([&key])?, &format!("{input}.{}", base64url([0; 64]))).is_err());
        }
        Ok(())
    }

    #[test]
    fn hs256_matches_rfc_7515_a_1() -> Result<()> {
        let secret = URL_SAFE_NO_PAD
            .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")?;
        let input = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        assert_eq!(
            base64url(hs256(&secret, input.as_bytes())?),
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        );
        Ok(())
    }
}
