//! Exclusive XML Canonicalization 1.0 without comments (<http://www.w3.org/2001/10/xml-exc-c14n#>), sections 2 and 3.
//!
//! `InclusiveNamespaces` is not supported.

use super::{Element, Node, escape_attribute, escape_text};

/// Namespace declarations in scope, innermost last.
type Declarations = Vec<(String, String)>;

impl Element {
    /// The canonical form of this element. `ancestors` are in order from the outermost.
    pub fn canonical(&self, ancestors: &[&Element]) -> String {
        let mut scope = Declarations::new();
        for ancestor in ancestors {
            scope.extend(ancestor.declarations());
        }
        let mut text = String::new();
        self.canonical_to(&mut text, &mut scope, &mut Declarations::new());
        text
    }

    fn declarations(&self) -> impl Iterator<Item = (String, String)> {
        self.attributes.iter().filter_map(|(name, value)| {
            let prefix = match name.as_str() {
                "xmlns" => "",
                name => name.strip_prefix("xmlns:")?,
            };
            Some((prefix.to_owned(), value.clone()))
        })
    }

    fn canonical_to(
        &self,
        text: &mut String,
        scope: &mut Declarations,
        rendered: &mut Declarations,
    ) {
        let (outer_scope, outer_rendered) = (scope.len(), rendered.len());
        scope.extend(self.declarations());
        let mut attributes: Vec<_> = self
            .attributes
            .iter()
            .filter(|(name, _)| name != "xmlns" && !name.starts_with("xmlns:"))
            .map(|(name, value)| match name.split_once(':') {
                Some((prefix, local)) => (uri(scope, prefix), local, name, value),
                None => (String::new(), name.as_str(), name, value),
            })
            .collect();
        attributes.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));

        let used = attributes
            .iter()
            .filter_map(|(_, _, name, _)| name.split_once(':'));
        let mut prefixes: Vec<String> = used.map(|(prefix, _)| prefix.to_owned()).collect();
        let own = self.name.split_once(':').map_or("", |(prefix, _)| prefix);
        prefixes.push(own.to_owned());
        prefixes.retain(|prefix| prefix != "xml");
        prefixes.sort();
        prefixes.dedup();

        text.push('<');
        text.push_str(&self.name);
        for prefix in prefixes {
            let uri = uri(scope, &prefix);
            if uri == self::uri(rendered, &prefix) {
                continue;
            }
            match prefix.as_str() {
                "" => text.push_str(&format!(" xmlns=\"{}\"", escape_attribute(&uri))),
                prefix => text.push_str(&format!(" xmlns:{prefix}=\"{}\"", escape_attribute(&uri))),
            }
            rendered.push((prefix, uri));
        }
        for (_, _, name, value) in attributes {
            text.push_str(&format!(" {name}=\"{}\"", escape_attribute(value)));
        }
        text.push('>');
        for node in &self.children {
            match node {
                Node::Element(element) => element.canonical_to(text, scope, rendered),
                Node::Text(content) | Node::Cdata(content) => text.push_str(&escape_text(content)),
                Node::Instruction(content) => text.push_str(&format!("<?{content}?>")),
                Node::Raw { meaning, .. } => text.push_str(meaning),
                Node::Comment(_) => {}
            }
        }
        text.push_str(&format!("</{}>", self.name));
        scope.truncate(outer_scope);
        rendered.truncate(outer_rendered);
    }
}

/// The namespace URI of a prefix; empty if it is not declared.
fn uri(declarations: &Declarations, prefix: &str) -> String {
    let declared = declarations.iter().rev().find(|(known, _)| known == prefix);
    declared.map(|(_, uri)| uri.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use anyhow::Result;

    use super::*;

    #[test]
    fn only_used_namespaces_are_rendered() -> Result<()> {
        // The example of Exclusive XML Canonicalization 1.0, 2.2, with attributes in the order of 2.3.
        let document = Element::parse(
            "<n0:pdu xmlns:n0='http://a.example' xmlns:n1='http://b.example'><n1:elem2 xmlns:n1='http://b.example' xml:lang='en'>\
             <n3:stuff xmlns:n3='ftp://example.org' b='2' n3:a='1' a='&#10;\"'/></n1:elem2></n0:pdu>",
        )?;
        let inner = document.find("elem2").expect("elem2");
        assert_eq!(
            inner.canonical(&[&document]),
            "<n1:elem2 xmlns:n1=\"http://b.example\" xml:lang=\"en\"><n3:stuff xmlns:n3=\"ftp://example.org\" \
             a=\"&#xA;&quot;\" b=\"2\" n3:a=\"1\"></n3:stuff></n1:elem2>"
        );
        Ok(())
    }

    #[test]
    fn comments_are_removed_and_cdata_becomes_text() {
        let mut element = Element::new("a").text("x\r&");
        element.children.push(Node::Comment("comment".to_owned()));
        element.children.push(Node::Cdata("<b>".to_owned()));
        assert_eq!(element.canonical(&[]), "<a>x&#xD;&amp;&lt;b&gt;</a>");
        assert_eq!(
            element.write(),
            "<a>x&#xD;&amp;<!--comment--><![CDATA[<b>]]></a>"
        );
    }

    #[test]
    fn default_namespace_is_reset() -> Result<()> {
        let document =
            Element::parse("<a xmlns='urn:x'><b xmlns=''><c xmlns='urn:x'/></b><d/></a>")?;
        assert_eq!(
            document.canonical(&[]),
            "<a xmlns=\"urn:x\"><b xmlns=\"\"><c xmlns=\"urn:x\"></c></b><d></d></a>"
        );
        Ok(())
    }
}
