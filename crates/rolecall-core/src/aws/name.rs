//! Names that appear in CloudTrail. They are derived from the verified identity, so nobody can choose the name of
//! another person.

use std::fmt;
use std::sync::Arc;

use super::Partition;
use crate::base::secret::SecretDigest;
use crate::identity::Identity;

fn session_name_char(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"_=+,.@-".contains(&b)
}

const NAME_MAX: usize = 64;
/// 50 bits of the digest: among a million people, the probability that two have the same is 1 in 2,000, and the part
/// before it would have to be equal as well.
const SUFFIX_CHARS: usize = 10;

/// `RoleSessionName` (STS): 2 to 64 characters of `[\w+=,.@-]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleSessionName(Arc<str>);

impl RoleSessionName {
    /// The session name of a person: a readable prefix (the trusted e-mail address, or else the subject) and a digest
    /// of provider and subject. A person always has the same name, and no two people share one.
    ///
    /// The address alone is not unique: two providers may be configured with the same domain, and a provider may later
    /// give an address to another person.
    pub fn of(identity: &Identity) -> Self {
        Self(unique_name(identity, NAME_MAX))
    }

    /// The value of `RoleSessionName`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a person in at most `chars_max` characters of `[\w+=,.@-]`.
pub(super) fn unique_name(identity: &Identity, chars_max: usize) -> Arc<str> {
    let readable = identity
        .email
        .as_ref()
        .map_or(identity.subject.as_str(), |email| email.as_str());
    name_from_parts(readable, identity.key(), chars_max)
}

fn name_from_parts(readable: &str, person: SecretDigest, chars_max: usize) -> Arc<str> {
    let suffix = base32(person.as_bytes(), SUFFIX_CHARS);
    let mut name: String = readable
        .chars()
        .map(|c| {
            if c.is_ascii() && session_name_char(c as u8) {
                c
            } else {
                '_'
            }
        })
        .take(chars_max - SUFFIX_CHARS - 1)
        .collect();
    name.push('-');
    name.push_str(&suffix);
    name.into()
}

/// RFC 4648 base32 in lower case, the first `chars` characters.
fn base32(bytes: &[u8], chars: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    (0..chars)
        .map(|i| {
            let bit = i * 5;
            let pair = u16::from(bytes.get(bit / 8).copied().unwrap_or(0)) << 8
                | u16::from(bytes.get(bit / 8 + 1).copied().unwrap_or(0));
            char::from(ALPHABET[usize::from(pair >> (11 - bit % 8) & 31)])
        })
        .collect()
}

/// `SourceIdentity` (STS): set by the first call and kept through role chaining. 2 to 256 characters in partition `aws`,
/// 2 to 64 in the other partitions, whose STS is not known to have raised its limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceIdentity(Arc<str>);

/// The string is not a [`SourceIdentity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a source identity is 2 to {chars_max} characters of A-Z a-z 0-9 _ + = , . @ - and does not begin with aws:"
)]
pub struct InvalidSourceIdentity {
    chars_max: usize,
}

impl SourceIdentity {
    /// Maximum length that STS accepts in the partition, in characters.
    pub fn chars_max(partition: Partition) -> usize {
        match partition {
            Partition::Aws => 256,
            Partition::China | Partition::GovCloud | Partition::EuropeanSovereign => 64,
        }
    }

    /// Parses a source identity for the partition.
    ///
    /// # Errors
    /// [`InvalidSourceIdentity`], with the limit of the partition.
    pub fn parse(text: &str, partition: Partition) -> Result<Self, InvalidSourceIdentity> {
        let chars_max = Self::chars_max(partition);
        let valid = (2..=chars_max).contains(&text.len()) && Self::may_contain(text);
        valid
            .then(|| Self(text.into()))
            .ok_or(InvalidSourceIdentity { chars_max })
    }

    /// Checks the fixed part of a template whose placeholders are not known yet.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn check_literal(text: &str, partition: Partition) -> Result<(), InvalidSourceIdentity> {
        let chars_max = Self::chars_max(partition);
        let valid = text.len() <= chars_max && Self::may_contain(text);
        valid
            .then_some(())
            .ok_or(InvalidSourceIdentity { chars_max })
    }

    fn may_contain(text: &str) -> bool {
        text.chars().all(Self::accepts) && !text.starts_with("aws:")
    }

    /// Whether it may contain the character.
    pub fn accepts(c: char) -> bool {
        u8::try_from(c).is_ok_and(session_name_char)
    }

    /// Returns the value for STS.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_follows_rfc_4648() {
        assert_eq!(base32(b"foobar", 9), "mzxw6ytbo");
    }

    #[test]
    fn source_identity_limit_depends_on_partition() {
        for (text, aws, others) in [
            ("a", false, false),
            ("al", true, true),
            (&*"x".repeat(64), true, true),
            (&*"x".repeat(65), true, false),
            (&*"x".repeat(256), true, false),
            (&*"x".repeat(257), false, false),
            ("aws:alice", false, false),
            ("alice example", false, false),
            ("ünï", false, false),
        ] {
            for (partition, expected) in [
                (Partition::Aws, aws),
                (Partition::China, others),
                (Partition::GovCloud, others),
                (Partition::EuropeanSovereign, others),
            ] {
                let parsed = SourceIdentity::parse(text, partition);
                assert_eq!(parsed.is_ok(), expected, "{partition}: {text}");
            }
        }
    }

    #[test]
    fn session_names_are_valid_and_unique_per_person() {
        let person = |n: &str| SecretDigest::of("t", &[n.as_bytes()]);
        for readable in [
            "",
            "a",
            "Ünï cödé 😀\n",
            &"x".repeat(500),
            "alice@example.com",
        ] {
            for chars_max in [32, 64] {
                let name = name_from_parts(readable, person("1"), chars_max);
                assert!((2..=chars_max).contains(&name.len()), "{readable}");
                assert!(name.bytes().all(session_name_char), "{readable}");
                let other = name_from_parts(readable, person("2"), chars_max);
                assert_ne!(name, other, "{readable}");
            }
        }
        let name = name_from_parts("alice@example.com", person("1"), 32);
        assert!(name.starts_with("alice@example.com-"), "{name}");
    }
}
