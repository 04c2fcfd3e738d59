//! Session tags, for trust policies and CloudTrail.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::base::{limits, text_newtype};

/// Letters, separators and numbers beyond ASCII. [`char::is_alphanumeric`] also accepts marks and symbols, such as U+0E31 and
/// U+24B6, which STS rejects.
static LETTERS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\p{L}\p{Z}\p{N}]$").ok());

/// Valid characters of tag keys and values: `[\p{L}\p{Z}\p{N}_.:/=+\-@]` (STS, `Tag`).
fn tag_char(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || " _.:/=+-@".contains(c);
    }
    let mut buffer = [0; 4];
    let text: &str = c.encode_utf8(&mut buffer);
    LETTERS
        .as_ref()
        .is_some_and(|letters| letters.is_match(text))
}

text_newtype!(
    /// Key of a session tag.
    TagKey,
    InvalidTagKey,
    "a tag key is 1 to 128 letters, digits, spaces or _ . : / = + - @ and does not begin with aws:",
    |text| (1..=limits::SESSION_TAG_KEY_CHARS_MAX).contains(&text.chars().count())
        && text.chars().all(tag_char)
        && !text.to_ascii_lowercase().starts_with("aws:")
);

/// Why session tags are invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTag {
    /// The value violates AWS's rule.
    #[error("the session tag {key} has an invalid value: a value is at most {max} letters, digits, spaces or _ . : / = + - @", max = limits::SESSION_TAG_VALUE_CHARS_MAX)]
    Value {
        /// Key of the tag.
        key: TagKey,
    },
    /// Two keys that are equal for AWS.
    #[error("duplicate session tag {key}: tag keys are not case-sensitive in AWS")]
    Twice {
        /// Key of the tag.
        key: TagKey,
    },
    /// More tags than STS accepts.
    #[error("more than {} session tags", limits::SESSION_TAGS_MAX)]
    TooMany,
}

/// The session tags of a role session, and which of them are transitive (kept through role chaining).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleSessionTags {
    tags: BTreeMap<TagKey, String>,
    transitive: Vec<TagKey>,
}

impl RoleSessionTags {
    /// Whether a value may contain the character.
    pub fn accepts(c: char) -> bool {
        tag_char(c)
    }

    /// Adds a tag.
    ///
    /// # Errors
    /// [`InvalidTag`].
    pub fn add(&mut self, key: TagKey, value: &str) -> Result<(), InvalidTag> {
        if value.chars().count() > limits::SESSION_TAG_VALUE_CHARS_MAX
            || !value.chars().all(tag_char)
        {
            return Err(InvalidTag::Value { key });
        }
        if self
            .tags
            .keys()
            .any(|known| known.as_str().eq_ignore_ascii_case(key.as_str()))
        {
            return Err(InvalidTag::Twice { key });
        }
        if self.tags.len() == limits::SESSION_TAGS_MAX {
            return Err(InvalidTag::TooMany);
        }
        self.tags.insert(key, value.to_owned());
        Ok(())
    }

    /// Removes a tag.
    pub fn remove(&mut self, key: &TagKey) {
        self.tags.remove(key);
        self.transitive.retain(|known| known != key);
    }

    /// Keys and values, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tags
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The keys of transitive tags.
    pub fn transitive(&self) -> impl Iterator<Item = &str> {
        self.transitive.iter().map(TagKey::as_str)
    }

    /// The same tags, and all of them follow the session through role chaining.
    pub fn all_transitive(self) -> Self {
        Self {
            transitive: self.tags.keys().cloned().collect(),
            tags: self.tags,
        }
    }

    /// Number of tags.
    pub fn len(&self) -> usize {
        self.tags.len()
    }

    /// Whether there are no tags.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_follow_the_rules_of_aws() {
        let key = |text: &str| TagKey::parse(text).unwrap();
        let mut tags = RoleSessionTags::default();
        assert_eq!(tags.add(key("Team"), "R and D @ München/2"), Ok(()));
        assert_eq!(
            tags.add(key("team"), "x"),
            Err(InvalidTag::Twice { key: key("team") })
        );
        assert_eq!(
            tags.add(key("a"), "x<y"),
            Err(InvalidTag::Value { key: key("a") })
        );
        assert_eq!(
            tags.add(key("b"), &"x".repeat(257)),
            Err(InvalidTag::Value { key: key("b") })
        );
        for bad in ["aws:x", "AWS:x", "", "a*b", &"k".repeat(129)] {
            assert!(TagKey::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn marks_and_symbols_are_rejected() {
        for c in "aZ09 _.:/=+-@\u{a0}\u{2028}\u{3000}éß字й٣½Ⅷ𝒜ªː".chars() {
            assert!(RoleSessionTags::accepts(c), "{c:?} {:X}", c as u32);
        }
        // Combining marks of scripts, enclosed letters, emoji, controls and ASCII symbols.
        for c in "\u{e31}\u{93f}\u{301}\u{20dd}Ⓐ🄰😀\u{200d}\u{ad}\n\u{85}*<>\"'&,;!?#$%()[]{}|\\~^`"
            .chars()
        {
            assert!(!RoleSessionTags::accepts(c), "{c:?} {:X}", c as u32);
        }
    }

    #[test]
    fn transitive_tags_are_those_of_the_session() {
        let mut tags = RoleSessionTags::default();
        for key in ["team", "cost"] {
            tags.add(TagKey::parse(key).unwrap(), "x").unwrap();
        }
        assert_eq!(tags.transitive().count(), 0);
        let keys: Vec<String> = tags
            .all_transitive()
            .transitive()
            .map(str::to_owned)
            .collect();
        assert_eq!(keys, ["cost", "team"]);
    }

    #[test]
    fn fifty_first_tag_is_rejected() {
        let mut tags = RoleSessionTags::default();
        for n in 0..50 {
            tags.add(TagKey::parse(&format!("k{n}")).unwrap(), "")
                .unwrap();
        }
        assert_eq!(
            tags.add(TagKey::parse("k50").unwrap(), ""),
            Err(InvalidTag::TooMany)
        );
    }
}
