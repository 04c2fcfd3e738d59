//! Decrypts assertions (SAML Core 2.3.4, XML Encryption 1.1): AES-GCM, and AES-CBC inside a verified signature, with
//! RSA-OAEP.
//!
//! All failures result in the same error after the same work, so that callers cannot find out whether key, tag, padding
//! or XML was wrong. The result replaces the encrypted assertion and passes the guard like any other input.

use openssl::encrypt::Decrypter;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Padding;
use openssl::symm::{Cipher, Crypter, Mode};
use rolecall_core::sign_in::{ProviderError, RejectReason};
use roxmltree::{Document, Node};

use super::guard::{GuardedXml, Shape};
use super::keys::base64_text;
use super::trust::SamlPolicy;
use super::xml::{ASSERTION, DSIG, XENC, XENC11, attribute, children, elements, is, only, text};

const GCM_IV: usize = 12;
const GCM_TAG: usize = 16;
const BLOCK: usize = 16;
/// Maximum number of wrapped keys of an assertion that are tried: one per certificate of the service provider.
const WRAPPED_MAX: usize = 4;

/// A response with its assertion decrypted in place.
pub struct DecryptedResponse {
    text: String,
    /// Whether all steps succeeded. Not evaluated before the result has passed the guard.
    decrypted: bool,
}

/// Whether the assertion is encrypted.
pub fn is_encrypted(assertion: Node<'_, '_>) -> bool {
    is(assertion, ASSERTION, "EncryptedAssertion")
}

fn is_clear(assertion: Node<'_, '_>) -> bool {
    is(assertion, ASSERTION, "Assertion")
}

impl DecryptedResponse {
    /// Decrypts the `EncryptedAssertion` of a response. `verified` tells whether a signature covers the document.
    ///
    /// # Errors
    /// For problems that are visible without decryption: [`RejectReason::Algorithm`], [`RejectReason::Structure`], and
    /// [`RejectReason::Decryption`] without keys. All others are reported by [`DecryptedResponse::guarded`].
    pub fn decrypt(
        document: &Document<'_>,
        verified: bool,
        policy: &SamlPolicy,
    ) -> Result<Self, ProviderError> {
        let encrypted = only(document.root_element(), ASSERTION, "EncryptedAssertion");
        let encrypted = encrypted.ok_or_else(|| structure("EncryptedAssertion is missing"))?;
        let data = only(encrypted, XENC, "EncryptedData")
            .ok_or_else(|| structure("exactly one EncryptedData is required"))?;
        let content = Content::of(data)?;
        if content.mode == Block::Cbc && !verified && !policy.allow_cbc {
            return Err(algorithm(
                "the assertion is encrypted with AES-CBC and the response is not signed; configure the provider to encrypt with \
                 AES-GCM or sign the response",
            ));
        }
        let wrapped = wrapped_keys(encrypted, data)?;
        if policy.decryption_keys.iter().next().is_none() {
            return Err(ProviderError::rejected(
                RejectReason::Decryption,
                "the assertion is encrypted, but no encryption key is configured",
            ));
        }
        let key = wrapped.iter().find_map(|wrapped| {
            let mut keys = policy.decryption_keys.iter();
            keys.find_map(|key| wrapped.open(key, content.key_bytes()))
        });
        let right_key = key.is_some();
        // A wrong key takes the same path as a correct one.
        let key = key.unwrap_or_else(|| vec![0; content.key_bytes()]);
        let (plain, whole) = content.open(&key);
        let around = document.input_text();
        let place = encrypted.range();
        let mut text = String::with_capacity(around.len() + plain.len());
        text.push_str(&around[..place.start]);
        text.push_str(&String::from_utf8_lossy(&plain));
        text.push_str(&around[place.end..]);
        Ok(Self {
            text,
            decrypted: right_key && whole,
        })
    }

