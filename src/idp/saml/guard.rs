//! Checks a SAML document before libxml2 and xmlsec process it: strict XML with the exact structure of SAML, and
//! signatures in a single unambiguous form.
//!
//! [`GuardedXml`] can only be created here. Every signature refers to the ID of its parent, so that the signed element
//! is the one that is read; transforms that could fetch, compute or select anything are rejected.

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

/// Maximum size of a decoded message in bytes; base64 adds a third.
const MESSAGE_BYTES_MAX: usize = limits::SAML_MESSAGE_BYTES_MAX / 4 * 3;

/// The expected kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `samlp:Response` (Core 3.3.3) with at most one assertion.
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
                // Three per value: `xsi:type`, and two namespaces.
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

/// A document with the structure of SAML. Its signatures are unverified.
#[derive(Debug)]
pub struct GuardedXml<'a> {
    document: Document<'a>,
    signatures: Vec<SignatureShape>,
}

/// Decodes the `SAMLResponse` of a form (Bindings 3.5.4): base64, which some providers wrap with CR and LF.
///
/// # Errors
/// [`RejectReason::Malformed`].
pub fn decoded(field: &str) -> Result<String, ProviderError> {
    if field.len() > limits::SAML_MESSAGE_BYTES_MAX {
        return Err(malformed(format!(
            "the message has {} characters, more than {}: configure the provider to send fewer groups or attributes",
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
    // A byte order mark is not part of the document.
    Ok(match text.strip_prefix('\u{feff}') {
        Some(document) => document.to_owned(),
        None => text,
    })
}

/// Parses XML strictly and within limits, and rejects attributes that could be confused with others. The structure is
/// not checked.
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
                "the attribute {} of {} has another namespace",
                shown(name),
                shown(element)
            )));
        }
    }
    Ok(document)
}

/// A name from the document, for the log.
fn shown(name: &str) -> String {
    format!("{:?}", name.chars().take(100).collect::<String>())
}

impl<'a> GuardedXml<'a> {
    /// Checks a document.
    ///
    /// # Errors
    /// [`RejectReason::Malformed`], [`RejectReason::Structure`], [`RejectReason::Algorithm`].
    pub fn parse(text: &'a str, shape: Shape) -> Result<Self, ProviderError> {
        let document = strict(text, shape)?;
        let root = document.root_element();
        if !elements(document.root()).eq([root]) {
            return Err(malformed("only the root element is allowed"));
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

    /// The text of the document.
    pub fn text(&self) -> &'a str {
        self.document.input_text()
    }

    /// The parsed document, unverified.
    pub fn document(&self) -> &Document<'a> {
        &self.document
    }

    /// The signatures, outermost first.
    pub fn signatures(&self) -> &[SignatureShape] {
        &self.signatures
    }

    /// Whether the root element is signed.
    pub fn root_is_signed(&self) -> bool {
        let root = self.document.root_element();
        self.signatures.iter().any(|one| one.owner() == root.id())
    }

    /// The `Assertion` or `EncryptedAssertion`, if any.
    pub fn assertion(&self) -> Option<Node<'_, 'a>> {
        elements(self.document.root_element()).find(|node| is_assertion(*node))
    }
}

/// Compares the local name, so that an element of another namespace counts as an assertion, too.
fn is_assertion(node: Node<'_, '_>) -> bool {
    matches!(node.tag_name().name(), "Assertion" | "EncryptedAssertion")
}

fn structure(detail: impl Into<String>) -> ProviderError {
    ProviderError::rejected(RejectReason::Structure, detail)
}

