//! Encrypted assertions (SAML Core 2.3.4, XML Encryption 1.1), implemented with OpenSSL.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::encrypt::{Decrypter, Encrypter};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Padding;
use openssl::symm::{Cipher, Crypter, Mode};
use openssl::x509::X509;

use super::names::{ASSERTION, DSIG, XENC};
use crate::xml::Element;

const GCM_TAG: usize = 16;

/// Algorithm for the encryption of the assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// AES-128-GCM.
    Aes128Gcm,
    /// AES-256-GCM.
    Aes256Gcm,
    /// AES-128-CBC.
    Aes128Cbc,
    /// AES-256-CBC, as in AD FS.
    Aes256Cbc,
}

/// Algorithm for the encryption of the content key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// RSA-OAEP with SHA-1 (the usual one).
    OaepMgf1p,
    /// RSA-OAEP with SHA-256, also in MGF1.
    Oaep256,
    /// RSAES-PKCS1-v1_5, which permits padding oracle attacks.
    Rsa15,
}

/// How assertions are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// Algorithm of the content.
    pub content: Content,
    /// Algorithm of the content key.
    pub transport: Transport,
    /// Whether `EncryptedKey` is a sibling of `EncryptedData`, referenced by a `RetrievalMethod`.
    pub detached_key: bool,
}

impl Encryption {
    /// `EncryptedKey` in `EncryptedData`, with RSA-OAEP.
    pub fn with(content: Content) -> Self {
        Self {
            content,
            transport: Transport::OaepMgf1p,
            detached_key: false,
        }
    }

    /// Encrypts `plain` to a `saml:EncryptedAssertion` for the key of the certificate.
    pub fn encrypt(self, plain: &str, certificate: &X509) -> Result<Element> {
        self.encrypt_bytes(plain.as_bytes(), certificate)
    }

    /// As [`Self::encrypt`], for any bytes.
    pub(super) fn encrypt_bytes(self, plain: &[u8], certificate: &X509) -> Result<Element> {
        let cipher = self.content.cipher();
        let key = random(cipher.key_len())?;
        let iv = random(cipher.iv_len().context("the cipher has no IV")?)?;
        let sealed = self.content.seal(&key, &iv, plain)?;
        let key = self.transport.wrap(&key, certificate)?;
        let value = |bytes: &[u8]| {
            let value = Element::new("xenc:CipherValue").text(STANDARD.encode(bytes));
            Element::new("xenc:CipherData").child(value)
        };
        let method = |uri: &str| Element::new("xenc:EncryptionMethod").with("Algorithm", uri);
        let key = Element::new("xenc:EncryptedKey")
            .with("xmlns:xenc", XENC)
            .with("xmlns:ds", DSIG)
            .with("Id", "_key")
            .child(method(self.transport.uri()).children(self.transport.parameters()))
            .child(value(&key));
        let info = Element::new("ds:KeyInfo").with("xmlns:ds", DSIG);
        let (info, sibling) = match self.detached_key {
            false => (info.child(key), None),
            true => {
                let retrieval = Element::new("ds:RetrievalMethod")
                    .with("Type", "http://www.w3.org/2001/04/xmlenc#EncryptedKey")
                    .with("URI", "#_key");
                (info.child(retrieval), Some(key))
            }
        };
        let data = Element::new("xenc:EncryptedData")
            .with("xmlns:xenc", XENC)
            .with("Type", "http://www.w3.org/2001/04/xmlenc#Element")
            .child(method(self.content.uri()))
            .child(info)
            .child(value(&[iv, sealed].concat()));
        Ok(Element::new("saml:EncryptedAssertion")
            .with("xmlns:saml", ASSERTION)
            .child(data)
            .children(sibling))
    }

    /// Decrypts a `saml:EncryptedAssertion`.
    pub fn decrypt(self, encrypted: &Element, key: &PKey<Private>) -> Result<String> {
        let data = encrypted
            .find("EncryptedData")
            .context("no EncryptedData")?;
        let bytes = |element: &Element| {
            let value = element
                .at(&["CipherData", "CipherValue"])
                .context("no CipherValue")?;
            let text: String = value.own_text().split_whitespace().collect();
            Ok::<_, anyhow::Error>(STANDARD.decode(text)?)
        };
        let wrapped = data
            .at(&["KeyInfo", "EncryptedKey"])
            .or(encrypted.find("EncryptedKey"));
        let wrapped = bytes(wrapped.context("no EncryptedKey")?)?;
        let mut decrypter = Decrypter::new(key)?;
        decrypter.set_rsa_padding(self.transport.padding())?;
        if let Some(digest) = self.transport.digest() {
            decrypter.set_rsa_oaep_md(digest)?;
            decrypter.set_rsa_mgf1_md(digest)?;
        }
        let mut content_key = vec![0; decrypter.decrypt_len(&wrapped)?];
        let length = decrypter.decrypt(&wrapped, &mut content_key)?;
        content_key.truncate(length);
        let sealed = bytes(data)?;
        let cipher = self.content.cipher();
        let (iv, sealed) = sealed.split_at(cipher.iv_len().unwrap_or_default());
        let plain = match self.content {
            Content::Aes128Cbc | Content::Aes256Cbc => {
                let mut crypter = Crypter::new(cipher, Mode::Decrypt, &content_key, Some(iv))?;
                // The last byte is the number of padding bytes; the others are arbitrary (XML Encryption 5.2).
                crypter.pad(false);
                let mut plain = vec![0; sealed.len() + cipher.block_size()];
                let length = crypter.update(sealed, &mut plain)?;
                plain.truncate(length);
                let padding = plain.last().copied().map_or(0, usize::from);
                plain.truncate(length.saturating_sub(padding));
                plain
            }
            Content::Aes128Gcm | Content::Aes256Gcm => {
                let (sealed, tag) = sealed.split_at(sealed.len().saturating_sub(GCM_TAG));
                openssl::symm::decrypt_aead(cipher, &content_key, Some(iv), &[], sealed, tag)?
            }
        };
        Ok(String::from_utf8(plain)?)
    }
}

