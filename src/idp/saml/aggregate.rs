//! Reads metadata of any size. A small document is kept as a whole; from the aggregate of a federation, which can
//! contain thousands of entities and 100 MB, one entity is extracted while the document streams through.
//!
//! The extracted entity is parsed strictly like any other metadata, together with its enclosing `EntitiesDescriptor`s,
//! whose `validUntil` and namespaces apply. An entity inside any other element, such as `Extensions`, is ignored.
//! Memory is bounded by one entity; the rest of the document is not verified.

use std::io::{self, Read};

use rolecall_core::base::limits;

use super::trust::{InvalidMetadata, TrustOptions, metadata_text};
use super::xml::{METADATA, trimmed};

/// Maximum nesting depth.
const DEPTH_MAX: usize = 64;
/// Size of a read from a file, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;
/// Why an entity is not kept.
const TOO_LARGE: &str = "the entity exceeds the size limit of metadata, or occurs too often";
/// Maximum length of an XML declaration, in bytes.
const DECLARATION_BYTES_MAX: usize = 256;

/// Accepts a document in pieces.
pub struct MetadataReader {
    /// The document, as long as it is small.
    whole: Option<Vec<u8>>,
    bytes: usize,
    /// Why a large document cannot be used.
    small_only: Option<&'static str>,
    finder: Finder,
}

impl MetadataReader {
    /// A reader that looks for the entity in the options.
    pub fn new(options: &TrustOptions) -> Self {
        let small_only = match (&options.entity_id, &options.metadata_keys) {
            (None, _) => Some("set entity_id"),
            (Some(_), Some(_)) => Some(
                "the signature of a document of this size is not verified: to use certificate, provide a document of this entity \
                 only (Metadata Query Protocol, MDQ), or remove certificate",
            ),
            (Some(_), None) => None,
        };
        Self {
            whole: Some(Vec::new()),
            bytes: 0,
            small_only,
            finder: Finder::new(options.entity_id.clone().unwrap_or_default()),
        }
    }

    /// Processes the next piece.
    ///
    /// # Errors
    /// [`InvalidMetadata`], if the document is too large or is not metadata.
    pub fn take(&mut self, piece: &[u8]) -> Result<(), InvalidMetadata> {
        self.bytes += piece.len();
        if self.bytes > limits::FEDERATION_BYTES_MAX {
            let max = limits::FEDERATION_BYTES_MAX;
            return Err(InvalidMetadata(format!(
                "the document has more than {max} bytes"
            )));
        }
        if let Some(whole) = &mut self.whole {
            whole.extend_from_slice(piece);
            if whole.len() <= limits::UPSTREAM_BYTES_MAX {
                return Ok(());
            }
            if let Some(reason) = self.small_only {
                let max = limits::UPSTREAM_BYTES_MAX;
                return Err(InvalidMetadata(format!(
                    "the document has more than {max} bytes; {reason}"
                )));
            }
            let begun = self.whole.take().unwrap_or_default();
            let begun = begun.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&begun);
            return self.finder.take(begun);
        }
        self.finder.take(piece)
    }

    /// The document, or the extracted entity.
    ///
    /// # Errors
    /// [`InvalidMetadata`], if the entity is missing or the document is malformed.
    pub fn finish(self) -> Result<String, InvalidMetadata> {
        match self.whole {
            Some(whole) => metadata_text(whole),
            None => metadata_text(self.finder.finish()?),
        }
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// I/O errors; [`io::ErrorKind::InvalidData`] with an [`InvalidMetadata`].
    pub fn read(mut self, mut file: impl Read) -> io::Result<String> {
        let invalid = |error: InvalidMetadata| io::Error::new(io::ErrorKind::InvalidData, error);
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            match file.read(&mut buffer)? {
                0 => return self.finish().map_err(invalid),
                bytes => self.take(&buffer[..bytes]).map_err(invalid)?,
            }
        }
    }
}

/// The current position in the syntax.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Text,
    /// After `<`, until the kind of markup is known.
    Markup,
    /// In a tag, possibly in a quoted value.
    Tag(Option<u8>),
    Comment,
    Instruction,
    Cdata,
}

