//! Policy documents of IAM as they are evaluated: one string and a list of one are the same, names of actions and condition
//! keys have no case, and nothing has an order.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::condition::{Condition, conditions};
use super::pattern::Pattern;
use crate::base::text;

/// Statements of a document, and values of one element. Documents in IAM have at most 10,240 characters.
const COUNT_MAX: usize = 500;
/// Characters of a value that is shown.
const SHOWN_CHARS_MAX: usize = 120;

/// Why a document cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub String);

/// A policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    pub statements: Vec<Statement>,
}

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// Position in the document, from 1.
    pub number: usize,
    pub sid: Option<String>,
    pub allows: bool,
    pub principals: Option<Selection<Principal>>,
    pub actions: Option<Selection<String>>,
    pub resources: Option<Selection<String>>,
    pub conditions: Vec<Condition>,
}

/// An element, or its `Not…` form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selection<T> {
    Only(BTreeSet<T>),
    Except(BTreeSet<T>),
}

/// A principal of a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Principal {
    /// `AWS`, `Federated`, `Service` or `CanonicalUser`.
    pub kind: String,
    /// ARN, or another identifier.
    pub value: String,
}

impl Principal {
    fn new(kind: &str, value: &str) -> Self {
        // An account can be written as its ID or as the ARN of its root user.
        let account = value.strip_suffix(":root").and_then(|arn| {
            let (_, account) = arn.strip_prefix("arn:")?.split_once(":iam::")?;
            Some(account)
        });
        let value = match kind {
            "AWS" => account.unwrap_or(value),
            _ => value,
        };
        Self {
            kind: kind.to_owned(),
            value: value.to_owned(),
        }
    }

    /// Whether it is `*`.
    fn is_everyone(&self) -> bool {
        self.value == "*"
    }

    /// Whether it is a unique ID, which remains in the policy when a role or user has been deleted.
    pub fn is_deleted(&self) -> bool {
        let id = |prefix: &str| self.value.starts_with(prefix);
        self.kind == "AWS" && (id("AROA") || id("AIDA"))
    }

    /// Whether a policy that names `other` names this principal: `other` is the same, everyone, or its account.
    pub fn is_in(&self, other: &Self) -> bool {
        let account = || self.value.split(':').nth(4);
        self == other
            || other.is_everyone()
            || (self.kind == "AWS"
                && other.kind == "AWS"
                && account() == Some(other.value.as_str()))
    }
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, shown(&self.value))
    }
}

impl Document {
    /// Parses a document.
    ///
    /// # Errors
    /// [`Malformed`]: IAM would not have stored it.
    pub fn parse(value: &Value) -> Result<Self, Malformed> {
        let document = object(value, "the policy")?;
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().collect(),
            Some(statement) => vec![statement],
            None => return Err(Malformed("the policy has no Statement".to_owned())),
        };
        if statements.len() > COUNT_MAX {
            return Err(Malformed(format!(
                "the policy has {} statements",
                statements.len()
            )));
        }
        let statements = (1..).zip(statements);
        let statements = statements.map(|(number, value)| Statement::parse(number, value));
        Ok(Self {
            statements: statements.collect::<Result<_, _>>()?,
        })
    }

    /// Statements that this document has and the other does not, whatever their order and `Sid`.
    pub fn without<'a>(&'a self, other: &Self) -> Vec<&'a Statement> {
        let mut others: Vec<&Statement> = other.statements.iter().collect();
        let mut extra = Vec::new();
        for statement in &self.statements {
            match others.iter().position(|one| one.is_same(statement)) {
                Some(at) => drop(others.swap_remove(at)),
                None => extra.push(statement),
            }
        }
        extra
    }

    /// Whether each statement denies.
    pub fn only_denies(&self) -> bool {
        self.statements.iter().all(|statement| !statement.allows)
    }
}

impl Statement {
    fn parse(number: usize, value: &Value) -> Result<Self, Malformed> {
        const KNOWN: [&str; 9] = [
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ];
        let of = |error: Malformed| Malformed(format!("statement {number}: {}", error.0));
        let members = object(value, "the statement").map_err(of)?;
        if let Some(other) = members.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(of(Malformed(format!("{} is not an element", shown(other)))));
        }
        let allows = match members.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            Some(_) | None => {
                return Err(of(Malformed("Effect is neither Allow nor Deny".to_owned())));
            }
        };
        let sid = members.get("Sid").and_then(Value::as_str);
        Ok(Self {
            number,
            sid: sid.filter(|sid| !sid.is_empty()).map(str::to_owned),
            allows,
            principals: selection(members, "Principal", principals).map_err(of)?,
            actions: selection(members, "Action", |value| {
                let actions = strings(value, "Action")?.into_iter();
                Ok(actions.map(str::to_ascii_lowercase).collect())
            })
            .map_err(of)?,
            resources: selection(members, "Resource", |value| {
                let resources = strings(value, "Resource")?.into_iter();
                Ok(resources.map(str::to_owned).collect())
            })
            .map_err(of)?,
            conditions: match members.get("Condition") {
                Some(value) => conditions(value).map_err(of)?,
                None => Vec::new(),
            },
        })
    }

    /// Whether both mean the same.
    fn is_same(&self, other: &Self) -> bool {
        self.allows == other.allows
            && self.principals == other.principals
            && self.actions == other.actions
            && self.resources == other.resources
            && self.conditions == other.conditions
    }

    /// Whether the statement applies to an action, written in lower case.
    pub fn names_action(&self, action: &str) -> bool {
        let action = Pattern::literal(action);
        let any = |actions: &BTreeSet<String>| {
            actions
                .iter()
                .any(|one| Pattern::glob(one).includes(&action))
        };
        match &self.actions {
            Some(Selection::Only(actions)) => any(actions),
            Some(Selection::Except(actions)) => !any(actions),
            None => false,
        }
    }
}

