//! Condition operators (IAM User Guide, "IAM JSON policy elements: Condition operators").

use anyhow::{bail, ensure};

use super::key::{ConditionKey, KeyKind};

/// How a condition treats a key with several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    Plain,
    All,
    Any,
}

/// Order of two dates or numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What an operator compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Equals,
    EqualsIgnoreCase,
    Like,
    Arn,
    Bool,
    Null,
    Date(Comparison),
    Number(Comparison),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    pub quantifier: Quantifier,
    pub test: Test,
    pub negated: bool,
    pub if_exists: bool,
}

impl Operator {
    /// Parses the name of an operator, such as `ForAnyValue:StringLikeIfExists`.
    pub(super) fn parse(name: &str) -> anyhow::Result<Self> {
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
            // Both pairs support wildcards and behave identically.
            "ArnEquals" | "ArnLike" => (Test::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Test::Arn, true),
            "Bool" => (Test::Bool, false),
            "Null" if !if_exists && quantifier == Quantifier::Plain => (Test::Null, false),
            _ => match ordered(base) {
                Some(found) => found,
                None => bail!("the evaluator does not know the condition operator {name:?}"),
            },
        };
        Ok(Operator {
            quantifier,
            test,
            negated,
            if_exists,
        })
    }

    /// Checks that the operator is one for keys of this type and number of values.
    pub(super) fn check(self, key: ConditionKey) -> anyhow::Result<()> {
        let fits = match self.test {
            Test::Equals | Test::EqualsIgnoreCase | Test::Like => {
                matches!(key.kind, KeyKind::Text | KeyKind::Arn)
            }
            Test::Arn => key.kind == KeyKind::Arn,
            Test::Bool => key.kind == KeyKind::Bool,
            Test::Date(_) => key.kind == KeyKind::Date,
            Test::Number(_) => key.kind == KeyKind::Number,
            Test::Null => true,
        };
        ensure!(fits, "the operator does not fit the type {:?}", key.kind);
        ensure!(
            !key.multivalued || self.quantifier != Quantifier::Plain || self.test == Test::Null,
            "a key with several values needs ForAllValues or ForAnyValue"
        );
        Ok(())
    }
}

/// The operators of dates and numbers.
fn ordered(base: &str) -> Option<(Test, bool)> {
    let (test, order): (fn(Comparison) -> Test, &str) = match base.strip_prefix("Date") {
        Some(order) => (Test::Date, order),
        None => (Test::Number, base.strip_prefix("Numeric")?),
    };
    let (comparison, negated) = match order {
        "Equals" => (Comparison::Equal, false),
        "NotEquals" => (Comparison::Equal, true),
        "LessThan" => (Comparison::Less, false),
        "LessThanEquals" => (Comparison::LessOrEqual, false),
        "GreaterThan" => (Comparison::Greater, false),
        "GreaterThanEquals" => (Comparison::GreaterOrEqual, false),
        _ => return None,
    };
    Some((test(comparison), negated))
}