/// Scans the tags of a document and keeps one entity.
struct Finder {
    wanted: String,
    within: Within,
    /// The current markup: complete for tags, the last bytes for everything else.
    markup: Vec<u8>,
    /// Whether there was anything before.
    begun: bool,
    declaration: Vec<u8>,
    /// The open elements, with the tags of `EntitiesDescriptor`s that are not inside another element.
    open: Vec<Option<Vec<u8>>>,
    /// The entity so far, and the number of its open elements.
    entity: Option<(Vec<u8>, usize)>,
    /// The elements around the entities that were found.
    around: Vec<Vec<u8>>,
    /// The entities that were found, bounded together by the size limit of metadata.
    found: Vec<u8>,
}

impl Finder {
    fn new(wanted: String) -> Self {
        Self {
            wanted,
            within: Within::Text,
            markup: Vec::new(),
            begun: false,
            declaration: Vec::new(),
            open: Vec::new(),
            entity: None,
            around: Vec::new(),
            found: Vec::new(),
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), InvalidMetadata> {
        let mut rest = piece;
        loop {
            if self.within == Within::Text && self.entity.is_none() {
                // Most of a document is text between tags.
                let next = rest.iter().position(|byte| *byte == b'<');
                rest = &rest[next.unwrap_or(rest.len())..];
            }
            let Some((byte, after)) = rest.split_first() else {
                return Ok(());
            };
            self.step(*byte)?;
            rest = after;
        }
    }

    fn step(&mut self, byte: u8) -> Result<(), InvalidMetadata> {
        if let Some((entity, _)) = &mut self.entity {
            entity.push(byte);
            if self.found.len() + entity.len() > limits::UPSTREAM_BYTES_MAX {
                return Err(broken(TOO_LARGE));
            }
        }
        match self.within {
            Within::Text => {
                if byte == b'<' {
                    self.markup.clear();
                    self.markup.push(byte);
                    self.within = Within::Markup;
                }
                return Ok(());
            }
            Within::Markup => {
                self.markup.push(byte);
                self.within = self.kind()?;
                if self.within == Within::Comment {
                    // `<!-->` does not end a comment.
                    self.markup.clear();
                }
            }
            Within::Tag(quote) => {
                self.markup.push(byte);
                if self.markup.len() > limits::XML_TAG_BYTES_MAX {
                    return Err(broken("the document contains a tag that is too long"));
                }
                self.within = match (quote, byte) {
                    (Some(open), _) if open == byte => Within::Tag(None),
                    (None, b'"' | b'\'') => Within::Tag(Some(byte)),
                    (None | Some(_), _) => self.within,
                };
            }
            Within::Comment => self.skip(byte, b"-->"),
            Within::Instruction => self.skip(byte, b"?>"),
            Within::Cdata => self.skip(byte, b"]]>"),
        }
        if self.within == Within::Tag(None) && byte == b'>' {
            self.within = Within::Text;
            let tag = std::mem::take(&mut self.markup);
            self.tag(&tag)?;
            self.markup = tag;
        }
        Ok(())
    }

    /// Determines the kind of markup from its first bytes.
    fn kind(&self) -> Result<Within, InvalidMetadata> {
        match self.markup.as_slice() {
            b"<" | b"<!" | b"<!-" => Ok(Within::Markup),
            b"<!--" => Ok(Within::Comment),
            b"<![CDATA[" => Ok(Within::Cdata),
            begun if b"<![CDATA[".starts_with(begun) => Ok(Within::Markup),
            [b'<', b'!', ..] => Err(broken("the document contains a document type declaration")),
            [b'<', b'?', ..] => Ok(Within::Instruction),
            _ => Ok(Within::Tag(None)),
        }
    }

    /// Skips to the end of ignored markup.
    fn skip(&mut self, byte: u8, end: &[u8]) {
        self.markup.push(byte);
        let is_declaration = self.within == Within::Instruction
            && !self.begun
            && self.markup.len() <= DECLARATION_BYTES_MAX;
        if self.markup.len() > b"<?>".len() && self.markup.ends_with(end)
            || self.within == Within::Comment && self.markup == end
        {
            if is_declaration && self.markup.starts_with(b"<?xml ") {
                self.declaration.clone_from(&self.markup);
            }
            self.begun = true;
            self.within = Within::Text;
        } else if !is_declaration && self.markup.len() > CHUNK_BYTES {
            self.markup.drain(..CHUNK_BYTES - end.len());
        }
    }

    fn tag(&mut self, tag: &[u8]) -> Result<(), InvalidMetadata> {
        self.begun = true;
        if tag.starts_with(b"</") {
            self.open
                .pop()
                .ok_or_else(|| broken("the document contains an unexpected end tag"))?;
            if let Some((entity, around)) = self.entity.take() {
                match around == self.open.len() {
                    true => self.found.extend(entity),
                    false => self.entity = Some((entity, around)),
                }
            }
            return Ok(());
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(broken("the elements of the document are nested too deeply"));
        }
        let is_whole = tag.ends_with(b"/>");
        let named = || attribute(tag, "entityID");
        let names_wanted = || named().is_some_and(|name| trimmed(&name) == self.wanted);
        if self.is_metadata(tag, "EntityDescriptor") && names_wanted() {
            let around: Vec<Vec<u8>> = self.open.iter().flatten().cloned().collect();
            if !self.found.is_empty() && self.around != around {
                return Err(broken("the entity occurs at several places"));
            }
            self.around = around;
            match is_whole {
                true if self.found.len() + tag.len() > limits::UPSTREAM_BYTES_MAX => {
                    return Err(broken(TOO_LARGE));
                }
                true => self.found.extend(tag),
                false => self.entity = Some((tag.to_vec(), self.open.len())),
            }
        }
        if !is_whole {
            // Elements inside an ignored element are ignored.
            let keeps = self.is_metadata(tag, "EntitiesDescriptor");
            self.open.push(keeps.then(|| tag.to_vec()));
        }
        Ok(())
    }

    /// Whether the tag opens this element of SAML metadata (Metadata 2.3), inside `EntitiesDescriptor`s only.
    fn is_metadata(&self, tag: &[u8], local_name: &str) -> bool {
        if self.open.last().is_some_and(Option::is_none) {
            return false;
        }
        let name = name(tag);
        let (declaration, local) = match name.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                let prefix = String::from_utf8_lossy(&name[..colon]);
                (format!("xmlns:{prefix}"), &name[colon + 1..])
            }
            None => ("xmlns".to_owned(), name),
        };
        // The innermost declaration applies (Namespaces in XML 6.1).
        let around = self.open.iter().flatten().rev().map(Vec::as_slice);
        let mut declared = std::iter::once(tag)
            .chain(around)
            .filter_map(|tag| attribute(tag, &declaration));
        local == local_name.as_bytes() && declared.next().as_deref() == Some(METADATA)
    }

    fn finish(self) -> Result<Vec<u8>, InvalidMetadata> {
        if self.within != Within::Text || !self.open.is_empty() {
            return Err(broken("the document is incomplete"));
        }
        if self.found.is_empty() {
            return Err(broken(&format!(
                "the document contains no entity with entityID {:?}",
                self.wanted
            )));
        }
        let mut document = self.declaration;
        document.extend(self.around.concat());
        document.extend(self.found);
        for tag in self.around.iter().rev() {
            document.extend([b"</", name(tag), b">"].concat());
        }
        Ok(document)
    }
}

