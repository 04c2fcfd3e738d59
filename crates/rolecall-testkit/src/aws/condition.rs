//! A condition of a trust policy (operator, key and values), evaluated as the IAM User Guide describes.
//!
//! Supports the String operators, `Bool` and `Null`, with `IfExists`, `ForAllValues:` and `ForAnyValue:`. Parsing fails
//! for any other operator, so that no condition is silently evaluated differently than at AWS.

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::pattern::{Pattern, RequestKeys};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    Plain,
    All,
    Any,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Test {
    Equals,
    EqualsIgnoreCase,
    Like,
    Bool,
    Null,
}

#[derive(Clone, Copy)]
struct Operator {
    quantifier: Quantifier,
    test: Test,
    negated: bool,
    if_exists: bool,
}

impl Operator {
    fn parse(name: &str) -> anyhow::Result<Self> {
        let (quantifier, rest) = match name.split_once(':') {
            None => (Quantifier::Plain, name),
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            Some(_) => bail!("{name:?} is not a condition operator"),
        };
        let (base, if_exists) = rest
            .strip_suffix("IfExists")
            .map_or((rest, false), |base| (base, true));
        let (test, negated) = match base {
            "StringEquals" => (Test::Equals, false),
            "StringNotEquals" => (Test::Equals, true),
            "StringEqualsIgnoreCase" => (Test::EqualsIgnoreCase, false),
            "StringNotEqualsIgnoreCase" => (Test::EqualsIgnoreCase, true),
            "StringLike" => (Test::Like, false),
            "StringNotLike" => (Test::Like, true),
            "Bool" => (Test::Bool, false),
            "Null" if !if_exists && quantifier == Quantifier::Plain => (Test::Null, false),
            _ => bail!("the AWS emulator does not evaluate the condition operator {name:?}"),
        };
        Ok(Operator {
            quantifier,
            test,
            negated,
            if_exists,
        })
    }
}

/// An operator with one key of a `Condition` block.
pub(super) struct Condition {
    operator: Operator,
    key: String,
    values: Vec<Pattern>,
}

impl Condition {
    /// Parses a `Condition` block: operator → key → value or array of values.
    ///
    /// # Errors
    /// If an operator, a key or a value is not valid.
    pub fn parse_block(block: &Value, variables: bool) -> anyhow::Result<Vec<Condition>> {
        let mut conditions = Vec::new();
        for (name, keys) in block.as_object().context("Condition must be an object")? {
            let operator = Operator::parse(name)?;
            for (key, values) in keys
                .as_object()
                .with_context(|| format!("{name} must be an object of condition keys"))?
            {
                let values = strings(values)
                    .with_context(|| format!("{name} of {key}"))?
                    .iter()
                    .map(|value| Pattern::parse(value, operator.test == Test::Like, variables))
                    .collect::<anyhow::Result<_>>()?;
                conditions.push(Condition {
                    operator,
                    key: key.to_ascii_lowercase(),
                    values,
                });
            }
        }
        Ok(conditions)
    }

    /// Whether the request meets the condition.
    pub fn holds(&self, keys: &RequestKeys) -> bool {
        let Operator {
            quantifier,
            test,
            negated,
            if_exists,
        } = self.operator;
        let present = keys.values(&self.key);
        if test == Test::Null {
            let absent = if present.is_empty() { "true" } else { "false" };
            return self.values.iter().any(|v| v.matches(absent, keys, true));
        }
        let ignore_case = matches!(test, Test::EqualsIgnoreCase | Test::Bool);
        let one = |value: &String| {
            self.values
                .iter()
                .any(|v| v.matches(value, keys, ignore_case))
                != negated
        };
        match (present, quantifier) {
            // An empty set matches `ForAllValues` and never `ForAnyValue`. An absent key matches a negated operator.
            ([], Quantifier::All) => true,
            ([], Quantifier::Any) => if_exists,
            ([], Quantifier::Plain) => negated || if_exists,
            (values, Quantifier::All) => values.iter().all(one),
            (values, Quantifier::Any) => values.iter().any(one),
            (values, Quantifier::Plain) if negated => values.iter().all(one),
            (values, Quantifier::Plain) => values.iter().any(one),
        }
    }
}

