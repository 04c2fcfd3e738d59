//! Conditions of a statement: operator, key and values, evaluated as the IAM User Guide describes.

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::context::RequestContext;
use super::expected::Expected;
use super::key::ConditionKey;
use super::operator::{Operator, Quantifier, Test};

/// An operator with one key of a `Condition` block.
pub(super) struct Condition {
    operator: Operator,
    key: String,
    values: Vec<Expected>,
}

impl Condition {
    /// Parses a `Condition` block: operator → key → value or array of values.
    ///
    /// # Errors
    /// If an operator, a key or a value is not valid or not known.
    pub(super) fn parse_block(block: &Value, variables: bool) -> anyhow::Result<Vec<Condition>> {
        let mut conditions = Vec::new();
        for (name, keys) in block.as_object().context("Condition must be an object")? {
            let operator = Operator::parse(name)?;
            for (key, values) in keys
                .as_object()
                .with_context(|| format!("{name} must be an object of condition keys"))?
            {
                conditions.push(
                    Self::parse(operator, key, values, variables)
                        .with_context(|| format!("{name} of {key}"))?,
                );
            }
        }
        Ok(conditions)
    }

    fn parse(
        operator: Operator,
        key: &str,
        values: &Value,
        variables: bool,
    ) -> anyhow::Result<Self> {
        operator.check(ConditionKey::parse(key)?)?;
        let values = strings(values)?;
        ensure!(!values.is_empty(), "a condition needs a value");
        let values = values
            .iter()
            .map(|value| Expected::parse(operator.test, value, variables));
        Ok(Condition {
            operator,
            key: key.to_owned(),
            values: values.collect::<anyhow::Result<_>>()?,
        })
    }

    /// Whether the request meets the condition.
    pub(super) fn holds(&self, context: &RequestContext) -> bool {
        let Operator {
            quantifier,
            test,
            negated,
            if_exists,
        } = self.operator;
        let present = context.values(&self.key);
        let any = |value: &str| {
            let mut values = self.values.iter();
            values.any(|expected| expected.matches(test, value, context))
        };
        if test == Test::Null {
            return any(if present.is_empty() { "true" } else { "false" });
        }
        let one = |value: &String| any(value) != negated;
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
