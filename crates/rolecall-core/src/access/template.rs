//! Templates of claims: `{email}`, `{claims.department}`, `{claims./realm_access/team}`, `{email|aws}`.
//!
//! Templates are parsed with the policy. Rendering needs exactly one non-empty value for every placeholder and fails
//! otherwise, so a tag is never empty or ambiguous.

use std::fmt;

use crate::identity::{ClaimPath, EmailAddress, EmailDomain, Identity};

/// A text with placeholders. `{{` and `}}` are literal braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Value(Placeholder, Option<Filter>),
}

/// How a value is written into the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    /// `|aws`: every byte of UTF-8 that AWS does not accept at this place becomes `=XX`, and so does `=`. Different values
    /// have different texts, and `@example.com` stays what it is.
    Aws,
}

/// A placeholder of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// `{email}`: the trusted e-mail address.
    Email,
    /// `{name}`: display name of the person.
    Name,
    /// `{subject}`: ID of the person at the provider.
    Subject,
    /// `{provider}`: the ID of the provider.
    Provider,
    /// `{claims.NAME}`; NAME is the name of a claim or a JSON pointer.
    Claim(ClaimPath),
}

/// Why a template is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    /// A brace that is not part of a placeholder.
    #[error("write a literal brace twice: {{{{ or }}}}")]
    Brace,
    /// An unknown placeholder.
    #[error(
        "{{{0}}} is not a placeholder: use {{email}}, {{name}}, {{subject}}, {{provider}} or {{claims.NAME}}"
    )]
    Placeholder(String),
    /// A filter that does not exist.
    #[error(
        "there is no filter {0:?}: write {{{1}|aws}} to encode what AWS does not accept, or {{{1}}} for the value as it is"
    )]
    Filter(String, Placeholder),
    /// The template is empty.
    #[error("the text is empty: remove the key")]
    Empty,
}

/// Why a template cannot be rendered for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenderError {
    /// The identity has no value for the placeholder, or an empty one.
    Absent(Placeholder),
    /// The identity has several values for the placeholder.
    Several(Placeholder),
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// [`InvalidTemplate`].
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            literal.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = from.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else {
                let (inner, after) = from
                    .strip_prefix('{')
                    .and_then(|inner| inner.split_once('}'))
                    .filter(|(inner, _)| !inner.contains('{'))
                    .ok_or(InvalidTemplate::Brace)?;
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(Part::parse(inner)?);
                rest = after;
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        if parts.is_empty() {
            return Err(InvalidTemplate::Empty);
        }
        Ok(Self(parts))
    }

    /// Renders the template for a person. `accepted` is the set of characters that AWS accepts in the rendered attribute;
    /// the filter `aws` encodes all others.
    ///
    /// # Errors
    /// [`RenderError`], for the first placeholder that does not have exactly one value.
    pub fn render(
        &self,
        identity: &Identity,
        accepted: impl Fn(char) -> bool,
    ) -> Result<String, RenderError> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Value(placeholder, None) => text.push_str(placeholder.value(identity)?),
                Part::Value(placeholder, Some(Filter::Aws)) => {
                    encode(placeholder.value(identity)?, &accepted, &mut text);
                }
            }
        }
        Ok(text)
    }

    /// The literal part of the template.
    pub fn literal_text(&self) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Literal(literal) => literal.as_str(),
                Part::Value(..) => "",
            })
            .collect()
    }

    /// Patterns of IAM (`StringLike`) that every rendered text matches: a placeholder is `*`, and `{email}` ends in one of
    /// the domains, which are those that the providers are trusted for. The literal part must not contain wildcards, as
    /// that of a source identity.
    pub fn patterns(&self, domains: &[EmailDomain]) -> Vec<String> {
        let uses_email = self.placeholders().any(|one| *one == Placeholder::Email);
        let pattern = |domain: Option<&EmailDomain>| {
            let parts = self.0.iter().map(|part| match (part, domain) {
                (Part::Literal(literal), _) => literal.clone(),
                (Part::Value(Placeholder::Email, _), Some(domain)) => format!("*@{domain}"),
                (Part::Value(..), _) => "*".to_owned(),
            });
            parts.collect::<String>()
        };
        match domains {
            [_, ..] if uses_email => domains.iter().map(|domain| pattern(Some(domain))).collect(),
            [] | [_, ..] => vec![pattern(None)],
        }
    }

    /// The placeholders of the template.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.0.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Value(placeholder, _) => Some(placeholder),
        })
    }
}

