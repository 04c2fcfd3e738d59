//! What a provider said of a person: every claim as a list of texts, bounded and never cut.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits;

/// What the provider said: claim name to values, all as text. Nested objects appear under their JSON pointer
/// (`/realm_access/roles`); numbers and booleans as JSON writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims(BTreeMap<String, Vec<String>>);

/// Why claims are refused: never cut, since fewer claims may mean a deny that no longer applies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClaims {
    /// More than [`limits::CLAIMS_MAX`].
    #[error("the provider sent more than {} claims", limits::CLAIMS_MAX)]
    TooMany,
    /// More than [`limits::CLAIM_VALUES_MAX`] values.
    #[error("the claim {0:?} has more than {max} values", max = limits::CLAIM_VALUES_MAX)]
    TooManyValues(String),
    /// A value over [`limits::CLAIM_VALUE_BYTES_MAX`].
    #[error("a value of the claim {0:?} is longer than {max} bytes", max = limits::CLAIM_VALUE_BYTES_MAX)]
    ValueTooLong(String),
}

impl Claims {
    /// Checks the bounds.
    ///
    /// # Errors
    /// When there are too many claims or values, or one is too long.
    pub fn parse(claims: BTreeMap<String, Vec<String>>) -> Result<Self, InvalidClaims> {
        if claims.len() > limits::CLAIMS_MAX {
            return Err(InvalidClaims::TooMany);
        }
        for (name, values) in &claims {
            if values.len() > limits::CLAIM_VALUES_MAX {
                return Err(InvalidClaims::TooManyValues(name.clone()));
            }
            if values
                .iter()
                .any(|value| value.len() > limits::CLAIM_VALUE_BYTES_MAX)
            {
                return Err(InvalidClaims::ValueTooLong(name.clone()));
            }
        }
        Ok(Self(claims))
    }

    /// Reads the claims of a JSON object (an ID token, userinfo): scalars and arrays of scalars under their name,
    /// nested objects under their JSON pointer, `null` not at all.
    ///
    /// # Errors
    /// As [`Claims::parse`].
    pub fn from_json(
        object: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Self, InvalidClaims> {
        let mut claims = BTreeMap::new();
        for (name, value) in object {
            flatten(
                &mut claims,
                name,
                &format!("/{}", escape_pointer(name)),
                value,
            );
        }
        Self::parse(claims)
    }

    /// The values of a claim; none when it is absent.
    pub fn values(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The value of a claim that has exactly one.
    pub fn single(&self, name: &str) -> Option<&str> {
        match self.values(name) {
            [value] => Some(value),
            _ => None,
        }
    }

    /// All claims, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0
            .iter()
            .map(|(name, values)| (name.as_str(), values.as_slice()))
    }
}

fn escape_pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn flatten(
    into: &mut BTreeMap<String, Vec<String>>,
    name: &str,
    pointer: &str,
    value: &serde_json::Value,
) {
    use serde_json::Value;
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match value {
        Value::Null => {}
        Value::String(_) | Value::Number(_) | Value::Bool(_) => {
            into.insert(name.to_owned(), scalar(value).into_iter().collect());
        }
        Value::Array(items) => {
            into.insert(name.to_owned(), items.iter().filter_map(scalar).collect());
        }
        Value::Object(members) => {
            for (member, value) in members {
                let pointer = format!("{pointer}/{}", escape_pointer(member));
                flatten(into, &pointer.clone(), &pointer, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_claims_are_found_by_pointer() {
        let serde_json::Value::Object(object) = serde_json::json!({"realm_access": {"roles": ["a", 1, true]}, "x": null, "a/b": {"c": "d"}})
        else {
            return;
        };
        let claims = Claims::from_json(&object).unwrap_or_default();
        assert_eq!(claims.values("/realm_access/roles"), ["a", "1", "true"]);
        assert_eq!(claims.single("/a~1b/c"), Some("d"));
        assert_eq!(claims.values("x"), [] as [&str; 0]);
    }

    #[test]
    fn too_many_values_are_refused_not_cut() {
        let many = BTreeMap::from([(
            "groups".to_owned(),
            vec![String::new(); limits::CLAIM_VALUES_MAX + 1],
        )]);
        assert_eq!(
            Claims::parse(many),
            Err(InvalidClaims::TooManyValues("groups".to_owned()))
        );
    }
}
