//! The gateway's own keys as a service provider, for signing requests and decrypting assertions.
//!
//! A file contains an RSA key and its certificate, in PEM. The first key of a list is used; all are in our metadata, so
//! that providers know a new key before it is used.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use openssl::x509::{X509, X509NameBuilder};
use rolecall_core::base::Entropy;
use rolecall_core::base::secret::SecretText;

/// Size of new keys in bits, sufficient for the lifetime of the certificate (NIST SP 800-57).
const RSA_BITS: u32 = 3_072;
const RSA_BITS_READ: std::ops::RangeInclusive<u32> = 2_048..=8_192;
/// Lifetime of the certificate. It is not verified in SAML metadata, but X.509 requires it.
const CERTIFICATE_LIFE: TimeDelta = TimeDelta::days(3_650);

/// Why a file is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOwnKey {
    /// There is no key.
    #[error("the file does not contain a PEM private key")]
    NoKey,
    /// There is no certificate.
    #[error("the file does not contain a PEM certificate")]
    NoCertificate,
    /// The certificate belongs to another key.
    #[error("the certificate belongs to another key")]
    Mismatch,
    /// Not RSA, or an unsupported size.
    #[error("the key must be RSA with 2048 to 8192 bits")]
    Weak,
}

/// An RSA key with its certificate.
#[derive(Clone)]
pub struct OwnKey {
    key: PKey<Private>,
    pem: SecretText,
    /// The certificate, base64 of DER.
    certificate: String,
}

impl std::fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnKey([secret])")
    }
}

impl OwnKey {
    /// Parses a PEM key and its certificate, in any order.
    ///
    /// # Errors
    /// [`InvalidOwnKey`].
    pub fn from_pem(pem: &SecretText) -> Result<Self, InvalidOwnKey> {
        let octets = pem.expose().as_bytes();
        // With an empty passphrase, because OpenSSL would otherwise prompt on the terminal.
        let key =
            PKey::private_key_from_pem_passphrase(octets, b"").map_err(|_| InvalidOwnKey::NoKey)?;
        let certificate = X509::from_pem(octets).map_err(|_| InvalidOwnKey::NoCertificate)?;
        if key.id() != Id::RSA || !RSA_BITS_READ.contains(&key.bits()) {
            return Err(InvalidOwnKey::Weak);
        }
        let of_key = certificate
            .public_key()
            .is_ok_and(|public| public.public_eq(&key));
        let der = certificate
            .to_der()
            .map_err(|_| InvalidOwnKey::NoCertificate)?;
        if !of_key {
            return Err(InvalidOwnKey::Mismatch);
        }
        Ok(Self {
            key,
            pem: pem.clone(),
            certificate: STANDARD.encode(der),
        })
    }

    /// Creates a key and a self-signed certificate; returns both in PEM.
    ///
    /// # Errors
    /// If OpenSSL fails.
    pub fn generate(
        common_name: &str,
        now: DateTime<Utc>,
        entropy: &dyn Entropy,
    ) -> Result<SecretText, ErrorStack> {
        let key = PKey::from_rsa(Rsa::generate(RSA_BITS)?)?;
        let mut name = X509NameBuilder::new()?;
        name.append_entry_by_text("CN", common_name)?;
        let name = name.build();
        let mut serial = [0; 16];
        entropy.fill(&mut serial);
        // Positive and not zero (RFC 5280 4.1.2.2).
        serial[0] = serial[0] & 0x7f | 0x40;
        let serial = Asn1Integer::from_bn(BigNum::from_slice(&serial)?.as_ref())?;
        let mut certificate = X509::builder()?;
        certificate.set_version(2)?;
        certificate.set_serial_number(&serial)?;
        certificate.set_subject_name(&name)?;
        certificate.set_issuer_name(&name)?;
        let day = |at: DateTime<Utc>| Asn1Time::from_unix(at.timestamp());
        certificate.set_not_before(day(now)?.as_ref())?;
        certificate.set_not_after(day(now + CERTIFICATE_LIFE)?.as_ref())?;
        certificate.set_pubkey(&key)?;
        certificate.sign(&key, MessageDigest::sha256())?;
        let mut pem = key.private_key_to_pem_pkcs8()?;
        pem.extend(certificate.build().to_pem()?);
        Ok(SecretText::new(String::from_utf8_lossy(&pem)))
    }

    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256 (RFC 8017 8.2).
    ///
    /// # Errors
    /// If OpenSSL fails.
    pub fn rsa_sha256(&self, octets: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key)?;
        signer.sign_oneshot_to_vec(octets)
    }

    /// The certificate, base64 of DER, as in metadata and signatures.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The private key in PEM, for decryption.
    pub fn pem(&self) -> &SecretText {
        &self.pem
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use rolecall_core::base::Entropy;

    pub struct Sevens;
    impl Entropy for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    /// One of two cached keys, because creating keys is slow.
    pub fn pem(which: usize) -> SecretText {
        static KEYS: [std::sync::OnceLock<SecretText>; 2] =
            [const { std::sync::OnceLock::new() }; 2];
        let made = || OwnKey::generate("sso.example", DateTime::UNIX_EPOCH, &Sevens).unwrap();
        KEYS[which].get_or_init(made).clone()
    }

    #[test]
    fn generated_key_is_parsed_and_signs() {
        let pem = pem(0);
        let key = OwnKey::from_pem(&pem).unwrap();
        assert_eq!(key.rsa_sha256(b"x").unwrap().len(), 384);
        assert!(!format!("{key:?}").contains("PRIVATE"));
        assert_eq!(key.pem().expose(), pem.expose());
    }

    #[test]
    fn incomplete_or_mismatched_files_are_rejected() {
        let (one, other) = (pem(0), pem(1));
        let parts = |pem: &SecretText| -> (String, String) {
            let at = pem.expose().find("-----BEGIN CERT").unwrap();
            let (key, certificate) = pem.expose().split_at(at);
            (key.to_owned(), certificate.to_owned())
        };
        let ((key, _), (_, certificate)) = (parts(&one), parts(&other));
        let read = |text: &str| OwnKey::from_pem(&SecretText::new(text)).unwrap_err();
        assert_eq!(read(""), InvalidOwnKey::NoKey);
        assert_eq!(read(&certificate), InvalidOwnKey::NoKey);
        assert_eq!(read(&key), InvalidOwnKey::NoCertificate);
        assert_eq!(
            read(&format!("{key}{certificate}")),
            InvalidOwnKey::Mismatch
        );
    }
}
