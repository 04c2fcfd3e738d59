//! Keys for SAML: certificates of the provider that verify signatures, and our own keys that decrypt.
//!
//! Only the key of a certificate matters. Its name, issuer and validity have no meaning in SAML (Metadata 2.4.1.1) and
//! are not checked. Weak keys are not used.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use openssl::asn1::Asn1Time;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, PKeyRef, Private, Public};
use openssl::rsa::Padding;
use openssl::x509::X509;
use rolecall_core::base::timestamp;

/// NIST SP 800-131A disallows signatures with shorter RSA keys.
const RSA_BITS_MIN: u32 = 2048;
/// Maximum number of certificates of a provider; a rollover requires two.
const KEYS_MAX: usize = 8;
/// Maximum number of keys that are tried for a signature; each attempt canonicalizes the whole document.
const ATTEMPTS_MAX: usize = 4;

/// Why a certificate or key is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidKey(String);

impl InvalidKey {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// The certificates that can sign for a provider; at least one.
#[derive(Clone, Debug)]
pub struct SigningKeys {
    keys: Vec<SigningKey>,
    allow_sha1: bool,
}

/// A certificate of the provider and its public key.
#[derive(Clone)]
pub struct SigningKey {
    /// The certificate, DER.
    pub(super) certificate: Vec<u8>,
    /// The public key.
    pub(super) public: PKey<Public>,
    not_after: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({} bits)", self.public.bits())
    }
}

impl SigningKeys {
    /// Parses DER certificates; those with a weak or unsupported key are ignored.
    ///
    /// # Errors
    /// [`InvalidKey`], if no certificate is usable, with the problem of the last one.
    pub fn from_der<I, B>(certificates: I) -> Result<Self, InvalidKey>
    where
        I: IntoIterator<Item = B>,
        B: AsRef<[u8]>,
    {
        let mut keys: Vec<SigningKey> = Vec::new();
        let mut trouble = InvalidKey::new("no certificate found");
        for der in certificates {
            match SigningKey::from_der(der.as_ref()) {
                Ok(key) if keys.iter().any(|one| one.certificate == key.certificate) => {}
                Ok(key) => keys.push(key),
                Err(error) => trouble = error,
            }
            if keys.len() == KEYS_MAX {
                break;
            }
        }
        if keys.is_empty() {
            return Err(trouble);
        }
        Ok(Self {
            keys,
            allow_sha1: false,
        })
    }

    /// Parses one or more PEM certificates.
    ///
    /// # Errors
    /// [`InvalidKey`].
    pub fn from_pem(pem: &str) -> Result<Self, InvalidKey> {
        let certificates = X509::stack_from_pem(pem.as_bytes())
            .map_err(|_| InvalidKey::new("not a PEM certificate"))?;
        let der: Result<Vec<_>, _> = certificates.iter().map(|one| one.to_der()).collect();
        Self::from_der(der.map_err(|_| InvalidKey::new("a certificate cannot be parsed"))?)
    }

    /// Sets whether signatures and digests with SHA-1 are accepted; by default they are not.
    #[must_use]
    pub fn allowing_sha1(mut self, allow: bool) -> Self {
        self.allow_sha1 = allow;
        self
    }

    /// Whether SHA-1 is accepted.
    pub fn allow_sha1(&self) -> bool {
        self.allow_sha1
    }

    /// The latest expiry of a certificate. Only used for warnings.
    pub fn not_after(&self) -> Option<DateTime<Utc>> {
        self.keys.iter().filter_map(|key| key.not_after).max()
    }

    /// The certificates, DER.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.iter().map(|key| key.certificate.as_slice())
    }

    /// The keys of this type.
    pub(super) fn of_type(&self, key_type: Id) -> impl Iterator<Item = &SigningKey> {
        self.keys
            .iter()
            .filter(move |key| key.public.id() == key_type)
    }

    /// The keys of this type that may have created an XML signature, at most [`ATTEMPTS_MAX`]; the one with the named
    /// certificate first, if it is among them.
    pub(super) fn candidates(
        &self,
        named: Option<&[u8]>,
        key_type: Id,
        signature: &[u8],
    ) -> impl Iterator<Item = &SigningKey> {
        let is_named = move |key: &&SigningKey| Some(key.certificate.as_slice()) == named;
        let first = self.of_type(key_type).filter(is_named);
        let others = self.of_type(key_type).filter(move |key| !is_named(key));
        let all = first.chain(others);
        all.filter(move |key| key.may_have_made(signature))
            .take(ATTEMPTS_MAX)
    }
}

