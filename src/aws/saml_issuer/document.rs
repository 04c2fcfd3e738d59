//! Builds a signed response: first the Assertion, then the Response around it (SAML Core 2.0 section 5, XML Signature
//! 1.1).
//!
//! The templates write canonical XML, whose bytes are digested directly; no XML parser or canonicalizer processes the
//! content. Enveloped signature, exclusive canonicalization, RSA-SHA256.

use askama::Template;
use openssl::error::ErrorStack;

use crate::aws::keys::SigningKey;
use crate::canonical_xml::{EnvelopedSignature, is_xml};

/// An attribute with its values.
#[derive(Clone, Debug)]
pub struct SamlAttribute {
    /// `Name`: a URL of AWS.
    pub name: String,
    /// Values, in order.
    pub values: Vec<String>,
}

/// The contents of a response as text. Times are `xs:dateTime` in UTC.
#[derive(Clone, Debug)]
pub struct ResponseContent {
    /// `ID` of the Response: an NCName.
    pub response_id: String,
    /// `ID` of the Assertion: another NCName.
    pub assertion_id: String,
    /// The entity ID of the gateway.
    pub issuer: String,
    /// `IssueInstant`
    pub issued_at: String,
    /// `NotBefore`
    pub valid_from: String,
    /// `NotOnOrAfter`
    pub expires_at: String,
    /// `AuthnInstant`
    pub authenticated_at: String,
    /// `Destination` and `Recipient`
    pub recipient: String,
    /// `Audience`: the entity ID of AWS.
    pub audience: String,
    /// `NameID`
    pub subject: String,
    /// The attribute statement.
    pub attributes: Vec<SamlAttribute>,
}

/// Why a response could not be built.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// A value contains a character that XML does not allow.
    #[error("the SAML response contains a character that XML does not allow (U+{:04X})", u32::from(*.0))]
    NotXml(char),
    /// A template failed.
    #[error("could not build the SAML response")]
    Template(#[from] askama::Error),
    /// An error of OpenSSL.
    #[error("could not sign the SAML response")]
    Signature(#[from] ErrorStack),
}

#[derive(Template)]
#[template(path = "saml/assertion.xml")]
struct AssertionXml<'a> {
    content: &'a ResponseContent,
    assertion_signature: Option<&'a EnvelopedSignature<'a>>,
}

#[derive(Template)]
#[template(path = "saml/response.xml")]
struct ResponseXml<'a> {
    content: &'a ResponseContent,
    assertion_signature: Option<&'a EnvelopedSignature<'a>>,
    response_signature: Option<&'a EnvelopedSignature<'a>>,
}

impl ResponseContent {
    /// The signed document. `certificate` is the one of the key, base64 of DER.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub fn signed(&self, key: &SigningKey, certificate: &str) -> Result<String, DocumentError> {
        let assertion = AssertionXml {
            content: self,
            assertion_signature: None,
        };
        let assertion = sign(&assertion.render()?, &self.assertion_id, key, certificate)?;
        let mut response = ResponseXml {
            content: self,
            assertion_signature: Some(&assertion),
            response_signature: None,
        };
        let signature = sign(&response.render()?, &self.response_id, key, certificate)?;
        response.response_signature = Some(&signature);
        let document = response.render()?;
        match document.chars().find(|c| !is_xml(*c)) {
            None => Ok(document),
            Some(c) => Err(DocumentError::NotXml(c)),
        }
    }
}

/// The signature of an element in canonical form without a signature.
fn sign<'a>(
    element: &str,
    reference: &'a str,
    key: &SigningKey,
    certificate: &'a str,
) -> Result<EnvelopedSignature<'a>, DocumentError> {
    EnvelopedSignature::of(element, reference, certificate, |octets| {
        Ok(key.sign(octets)?)
    })
}
