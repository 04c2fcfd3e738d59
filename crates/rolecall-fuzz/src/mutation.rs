//! Mutations of documents. Each step of a program is about five bytes and changes elements, attributes or text like an attack on
//! signatures.
//!
//! A step that is not applicable does nothing. Programs are deterministic.

use roxmltree::{Attribute, Document, Node};

const STEPS_MAX: usize = 10;
const BYTES_MAX: usize = 300_000;

/// Markup to insert at the start or in an element.
const SNIPPETS: &[&str] = &[
    "<!DOCTYPE samlp:Response [<!ENTITY a \"b\">]>",
    "<!--x-->",
    "<?x y?>",
    "<![CDATA[x]]>",
    "&#x41;",
    "&#13;",
    "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_evil\"/>",
    "<ds:Object xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/>",
    "<ds:Transform xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"/>",
    "mallory",
    "\u{feff}",
    "\u{202e}",
];
const ATTRIBUTES: &[&str] = &[
    " ID=\"_evil\"",
    " Id=\"_evil\"",
    " xml:id=\"_evil\"",
    " xmlns:saml=\"urn:evil\"",
    " xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"",
    " xml:base=\"http://evil.example/\"",
    " xmlns:samlp=\"\"",
];
/// Elements that can wrap another element.
const WRAPPERS: &[(&str, &str)] = &[
    (
        "<ds:Object xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">",
        "</ds:Object>",
    ),
    (
        "<samlp:Extensions xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\">",
        "</samlp:Extensions>",
    ),
    (
        "<saml:Advice xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">",
        "</saml:Advice>",
    ),
    (
        "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_evil\">",
        "</saml:Assertion>",
    ),
    (
        "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_evil\" Version=\"2.0\">",
        "</samlp:Response>",
    ),
];

/// The bytes of a program, followed by zeros.
struct Program<'a>(&'a [u8]);

impl Program<'_> {
    fn byte(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first)
    }

    /// An index below `count`, from two bytes.
    fn one_of(&mut self, count: usize) -> usize {
        (self.byte() << 8 | self.byte()) % count.max(1)
    }
}

/// Runs a program on one of the documents.
pub fn run(documents: &[String], base: usize, program: &[u8]) -> String {
    let mut text = documents.get(base).cloned().unwrap_or_default();
    let mut program = Program(program);
    for _ in 0..STEPS_MAX {
        if program.0.is_empty() {
            break;
        }
        match step(&text, documents, &mut program) {
            Some(next) if next.len() <= BYTES_MAX => text = next,
            Some(_) | None => {}
        }
    }
    text
}

fn step(text: &str, documents: &[String], program: &mut Program<'_>) -> Option<String> {
    let kind = program.byte();
    if kind % 16 == 15 {
        return flipped(text, program);
    }
    let document = Document::parse(text).ok()?;
    let elements: Vec<Node<'_, '_>> = document.descendants().filter(Node::is_element).collect();
    let one = *elements.get(program.one_of(elements.len()))?;
    let other = *elements.get(program.one_of(elements.len()))?;
    let copy = &text[one.range()];
    let place = other.range();
    match kind % 16 {
        // Copy or move an element.
        0 => Some(insert(text, place.start, copy)),
        1 => Some(insert(text, place.end, copy)),
        2 => Some(insert(text, within(text, other)?, copy)),
        3 => moved(text, one, place.start),
        4 => moved(text, one, place.end),
        5 => moved(text, one, within(text, other)?),
        6 => Some(replace(text, one.range(), "")),
        7 => Some(replace(text, place, copy)),
        // Wrap an element.
        8 => {
            let (open, close) = WRAPPERS[program.byte() % WRAPPERS.len()];
            Some(replace(text, one.range(), &format!("{open}{copy}{close}")))
        }
        // Replace by an element of another document.
        9 => {
            let source = documents.get(program.byte() % documents.len())?;
            let source = Document::parse(source).ok()?;
            let mut elements = source.descendants().filter(Node::is_element);
            let same = elements.find(|node| node.tag_name() == one.tag_name())?;
            Some(replace(
                text,
                one.range(),
                &source.input_text()[same.range()],
            ))
        }
        10 => attribute_changed(text, &document, program),
        11 => {
            let attribute = ATTRIBUTES[program.byte() % ATTRIBUTES.len()];
            Some(insert(text, tag_name_end(text, one), attribute))
        }
        12 => Some(insert(
            text,
            within(text, one)?,
            SNIPPETS[program.byte() % SNIPPETS.len()],
        )),
        13 => {
            let texts: Vec<_> = document.descendants().filter(Node::is_text).collect();
            let range = texts.get(program.one_of(texts.len()))?.range();
            let middle = range.start + (range.end - range.start) / 2;
            let at = (middle..=range.end).find(|at| text.is_char_boundary(*at))?;
            Some(insert(text, at, SNIPPETS[program.byte() % SNIPPETS.len()]))
        }
        _ => Some(insert(text, 0, SNIPPETS[program.byte() % SNIPPETS.len()])),
    }
}