    /// The response with the decrypted assertion, after the guard.
    ///
    /// # Errors
    /// [`RejectReason::Decryption`] for any failure.
    pub fn guarded(&self) -> Result<GuardedXml<'_>, ProviderError> {
        GuardedXml::parse(&self.text, Shape::Response)
            .ok()
            .filter(|opened| self.decrypted && opened.assertion().is_some_and(is_clear))
            .ok_or_else(|| {
                ProviderError::rejected(
                    RejectReason::Decryption,
                    "the assertion cannot be decrypted; check that the provider encrypts with the certificate in our metadata",
                )
            })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Gcm,
    Cbc,
}

/// The encrypted assertion.
struct Content {
    cipher: Cipher,
    mode: Block,
    bytes: Vec<u8>,
}

impl Content {
    fn of(data: Node<'_, '_>) -> Result<Self, ProviderError> {
        let (cipher, mode) = match method(data) {
            "http://www.w3.org/2009/xmlenc11#aes128-gcm" => (Cipher::aes_128_gcm(), Block::Gcm),
            "http://www.w3.org/2009/xmlenc11#aes256-gcm" => (Cipher::aes_256_gcm(), Block::Gcm),
            "http://www.w3.org/2001/04/xmlenc#aes128-cbc" => (Cipher::aes_128_cbc(), Block::Cbc),
            "http://www.w3.org/2001/04/xmlenc#aes256-cbc" => (Cipher::aes_256_cbc(), Block::Cbc),
            other => return Err(not_taken("assertion", other)),
        };
        let bytes = cipher_value(data)?;
        Ok(Self {
            cipher,
            mode,
            bytes,
        })
    }

    fn key_bytes(&self) -> usize {
        self.cipher.key_len()
    }

    /// The plaintext, and whether it is intact. Modified data results in other bytes and false.
    fn open(&self, key: &[u8]) -> (Vec<u8>, bool) {
        let (iv_bytes, tag_bytes) = match self.mode {
            Block::Gcm => (GCM_IV, GCM_TAG),
            Block::Cbc => (BLOCK, 0),
        };
        let Some((iv, rest)) = self.bytes.split_at_checked(iv_bytes) else {
            return (Vec::new(), false);
        };
        let Some((sealed, tag)) = rest
            .len()
            .checked_sub(tag_bytes)
            .and_then(|at| rest.split_at_checked(at))
        else {
            return (Vec::new(), false);
        };
        let mut plain = vec![0; sealed.len() + BLOCK];
        let done =
            Crypter::new(self.cipher, Mode::Decrypt, key, Some(iv)).and_then(|mut crypter| {
                crypter.pad(false);
                if self.mode == Block::Gcm {
                    crypter.set_tag(tag)?;
                }
                let written = crypter.update(sealed, &mut plain)?;
                Ok((written, crypter.finalize(&mut plain[written..]).is_ok()))
            });
        let (written, mut whole) = done.unwrap_or((0, false));
        plain.truncate(written);
        if self.mode == Block::Cbc {
            // XML Encryption 5.2: the last byte is the length of the padding; the other padding bytes are arbitrary.
            let pad = plain.last().copied().map_or(0, usize::from);
            whole &= (1..=BLOCK).contains(&pad);
            plain.truncate(written.saturating_sub(pad.clamp(1, BLOCK)));
        }
        (plain, whole)
    }
}

/// A content key, encrypted for one of our keys.
struct Wrapped {
    bytes: Vec<u8>,
    digest: MessageDigest,
    mgf1: MessageDigest,
}

impl Wrapped {
    fn of(key: Node<'_, '_>) -> Result<Self, ProviderError> {
        let chosen = only(key, XENC, "EncryptionMethod")
            .ok_or_else(|| structure("EncryptionMethod of EncryptedKey is missing"))?;
        let digest = match only(chosen, DSIG, "DigestMethod") {
            None => MessageDigest::sha1(),
            Some(node) => digest(attribute(node, "Algorithm").unwrap_or_default())?,
        };
        let mgf1 = match method(key) {
            "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p" => MessageDigest::sha1(),
            "http://www.w3.org/2009/xmlenc11#rsa-oaep" => match only(chosen, XENC11, "MGF") {
                None => MessageDigest::sha1(),
                Some(node) => mask(attribute(node, "Algorithm").unwrap_or_default())?,
            },
            other => return Err(not_taken("key", other)),
        };
        if elements(chosen).any(|node| node.tag_name().name() == "OAEPparams") {
            return Err(algorithm("OAEPparams are not supported"));
        }
        Ok(Self {
            bytes: cipher_value(key)?,
            digest,
            mgf1,
        })
    }

