//! The condition keys of a request, with their values.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};

use super::expected;
use super::key::ConditionKey;

/// Condition keys of a request. Names are not case-sensitive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestContext(BTreeMap<String, (String, Vec<String>)>);

impl RequestContext {
    /// Adds a value. A key with several values is a multivalued key.
    pub fn add(&mut self, key: &str, value: &str) {
        self.0
            .entry(key.to_ascii_lowercase())
            .or_insert_with(|| (key.to_owned(), Vec::new()))
            .1
            .push(value.to_owned());
    }

    /// The same context with this value.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.add(key, value);
        self
    }

    /// Adds all keys of another context that this one does not have.
    pub(crate) fn extend(&mut self, other: &RequestContext) {
        for (key, value) in &other.0 {
            self.0.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }

    /// Values of a key; empty if the request does not have the key.
    #[must_use]
    pub fn values(&self, key: &str) -> &[String] {
        self.0
            .get(&key.to_ascii_lowercase())
            .map_or(&[], |(_, values)| values.as_slice())
    }

    /// Names, as they were added, and values of all keys, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0
            .values()
            .map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// Checks that every key is known, and that its values have its type and number.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        for (name, values) in self.iter() {
            let key = ConditionKey::parse(name)?;
            if values.len() > 1 && !key.multivalued {
                bail!(
                    "the condition key {name} has one value, not {}",
                    values.len()
                );
            }
            for value in values {
                expected::check(key.kind, value)
                    .with_context(|| format!("condition key {name} of the request"))?;
            }
        }
        Ok(())
    }
}
