//! What must be true of a SAML document before libxml2 and xmlsec may see it: strict XML, of the exact shape of SAML, signed
//! only in the one way that leaves nothing to guess.
//!
//! There is no [`GuardedXml`] but through here. Every `#id` of a signature is the id of its own parent, so that what was signed
//! and what is read are one element; transforms that could fetch, compute or cut anything are refused.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rolecall_core::base::limits;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use roxmltree::{Document, Node};

use super::scan::{Bounds, scan};
use super::signature_shape::{SignatureShape, signature_shape};
use super::xml::{
    ASSERTION, DSIG, METADATA, PROTOCOL, elements, foreign_twin, is, malformed, parse,
};

/// Bytes of a decoded message: base64 is four thirds of it.
const MESSAGE_BYTES_MAX: usize = limits::SAML_MESSAGE_BYTES_MAX / 4 * 3;

/// Which kind of document is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `samlp:Response` (Core 3.3.3), with at most one assertion in it.
    Response,
    /// `samlp:LogoutRequest` or `samlp:LogoutResponse` (Core 3.7).
    Logout,
    /// `md:EntityDescriptor` or `md:EntitiesDescriptor` (Metadata 2.3).
    Metadata,
}

impl Shape {
    fn bounds(self) -> Bounds {
        match self {
            Self::Response | Self::Logout => Bounds {
                bytes_max: MESSAGE_BYTES_MAX,
                elements_max: 5_000,
                // Three of each value: `xsi:type`, and the namespaces it needs.
                attributes_max: 10_000,
                comments: false,
            },
            Self::Metadata => Bounds {
                bytes_max: limits::UPSTREAM_BYTES_MAX,
                elements_max: 20_000,
                attributes_max: 60_000,
                comments: true,
            },
        }
    }
}

/// A document that has the shape of SAML. Nothing is verified yet.
#[derive(Debug)]
pub struct GuardedXml<'a> {
    document: Document<'a>,
    signatures: Vec<SignatureShape>,
}

/// Decodes a form's `SAMLResponse` (Bindings 3.5.4): base64, which some providers wrap with CR and LF.
///
/// # Errors
/// [`RejectReason::Malformed`].
pub fn decoded(field: &str) -> Result<String, ProviderError> {
    if field.len() > limits::SAML_MESSAGE_BYTES_MAX {
        return Err(malformed(format!(
            "the message has {} characters, more than {}: let the provider send fewer groups or attributes",
            field.len(),
            limits::SAML_MESSAGE_BYTES_MAX
        )));
    }
    let bytes = if field.contains(['\r', '\n']) {
        STANDARD.decode(field.replace(['\r', '\n'], ""))
    } else {
        STANDARD.decode(field)
    };
    let bytes = bytes.map_err(|_| malformed("the message is not base64"))?;
    let text = String::from_utf8(bytes).map_err(|_| malformed("the message is not UTF-8"))?;
    // A byte order mark is no part of the document.
    Ok(match text.strip_prefix('\u{feff}') {
        Some(document) => document.to_owned(),
        None => text,
    })
}

/// Reads XML strictly, within bounds and without attributes that could be taken for others; its shape is not looked at.
///
/// # Errors
/// [`RejectReason::Malformed`], [`RejectReason::Structure`].
pub fn strict(text: &str, shape: Shape) -> Result<Document<'_>, ProviderError> {
    scan(text, shape.bounds())?;
    let document = parse(text)?;
    for node in document.descendants().filter(Node::is_element) {
        if let Some(name) = foreign_twin(node) {
            let element = node.tag_name().name();
            return Err(structure(format!(
                "the attribute {} of {} is of another namespace",
                shown(name),
                shown(element)
            )));
        }
    }
    Ok(document)
}

/// A name from outside, for the operator's log.
fn shown(name: &str) -> String {
    format!("{:?}", name.chars().take(100).collect::<String>())
}

impl<'a> GuardedXml<'a> {
    /// Looks at the document.
    ///
    /// # Errors
    /// [`RejectReason::Malformed`], [`RejectReason::Structure`], [`RejectReason::Algorithm`].
    pub fn parse(text: &'a str, shape: Shape) -> Result<Self, ProviderError> {
        let document = strict(text, shape)?;
        let root = document.root_element();
        if !elements(document.root()).eq([root]) {
            return Err(malformed("there is something beside the root element"));
        }
        names_and_ids(&document)?;
        match shape {
            Shape::Response => response(root)?,
            Shape::Logout => logout(root)?,
            Shape::Metadata => metadata(root)?,
        }
        let signatures = signatures(&document, shape)?;
        Ok(Self {
            document,
            signatures,
        })
    }

    /// The text that was looked at.
    pub fn text(&self) -> &'a str {
        self.document.input_text()
    }

    /// The parsed document: not verified.
    pub fn document(&self) -> &Document<'a> {
        &self.document
    }

    /// Its signatures; the outermost first.
    pub fn signatures(&self) -> &[SignatureShape] {
        &self.signatures
    }

    /// Whether the document's root is signed.
    pub fn root_is_signed(&self) -> bool {
        let root = self.document.root_element();
        self.signatures.iter().any(|one| one.owner() == root.id())
    }

    /// The one `Assertion` or `EncryptedAssertion`, where there is one.
    pub fn assertion(&self) -> Option<Node<'_, 'a>> {
        elements(self.document.root_element()).find(|node| is_assertion(*node))
    }
}

/// By local name: what merely looks like an assertion counts as one.
fn is_assertion(node: Node<'_, '_>) -> bool {
    matches!(node.tag_name().name(), "Assertion" | "EncryptedAssertion")
}

