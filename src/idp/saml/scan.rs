//! The first look at XML from outside: a walk over its bytes that bounds everything before any parser allocates.
//!
//! It refuses document types, CDATA, processing instructions and control characters, and more elements, attributes,
//! namespaces or depth than SAML has use for. It proves nothing well-formed: a strict parser comes next.

use rolecall_core::base::limits;
use rolecall_core::sign_in::ProviderError;

use super::xml::malformed;

/// How deep elements nest; a response with an encrypted assertion reaches twelve.
const DEPTH_MAX: usize = 32;
/// Attributes of one element, namespace declarations among them.
const ATTRIBUTES_MAX: usize = 64;
/// Namespaces in scope at once.
const NAMESPACES_MAX: usize = 64;

/// What differs between kinds of documents.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of the document.
    pub bytes_max: usize,
    /// Elements in it.
    pub elements_max: usize,
    /// Attributes of all of them, namespace declarations among them.
    pub attributes_max: usize,
    /// Whether comments may stand in it.
    pub comments: bool,
}

/// Walks over the document.
///
/// # Errors
/// [`rolecall_core::sign_in::RejectReason::Malformed`].
pub fn scan(text: &str, bounds: Bounds) -> Result<(), ProviderError> {
    if text.len() > bounds.bytes_max {
        return Err(malformed(format!(
            "it has {} bytes, more than {}",
            text.len(),
            bounds.bytes_max
        )));
    }
    let control = |b: &u8| *b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r');
    if text.as_bytes().iter().any(control) {
        return Err(malformed("it holds control characters"));
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
    /// For each open element, how many namespaces are in scope in it.
    in_scope: Vec<usize>,
    elements: usize,
    attributes: usize,
    bounds: Bounds,
}

impl Walk<'_> {
    /// Goes past the next tag; false at the end.
    fn step(&mut self) -> Result<bool, ProviderError> {
        let Some(start) = self.rest.iter().position(|b| *b == b'<') else {
            return Ok(false);
        };
        self.rest = &self.rest[start + 1..];
        match self.rest.first() {
            Some(b'!') if self.bounds.comments && self.rest.starts_with(b"!--") => {
                let end = self.rest.windows(3).skip(3).position(|end| end == b"-->");
                let end = end.ok_or_else(|| malformed("a comment does not end"))?;
                self.rest = &self.rest[end + 6..];
            }
            Some(b'!') => {
                return Err(malformed(
                    "there is a document type, a CDATA section or a comment in it",
                ));
            }
            Some(b'?') => return Err(malformed("there is a processing instruction in it")),
            Some(b'/') => {
                self.in_scope.pop();
            }
            Some(_) | None => self.open()?,
        }
        Ok(true)
    }

    /// Goes past an opening tag and counts what is in it.
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
        let end = end.ok_or_else(|| malformed("a tag does not end"))?;
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
                "it has more than {max} {what}: let the provider send less, such as fewer groups"
            )));
        }
        if !closed {
            self.in_scope.push(in_scope);
        }
        self.rest = &self.rest[end + 1..];
        Ok(())
    }
}

/// What follows the XML declaration, which says version 1.0 and UTF-8 or nothing.
fn after_declaration(text: &str) -> Result<&str, ProviderError> {
    let Some(declaration) = text.strip_prefix("<?xml") else {
        return Ok(text);
    };
    let (declaration, rest) = declaration
        .split_once("?>")
        .ok_or_else(|| malformed("the XML declaration does not end"))?;
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
    Err(malformed("the XML declaration is not of XML 1.0 in UTF-8"))
}

#[cfg(test)]
mod tests;
