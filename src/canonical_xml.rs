//! XML that we sign: written by templates in its canonical form, so that what is written is what is digested (Exclusive XML
//! Canonicalization 1.0, XML Signature 1.1). No parser and no canonicaliser sees what goes into it.
//!
//! A template begins empty elements with both tags, sorts attributes, and declares a namespace where it is first used.

mod escape;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

pub(crate) use escape::{Attribute, Text, is_xml};

/// An enveloped signature (SAML Core 2.0 section 5.4) by RSA-SHA256, for `templates/saml/signature.xml`.
pub(crate) struct EnvelopedSignature<'a> {
    /// `ID` of the element.
    pub(crate) reference: &'a str,
    /// `DigestValue`
    pub(crate) digest: String,
    /// `SignatureValue`
    pub(crate) value: String,
    /// The key's certificate: base64 of DER.
    pub(crate) certificate: &'a str,
}

#[derive(Template)]
#[template(path = "saml/signed_info.xml")]
struct SignedInfoXml<'a> {
    /// Whether it stands alone, as it does when it is signed.
    apex: bool,
    signature: &'a EnvelopedSignature<'a>,
}

impl<'a> EnvelopedSignature<'a> {
    /// Signs an element, given in canonical form and without a signature. `rsa_sha256` is PKCS #1 v1.5 with SHA-256.
    ///
    /// # Errors
    /// Those of `rsa_sha256`, and when a template fails.
    pub(crate) fn of<E: From<askama::Error>>(
        element: &str,
        reference: &'a str,
        certificate: &'a str,
        rsa_sha256: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        let mut signature = Self {
            reference,
            digest: STANDARD.encode(Sha256::digest(element)),
            value: String::new(),
            certificate,
        };
        let signed_info = SignedInfoXml {
            apex: true,
            signature: &signature,
        };
        let value = rsa_sha256(signed_info.render()?.as_bytes())?;
        signature.value = STANDARD.encode(value);
        Ok(signature)
    }
}