/// Namespaces are absolute URIs; IDs are plain and unique.
fn names_and_ids(document: &Document<'_>) -> Result<(), ProviderError> {
    let mut ids = HashSet::new();
    for node in document.descendants().filter(Node::is_element) {
        if !node.namespaces().all(|namespace| absolute(namespace.uri())) {
            return Err(malformed("a namespace URI is relative or empty"));
        }
        let ours = matches!(
            node.tag_name().namespace(),
            Some(PROTOCOL | ASSERTION | METADATA)
        );
        for attribute in node.attributes() {
            let name = attribute.name();
            let of_xml = attribute.namespace() == Some(roxmltree::NS_XML_URI);
            if of_xml && !matches!(name, "lang" | "space") {
                return Err(malformed(format!("xml:{name} is not allowed")));
            }
            if !name.eq_ignore_ascii_case("id") {
                continue;
            }
            if attribute.namespace().is_some() || (ours && name != "ID") {
                return Err(structure("an ID attribute is not one of SAML"));
            }
            // Verifiers do not find elements with such IDs.
            if attribute.value().starts_with(|c: char| c.is_ascii_digit()) {
                return Err(structure(
                    "an ID begins with a digit, which XML Schema 3.3.8 does not allow: configure the provider to use IDs that begin with a \
                     letter or _",
                ));
            }
            if !plain_id(attribute.value()) {
                return Err(structure(
                    "an ID has more than 256 characters, or other ones than letters, digits, _ - . (XML Schema 3.3.8): configure the provider to use \
                     IDs that begin with a letter or _ and contain only these characters",
                ));
            }
            if !ids.insert(attribute.value()) {
                return Err(structure("duplicate ID"));
            }
        }
    }
    Ok(())
}

/// Whether a URI is absolute, and written in characters that canonicalization does not change.
fn absolute(uri: &str) -> bool {
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        && uri.bytes().all(|b| b.is_ascii_graphic())
}

/// Whether an ID is an ASCII NCName; providers use hexadecimal numbers and UUIDs.
fn plain_id(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && id.len() <= 256
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// Checks a `Response`: children in the order of the schema, and at most one assertion anywhere. Only the signature can
/// be at any position: Auth0 adds it as the last child.
fn response(root: Node<'_, '_>) -> Result<(), ProviderError> {
    if !is(root, PROTOCOL, "Response") {
        return Err(structure("the root element is not Response"));
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
                    "elements of the Response are duplicate or out of order",
                ));
            }
            None => return Err(structure("the Response contains an unknown element")),
        }
    }
    let assertions = root.descendants().filter(|node| is_assertion(*node));
    if assertions.count() != usize::from(last == 4) {
        return Err(structure(
            "the Response contains an assertion that is not its child",
        ));
    }
    Ok(())
}

/// Checks a logout message, which must not contain assertions.
fn logout(root: Node<'_, '_>) -> Result<(), ProviderError> {
    if !is(root, PROTOCOL, "LogoutRequest") && !is(root, PROTOCOL, "LogoutResponse") {
        return Err(structure("the root element is not a logout message"));
    }
    if root.descendants().any(is_assertion) {
        return Err(structure("the logout message contains an assertion"));
    }
    Ok(())
}

fn metadata(root: Node<'_, '_>) -> Result<(), ProviderError> {
    if is(root, METADATA, "EntityDescriptor") || is(root, METADATA, "EntitiesDescriptor") {
        return Ok(());
    }
    Err(structure("the root element is not a metadata descriptor"))
}

/// Checks that every signature is a child of the root or of its assertion, at most one per element. The position among
/// the children does not matter: the signature refers to its parent by a unique ID, and what is read is what was
/// digested, without the signature. Signed entities inside metadata are rejected.
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
        let owner = owner
            .ok_or_else(|| structure("a signature is not a child of the root or the assertion"))?;
        if !is(node, DSIG, "Signature") || found.iter().any(|one| one.owner() == owner.id()) {
            return Err(structure(
                "an element has several signatures, or a nested one",
            ));
        }
        found.push(signature_shape(node, owner)?);
    }
    // The signature of the root can be after the one of the assertion.
    found.sort_by_key(|one| one.owner() != root.id());
    Ok(found)
}

#[cfg(test)]
mod tests;