fn broken(what: &str) -> InvalidMetadata {
    InvalidMetadata(what.to_owned())
}

/// The name in a start tag, with its prefix.
fn name(tag: &[u8]) -> &[u8] {
    let rest = tag.strip_prefix(b"<").unwrap_or(tag);
    let end = rest
        .iter()
        .position(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>'));
    &rest[..end.unwrap_or(rest.len())]
}

/// The value of an attribute, by its name with prefix.
fn attribute(tag: &[u8], wanted: &str) -> Option<String> {
    let mut rest = tag.get(1 + name(tag).len()..)?;
    loop {
        let equals = rest.iter().position(|b| *b == b'=')?;
        let name = rest[..equals].trim_ascii();
        rest = rest[equals + 1..].trim_ascii_start();
        let quote = *rest.first().filter(|b| matches!(b, b'"' | b'\''))?;
        let end = 1 + rest[1..].iter().position(|b| *b == quote)?;
        if name == wanted.as_bytes() {
            return unescaped(std::str::from_utf8(&rest[1..end]).ok()?);
        }
        rest = &rest[end + 1..];
    }
}

/// Resolves character references and predefined entities (XML 1.0 4.1, 4.6).
fn unescaped(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut parts = text.split('&');
    plain.push_str(parts.next()?);
    for part in parts {
        let (entity, after) = part.split_once(';')?;
        plain.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            number => {
                let number = number.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
                    None => number.parse(),
                };
                char::from_u32(code.ok()?)?
            }
        });
        plain.push_str(after);
    }
    Some(plain)
}

#[cfg(test)]
mod tests;
