//! Escaping of text and attributes in canonical XML (Canonical XML 1.0 section 2.3, also used by Exclusive XML
//! Canonicalization 1.0).

use std::fmt::{self, Write};

use askama::filters::Escaper;

/// A text node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text;

/// A double-quoted attribute value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribute;

impl Escaper for Text {
    fn write_escaped_str<W: Write>(&self, to: W, text: &str) -> fmt::Result {
        write(to, text, |c| match c {
            '&' => Some("&amp;"),
            '<' => Some("&lt;"),
            '>' => Some("&gt;"),
            '\r' => Some("&#xD;"),
            _ => None,
        })
    }
}

impl Escaper for Attribute {
    fn write_escaped_str<W: Write>(&self, to: W, text: &str) -> fmt::Result {
        write(to, text, |c| match c {
            '&' => Some("&amp;"),
            '<' => Some("&lt;"),
            '"' => Some("&quot;"),
            '\t' => Some("&#x9;"),
            '\n' => Some("&#xA;"),
            '\r' => Some("&#xD;"),
            _ => None,
        })
    }
}

fn write(
    mut to: impl Write,
    text: &str,
    escaped: impl Fn(char) -> Option<&'static str>,
) -> fmt::Result {
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        if let Some(escape) = escaped(c) {
            to.write_str(&text[plain..at])?;
            to.write_str(escape)?;
            plain = at + c.len_utf8();
        }
    }
    to.write_str(&text[plain..])
}

/// Whether XML 1.0 allows the character (section 2.2, `Char`), escaped or not.
pub(crate) fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(escaper: impl Escaper, text: &str) -> String {
        let mut to = String::new();
        escaper.write_escaped_str(&mut to, text).unwrap();
        to
    }

    #[test]
    fn text_and_attributes_are_canonical() {
        let text = "a&<>\"'\t\n\rü😀&amp;";
        assert_eq!(
            escaped(Text, text),
            "a&amp;&lt;&gt;\"'\t\n&#xD;ü😀&amp;amp;"
        );
        assert_eq!(
            escaped(Attribute, text),
            "a&amp;&lt;>&quot;'&#x9;&#xA;&#xD;ü😀&amp;amp;"
        );
    }

    #[test]
    fn control_characters_are_not_xml() {
        for c in [
            '\0', '\u{1}', '\u{8}', '\u{b}', '\u{1f}', '\u{fffe}', '\u{ffff}',
        ] {
            assert!(!is_xml(c), "{c:?}");
        }
        for c in [
            '\t',
            ' ',
            '\u{7f}',
            '\u{85}',
            '\u{d7ff}',
            '\u{e000}',
            '\u{fffd}',
            '\u{10ffff}',
        ] {
            assert!(is_xml(c), "{c:?}");
        }
    }
}