fn structure(detail: impl Into<String>) -> ProviderError {
    ProviderError::rejected(RejectReason::Structure, detail)
}

/// Namespaces are absolute, ids plain and never twice.
fn names_and_ids(document: &Document<'_>) -> Result<(), ProviderError> {
    let mut ids = HashSet::new();
    for node in document.descendants().filter(Node::is_element) {
        if !node.namespaces().all(|namespace| absolute(namespace.uri())) {
            return Err(malformed("a namespace is relative or empty"));
        }
        let ours = matches!(
            node.tag_name().namespace(),
            Some(PROTOCOL | ASSERTION | METADATA)
        );
        for attribute in node.attributes() {
            let name = attribute.name();
            let of_xml = attribute.namespace() == Some(roxmltree::NS_XML_URI);
            if of_xml && !matches!(name, "lang" | "space") {
                return Err(malformed(format!("xml:{name} is not taken")));
            }
            if !name.eq_ignore_ascii_case("id") {
                continue;
            }
            if attribute.namespace().is_some() || (ours && name != "ID") {
                return Err(structure("an id that is not SAML's"));
            }
            // Verifiers do not find what such an id names.
            if attribute.value().starts_with(|c: char| c.is_ascii_digit()) {
                return Err(structure(
                    "an ID begins with a digit, which no ID may (XML Schema 3.3.8): let the provider begin its IDs with a \
                     letter or _",
                ));
            }
            if !plain_id(attribute.value()) {
                return Err(structure(
                    "an ID is not made of at most 256 letters, digits, _ - . alone (XML Schema 3.3.8): let the provider begin its \
                     IDs with a letter or _ and write them without other characters",
                ));
            }
            if !ids.insert(attribute.value()) {
                return Err(structure("an ID is there twice"));
            }
        }
    }
    Ok(())
}

/// Begins with a scheme, and is written in characters that every canonicalisation leaves alone.
fn absolute(uri: &str) -> bool {
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        && uri.bytes().all(|b| b.is_ascii_graphic())
}

/// An NCName of ASCII; providers write hexadecimal and UUIDs.
fn plain_id(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && id.len() <= 256
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// `Response`: its children are those of the schema, in its order, and there is no more than one assertion anywhere. The
/// signature alone may stand anywhere among them: Auth0 puts it last.
fn response(root: Node<'_, '_>) -> Result<(), ProviderError> {
    if !is(root, PROTOCOL, "Response") {
        return Err(structure("the root is no Response"));
    }
    let place = |node: Node<'_, '_>| {
        let name = node.tag_name();
        Some(match (name.namespace()?, name.name()) {
            (ASSERTION, "Issuer") => 0,
            (PROTOCOL, "Extensions") => 2,
            (PROTOCOL, "Status") => 3,
            (ASSERTION, "Assertion" | "EncryptedAssertion") => 4,
            _ => return None,
        })
    };
    let mut last = -1;
    let of_schema = |node: &Node<'_, '_>| !is(*node, DSIG, "Signature");
    for child in elements(root).filter(of_schema) {
        match place(child) {
            Some(place) if place > last => last = place,
            Some(_) => {
                return Err(structure(
                    "elements of the Response are twice or out of order",
                ));
            }
            None => return Err(structure("there is an unknown element in the Response")),
        }
    }
    let assertions = root.descendants().filter(|node| is_assertion(*node));
    if assertions.count() != usize::from(last == 4) {
        return Err(structure(
            "there is an assertion that is not the Response's own",
        ));
    }
    Ok(())
}

/// A logout message: no assertion has any business in it.
fn logout(root: Node<'_, '_>) -> Result<(), ProviderError> {
    if !is(root, PROTOCOL, "LogoutRequest") && !is(root, PROTOCOL, "LogoutResponse") {
        return Err(structure("the root is no logout message"));
    }
    if root.descendants().any(is_assertion) {
        return Err(structure("there is an assertion in a logout message"));
    }
    Ok(())
}

fn metadata(root: Node<'_, '_>) -> Result<(), ProviderError> {
    if is(root, METADATA, "EntityDescriptor") || is(root, METADATA, "EntitiesDescriptor") {
        return Ok(());
    }
    Err(structure("the root is no entity's descriptor"))
}

/// Every signature belongs to the root or to its assertion, one to each, as a child of what it signs. At which place among
/// the children does not matter: it refers to its own parent by an id that is there once, and what is read is what was
/// digested, without it. Entities within metadata may carry signatures of their own: they are refused together with
/// everything else that is not the root's.
fn signatures(document: &Document<'_>, shape: Shape) -> Result<Vec<SignatureShape>, ProviderError> {
    let root = document.root_element();
    let mut found: Vec<SignatureShape> = Vec::new();
    for node in document.descendants() {
        if !node.is_element() || node.tag_name().name() != "Signature" {
            continue;
        }
        let owner = node.parent_element().filter(|owner| {
            *owner == root
                || (shape == Shape::Response
                    && is(*owner, ASSERTION, "Assertion")
                    && owner.parent_element() == Some(root))
        });
        let owner = owner.ok_or_else(|| structure("a signature is at a place of its own"))?;
        if !is(node, DSIG, "Signature") || found.iter().any(|one| one.owner() == owner.id()) {
            return Err(structure("an element has two signatures, or a strange one"));
        }
        found.push(signature_shape(node, owner)?);
    }
    // The root's may stand after that of the assertion.
    found.sort_by_key(|one| one.owner() != root.id());
    Ok(found)
}

#[cfg(test)]
mod tests;
