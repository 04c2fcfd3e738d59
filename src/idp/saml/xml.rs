//! Helpers for reading XML by namespace, and the namespaces of SAML.

use chrono::{DateTime, Utc};
use rolecall_core::base::timestamp;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use roxmltree::{Document, Node, ParsingOptions};

pub use super::attributes::{attribute, foreign_twin};

/// `samlp`
pub const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// `saml`
pub const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// `md`
pub const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
/// `ds`
pub const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// `xenc`
pub const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
/// `xenc11`
pub const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";
/// `ec`
pub const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// Whether the node is this element.
pub fn is(node: Node<'_, '_>, namespace: &str, name: &str) -> bool {
    node.is_element()
        && node.tag_name().namespace() == Some(namespace)
        && node.tag_name().name() == name
}

/// All child elements.
pub fn elements<'a, 'i: 'a>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(Node::is_element)
}

/// The child elements with this name.
pub fn children<'a, 'i: 'a>(
    node: Node<'a, 'i>,
    namespace: &'a str,
    name: &'a str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children()
        .filter(move |child| is(*child, namespace, name))
}

/// The child element with this name; `None` if there are several.
pub fn only<'a, 'i: 'a>(
    node: Node<'a, 'i>,
    namespace: &'a str,
    name: &'a str,
) -> Option<Node<'a, 'i>> {
    let mut found = children(node, namespace, name);
    let first = found.next();
    first.filter(|_| found.next().is_none())
}

/// The text of an element without surrounding white space, which XML formatters add; `None` if it contains an element.
/// Comments do not split the text.
pub fn text(node: Node<'_, '_>) -> Option<String> {
    Some(trimmed(&text_alone(node)?).to_owned())
}

/// As [`text`], for attribute values: leading and trailing spaces are kept; only white space with line breaks or tabs
/// is removed.
pub fn exact_text(node: Node<'_, '_>) -> Option<String> {
    Some(unindented(&text_alone(node)?).to_owned())
}

fn text_alone(node: Node<'_, '_>) -> Option<String> {
    elements(node).next().is_none().then(|| all_text(node))
}

/// All descendant text, joined.
pub fn all_text(node: Node<'_, '_>) -> String {
    node.descendants()
        .filter(Node::is_text)
        .filter_map(|part| part.text())
        .collect()
}

/// Removes leading and trailing XML white space.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// Removes leading and trailing white space that contains a line break or tab.
pub fn unindented(text: &str) -> &str {
    let is_space = |c| [' ', '\t', '\r', '\n'].contains(&c);
    let broken = |space: &str| space.contains(['\t', '\r', '\n']);
    let rest = text.trim_start_matches(is_space);
    let text = match broken(&text[..text.len() - rest.len()]) {
        true => rest,
        false => text,
    };
    let rest = text.trim_end_matches(is_space);
    match broken(&text[rest.len()..]) {
        true => rest,
        false => text,
    }
}

/// Parses a SAML time (Core 1.3.3).
///
/// # Errors
/// [`RejectReason::Malformed`].
pub fn instant(node: Node<'_, '_>, name: &str) -> Result<Option<DateTime<Utc>>, ProviderError> {
    let Some(text) = attribute(node, name) else {
        return Ok(None);
    };
    timestamp::from_rfc3339(trimmed(text))
        .map(Some)
        .ok_or_else(|| malformed(format!("{name} is not a valid time")))
}

/// Maximum number of nodes of a document, including text.
const NODES_MAX: u32 = 100_000;

/// Parses strictly: no document type, at most `NODES_MAX` nodes.
///
/// # Errors
/// [`RejectReason::Malformed`].
pub fn parse(text: &str) -> Result<Document<'_>, ProviderError> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: NODES_MAX,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options)
        .map_err(|error| malformed(format!("not well-formed XML: {error}")))
}

/// The error for malformed XML or SAML.
pub fn malformed(detail: impl Into<String>) -> ProviderError {
    ProviderError::rejected(RejectReason::Malformed, detail)
}