impl Part {
    /// Parses what is between the braces. A placeholder ends at the first `|`.
    fn parse(inner: &str) -> Result<Self, InvalidTemplate> {
        let Some((name, filter)) = inner.split_once('|') else {
            return Ok(Self::Value(Placeholder::parse(inner)?, None));
        };
        let placeholder = Placeholder::parse(name)?;
        match filter {
            "aws" => Ok(Self::Value(placeholder, Some(Filter::Aws))),
            _ => Err(InvalidTemplate::Filter(filter.to_owned(), placeholder)),
        }
    }
}

/// Appends the value with every byte of a character that is not accepted, and `=`, as `=XX` in upper-case hex.
fn encode(value: &str, accepted: impl Fn(char) -> bool, text: &mut String) {
    let mut buffer = [0; 4];
    for char in value.chars() {
        if char != '=' && accepted(char) {
            text.push(char);
        } else {
            for byte in char.encode_utf8(&mut buffer).bytes() {
                text.push_str(&format!("={byte:02X}"));
            }
        }
    }
}

/// Claims with which providers identify a person, in lower case; of a name that is a path or a URI, the last segment.
const IDENTIFYING_CLAIMS: [&str; 12] = [
    "email",
    "employee_id",
    "employeeid",
    "employeenumber",
    "objectidentifier",
    "oid",
    "preferred_username",
    "sub",
    "uid",
    "unique_name",
    "upn",
    "user_id",
];

impl Placeholder {
    /// Whether no two people of one provider have the same value.
    pub(super) fn identifies(&self) -> bool {
        match self {
            Self::Email | Self::Subject => true,
            Self::Name | Self::Provider => false,
            Self::Claim(path) => {
                let name = path.as_str();
                let last = name.rsplit('/').next().unwrap_or(name);
                IDENTIFYING_CLAIMS.contains(&&*last.to_ascii_lowercase())
            }
        }
    }

    /// Whether people of different providers have different values, or those who are meant are the same person.
    pub(super) fn distinguishes_providers(&self) -> bool {
        match self {
            Self::Email | Self::Provider => true,
            Self::Claim(path) => path.as_str() == "email",
            Self::Name | Self::Subject => false,
        }
    }

    fn parse(name: &str) -> Result<Self, InvalidTemplate> {
        match name {
            "email" => Ok(Self::Email),
            "name" => Ok(Self::Name),
            "subject" => Ok(Self::Subject),
            "provider" => Ok(Self::Provider),
            _ => name
                .strip_prefix("claims.")
                .filter(|claim| !claim.is_empty())
                .map(|claim| Self::Claim(ClaimPath::parse(claim)))
                .ok_or_else(|| InvalidTemplate::Placeholder(name.to_owned())),
        }
    }

    fn value<'a>(&self, identity: &'a Identity) -> Result<&'a str, RenderError> {
        let value = match self {
            Self::Email => identity.email.as_ref().map(EmailAddress::as_str),
            Self::Name => identity.name.as_deref(),
            Self::Subject => Some(identity.subject.as_str()),
            Self::Provider => Some(identity.provider.as_str()),
            Self::Claim(path) => {
                let mut values = identity.claims.values(path.as_str());
                if values.len() > 1 {
                    return Err(RenderError::Several(self.clone()));
                }
                values.next()
            }
        };
        value
            .filter(|value| !value.is_empty())
            .ok_or_else(|| RenderError::Absent(self.clone()))
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email => f.write_str("email"),
            Self::Name => f.write_str("name"),
            Self::Subject => f.write_str("subject"),
            Self::Provider => f.write_str("provider"),
            Self::Claim(path) => write!(f, "claims.{path}"),
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Literal(text) => {
                    f.write_str(&text.replace('{', "{{").replace('}', "}}"))?;
                }
                Part::Value(placeholder, None) => write!(f, "{{{placeholder}}}")?,
                Part::Value(placeholder, Some(Filter::Aws)) => {
                    write!(f, "{{{placeholder}|aws}}")?;
                }
            }
        }
        Ok(())
    }
}
