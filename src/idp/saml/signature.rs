//! Verifies XML signatures with xmlsec through samael: the only code that passes guarded bytes to C code.
//!
//! It takes a [`GuardedXml`] and returns the exact bytes that were digested; the rest of the document is untrusted. The
//! trait [`XmlSignature`] allows to replace the verifier or to compare two.

use rolecall_core::sign_in::{ProviderError, RejectReason};
use roxmltree::{Document, Node};
use samael::crypto::{
    AllowedSignatureAlgorithm as Allowed, CertificateDer, Crypto, CryptoProvider, ReduceMode,
};

use super::guard::GuardedXml;
use super::keys::SigningKeys;
use super::signature_shape::SignatureShape;
use super::xml::parse;

const ALLOWED: &[Allowed] = &[
    Allowed::RsaSha256,
    Allowed::RsaSha384,
    Allowed::RsaSha512,
    Allowed::EcdsaSha256,
    Allowed::EcdsaSha384,
    Allowed::EcdsaSha512,
];

/// Verifies XML signatures; the implementation wraps a library.
pub trait XmlSignature: Send + Sync {
    /// Verifies all signatures of the document with one of the keys, and returns the content of the outermost.
    ///
    /// # Errors
    /// [`RejectReason::Unsigned`], [`RejectReason::Algorithm`], [`RejectReason::Signature`].
    fn verified(
        &self,
        xml: &GuardedXml<'_>,
        keys: &SigningKeys,
    ) -> Result<VerifiedXml, ProviderError>;
}

/// The outermost signed element in canonical form, as it was digested.
#[derive(Debug)]
pub struct VerifiedXml {
    canonical: String,
    signature: SignatureShape,
}

impl VerifiedXml {
    /// The bytes that a verifier has found to be covered by this signature.
    pub fn new(canonical: String, signature: SignatureShape) -> Self {
        Self {
            canonical,
            signature,
        }
    }

    /// The verified bytes.
    pub fn text(&self) -> &str {
        &self.canonical
    }

    /// Parses the bytes; the root is the element whose signature was verified.
    ///
    /// # Errors
    /// [`RejectReason::Signature`], if it is another element.
    pub fn document(&self) -> Result<Document<'_>, ProviderError> {
        let document = parse(&self.canonical)?;
        let root: Node<'_, '_> = document.root_element();
        if self.signature.covers(root) {
            return Ok(document);
        }
        Err(ProviderError::rejected(
            RejectReason::Signature,
            "the signature covers another element",
        ))
    }
}

/// samael with xmlsec and libxml2.
#[derive(Clone, Copy, Debug, Default)]
pub struct Xmlsec;

impl XmlSignature for Xmlsec {
    fn verified(
        &self,
        xml: &GuardedXml<'_>,
        keys: &SigningKeys,
    ) -> Result<VerifiedXml, ProviderError> {
        let Some(outermost) = xml.signatures().first() else {
            return Err(ProviderError::rejected(
                RejectReason::Unsigned,
                "the message is not signed",
            ));
        };
        let sha1 = xml.signatures().iter().any(SignatureShape::sha1);
        if sha1 && !keys.allow_sha1() {
            return Err(ProviderError::rejected(
                RejectReason::Algorithm,
                "the message is signed with SHA-1; configure the provider to sign with SHA-256",
            ));
        }
        // samael cannot allow SHA-1. Without its list everything is allowed, but the guard has enforced our own list.
        let allowed = (!sha1).then_some(ALLOWED);
        // One key at a time: samael stops with an error at a key of another type.
        let (named, key_type) = (outermost.certificate(), outermost.key_type());
        for key in keys.candidates(named, key_type, outermost.value()) {
            let certificate = CertificateDer::from(key.certificate.clone());
            let reduced = Crypto::reduce_xml_to_signed_with_allowed_algorithms(
                xml.text(),
                &[certificate],
                ReduceMode::PreDigest,
                allowed,
            );
            if let Ok(canonical) = reduced {
                return Ok(VerifiedXml::new(canonical, outermost.clone()));
            }
        }
        Err(ProviderError::rejected(
            RejectReason::Signature,
            "the signature does not match a certificate in the metadata of the provider",
        ))
    }
}
