//! A value in a condition, of the type of its operator, and its comparison with a value of the request.

use std::cmp::Ordering;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};

use super::arn::ArnPattern;
use super::context::RequestContext;
use super::key::KeyKind;
use super::operator::{Comparison, Test};
use super::pattern::Pattern;

/// A value in a condition.
pub(super) enum Expected {
    Text(Pattern),
    Arn(ArnPattern),
    Flag(bool),
    Date(DateTime<Utc>),
    Number(f64),
}

impl Expected {
    /// Parses a value for an operator. `variables`: for policies of version 2012-10-17.
    pub(super) fn parse(test: Test, text: &str, variables: bool) -> anyhow::Result<Self> {
        Ok(match test {
            Test::Equals | Test::EqualsIgnoreCase => {
                Expected::Text(Pattern::parse(text, false, variables)?)
            }
            Test::Like => Expected::Text(Pattern::parse(text, true, variables)?),
            Test::Arn => Expected::Arn(ArnPattern::parse(text, variables)?),
            Test::Bool | Test::Null => Expected::Flag(flag(text)?),
            Test::Date(_) => Expected::Date(date(text)?),
            Test::Number(_) => Expected::Number(number(text)?),
        })
    }

    /// Whether the value of a request meets the condition, without its negation.
    pub(super) fn matches(&self, test: Test, value: &str, context: &RequestContext) -> bool {
        match (self, test) {
            (Expected::Text(pattern), Test::EqualsIgnoreCase) => {
                pattern.matches(value, context, true)
            }
            (Expected::Text(pattern), _) => pattern.matches(value, context, false),
            (Expected::Arn(pattern), _) => pattern.matches(value, context),
            (Expected::Flag(expected), _) => flag(value).is_ok_and(|value| value == *expected),
            (Expected::Date(expected), Test::Date(comparison)) => {
                date(value).is_ok_and(|value| holds(comparison, Some(value.cmp(expected))))
            }
            (Expected::Number(expected), Test::Number(comparison)) => {
                number(value).is_ok_and(|value| holds(comparison, value.partial_cmp(expected)))
            }
            (Expected::Date(_) | Expected::Number(_), _) => false,
        }
    }
}

fn holds(comparison: Comparison, order: Option<Ordering>) -> bool {
    order.is_some_and(|order| match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    })
}

/// Checks that a value of a request has the type of its key.
pub(super) fn check(kind: KeyKind, value: &str) -> anyhow::Result<()> {
    match kind {
        KeyKind::Text | KeyKind::Arn => Ok(()),
        KeyKind::Bool => flag(value).map(|_| ()),
        KeyKind::Date => date(value).map(|_| ()),
        KeyKind::Number => number(value).map(|_| ()),
    }
}

fn flag(text: &str) -> anyhow::Result<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => bail!("{text:?} is neither true nor false"),
    }
}

/// A date of ISO 8601 with a time zone, or seconds since 1970.
fn date(text: &str) -> anyhow::Result<DateTime<Utc>> {
    if let Ok(seconds) = text.parse::<i64>() {
        return DateTime::from_timestamp(seconds, 0)
            .with_context(|| format!("{text:?} is not a date"));
    }
    let parsed = DateTime::parse_from_rfc3339(text);
    Ok(parsed
        .with_context(|| format!("{text:?} is not a date"))?
        .to_utc())
}

fn number(text: &str) -> anyhow::Result<f64> {
    let number: f64 = text
        .parse()
        .with_context(|| format!("{text:?} is not a number"))?;
    if !number.is_finite() {
        bail!("{text:?} is not a number");
    }
    Ok(number)
}
