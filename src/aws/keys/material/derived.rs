//! The key that signs ID tokens of `aws login`, derived from the active key for tokens.
//!
//! AWS clients do not verify these tokens. A separate key ensures that clients never receive anything signed by a key
//! that IAM trusts. Because it is derived, all replicas have the same key, a read-only directory is sufficient, and it
//! is rotated together with its source. It is not published.

use chrono::{DateTime, Utc};
use hkdf::Hkdf;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{KeyAlgorithm, P256_BYTES, SigningKey, public_members, self_signed, thumbprint};

/// `info` of HKDF (RFC 5869 section 2.3).
const PURPOSE: &[u8] = b"rolecall/aws-login-id-token/v1";
/// Size of the number that is reduced to a private key, in bytes: 128 bits more than the order of P-256 (FIPS 186-5,
/// A.2.1).
const SEED_BYTES: usize = 48;

impl SigningKey {
    /// Derives the ES256 key for ID tokens of `aws login`, independent of the algorithm of this key.
    ///
    /// # Errors
    /// If OpenSSL fails.
    pub fn login_key(&self, now: DateTime<Utc>) -> Result<Self, ErrorStack> {
        let secret = Zeroizing::new(match self.algorithm {
            KeyAlgorithm::Es256 => self.key.ec_key()?.private_key().to_vec_padded(P256_BYTES)?,
            KeyAlgorithm::Rs256 => self.key.rsa()?.d().to_vec(),
        });
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        Hkdf::<Sha256>::new(None, &secret)
            .expand(PURPOSE, seed.as_mut())
            .map_err(|_| ErrorStack::get())?;
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let mut context = BigNumContext::new_secure()?;
        let mut most = BigNum::new()?;
        group.order(&mut most, &mut context)?;
        most.sub_word(1)?;
        let mut private = BigNum::new_secure()?;
        private.nnmod(
            BigNum::from_slice(seed.as_ref())?.as_ref(),
            &most,
            &mut context,
        )?;
        private.add_word(1)?;
        let mut public = EcPoint::new(&group)?;
        public.mul_generator2(&group, &private, &mut context)?;
        let key = PKey::from_ec_key(EcKey::from_private_components(&group, &private, &public)?)?;
        let certificate = self_signed(&key, &thumbprint(&public_members(&key)?), now)?;
        Self::new(KeyAlgorithm::Es256, key, certificate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_key_is_different_and_deterministic() {
        let now = DateTime::UNIX_EPOCH;
        let keys = [KeyAlgorithm::Es256, KeyAlgorithm::Rs256];
        let keys = keys.map(|algorithm| SigningKey::generate(algorithm, now).unwrap());
        for key in &keys {
            let login = key.login_key(now).unwrap();
            let later = now + chrono::TimeDelta::days(1);
            assert_eq!(login.id(), key.login_key(later).unwrap().id());
            assert_ne!(login.id(), key.id());
            assert_eq!(login.algorithm(), KeyAlgorithm::Es256);
            login.key.ec_key().unwrap().check_key().unwrap();
            assert_eq!(login.sign(b"x").unwrap().len(), 64);
            // A key read from its files derives the same key.
            let (pem, certificate) = (key.to_pem().unwrap(), key.certificate_pem().unwrap());
            let read = SigningKey::parse(&pem, &certificate).unwrap();
            assert_eq!(read.login_key(now).unwrap().id(), login.id());
        }
        let [one, other] = keys.map(|key| key.login_key(now).unwrap());
        assert_ne!(one.id(), other.id());
    }
}