impl std::fmt::Display for Statement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.sid {
            Some(sid) => write!(f, "statement {} ({})", self.number, shown(sid)),
            None => write!(f, "statement {}", self.number),
        }
    }
}

/// External text in one line.
pub(super) fn shown(value: &str) -> String {
    text::one_line(value, SHOWN_CHARS_MAX)
}

/// Texts in one line, a few of many.
pub(super) fn listed<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    const LISTED_MAX: usize = 6;
    let all: Vec<String> = texts.into_iter().map(|text| shown(text.as_ref())).collect();
    let mut listed = all[..all.len().min(LISTED_MAX)].join(", ");
    if all.len() > LISTED_MAX {
        listed.push_str(&format!(" and {} more", all.len() - LISTED_MAX));
    }
    listed
}

pub(super) fn object<'v>(
    value: &'v Value,
    name: &str,
) -> Result<&'v Map<String, Value>, Malformed> {
    let object = value.as_object();
    object.ok_or_else(|| Malformed(format!("{name} is not a JSON object")))
}

/// A string, or a list of strings.
pub(super) fn strings<'v>(value: &'v Value, name: &str) -> Result<Vec<&'v str>, Malformed> {
    let wrong = || {
        Malformed(format!(
            "{} is neither a string nor a list of them",
            shown(name)
        ))
    };
    let values = one_or_many(value);
    if values.len() > COUNT_MAX {
        return Err(Malformed(format!(
            "{} has {} values",
            shown(name),
            values.len()
        )));
    }
    let strings = values
        .into_iter()
        .map(|value| value.as_str().ok_or_else(wrong));
    strings.collect()
}

/// The items of a list, or a single value.
pub(super) fn one_or_many(value: &Value) -> Vec<&Value> {
    let list = value.as_array();
    list.map_or_else(|| vec![value], |values| values.iter().collect())
}

fn selection<T>(
    members: &Map<String, Value>,
    element: &str,
    read: impl Fn(&Value) -> Result<BTreeSet<T>, Malformed>,
) -> Result<Option<Selection<T>>, Malformed> {
    match (members.get(element), members.get(&format!("Not{element}"))) {
        (Some(_), Some(_)) => Err(Malformed(format!("both {element} and Not{element}"))),
        (Some(only), None) => read(only).map(Selection::Only).map(Some),
        (None, Some(except)) => read(except).map(Selection::Except).map(Some),
        (None, None) => Ok(None),
    }
}

fn principals(value: &Value) -> Result<BTreeSet<Principal>, Malformed> {
    if value.as_str() == Some("*") {
        return Ok(BTreeSet::from([Principal::new("AWS", "*")]));
    }
    let mut principals = BTreeSet::new();
    for (kind, values) in object(value, "Principal")? {
        let values = strings(values, "Principal")?.into_iter();
        principals.extend(values.map(|value| Principal::new(kind, value)));
    }
    Ok(principals)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> Document {
        Document::parse(&value).unwrap()
    }

    #[test]
    fn notation_does_not_matter() {
        let one = parse(json!({ "Version": "2012-10-17", "Statement": {
            "Sid": "A", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:root" },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "aws:RequestTag/Team": "a", "sts:ExternalId": ["x"] } },
        }}));
        let other = parse(json!({ "Statement": [{
            "Effect": "Allow", "Principal": { "AWS": ["111122223333"] },
            "Action": ["STS:assumerole"],
            "Condition": { "StringEquals": { "sts:externalid": "x", "aws:requesttag/team": ["a"] } },
        }]}));
        assert!(one.without(&other).is_empty() && other.without(&one).is_empty());
        assert!(one.statements[0].names_action("sts:assumerole"));
        assert!(!one.statements[0].names_action("sts:assumerolewithsaml"));
        let twice = parse(json!({ "Statement": [
            { "Effect": "Deny", "Action": "s3:*", "Resource": "*" },
            { "Effect": "Deny", "Action": "s3:*", "Resource": "*" },
        ]}));
        let once = Document {
            statements: twice.statements[..1].to_vec(),
        };
        assert_eq!(twice.without(&once).len(), 1);
        assert!(twice.only_denies() && !one.only_denies());
    }

    #[test]
    fn wrong_types_are_errors() {
        let statement = |key: &str, value: Value| {
            let mut statement = json!({ "Effect": "Allow", "Action": "*", "Principal": "*" });
            statement[key] = value;
            json!({ "Statement": [statement] })
        };
        for bad in [
            json!(null),
            json!([]),
            json!({}),
            json!({ "Statement": 1 }),
            json!({ "Statement": ["Allow"] }),
            json!({ "Statement": vec![json!({}); 501] }),
            statement("Effect", json!("allow")),
            statement("Effect", json!(null)),
            statement("Action", json!(5)),
            statement("Action", json!([["*"]])),
            statement("Action", json!(vec!["a"; 501])),
            statement("NotAction", json!("*")),
            statement("Principal", json!("alice")),
            statement("Principal", json!({ "AWS": { "a": "b" } })),
            statement("Condition", json!("true")),
            statement("Condition", json!({ "Bool": ["a"] })),
            statement("Condition", json!({ "Bool": { "a": { "b": 1 } } })),
            statement("Principals", json!("*")),
        ] {
            assert!(Document::parse(&bad).is_err(), "{bad}");
        }
    }
}