impl Content {
    /// Algorithm identifier (URI).
    pub fn uri(self) -> &'static str {
        match self {
            Self::Aes128Gcm => "http://www.w3.org/2009/xmlenc11#aes128-gcm",
            Self::Aes256Gcm => "http://www.w3.org/2009/xmlenc11#aes256-gcm",
            Self::Aes128Cbc => "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
            Self::Aes256Cbc => "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
        }
    }

    fn cipher(self) -> Cipher {
        match self {
            Self::Aes128Gcm => Cipher::aes_128_gcm(),
            Self::Aes256Gcm => Cipher::aes_256_gcm(),
            Self::Aes128Cbc => Cipher::aes_128_cbc(),
            Self::Aes256Cbc => Cipher::aes_256_cbc(),
        }
    }

    /// Encrypts with padding or a tag (XML Encryption 5.2). PKCS #7 padding is valid there.
    fn seal(self, key: &[u8], iv: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let cipher = self.cipher();
        let mut crypter = Crypter::new(cipher, Mode::Encrypt, key, Some(iv))?;
        let mut sealed = vec![0; plain.len() + cipher.block_size()];
        let mut length = crypter.update(plain, &mut sealed)?;
        length += crypter.finalize(&mut sealed[length..])?;
        sealed.truncate(length);
        if matches!(self, Self::Aes128Gcm | Self::Aes256Gcm) {
            let mut tag = [0; GCM_TAG];
            crypter.get_tag(&mut tag)?;
            sealed.extend(tag);
        }
        Ok(sealed)
    }
}

impl Transport {
    fn uri(self) -> &'static str {
        match self {
            Self::OaepMgf1p => "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
            Self::Oaep256 => "http://www.w3.org/2009/xmlenc11#rsa-oaep",
            Self::Rsa15 => "http://www.w3.org/2001/04/xmlenc#rsa-1_5",
        }
    }

    fn parameters(self) -> Vec<Element> {
        let digest = |uri| Element::new("ds:DigestMethod").with("Algorithm", uri);
        let mask = Element::new("xenc11:MGF")
            .with("xmlns:xenc11", super::names::XENC11)
            .with("Algorithm", "http://www.w3.org/2009/xmlenc11#mgf1sha256");
        match self {
            Self::OaepMgf1p => vec![digest("http://www.w3.org/2000/09/xmldsig#sha1")],
            Self::Oaep256 => vec![digest("http://www.w3.org/2001/04/xmlenc#sha256"), mask],
            Self::Rsa15 => Vec::new(),
        }
    }

    fn padding(self) -> Padding {
        match self {
            Self::OaepMgf1p | Self::Oaep256 => Padding::PKCS1_OAEP,
            Self::Rsa15 => Padding::PKCS1,
        }
    }

    fn digest(self) -> Option<MessageDigest> {
        match self {
            Self::OaepMgf1p => Some(MessageDigest::sha1()),
            Self::Oaep256 => Some(MessageDigest::sha256()),
            Self::Rsa15 => None,
        }
    }

    fn wrap(self, key: &[u8], certificate: &X509) -> Result<Vec<u8>> {
        let public = certificate.public_key()?;
        let mut encrypter = Encrypter::new(&public)?;
        encrypter.set_rsa_padding(self.padding())?;
        if let Some(digest) = self.digest() {
            encrypter.set_rsa_oaep_md(digest)?;
            encrypter.set_rsa_mgf1_md(digest)?;
        }
        let mut wrapped = vec![0; encrypter.encrypt_len(key)?];
        let length = encrypter.encrypt(key, &mut wrapped)?;
        wrapped.truncate(length);
        Ok(wrapped)
    }
}

fn random(bytes: usize) -> Result<Vec<u8>> {
    let mut random = vec![0; bytes];
    openssl::rand::rand_bytes(&mut random)?;
    Ok(random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Algorithm;
    use crate::saml::signature::Credential;

    #[test]
    fn decryption_reverses_encryption() -> Result<()> {
        let recipient = Credential::generate(Algorithm::Rs256)?;
        for content in [
            Content::Aes128Gcm,
            Content::Aes256Gcm,
            Content::Aes128Cbc,
            Content::Aes256Cbc,
        ] {
            for transport in [Transport::OaepMgf1p, Transport::Oaep256, Transport::Rsa15] {
                let encryption = Encryption {
                    content,
                    transport,
                    detached_key: transport == Transport::Oaep256,
                };
                let encrypted = encryption.encrypt("<a/>", recipient.certificate())?;
                let encrypted = Element::parse(&encrypted.write())?;
                let plain = encryption.decrypt(&encrypted, recipient.key().private_key())?;
                assert_eq!(plain, "<a/>");
            }
        }
        Ok(())
    }
}