impl SigningKey {
    fn from_der(der: &[u8]) -> Result<Self, InvalidKey> {
        let certificate =
            X509::from_der(der).map_err(|_| InvalidKey::new("a certificate cannot be parsed"))?;
        let public = certificate
            .public_key()
            .map_err(|_| InvalidKey::new("the key of a certificate cannot be parsed"))?;
        strong(&public)?;
        Ok(Self {
            certificate: der.to_vec(),
            public,
            not_after: not_after(&certificate),
        })
    }
}

impl SigningKey {
    /// Whether the signature decrypts to a PKCS #1 block with this key (RFC 8017, 8.2.2). For RSA keys this identifies
    /// the signing key at a fraction of the cost of canonicalization. For EC keys it is always true.
    fn may_have_made(&self, signature: &[u8]) -> bool {
        let Ok(rsa) = self.public.rsa() else {
            return true;
        };
        let mut block = vec![0; rsa.size() as usize];
        signature.len() == block.len()
            && rsa
                .public_decrypt(signature, &mut block, Padding::PKCS1)
                .is_ok()
    }
}

/// Accepts RSA with at least 2,048 bits, and ECDSA on P-256, P-384 or P-521.
fn strong(key: &PKeyRef<Public>) -> Result<(), InvalidKey> {
    match key.id() {
        Id::RSA if key.bits() >= RSA_BITS_MIN => Ok(()),
        Id::RSA => Err(InvalidKey::new(format!(
            "an RSA key has {} bits; at least {RSA_BITS_MIN} are required",
            key.bits()
        ))),
        Id::EC => {
            let curve = key.ec_key().ok().and_then(|ec| ec.group().curve_name());
            let known = [Nid::X9_62_PRIME256V1, Nid::SECP384R1, Nid::SECP521R1];
            if curve.is_some_and(|curve| known.contains(&curve)) {
                return Ok(());
            }
            Err(InvalidKey::new(
                "the curve of an EC key is not P-256, P-384 or P-521",
            ))
        }
        _ => Err(InvalidKey::new(
            "unsupported key type: RSA or EC is required",
        )),
    }
}

fn not_after(certificate: &X509) -> Option<DateTime<Utc>> {
    let epoch = Asn1Time::from_unix(0).ok()?;
    let span = epoch.diff(certificate.not_after()).ok()?;
    let days = TimeDelta::try_days(span.days.into())?;
    let whole = days.checked_add(&TimeDelta::try_seconds(span.secs.into())?)?;
    timestamp::bounded(DateTime::UNIX_EPOCH.checked_add_signed(whole)?)
}

/// Decodes base64 in metadata, signatures and encryption, which can contain white space, and the PEM lines (RFC 7468)
/// that some metadata contains.
pub(super) fn base64_text(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    let armoured = text.strip_prefix("-----BEGIN CERTIFICATE-----");
    let within = armoured.and_then(|rest| rest.strip_suffix("-----END CERTIFICATE-----"));
    let packed: String = within.unwrap_or(text).split_ascii_whitespace().collect();
    STANDARD.decode(packed).ok()
}

/// Our decryption keys; several during a rollover.
#[derive(Clone, Default)]
pub struct DecryptionKeys(Vec<PKey<Private>>);

impl std::fmt::Debug for DecryptionKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DecryptionKeys({})", self.0.len())
    }
}

impl DecryptionKeys {
    /// Parses PEM RSA keys, the current one first.
    ///
    /// # Errors
    /// [`InvalidKey`].
    pub fn from_pem<'a>(keys: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, InvalidKey> {
        let mut taken = Vec::new();
        for pem in keys {
            let key = PKey::private_key_from_pem(pem)
                .map_err(|_| InvalidKey::new("a decryption key is not a PEM private key"))?;
            if key.id() != Id::RSA || key.bits() < RSA_BITS_MIN {
                return Err(InvalidKey::new(format!(
                    "a decryption key must be RSA with at least {RSA_BITS_MIN} bits"
                )));
            }
            taken.push(key);
        }
        Ok(Self(taken))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &PKey<Private>> {
        self.0.iter()
    }
}
