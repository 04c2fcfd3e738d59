//! A document as a tree of names as they are written, with Exclusive XML Canonicalization 1.0 of its own.
//!
//! Written over no XML library but a parser, so that what it signs is a second opinion on whoever verifies it. Comments,
//! CDATA, processing instructions and markup of any kind can be put anywhere: that is what an attacker does.

mod canonical;
mod parse;

/// A piece of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Text, escaped when written.
    Text(String),
    /// `<!-- … -->`: no canonical form has it.
    Comment(String),
    /// `<![CDATA[…]]>`: canonically the text in it.
    Cdata(String),
    /// `<?…?>`
    Instruction(String),
    /// Written as `written`; canonically `meaning`, which is canonical already. An entity, for example.
    Raw {
        /// What stands in the document.
        written: String,
        /// What it comes to.
        meaning: String,
    },
}

/// An element. Names carry their prefix; namespace declarations are attributes like any other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Element {
    /// `prefix:local`, or `local`.
    pub name: String,
    /// In the order they are written.
    pub attributes: Vec<(String, String)>,
    /// What is in it.
    pub children: Vec<Node>,
}

impl Element {
    /// An empty element.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// With one more attribute, even if it has one of that name.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.attributes.push((name.to_owned(), value.into()));
        self
    }

    /// With one more attribute, where there is a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// With text at its end.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.children.push(Node::Text(text.into()));
        self
    }

    /// With a child at its end.
    #[must_use]
    pub fn child(mut self, child: Element) -> Self {
        self.children.push(Node::Element(child));
        self
    }

    /// With children at its end.
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

    /// Sets an attribute, in the place of one of that name.
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

    /// Its name without a prefix.
    pub fn local_name(&self) -> &str {
        self.name
            .split_once(':')
            .map_or(&self.name, |(_, local)| local)
    }

    /// The elements in it.
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

    /// The elements in it, to change them.
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

    /// The first element in it of this local name, whatever its prefix.
    pub fn find(&self, local_name: &str) -> Option<&Element> {
        self.elements()
            .find(|element| element.local_name() == local_name)
    }

    /// The first element in it of this local name, to change it.
    pub fn find_mut(&mut self, local_name: &str) -> Option<&mut Element> {
        self.elements_mut()
            .find(|element| element.local_name() == local_name)
    }

    /// Follows local names downwards, the first of each.
    pub fn at(&self, path: &[&str]) -> Option<&Element> {
        path.iter()
            .try_fold(self, |element, name| element.find(name))
    }

    /// Follows local names downwards, to change what is there.
    pub fn at_mut(&mut self, path: &[&str]) -> Option<&mut Element> {
        path.iter()
            .try_fold(self, |element, name| element.find_mut(name))
    }

    /// Takes the first element of this local name out.
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

    /// Where among its children the first element of this local name is.
    pub fn place_of(&self, local_name: &str) -> Option<usize> {
        self.children.iter().position(
            |node| matches!(node, Node::Element(element) if element.local_name() == local_name),
        )
    }

    /// Puts an element right after the first of this local name, or at the beginning where there is none.
    pub fn insert_after(&mut self, local_name: &str, element: Element) {
        let place = self.place_of(local_name).map_or(0, |place| place + 1);
        self.children.insert(place, Node::Element(element));
    }

    /// Puts an element at the beginning.
    pub fn prepend(&mut self, element: Element) {
        self.children.insert(0, Node::Element(element));
    }

    /// Puts an element at the end.
    pub fn append(&mut self, element: Element) {
        self.children.push(Node::Element(element));
    }

    /// Puts `text` in place of everything in it.
    pub fn set_text(&mut self, text: impl Into<String>) {
        self.children = vec![Node::Text(text.into())];
    }

    /// All text directly in it, CDATA included.
    pub fn own_text(&self) -> String {
        let pieces = self.children.iter().map(|node| match node {
            Node::Text(text) | Node::Cdata(text) => text.as_str(),
            Node::Raw { meaning, .. } => meaning,
            Node::Element(_) | Node::Comment(_) | Node::Instruction(_) => "",
        });
        pieces.collect()
    }

    /// Calls `change` with this element and every one below it.
    pub fn visit_mut(&mut self, change: &mut impl FnMut(&mut Element)) {
        change(self);
        for element in self.elements_mut() {
            element.visit_mut(change);
        }
    }

    /// The document, as it is sent.
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

/// Text as canonical XML has it (Canonical XML 1.0, 2.3).
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

/// An attribute's value as canonical XML has it (Canonical XML 1.0, 2.3).
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
