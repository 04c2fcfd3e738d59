//! A response, signed: Assertion first, then the Response around it (SAML Core 2.0 section 5, XML Signature 1.1).
//!
//! The templates write canonical XML, so what they give is what is digested; no parser and no canonicaliser sees a
//! secret or a claim. Enveloped signature, exclusive canonicalisation, RSA-SHA256.

use askama::Template;
use openssl::error::ErrorStack;

use crate::aws::keys::SigningKey;
use crate::canonical_xml::{EnvelopedSignature, is_xml};

/// An attribute with its values.
#[derive(Clone, Debug)]
pub struct SamlAttribute {
    /// `Name`
    pub name: String,
    /// In order.
    pub values: Vec<String>,
}

/// Everything a response says, as text. Times are `xs:dateTime` in UTC.
#[derive(Clone, Debug)]
pub struct ResponseContent {
    /// `ID` of the Response: an NCName.
    pub response_id: String,
    /// `ID` of the Assertion: another NCName.
    pub assertion_id: String,
    /// Our entity id.
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
    /// `Audience`
    pub audience: String,
    /// `NameID`
    pub subject: String,
    /// The attributes.
    pub attributes: Vec<SamlAttribute>,
}

/// Why a response was not made.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// A control character, or the like.
    #[error("the SAML response would hold a character that XML cannot hold (U+{:04X})", u32::from(*.0))]
    NotXml(char),
    /// A formatter failed.
    #[error("the SAML response could not be written")]
    Template(#[from] askama::Error),
    /// OpenSSL's answer.
    #[error("the SAML response could not be signed")]
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
    /// The signed document. `certificate` is the key's, base64 of DER.
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

/// The signature of an element, given in canonical form and without one.
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