/// Flips bits of a byte. Invalid UTF-8 is replaced.
fn flipped(text: &str, program: &mut Program<'_>) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    let at = program.one_of(bytes.len());
    let mask = u8::try_from(program.byte()).ok()?.max(1);
    *bytes.get_mut(at)? ^= mask;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Copies the value of an attribute to another one.
fn attribute_changed(
    text: &str,
    document: &Document<'_>,
    program: &mut Program<'_>,
) -> Option<String> {
    let attributes: Vec<Attribute<'_, '_>> = document
        .descendants()
        .flat_map(|node| node.attributes())
        .collect();
    let one = attributes.get(program.one_of(attributes.len()))?;
    let other = attributes.get(program.one_of(attributes.len()))?;
    Some(replace(text, one.range_value(), &text[other.range_value()]))
}

fn insert(text: &str, at: usize, what: &str) -> String {
    replace(text, at..at, what)
}

fn replace(text: &str, range: std::ops::Range<usize>, what: &str) -> String {
    [&text[..range.start], what, &text[range.end..]].concat()
}

/// Moves an element to a position outside it.
fn moved(text: &str, element: Node<'_, '_>, to: usize) -> Option<String> {
    let range = element.range();
    let what = &text[range.clone()];
    if to <= range.start {
        Some(insert(&replace(text, range, ""), to, what))
    } else if to >= range.end {
        let without = replace(text, range.clone(), "");
        Some(insert(&without, to - range.len(), what))
    } else {
        None
    }
}

/// The position after the start tag; `None` for an empty-element tag.
fn within(text: &str, element: Node<'_, '_>) -> Option<usize> {
    let range = element.range();
    let mut quote = None;
    for (at, byte) in text.as_bytes()[range.clone()].iter().enumerate() {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => {
                let closed = text.as_bytes()[range.start + at - 1] == b'/';
                return (!closed).then_some(range.start + at + 1);
            }
            (Some(_) | None, _) => {}
        }
    }
    None
}

/// The position after the name in the start tag.
fn tag_name_end(text: &str, element: Node<'_, '_>) -> usize {
    let range = element.range();
    let name = text[range.clone()].find([' ', '/', '>', '\t', '\r', '\n']);
    range.start + name.unwrap_or(range.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_have_expected_results() {
        let documents = [
            "<a x='1'><b y='>2'>t</b><c/></a>".to_owned(),
            "<a><b>u</b></a>".to_owned(),
        ];
        let after = |program: &[u8]| run(&documents, 0, program);
        assert_eq!(after(&[]), documents[0]);
        assert_eq!(
            after(&[0, 0, 2, 0, 1]),
            "<a x='1'><c/><b y='>2'>t</b><c/></a>"
        );
        assert_eq!(
            after(&[2, 0, 2, 0, 1]),
            "<a x='1'><b y='>2'><c/>t</b><c/></a>"
        );
        assert_eq!(after(&[4, 0, 1, 0, 2]), "<a x='1'><c/><b y='>2'>t</b></a>");
        assert_eq!(
            after(&[4, 0, 0, 0, 2]),
            documents[0],
            "an element cannot be moved into itself"
        );
        assert_eq!(after(&[6, 0, 1, 0, 0]), "<a x='1'><c/></a>");
        assert_eq!(after(&[9, 0, 1, 0, 0, 1]), "<a x='1'><b>u</b><c/></a>");
        assert_eq!(
            after(&[10, 0, 0, 0, 0, 0, 0, 0, 1]),
            "<a x='>2'><b y='>2'>t</b><c/></a>"
        );
        assert_eq!(
            after(&[12, 0, 1, 0, 0, 9]),
            "<a x='1'><b y='>2'>malloryt</b><c/></a>"
        );
        assert_eq!(
            after(&[12, 0, 2, 0, 0, 9]),
            documents[0],
            "an empty-element tag has no content"
        );
    }

    #[test]
    fn every_step_can_change_document() {
        let documents = ["<a x='1'><b y='2'>t</b><c z='3'>u</c></a>".to_owned()];
        for kind in 0..16 {
            assert_ne!(
                run(&documents, 0, &[kind, 0, 1, 0, 2, 0, 0, 0, 1]),
                documents[0],
                "{kind}"
            );
        }
    }
}
