//! The requests that a statement of the model accepts, and whether conditions of another statement hold for them.

use std::collections::BTreeMap;

use super::condition::{Condition, Quantifier, Test};
use super::document::{Principal, Selection, Statement};
use super::pattern::Pattern;

/// Requests of one statement of the model: combinations of the values of its conditions. A policy of IAM has far fewer.
const REQUESTS_MAX: usize = 20_000;

/// What is known about a condition key of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyValue {
    /// The value.
    Is(String),
    /// One of these values; all of them occur.
    Among(Pattern),
    /// The request does not have the key.
    Absent,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    No,
    /// For some requests, or it is not known.
    Maybe,
    Yes,
}

/// Requests of the gateway that have the same values as far as the model knows them.
#[derive(Clone, Debug)]
pub(super) struct Request<'m> {
    pub principal: &'m Principal,
    /// By key in lower case. Nothing is known about other keys.
    pub keys: BTreeMap<String, KeyValue>,
}

impl<'m> Request<'m> {
    /// The requests that a statement of the model accepts. `absent` are keys that they do not have, unless the statement names them.
    pub fn of(statement: &'m Statement, absent: &[String]) -> Vec<Self> {
        let Some(Selection::Only(principals)) = &statement.principals else {
            return Vec::new();
        };
        let absent = absent.iter().map(|key| (key.clone(), KeyValue::Absent));
        let known: BTreeMap<String, KeyValue> = absent.collect();
        let new = |principal| Self {
            principal,
            keys: known.clone(),
        };
        let mut requests: Vec<Self> = principals.iter().map(new).collect();
        for condition in &statement.conditions {
            let values: Vec<KeyValue> = condition
                .values
                .iter()
                .map(|value| condition.key_value(value))
                .collect();
            let combined = requests.iter().flat_map(|request| {
                values.iter().map(|value| {
                    let mut combined = request.clone();
                    combined.keys.insert(condition.key.clone(), value.clone());
                    combined
                })
            });
            requests = combined.take(REQUESTS_MAX).collect();
        }
        requests
    }

    /// Whether the statement applies to the principal of the request.
    pub fn is_made_by(&self, statement: &Statement) -> bool {
        let named = |principal: &Principal| self.principal.is_in(principal);
        match &statement.principals {
            Some(Selection::Only(principals)) => principals.iter().any(named),
            Some(Selection::Except(principals)) => !principals.iter().any(named),
            None => false,
        }
    }

    /// Whether all conditions hold.
    pub fn meets(&self, conditions: &[Condition]) -> Truth {
        let each = conditions.iter().map(|condition| self.holds(condition));
        each.min().unwrap_or(Truth::Yes)
    }

    /// Whether a condition holds.
    pub fn holds(&self, condition: &Condition) -> Truth {
        match self.keys.get(&condition.key) {
            None => Truth::Maybe,
            Some(KeyValue::Absent) => condition.holds_without_key(),
            Some(KeyValue::Is(value)) => condition.holds_for(&Pattern::literal(value), value),
            Some(KeyValue::Among(pattern)) => condition.holds_for(pattern, ""),
        }
    }
}

impl Condition {
    /// A value of a condition of the model as value of a request.
    fn key_value(&self, value: &str) -> KeyValue {
        if self.test == Test::Null {
            return match value {
                "true" => KeyValue::Absent,
                _ => KeyValue::Among(Pattern::glob("*")),
            };
        }
        let pattern = self.pattern(value);
        match pattern.has_wildcards() || pattern.is_opaque() {
            true => KeyValue::Among(pattern),
            false => KeyValue::Is(value.to_owned()),
        }
    }

    fn holds_without_key(&self) -> Truth {
        match self.test {
            Test::Null if self.values.contains("true") => Truth::Yes,
            Test::Null => Truth::No,
            Test::Other => Truth::Maybe,
            Test::Equals | Test::EqualsIgnoreCase | Test::Like | Test::Arn | Test::Bool => {
                match (self.if_exists, self.quantifier, self.negated) {
                    (true, _, _) | (_, Quantifier::All, _) | (_, Quantifier::Plain, true) => {
                        Truth::Yes
                    }
                    (false, Quantifier::Any, true) => Truth::Maybe,
                    (false, Quantifier::Plain | Quantifier::Any, false) => Truth::No,
                }
            }
        }
    }

    /// Whether it holds for the values of a pattern, which is a literal of `exact` if it has no wildcards.
    fn holds_for(&self, values: &Pattern, exact: &str) -> Truth {
        let positive = match self.test {
            Test::Null => match self.values.contains("false") {
                true => Truth::Yes,
                false => Truth::No,
            },
            Test::Other => return Truth::Maybe,
            Test::EqualsIgnoreCase | Test::Bool => {
                let folded = Pattern::literal(&exact.to_lowercase());
                match values.has_wildcards() || values.is_opaque() {
                    true => Truth::Maybe,
                    false => self.accepts(&folded),
                }
            }
            Test::Equals | Test::Like => self.accepts(values),
            Test::Arn if self.values.contains(exact) => Truth::Yes,
            // Wildcards of ARNs end at a colon, so they match less.
            Test::Arn => self.accepts(values).min(Truth::Maybe),
        };
        match (positive, self.negated) {
            (truth, false) => truth,
            (Truth::Yes, true) => Truth::No,
            (Truth::No, true) => Truth::Yes,
            (Truth::Maybe, true) => Truth::Maybe,
        }
    }

    fn accepts(&self, values: &Pattern) -> Truth {
        let own: Vec<Pattern> = self.values.iter().map(|one| self.pattern(one)).collect();
        if own.iter().any(|one| one.includes(values)) {
            Truth::Yes
        } else if own.iter().any(|one| one.intersects(values)) {
            Truth::Maybe
        } else {
            Truth::No
        }
    }
}
