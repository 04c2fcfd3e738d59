//! The claims of an identity: each claim is a list of strings. Their number and size are limited; a claim that exceeds a
//! limit is rejected, not truncated.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::read::{InvalidClaims, UnreadReason};
use crate::base::limits;

/// The claims that an identity provider sent, by name, with all values as strings. Members of nested objects are stored under
/// their JSON pointer (`/realm_access/roles`, RFC 6901); numbers and booleans are written as in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Claims(BTreeMap<String, Vec<String>>);

impl Claims {
    /// Checks the limits [`limits::CLAIMS_MAX`], [`limits::CLAIM_VALUES_MAX`] and [`limits::CLAIM_VALUE_BYTES_MAX`].
    ///
    /// # Errors
    /// [`InvalidClaims`] if there are too many claims or values, or a value is too long.
    pub fn parse(claims: BTreeMap<String, Vec<String>>) -> Result<Self, InvalidClaims> {
        if claims.len() > limits::CLAIMS_MAX {
            return Err(InvalidClaims::TooMany);
        }
        let claims = Self(claims);
        claims.check()?;
        Ok(claims)
    }

    /// As [`Claims::parse`], without the limit of their number.
    ///
    /// # Errors
    /// [`InvalidClaims::Unread`].
    pub(crate) fn check(&self) -> Result<(), InvalidClaims> {
        let mut claims = self.0.iter();
        claims.try_for_each(|(name, values)| Self::check_values(name, values))
    }

    /// Checks the limits for the values of one claim.
    ///
    /// # Errors
    /// [`InvalidClaims::Unread`].
    pub(crate) fn check_values(name: &str, values: &[String]) -> Result<(), InvalidClaims> {
        match UnreadReason::of_values(values) {
            None => Ok(()),
            Some(reason) => Err(InvalidClaims::Unread {
                name: name.to_owned(),
                reason,
            }),
        }
    }

    /// Claims whose values were checked; their number may exceed [`limits::CLAIMS_MAX`].
    pub(super) fn of_checked_values(claims: BTreeMap<String, Vec<String>>) -> Self {
        Self(claims)
    }

    /// Whether there is a claim with this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the name of a claim begins with this prefix.
    pub(super) fn any_begins_with(&self, prefix: &str) -> bool {
        let mut names = self
            .0
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        names
            .next()
            .is_some_and(|(name, _)| name.starts_with(prefix))
    }

    /// Removes the claims whose names do not pass, in the order of their names.
    pub(super) fn retain(&mut self, mut keeps: impl FnMut(&str) -> bool) {
        self.0.retain(|name, _| keeps(name));
    }

    /// Adds a claim without values.
    pub(super) fn add_empty(&mut self, name: String) {
        self.0.entry(name).or_default();
    }

    /// The values of a claim; none if the claim does not exist.
    pub fn values(&self, name: &str) -> impl ExactSizeIterator<Item = &str> + Clone {
        strings(self.0.get(name).map_or(&[], Vec::as_slice))
    }

    /// The value of a claim that has exactly one value.
    pub fn single(&self, name: &str) -> Option<&str> {
        match self.0.get(name)?.as_slice() {
            [value] => Some(value),
            _ => None,
        }
    }

    /// All claims with their values, sorted by name.
    pub fn iter(
        &self,
    ) -> impl Iterator<Item = (&str, impl ExactSizeIterator<Item = &str> + Clone)> {
        let claims = self.0.iter();
        claims.map(|(name, values)| (name.as_str(), strings(values)))
    }
}

fn strings(values: &[String]) -> impl ExactSizeIterator<Item = &str> + Clone {
    values.iter().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As versions wrote it that kept all claims in one string. They also read what this version writes.
    const STORED: &str = r#"{"":[""],"a":[],"b":["ä","","\"q\n"],"c":["1"]}"#;

    fn values<'c>(claims: &'c Claims, name: &str) -> Vec<&'c str> {
        claims.values(name).collect()
    }

    #[test]
    fn stored_claims_keep_their_format() {
        let claims: Claims = serde_json::from_str(STORED).unwrap();
        assert_eq!(serde_json::to_string(&claims).unwrap(), STORED);
        assert_eq!(values(&claims, ""), [""]);
        assert_eq!(values(&claims, "b"), ["ä", "", "\"q\n"]);
        for absent in ["a", "bb", "d"] {
            assert_eq!(claims.values(absent).len(), 0, "{absent}");
        }
        let single = ["c", "b", "a", "d"].map(|name| claims.single(name));
        assert_eq!(single, [Some("1"), None, None, None]);
        let names: Vec<&str> = claims.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["", "a", "b", "c"]);
        assert!(claims.iter().all(|(name, all)| all.eq(claims.values(name))));
    }

    #[test]
    fn claims_in_any_order_are_found() {
        let claims: Claims = serde_json::from_str(r#"{"b":["1"],"a":["2"]}"#).unwrap();
        assert_eq!(claims.single("a"), Some("2"));
        assert_eq!(claims.single("b"), Some("1"));
    }

    #[test]
    fn malformed_records_are_rejected() {
        for text in [
            "[]",
            "null",
            r#"{"a":"b"}"#,
            r#"{"a":[1]}"#,
            r#"{"a":["b"]"#,
        ] {
            assert!(serde_json::from_str::<Claims>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn prefix_matches_the_beginning_of_names_only() {
        let claims: Claims = serde_json::from_str(r#"{"/a/b":[],"c":[]}"#).unwrap();
        for (prefix, found) in [("/", true), ("/a/", true), ("/a/c", false), ("b", false)] {
            assert_eq!(claims.any_begins_with(prefix), found, "{prefix}");
        }
    }

    #[test]
    fn too_many_values_are_rejected() {
        let many = BTreeMap::from([(
            "groups".to_owned(),
            vec![String::new(); limits::CLAIM_VALUES_MAX + 1],
        )]);
        assert_eq!(
            Claims::parse(many),
            Err(InvalidClaims::Unread {
                name: "groups".to_owned(),
                reason: UnreadReason::TooManyValues
            })
        );
    }
}
