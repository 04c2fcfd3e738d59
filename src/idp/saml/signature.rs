//! XML signatures, verified by xmlsec through samael: the only place where guarded bytes meet C code.
//!
//! It takes a [`GuardedXml`] and gives back the very bytes that were digested; nothing else of the document is to be
//! believed. The verifier is behind [`XmlSignature`], so that it can be swapped or doubled.

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

/// Says whether signatures are good.
pub trait XmlSignature: Send + Sync {
    /// Verifies every signature of the document with one of the keys, and returns what the outermost covers.
    ///
    /// # Errors
    /// [`RejectReason::Unsigned`], [`RejectReason::Algorithm`], [`RejectReason::Signature`].
    fn verified(
        &self,
        xml: &GuardedXml<'_>,
        keys: &SigningKeys,
    ) -> Result<VerifiedXml, ProviderError>;
}

/// The canonical form of the outermost signed element, as it was digested.
#[derive(Debug)]
pub struct VerifiedXml {
    canonical: String,
    signature: SignatureShape,
}

impl VerifiedXml {
    /// What a verifier has found to be covered by this signature.
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

    /// Reads them; the root is the element whose signature was verified.
    ///
    /// # Errors
    /// [`RejectReason::Signature`] when it is any other, or nothing.
    pub fn document(&self) -> Result<Document<'_>, ProviderError> {
        let document = parse(&self.canonical)?;
        let root: Node<'_, '_> = document.root_element();
        if self.signature.covers(root) {
            return Ok(document);
        }
        Err(ProviderError::rejected(
            RejectReason::Signature,
            "the signature covers something else",
        ))
    }
}

/// samael over xmlsec and libxml2.
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
                "there is no signature",
            ));
        };
        let sha1 = xml.signatures().iter().any(SignatureShape::sha1);
        if sha1 && !keys.allow_sha1() {
            return Err(ProviderError::rejected(
                RejectReason::Algorithm,
                "it is signed with SHA-1; let the provider sign with SHA-256",
            ));
        }
        // samael knows no SHA-1 to allow. Without its list all goes, but the guard has compared with ours.
        let allowed = (!sha1).then_some(ALLOWED);
        // One key at a time: a key of another type is an error to samael, which hides the keys after it.
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
            "no certificate of the provider's metadata fits the signature",
        ))
    }
}
