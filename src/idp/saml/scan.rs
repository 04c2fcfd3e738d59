//! First pass over XML input: scans the bytes and enforces limits before a parser allocates memory.
//!
//! Rejects document types, CDATA sections, processing instructions and control characters, and more elements,
//! attributes, namespaces or nesting than SAML needs. It does not check well-formedness, which is left to a strict
//! parser.

use rolecall_core::base::limits;
use rolecall_core::sign_in::ProviderError;

use super::xml::malformed;

/// Maximum nesting depth; a response with an encrypted assertion has twelve levels.
const DEPTH_MAX: usize = 32;
/// Maximum number of attributes of an element, including namespace declarations.
const ATTRIBUTES_MAX: usize = 64;
/// Maximum number of namespaces in scope.
const NAMESPACES_MAX: usize = 64;

/// Limits that depend on the kind of document.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Size in bytes.
    pub bytes_max: usize,
    /// Number of elements.
    pub elements_max: usize,
    /// Number of attributes, including namespace declarations.
    pub attributes_max: usize,
    /// Whether comments are allowed.
    pub comments: bool,
}

/// Scans the document.
///
/// # Errors
/// [`rolecall_core::sign_in::RejectReason::Malformed`].
pub fn scan(text: &str, bounds: Bounds) -> Result<(), ProviderError> {
    if text.len() > bounds.bytes_max {
        return Err(malformed(format!(
            "the document has {} bytes, more than {}",
            text.len(),
            bounds.bytes_max
        )));
    }
    let control = |b: &u8| *b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r');
    if text.as_bytes().iter().any(control) {
        return Err(malformed("the document contains control characters"));
    }
    let mut walk = Walk {
        rest: after_declaration(text)?.as_bytes(),
        in_scope: Vec::with_capacity(DEPTH_MAX),
        elements: 0,
        attributes: 0,
        bounds,
    };
    while walk.step()? {}
    Ok(())
}

struct Walk<'a> {
    rest: &'a [u8],
    /// For each open element, the number of namespaces in scope.
    in_scope: Vec<usize>,
    elements: usize,
    attributes: usize,
    bounds: Bounds,
}

impl Walk<'_> {
    /// Skips the next tag; returns false at the end.
    fn step(&mut self) -> Result<bool, ProviderError> {
        let Some(start) = self.rest.iter().position(|b| *b == b'<') else {
            return Ok(false);
        };
        self.rest = &self.rest[start + 1..];
        match self.rest.first() {
            Some(b'!') if self.bounds.comments && self.rest.starts_with(b"!--") => {
                let end = self.rest.windows(3).skip(3).position(|end| end == b"-->");
                let end = end.ok_or_else(|| malformed("a comment is not closed"))?;
                self.rest = &self.rest[end + 6..];
            }
            Some(b'!') => {
                return Err(malformed(
                    "the document contains a document type declaration, a CDATA section or a comment",
                ));
            }
            Some(b'?') => return Err(malformed("the document contains a processing instruction")),
            Some(b'/') => {
                self.in_scope.pop();
            }
            Some(_) | None => self.open()?,
        }
        Ok(true)
    }

    /// Skips a start tag and counts its contents.
    fn open(&mut self) -> Result<(), ProviderError> {
        let (mut attributes, mut namespaces) = (0, 0);
        let mut quote: Option<u8> = None;
        let mut word = 0;
        let mut end = None;
        for (at, b) in self.rest.iter().copied().enumerate() {
            match (quote, b) {
                (Some(open), _) if b == open => quote = None,
                (None, b'"' | b'\'') => quote = Some(b),
                (None, b'=') => {
                    attributes += 1;
                    let name = &self.rest[word..at];
                    namespaces += usize::from(name.starts_with(b"xmlns"));
                }
                (None, b'>') => {
                    end = Some(at);
                    break;
                }
                (None, b' ' | b'\t' | b'\r' | b'\n') => {
                    let next = self.rest.get(at + 1);
                    if next.is_some_and(|next| !matches!(next, b'=' | b' ' | b'\t' | b'\r' | b'\n'))
                    {
                        word = at + 1;
                    }
                }
                (Some(_) | None, _) => {}
            }
        }
        let end = end.ok_or_else(|| malformed("a tag is not closed"))?;
        let in_scope = self.in_scope.last().copied().unwrap_or_default() + namespaces;
        self.elements += 1;
        self.attributes += attributes;
        let closed = end > 0 && self.rest[end - 1] == b'/';
        let Bounds {
            elements_max,
            attributes_max,
            ..
        } = self.bounds;
        let counted = [
            (attributes, ATTRIBUTES_MAX, "attributes of one element"),
            (end, limits::XML_TAG_BYTES_MAX, "bytes in one tag"),
            (in_scope, NAMESPACES_MAX, "namespaces"),
            (self.elements, elements_max, "elements"),
            (self.attributes, attributes_max, "attributes"),
            (self.in_scope.len() + 1, DEPTH_MAX, "levels"),
        ];
        if let Some((_, max, what)) = counted.iter().find(|(count, max, _)| count > max) {
            return Err(malformed(format!(
                "the document has more than {max} {what}: configure the provider to send less, such as fewer groups"
            )));
        }
        if !closed {
            self.in_scope.push(in_scope);
        }
        self.rest = &self.rest[end + 1..];
        Ok(())
    }
}

/// The text after the XML declaration, which must be of version 1.0 and UTF-8, if present.
fn after_declaration(text: &str) -> Result<&str, ProviderError> {
    let Some(declaration) = text.strip_prefix("<?xml") else {
        return Ok(text);
    };
    let (declaration, rest) = declaration
        .split_once("?>")
        .ok_or_else(|| malformed("the XML declaration is not closed"))?;
    let plain: String = declaration
        .replace('\'', "\"")
        .split_ascii_whitespace()
        .collect::<String>()
        .to_ascii_lowercase();
    let known = [
        "version=\"1.0\"",
        "version=\"1.0\"encoding=\"utf-8\"",
        "version=\"1.0\"encoding=\"utf-8\"standalone=\"yes\"",
        "version=\"1.0\"encoding=\"utf-8\"standalone=\"no\"",
        "version=\"1.0\"standalone=\"yes\"",
        "version=\"1.0\"standalone=\"no\"",
    ];
    if known.contains(&plain.as_str()) {
        return Ok(rest);
    }
    Err(malformed(
        "the XML declaration must specify version 1.0 and UTF-8",
    ))
}

#[cfg(test)]
mod tests;
