//! Encrypted assertions (SAML Core 2.3.4, XML Encryption 1.1): AES-GCM, and AES-CBC where tampering cannot pay, under RSA-OAEP.
//!
//! Whatever fails, it is one error after the same work: no caller can learn whether a key, a tag, a padding or the XML was
//! wrong. What comes out is put back where it was and guarded like anything else from outside.

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
/// Wrapped keys of one assertion that are tried: one for each of a service provider's certificates.
const WRAPPED_MAX: usize = 4;

/// A response with its assertion decrypted in place.
pub struct Spliced {
    text: String,
    /// Whether every step of decryption went well. It is not looked at before the result has been guarded.
    decrypted: bool,
}

/// Whether the assertion is encrypted.
pub fn is_encrypted(assertion: Node<'_, '_>) -> bool {
    is(assertion, ASSERTION, "EncryptedAssertion")
}

fn is_clear(assertion: Node<'_, '_>) -> bool {
    is(assertion, ASSERTION, "Assertion")
}

impl Spliced {
    /// Decrypts the response's `EncryptedAssertion`. `verified`: a signature covers the document.
    ///
    /// # Errors
    /// For what anybody can see from outside: [`RejectReason::Algorithm`], [`RejectReason::Structure`], and
    /// [`RejectReason::Decryption`] without keys. What can only be seen from within is told by [`Spliced::guarded`].
    pub fn decrypt(
        document: &Document<'_>,
        verified: bool,
        policy: &SamlPolicy,
    ) -> Result<Self, ProviderError> {
        let encrypted = only(document.root_element(), ASSERTION, "EncryptedAssertion");
        let encrypted = encrypted.ok_or_else(|| structure("there is no EncryptedAssertion"))?;
        let data = only(encrypted, XENC, "EncryptedData")
            .ok_or_else(|| structure("there is not exactly one EncryptedData"))?;
        let content = Content::of(data)?;
        if content.mode == Block::Cbc && !verified && !policy.allow_cbc {
            return Err(algorithm(
                "the assertion is encrypted with AES-CBC and the response around it is not signed; let the provider encrypt with \
                 AES-GCM or sign the response",
            ));
        }
        let wrapped = wrapped_keys(encrypted, data)?;
        if policy.decryption_keys.iter().next().is_none() {
            return Err(ProviderError::rejected(
                RejectReason::Decryption,
                "the assertion is encrypted, and no decryption key is configured",
            ));
        }
        let key = wrapped.iter().find_map(|wrapped| {
            let mut keys = policy.decryption_keys.iter();
            keys.find_map(|key| wrapped.open(key, content.key_bytes()))
        });
        let right_key = key.is_some();
        // A wrong key goes the same way as a right one, to the end.
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

    /// The response with the assertion in it, guarded.
    ///
    /// # Errors
    /// [`RejectReason::Decryption`], whatever went wrong.
    pub fn guarded(&self) -> Result<GuardedXml<'_>, ProviderError> {
        GuardedXml::parse(&self.text, Shape::Response)
            .ok()
            .filter(|opened| self.decrypted && opened.assertion().is_some_and(is_clear))
            .ok_or_else(|| {
                ProviderError::rejected(
                    RejectReason::Decryption,
                    "the assertion cannot be decrypted; does the provider encrypt with the certificate in our metadata?",
                )
            })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Gcm,
    Cbc,
}

/// The encrypted assertion itself.
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

    /// The plain bytes and whether they are whole; what was tampered with gives other bytes, and false.
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
            // XML Encryption 5.2: the last byte says how many there are to drop; the others say nothing.
            let pad = plain.last().copied().map_or(0, usize::from);
            whole &= (1..=BLOCK).contains(&pad);
            plain.truncate(written.saturating_sub(pad.clamp(1, BLOCK)));
        }
        (plain, whole)
    }
}

/// A content key that was encrypted for one of ours.
struct Wrapped {
    bytes: Vec<u8>,
    digest: MessageDigest,
    mgf1: MessageDigest,
}

impl Wrapped {
    fn of(key: Node<'_, '_>) -> Result<Self, ProviderError> {
        let chosen = only(key, XENC, "EncryptionMethod")
            .ok_or_else(|| structure("an EncryptedKey names no method"))?;
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
            return Err(algorithm("OAEPparams are not taken"));
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

/// The keys beside the data or in its `KeyInfo`; where a `RetrievalMethod` leads does not matter, since all are tried.
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
        return Err(structure("there is no EncryptedKey, or too many are there"));
    }
    all.into_iter().map(Wrapped::of).collect()
}

/// The bytes of `CipherData`; a `CipherReference` leads elsewhere and is refused.
fn cipher_value(node: Node<'_, '_>) -> Result<Vec<u8>, ProviderError> {
    only(node, XENC, "CipherData")
        .and_then(|data| only(data, XENC, "CipherValue"))
        .and_then(text)
        .as_deref()
        .and_then(base64_text)
        .ok_or_else(|| structure("there is no CipherValue in base64"))
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
        "the {what} is encrypted with {shown:?}, which is not taken; let the provider use AES-GCM with RSA-OAEP"
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
