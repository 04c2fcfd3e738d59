//! Conditions of a statement, and whether one implies another.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::{Malformed, object, one_or_many, shown};
use super::pattern::Pattern;

/// Conditions of one statement.
const CONDITIONS_MAX: usize = 200;
/// Values of one condition.
const VALUES_MAX: usize = 500;

/// How a condition treats a key with several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Quantifier {
    Plain,
    /// `ForAllValues`: also holds without a value.
    All,
    /// `ForAnyValue`
    Any,
}

/// What an operator compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Test {
    Equals,
    EqualsIgnoreCase,
    Like,
    Arn,
    Bool,
    Null,
    /// Numbers, dates, addresses, and operators that are not known.
    Other,
}

/// A condition: a key and its values. Those of a statement must all hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Condition {
    pub quantifier: Quantifier,
    pub test: Test,
    pub negated: bool,
    pub if_exists: bool,
    /// The key in lower case.
    pub key: String,
    /// Name of the operator.
    pub operator: String,
    pub values: BTreeSet<String>,
}

/// How a condition falls short of another on the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Weakness {
    /// It accepts these values in addition.
    Values(Vec<String>),
    /// It accepts these patterns, where the other has exact values.
    Wildcards(Vec<String>),
    /// `ForAllValues` holds without a value.
    ForAllValues,
    /// `…IfExists` holds without the key.
    IfExists,
    /// The operator is not one that can be compared.
    Operator(String),
}

/// Parses the element `Condition`. The result is sorted.
pub(super) fn conditions(value: &Value) -> Result<Vec<Condition>, Malformed> {
    let mut conditions = Vec::new();
    for (operator, keys) in object(value, "Condition")? {
        for (key, values) in object(keys, "an operator of Condition")? {
            conditions.push(Condition::parse(operator, key, values)?);
        }
    }
    if conditions.len() > CONDITIONS_MAX {
        return Err(Malformed(format!("{} conditions", conditions.len())));
    }
    conditions.sort();
    Ok(conditions)
}