/// A string or an array of strings. JSON booleans and numbers are converted to strings, as in IAM.
pub(super) fn strings(value: &Value) -> anyhow::Result<Vec<String>> {
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Bool(flag) => Ok(vec![flag.to_string()]),
        Value::Number(number) => Ok(vec![number.to_string()]),
        Value::Array(items) => {
            let mut all = Vec::with_capacity(items.len());
            for item in items {
                match item {
                    Value::String(_) | Value::Bool(_) | Value::Number(_) => {
                        all.extend(strings(item)?)
                    }
                    Value::Null | Value::Array(_) | Value::Object(_) => {
                        bail!("expected a string, not {item}")
                    }
                }
            }
            Ok(all)
        }
        Value::Null | Value::Object(_) => {
            bail!("expected a string or an array of strings, not {value}")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(block: &Value) -> bool {
        let mut keys = RequestKeys::default();
        keys.add("sso.example:sub", "Alice");
        keys.add("aws:TagKeys", "Team");
        keys.add("aws:TagKeys", "Cost");
        keys.add("aws:RequestTag/Team", "eng");
        keys.add("flag", "true");
        Condition::parse_block(block, true)
            .expect("a condition")
            .iter()
            .all(|c| c.holds(&keys))
    }

    #[test]
    fn operators_follow_iam_user_guide() {
        for (block, expected) in [
            (json!({"StringEquals": {"sso.example:SUB": "Alice"}}), true),
            (json!({"StringEquals": {"sso.example:sub": "alice"}}), false),
            (
                json!({"StringEqualsIgnoreCase": {"sso.example:sub": "alice"}}),
                true,
            ),
            (
                json!({"StringEquals": {"sso.example:sub": ["Bob", "Alice"]}}),
                true,
            ),
            (json!({"StringEquals": {"sso.example:sub": "Al*"}}), false),
            (json!({"StringLike": {"sso.example:sub": "Al*"}}), true),
            (
                json!({"StringNotEquals": {"sso.example:sub": ["Bob", "Alice"]}}),
                false,
            ),
            (json!({"StringNotEquals": {"absent": "x"}}), true),
            (json!({"StringNotLike": {"sso.example:sub": "B*"}}), true),
            (json!({"StringEquals": {"absent": "x"}}), false),
            (json!({"StringEqualsIfExists": {"absent": "x"}}), true),
            (
                json!({"StringEqualsIfExists": {"sso.example:sub": "x"}}),
                false,
            ),
            (
                json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["Team", "Cost", "X"]}}),
                true,
            ),
            (
                json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["Team"]}}),
                false,
            ),
            (
                json!({"ForAllValues:StringEquals": {"absent": ["Team"]}}),
                true,
            ),
            (
                json!({"ForAnyValue:StringEquals": {"aws:TagKeys": ["Cost"]}}),
                true,
            ),
            (
                json!({"ForAnyValue:StringEquals": {"absent": ["Cost"]}}),
                false,
            ),
            (json!({"Null": {"absent": true}}), true),
            (json!({"Null": {"aws:RequestTag/Team": "true"}}), false),
            (json!({"Null": {"aws:RequestTag/Team": "false"}}), true),
            (json!({"Bool": {"flag": "True"}}), true),
            (json!({"Bool": {"flag": false}}), false),
            (
                json!({"StringEquals": {"aws:requesttag/team": "eng"}, "StringLike": {"sso.example:sub": "B*"}}),
                false,
            ),
        ] {
            assert_eq!(holds(&block), expected, "{block}");
        }
    }

    #[test]
    fn unknown_operator_is_rejected() {
        for name in [
            "IpAddress",
            "ForSomeValues:StringEquals",
            "NullIfExists",
            "StringMatches",
            "",
        ] {
            assert!(
                Condition::parse_block(&json!({name: {"a": "b"}}), true).is_err(),
                "{name}"
            );
        }
        assert!(Condition::parse_block(&json!({"StringEquals": {"a": {"b": 1}}}), true).is_err());
    }
}
