//! Session tags and the source identity in a token, and their limits.
//!
//! A claim of another form makes the token invalid. Values beyond the limits of the STS API cause the same errors as in the
//! parameters of a request.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::error::{AwsError, ErrorCode};
use super::issued::IssuedSession;
use super::partition::Partition;
use super::token::Claims;
use super::wire::Parameters;

const TAGS: &str = "https://aws.amazon.com/tags";
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";

/// Tags of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct SessionTags {
    pub tags: Vec<(String, String)>,
    pub transitive: Vec<String>,
}

impl SessionTags {
    /// Reads `Tags` and `TransitiveTagKeys` of a request.
    pub fn of_request(parameters: &Parameters<'_>) -> Result<Self, AwsError> {
        let keys = parameters.list("Tags", ".Key");
        let values = parameters.list("Tags", ".Value");
        if keys.len() != values.len() {
            return Err(AwsError::new(
                ErrorCode::ValidationError,
                "Each tag has a Key and a Value",
            ));
        }
        let tags = keys.into_iter().zip(values);
        let transitive = parameters.list("TransitiveTagKeys", "");
        let found = SessionTags {
            tags: tags
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            transitive: transitive.into_iter().map(str::to_owned).collect(),
        };
        found.check()?;
        Ok(found)
    }

    /// The tags that follow a session through role chaining.
    pub fn transitive_of(session: &IssuedSession) -> Self {
        let transitive = session.transitive_tag_keys.clone();
        let follows = |key: &str| transitive.iter().any(|one| one.eq_ignore_ascii_case(key));
        let tags = session.tags.iter().filter(|(key, _)| follows(key));
        SessionTags {
            tags: tags.cloned().collect(),
            transitive,
        }
    }

    /// Reads the claim; without it, there are no tags.
    pub fn from_claims(claims: &Claims) -> Result<Self, AwsError> {
        claims
            .get(TAGS)
            .map_or_else(|| Ok(Self::default()), Self::read)
    }

    fn read(claim: &Value) -> Result<Self, AwsError> {
        let wrong_form = || {
            AwsError::invalid_token(format!(
                "The claim {TAGS} does not have the documented form"
            ))
        };
        let mut found = SessionTags::default();
        for (key, values) in claim
            .get("principal_tags")
            .and_then(Value::as_object)
            .ok_or_else(wrong_form)?
        {
            match values.as_array().map(Vec::as_slice) {
                Some([Value::String(value)]) => found.tags.push((key.clone(), value.clone())),
                Some(_) | None => return Err(wrong_form()),
            }
        }
        if let Some(keys) = claim.get("transitive_tag_keys") {
            for key in keys.as_array().ok_or_else(wrong_form)? {
                found
                    .transitive
                    .push(key.as_str().ok_or_else(wrong_form)?.to_owned());
            }
        }
        found.check()?;
        Ok(found)
    }