impl Condition {
    fn parse(name: &str, key: &str, values: &Value) -> Result<Self, Malformed> {
        let (quantifier, rest) = match name.split_once(':') {
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            Some(_) | None => (Quantifier::Plain, name),
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let (test, negated) = match base {
            "StringEquals" => (Test::Equals, false),
            "StringNotEquals" => (Test::Equals, true),
            "StringEqualsIgnoreCase" => (Test::EqualsIgnoreCase, false),
            "StringNotEqualsIgnoreCase" => (Test::EqualsIgnoreCase, true),
            "StringLike" => (Test::Like, false),
            "StringNotLike" => (Test::Like, true),
            // Both pairs support wildcards and behave identically.
            "ArnEquals" | "ArnLike" => (Test::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Test::Arn, true),
            "Bool" => (Test::Bool, false),
            "Null" => (Test::Null, false),
            _ => (Test::Other, false),
        };
        let listed = one_or_many(values);
        if listed.len() > VALUES_MAX {
            return Err(Malformed(format!(
                "{} has {} values",
                shown(key),
                listed.len()
            )));
        }
        let fold = matches!(test, Test::Bool | Test::Null | Test::EqualsIgnoreCase);
        let text = |value: &Value| match value {
            Value::String(text) if fold => Ok(text.to_lowercase()),
            Value::String(text) => Ok(text.clone()),
            Value::Bool(flag) => Ok(flag.to_string()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => Err(Malformed(format!(
                "a value of {} is not a string",
                shown(key)
            ))),
        };
        Ok(Self {
            quantifier,
            test,
            negated,
            if_exists,
            key: key.to_lowercase(),
            operator: match base {
                // Both names have the same meaning.
                "ArnEquals" => name.replace("ArnEquals", "ArnLike"),
                "ArnNotEquals" => name.replace("ArnNotEquals", "ArnNotLike"),
                _ => name.to_owned(),
            },
            values: listed.into_iter().map(text).collect::<Result<_, _>>()?,
        })
    }

    /// Whether it can only hold if the request has the key.
    fn requires_key(&self) -> bool {
        match self.test {
            Test::Null => self.values.iter().all(|value| value == "false"),
            Test::Equals | Test::EqualsIgnoreCase | Test::Like | Test::Arn | Test::Bool => {
                !self.negated && !self.if_exists && self.quantifier != Quantifier::All
            }
            // It may be a negated one.
            Test::Other => false,
        }
    }

    /// The texts of a value.
    pub fn pattern(&self, value: &str) -> Pattern {
        match self.test {
            Test::Like | Test::Arn => Pattern::glob(value),
            Test::Equals | Test::EqualsIgnoreCase | Test::Bool | Test::Null | Test::Other => {
                Pattern::literal(value)
            }
        }
    }

    /// Whether each text of `value`, a value of a condition with another test, is one of the values.
    fn includes(&self, value: &str, test: Test) -> bool {
        let comparable = match (self.test, test) {
            (Test::Equals | Test::Like, Test::Equals | Test::Like)
            | (Test::EqualsIgnoreCase, Test::EqualsIgnoreCase)
            | (Test::Bool, Test::Bool)
            | (Test::Null, Test::Null) => true,
            // Wildcards of ARNs end at a colon.
            (Test::Arn, Test::Arn) => return self.values.contains(value),
            (Test::Arn, Test::Equals) => {
                return self.values.contains(value) && !Pattern::glob(value).has_wildcards();
            }
            // Digits and signs have no case.
            (Test::Equals | Test::Like, Test::EqualsIgnoreCase) => {
                !value.chars().any(char::is_alphabetic)
            }
            (Test::EqualsIgnoreCase, Test::Equals) => {
                return self.values.contains(&value.to_lowercase());
            }
            (
                Test::Equals
                | Test::EqualsIgnoreCase
                | Test::Like
                | Test::Arn
                | Test::Bool
                | Test::Null
                | Test::Other,
                _,
            ) => false,
        };
        let found = match test {
            Test::Like => Pattern::glob(value),
            Test::Equals
            | Test::EqualsIgnoreCase
            | Test::Arn
            | Test::Bool
            | Test::Null
            | Test::Other => Pattern::literal(value),
        };
        comparable
            && self
                .values
                .iter()
                .any(|own| self.pattern(own).includes(&found))
    }

    /// The weaknesses with which a statement with these conditions enforces this one; `None` if no condition restricts the key.
    pub fn weaknesses_of(&self, conditions: &[Self]) -> Option<Vec<Weakness>> {
        let of_key: Vec<&Self> = conditions
            .iter()
            .filter(|one| one.key == self.key)
            .collect();
        let key_required = of_key.iter().any(|one| one.requires_key());
        if self.test == Test::Null && self.requires_key() {
            return key_required.then(Vec::new);
        }
        let restricting = of_key
            .iter()
            .filter(|one| !one.negated && (one.test != Test::Null || self.test == Test::Null));
        let weaknesses = restricting.map(|found| self.weaknesses(found, key_required));
        weaknesses.min_by_key(Vec::len)
    }

    fn weaknesses(&self, found: &Self, key_required: bool) -> Vec<Weakness> {
        let mut weaknesses = Vec::new();
        let (mut values, mut wildcards) = (Vec::new(), Vec::new());
        for value in &found.values {
            if self.includes(value, found.test) {
                continue;
            }
            let exact = self
                .values
                .iter()
                .all(|own| !self.pattern(own).has_wildcards());
            match exact && found.pattern(value).has_wildcards() {
                true => wildcards.push(value.clone()),
                false => values.push(value.clone()),
            }
        }
        let comparable = found.test != Test::Other && !(values.is_empty() && wildcards.is_empty());
        if found.test == Test::Other {
            weaknesses.push(Weakness::Operator(found.operator.clone()));
        } else if comparable {
            if !values.is_empty() {
                weaknesses.push(Weakness::Values(values));
            }
            if !wildcards.is_empty() {
                weaknesses.push(Weakness::Wildcards(wildcards));
            }
        }
        if found.if_exists && !key_required {
            weaknesses.push(Weakness::IfExists);
        }
        if found.quantifier == Quantifier::All
            && self.quantifier != Quantifier::All
            && !key_required
        {
            weaknesses.push(Weakness::ForAllValues);
        }
        weaknesses
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let values = super::document::listed(&self.values);
        write!(f, "{} {} {values}", self.operator, shown(&self.key))
    }
}
