//! XML documents as trees with the names as written, and Exclusive XML Canonicalization 1.0.
//!
//! It uses only a parser, so that it is independent of the XML libraries under test. Comments, CDATA, processing
//! instructions and raw markup can be inserted anywhere, as an attacker can.

mod canonical;
mod parse;

/// A node of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A child element.
    Element(Element),
    /// Text, which is escaped in the output.
    Text(String),
    /// `<!-- … -->`, which is not part of the canonical form.
    Comment(String),
    /// `<![CDATA[…]]>`; text in the canonical form.
    Cdata(String),
    /// `<?…?>`.
    Instruction(String),
    /// Markup with a different canonical form, such as an entity.
    Raw {
        /// Markup in the document.
        written: String,
        /// Canonical form.
        meaning: String,
    },
}

/// An element. Names include the prefix. Namespace declarations are in the attributes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Element {
    /// `PREFIX:LOCAL` or `LOCAL`.
    pub name: String,
    /// Attributes in document order.
    pub attributes: Vec<(String, String)>,
    /// Child nodes.
    pub children: Vec<Node>,
}

impl Element {
    /// An element without attributes and children.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Adds an attribute, even if it is a duplicate.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.attributes.push((name.to_owned(), value.into()));
        self
    }

    /// Adds an attribute if there is a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Appends text.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.children.push(Node::Text(text.into()));
        self
    }

    /// Appends a child.
    #[must_use]
    pub fn child(mut self, child: Element) -> Self {
        self.children.push(Node::Element(child));
        self
    }

    /// Appends children.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children
            .extend(children.into_iter().map(Node::Element));
        self
    }

    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        attributes
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Sets an attribute.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.attributes.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.attributes.push((name.to_owned(), value)),
        }
    }

    /// Removes an attribute.
    pub fn unset(&mut self, name: &str) {
        self.attributes.retain(|(known, _)| known != name);
    }

    /// The name without the prefix.
    pub fn local_name(&self) -> &str {
        self.name
            .split_once(':')
            .map_or(&self.name, |(_, local)| local)
    }

    /// The child elements.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_)
            | Node::Comment(_)
            | Node::Cdata(_)
            | Node::Instruction(_)
            | Node::Raw { .. } => None,
        })
    }

    /// The child elements, mutable.
    pub fn elements_mut(&mut self) -> impl Iterator<Item = &mut Element> {
        self.children.iter_mut().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_)
            | Node::Comment(_)
            | Node::Cdata(_)
            | Node::Instruction(_)
            | Node::Raw { .. } => None,
        })
    }

    /// The first child element with this local name and any prefix.
    pub fn find(&self, local_name: &str) -> Option<&Element> {
        self.elements()
            .find(|element| element.local_name() == local_name)
    }

    /// The first child element with this local name, mutable.
    pub fn find_mut(&mut self, local_name: &str) -> Option<&mut Element> {
        self.elements_mut()
            .find(|element| element.local_name() == local_name)
    }

    /// The descendant at a path of local names.
    pub fn at(&self, path: &[&str]) -> Option<&Element> {
        path.iter()
            .try_fold(self, |element, name| element.find(name))
    }

    /// The descendant at a path of local names, mutable.
    pub fn at_mut(&mut self, path: &[&str]) -> Option<&mut Element> {
        path.iter()
            .try_fold(self, |element, name| element.find_mut(name))
    }

    /// Removes the first child element with this local name and returns it.
    pub fn take(&mut self, local_name: &str) -> Option<Element> {
        let place = self.place_of(local_name)?;
        match self.children.remove(place) {
            Node::Element(element) => Some(element),
            Node::Text(_)
            | Node::Comment(_)
            | Node::Cdata(_)
            | Node::Instruction(_)
            | Node::Raw { .. } => None,
        }
    }

    /// The index of the first child element with this local name.
    pub fn place_of(&self, local_name: &str) -> Option<usize> {
        self.children.iter().position(
            |node| matches!(node, Node::Element(element) if element.local_name() == local_name),
        )
    }

    /// Inserts an element after the first child with this local name, or at the start if there is none.
    pub fn insert_after(&mut self, local_name: &str, element: Element) {
        let place = self.place_of(local_name).map_or(0, |place| place + 1);
        self.children.insert(place, Node::Element(element));
    }

    /// Inserts an element at the start.
    pub fn prepend(&mut self, element: Element) {
        self.children.insert(0, Node::Element(element));
    }

    /// Appends an element.
    pub fn append(&mut self, element: Element) {
        self.children.push(Node::Element(element));
    }

    /// Replaces all children by text.
    pub fn set_text(&mut self, text: impl Into<String>) {
        self.children = vec![Node::Text(text.into())];
    }

    /// The text of its text and CDATA children.
    pub fn own_text(&self) -> String {
        let pieces = self.children.iter().map(|node| match node {
            Node::Text(text) | Node::Cdata(text) => text.as_str(),
            Node::Raw { meaning, .. } => meaning,
            Node::Element(_) | Node::Comment(_) | Node::Instruction(_) => "",
        });
        pieces.collect()
    }

    /// Calls `change` with this element and all descendants.
    pub fn visit_mut(&mut self, change: &mut impl FnMut(&mut Element)) {
        change(self);
        for element in self.elements_mut() {
            element.visit_mut(change);
        }
    }

    /// Serializes the document.
    pub fn write(&self) -> String {
        let mut text = String::new();
        self.write_to(&mut text);
        text
    }

    fn write_to(&self, text: &mut String) {
        text.push('<');
        text.push_str(&self.name);
        for (name, value) in &self.attributes {
            text.push_str(&format!(" {name}=\"{}\"", escape_attribute(value)));
        }
        if self.children.is_empty() {
            text.push_str("/>");
            return;
        }
        text.push('>');
        for node in &self.children {
            match node {
                Node::Element(element) => element.write_to(text),
                Node::Text(content) => text.push_str(&escape_text(content)),
                Node::Comment(content) => text.push_str(&format!("<!--{content}-->")),
                Node::Cdata(content) => text.push_str(&format!("<![CDATA[{content}]]>")),
                Node::Instruction(content) => text.push_str(&format!("<?{content}?>")),
                Node::Raw { written, .. } => text.push_str(written),
            }
        }
        text.push_str(&format!("</{}>", self.name));
    }
}

/// Escapes text as in Canonical XML 1.0, 2.3.
pub fn escape_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\r' => escaped.push_str("&#xD;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Escapes an attribute value as in Canonical XML 1.0, 2.3.
pub fn escape_attribute(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' => escaped.push_str("&#x9;"),
            '\n' => escaped.push_str("&#xA;"),
            '\r' => escaped.push_str("&#xD;"),
            other => escaped.push(other),
        }
    }
    escaped
}
