//! Parsing a document into a tree with the names as written.

use anyhow::{Context, Result};
use roxmltree::{Document, Node as Parsed, NodeType};

use super::{Element, Node};

impl Element {
    /// Parses a document. Fails if it has a document type.
    pub fn parse(text: &str) -> Result<Self> {
        element(Document::parse(text)?.root_element(), text)
    }
}

fn element(parsed: Parsed<'_, '_>, text: &str) -> Result<Element> {
    let written = text
        .get(parsed.range())
        .context("the parser returned a wrong range of an element")?;
    let name = written
        .trim_start_matches('<')
        .split(|character: char| character.is_whitespace() || "/>".contains(character))
        .next()
        .context("an element has no name")?;
    let mut element = Element::new(name);
    let inherited = |prefix, uri| {
        let parent = parsed.parent_element();
        parent.is_some_and(|parent| parent.lookup_namespace_uri(prefix) == Some(uri))
    };
    for namespace in parsed.namespaces() {
        let (prefix, uri) = (namespace.name(), namespace.uri());
        if prefix == Some("xml") || inherited(prefix, uri) {
            continue;
        }
        match prefix {
            Some(prefix) => element.set(&format!("xmlns:{prefix}"), uri),
            None => element.set("xmlns", uri),
        }
    }
    for attribute in parsed.attributes() {
        let name = text
            .get(attribute.range_qname())
            .context("the parser returned a wrong range of an attribute")?;
        element.set(name, attribute.value());
    }
    for child in parsed.children() {
        let content = child.text().unwrap_or_default().to_owned();
        element.children.push(match child.node_type() {
            NodeType::Element => Node::Element(self::element(child, text)?),
            NodeType::Text => Node::Text(content),
            NodeType::Comment => Node::Comment(content),
            NodeType::PI | NodeType::Root => {
                let target = child
                    .pi()
                    .context("a processing instruction has no target")?;
                let value = target.value.map(|value| format!(" {value}"));
                Node::Instruction(format!("{}{}", target.target, value.unwrap_or_default()))
            }
        });
    }
    Ok(element)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsing_reverses_serialization() -> Result<()> {
        let text = "<a:b xmlns:a=\"urn:a\" c=\"1 &amp; 2\" a:d=\"3\">x<?p q?><e xmlns=\"urn:e\"><f/></e><!--g--></a:b>";
        assert_eq!(Element::parse(text)?.write(), text);
        assert!(Element::parse("<!DOCTYPE a []><a/>").is_err());
        Ok(())
    }
}