    /// Checks the limits of the STS API.
    pub fn check(&self) -> Result<(), AwsError> {
        let mut limits = Parameters::new(&[]);
        for (name, count) in [
            ("tags", self.tags.len()),
            ("transitiveTagKeys", self.transitive.len()),
        ] {
            if count > 50 {
                limits.add_error(
                    &format!("'{count} members'"),
                    name,
                    "Member must have length less than or equal to 50",
                );
            }
        }
        let mut seen = HashSet::new();
        for (n, (key, value)) in (1..).zip(&self.tags) {
            let (key_member, value_member) = (
                format!("tags.{n}.member.key"),
                format!("tags.{n}.member.value"),
            );
            limits.length(&key_member, key, 1, 128);
            limits.length(&value_member, value, 0, 256);
            for (member, text) in [(&key_member, key), (&value_member, value)] {
                if !text.chars().all(tag_character) {
                    limits.add_error(
                        &format!("'{text}'"),
                        member,
                        "Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*",
                    );
                }
            }
            if key.to_ascii_lowercase().starts_with("aws:") {
                limits.add_error(
                    &format!("'{key}'"),
                    &key_member,
                    "Member must not start with the reserved prefix aws:",
                );
            }
            seen.insert(key.to_lowercase());
        }
        limits.finish()?;
        if seen.len() != self.tags.len() {
            return Err(AwsError::new(
                ErrorCode::InvalidParameterValue,
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        if self
            .transitive
            .iter()
            .any(|key| !seen.contains(&key.to_lowercase()))
        {
            return Err(AwsError::new(
                ErrorCode::InvalidParameterValue,
                "The specified transitive tag key must be included in the requested tags.",
            ));
        }
        Ok(())
    }
}

/// Reads the source identity from a token.
pub(super) fn source_identity(
    claims: &Claims,
    partition: Partition,
) -> Result<Option<String>, AwsError> {
    let Some(claim) = claims.get(SOURCE_IDENTITY) else {
        return Ok(None);
    };
    let Some(text) = claim.as_str() else {
        return Err(AwsError::invalid_token(format!(
            "The claim {SOURCE_IDENTITY} must be a string"
        )));
    };
    parse_source_identity(text, partition).map(Some)
}

/// Parses a source identity: 2 to 256 characters of `[\w+=,.@-]` (64 outside `aws`), without the prefix `aws:`.
pub(super) fn parse_source_identity(text: &str, partition: Partition) -> Result<String, AwsError> {
    let mut limits = Parameters::new(&[]);
    let max = partition.source_identity_chars_max();
    limits.length("sourceIdentity", text, 2, max);
    limits.pattern("sourceIdentity", text, "_+=,.@-", "[\\w+=,.@-]*");
    if text.to_ascii_lowercase().starts_with("aws:") {
        limits.add_error(
            &format!("'{text}'"),
            "sourceIdentity",
            "Member must not start with the reserved prefix aws:",
        );
    }
    limits.finish()?;
    Ok(text.to_owned())
}

/// The pattern of `Tag` in the STS API Reference.
static TAG_CHARACTER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[\p{L}\p{Z}\p{N}_.:/=+\-@]$").ok());

/// Whether the character may occur in a tag: letters, numbers and separators of any script, and `_.:/=+-@`. Marks, such as those
/// of Thai and Devanagari, and enclosed letters are none of these, although Unicode counts them as alphabetic.
fn tag_character(c: char) -> bool {
    let mut buffer = [0; 4];
    let text: &str = c.encode_utf8(&mut buffer);
    TAG_CHARACTER
        .as_ref()
        .is_some_and(|pattern| pattern.is_match(text))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn rejected(claim: &Value) -> Option<ErrorCode> {
        SessionTags::read(claim).err().map(|error| error.code)
    }

    #[test]
    fn tag_limits_are_enforced() {
        let fifty: Map<String, Value> = (0..50).map(|n| (format!("k{n}"), json!(["v"]))).collect();
        let more: Map<String, Value> = (0..51).map(|n| (format!("k{n}"), json!(["v"]))).collect();
        let long_key: Map<String, Value> = [("k".repeat(129), json!(["v"]))].into_iter().collect();
        for (tags, expected) in [
            (
                json!({"Team": ["Plattform Zürich"], "rolecall:account": ["1/2=3+4-5@6_7.8"]}),
                None,
            ),
            (json!({"empty": [""]}), None),
            (Value::Object(fifty), None),
            (Value::Object(more), Some(ErrorCode::ValidationError)),
            (Value::Object(long_key), Some(ErrorCode::ValidationError)),
            (json!({"": ["v"]}), Some(ErrorCode::ValidationError)),
            (
                json!({"k": ["v".repeat(257)]}),
                Some(ErrorCode::ValidationError),
            ),
            (json!({"k": ["a\nb"]}), Some(ErrorCode::ValidationError)),
            (json!({"k": ["a*b"]}), Some(ErrorCode::ValidationError)),
            (json!({"k": ["\u{e31}"]}), Some(ErrorCode::ValidationError)),
            (json!({"k": ["\u{24b6}"]}), Some(ErrorCode::ValidationError)),
            (json!({"AWS:k": ["v"]}), Some(ErrorCode::ValidationError)),
            (
                json!({"Team": ["a"], "team": ["b"]}),
                Some(ErrorCode::InvalidParameterValue),
            ),
            (json!({"Team": "a"}), Some(ErrorCode::InvalidIdentityToken)),
            (json!({"Team": []}), Some(ErrorCode::InvalidIdentityToken)),
            (
                json!({"Team": ["a", "b"]}),
                Some(ErrorCode::InvalidIdentityToken),
            ),
            (json!({"Team": [1]}), Some(ErrorCode::InvalidIdentityToken)),
            (json!(["Team"]), Some(ErrorCode::InvalidIdentityToken)),
        ] {
            assert_eq!(
                rejected(&json!({"principal_tags": tags})),
                expected,
                "{tags}"
            );
        }
        assert_eq!(
            rejected(&json!({"principal_tags": {"Team": ["a"]}, "transitive_tag_keys": ["team"]})),
            None
        );
        assert_eq!(
            rejected(&json!({"principal_tags": {}, "transitive_tag_keys": ["Team"]})),
            Some(ErrorCode::InvalidParameterValue)
        );
        assert_eq!(
            rejected(&json!({"principal_tags": {}, "transitive_tag_keys": "Team"})),
            Some(ErrorCode::InvalidIdentityToken)
        );
        assert_eq!(rejected(&json!({})), Some(ErrorCode::InvalidIdentityToken));
    }
}