    fn open(&self, key: &PKey<Private>, wanted: usize) -> Option<Vec<u8>> {
        let mut decrypter = Decrypter::new(key).ok()?;
        decrypter.set_rsa_padding(Padding::PKCS1_OAEP).ok()?;
        decrypter.set_rsa_oaep_md(self.digest).ok()?;
        decrypter.set_rsa_mgf1_md(self.mgf1).ok()?;
        let mut plain = vec![0; decrypter.decrypt_len(&self.bytes).ok()?];
        let written = decrypter.decrypt(&self.bytes, &mut plain).ok()?;
        plain.truncate(written);
        (written == wanted).then_some(plain)
    }
}

/// The keys next to the data or in its `KeyInfo`. The target of a `RetrievalMethod` is ignored, because all keys are
/// tried.
fn wrapped_keys(
    encrypted: Node<'_, '_>,
    data: Node<'_, '_>,
) -> Result<Vec<Wrapped>, ProviderError> {
    let within =
        children(data, DSIG, "KeyInfo").flat_map(|info| children(info, XENC, "EncryptedKey"));
    let all: Vec<_> = within
        .chain(children(encrypted, XENC, "EncryptedKey"))
        .collect();
    if all.is_empty() || all.len() > WRAPPED_MAX {
        return Err(structure("EncryptedKey is missing, or occurs too often"));
    }
    all.into_iter().map(Wrapped::of).collect()
}

/// The bytes of `CipherData`. A `CipherReference` is rejected.
fn cipher_value(node: Node<'_, '_>) -> Result<Vec<u8>, ProviderError> {
    only(node, XENC, "CipherData")
        .and_then(|data| only(data, XENC, "CipherValue"))
        .and_then(text)
        .as_deref()
        .and_then(base64_text)
        .ok_or_else(|| structure("CipherValue is missing or not base64"))
}

fn method<'a>(node: Node<'a, '_>) -> &'a str {
    only(node, XENC, "EncryptionMethod")
        .and_then(|method| attribute(method, "Algorithm"))
        .unwrap_or_default()
}

fn digest(uri: &str) -> Result<MessageDigest, ProviderError> {
    match uri {
        "http://www.w3.org/2000/09/xmldsig#sha1" => Ok(MessageDigest::sha1()),
        "http://www.w3.org/2001/04/xmlenc#sha256" => Ok(MessageDigest::sha256()),
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => Ok(MessageDigest::sha384()),
        "http://www.w3.org/2001/04/xmlenc#sha512" => Ok(MessageDigest::sha512()),
        other => Err(not_taken("OAEP digest", other)),
    }
}

fn mask(uri: &str) -> Result<MessageDigest, ProviderError> {
    match uri.strip_prefix(XENC11) {
        Some("mgf1sha1") => Ok(MessageDigest::sha1()),
        Some("mgf1sha256") => Ok(MessageDigest::sha256()),
        Some("mgf1sha384") => Ok(MessageDigest::sha384()),
        Some("mgf1sha512") => Ok(MessageDigest::sha512()),
        Some(_) | None => Err(not_taken("OAEP mask", uri)),
    }
}

fn not_taken(what: &str, uri: &str) -> ProviderError {
    let shown: String = uri.chars().take(100).collect();
    algorithm(format!(
        "the {what} is encrypted with {shown:?}, which is not supported; configure the provider to use AES-GCM with RSA-OAEP"
    ))
}

fn algorithm(detail: impl Into<String>) -> ProviderError {
    ProviderError::rejected(RejectReason::Algorithm, detail)
}

fn structure(detail: &str) -> ProviderError {
    ProviderError::rejected(RejectReason::Structure, detail)
}

#[cfg(test)]
mod tests;
