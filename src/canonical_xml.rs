//! XML that the gateway signs. Templates write it in canonical form, so that its bytes are digested directly (Exclusive
//! XML Canonicalization 1.0, XML Signature 1.1), without a parser or canonicalizer.
//!
//! Templates write empty elements with both tags, sort attributes, and declare a namespace where it is first used.

mod escape;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

pub(crate) use escape::{Attribute, Text, is_xml};

/// An enveloped RSA-SHA256 signature (SAML Core 2.0 section 5.4) for `templates/saml/signature.xml`.
pub(crate) struct EnvelopedSignature<'a> {
    /// `ID` of the element.
    pub(crate) reference: &'a str,
    /// `DigestValue`
    pub(crate) digest: String,
    /// `SignatureValue`
    pub(crate) value: String,
    /// The certificate of the key, base64 of DER.
    pub(crate) certificate: &'a str,
}

#[derive(Template)]
#[template(path = "saml/signed_info.xml")]
struct SignedInfoXml<'a> {
    /// Whether `SignedInfo` is the root element, as it is for signing.
    apex: bool,
    signature: &'a EnvelopedSignature<'a>,
}

impl<'a> EnvelopedSignature<'a> {
    /// Signs an element in canonical form without a signature. `rsa_sha256` is PKCS #1 v1.5 with SHA-256.
    ///
    /// # Errors
    /// The errors of `rsa_sha256`, or if a template fails.
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
