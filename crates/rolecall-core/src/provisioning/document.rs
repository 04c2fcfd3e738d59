//! Policy documents of IAM and of Organizations, as far as the gateway needs them.

use super::node::Members;
use super::{AccountText, Node};

/// `Version` of the policy language.
const VERSION: &str = "2012-10-17";
/// For a number of characters: all account IDs are equally long.
const ANY_ACCOUNT: &str = "000000000000";

/// A policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDocument(Vec<Statement>);

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub sid: Option<&'static str>,
    pub effect: Effect,
    pub principal: Option<Principal>,
    pub actions: Vec<Action>,
    pub resources: Vec<AccountText>,
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Principal {
    /// An identity provider, by ARN.
    Federated(AccountText),
    /// An AWS principal, by ARN.
    Aws(AccountText),
    Everyone,
}

/// Actions of STS that the gateway uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    AssumeRole,
    AssumeRoleWithSaml,
    AssumeRoleWithWebIdentity,
    GetFederationToken,
    SetSourceIdentity,
    TagSession,
}

/// An operator of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    ArnLike,
    Bool,
    BoolIfExists,
    Null,
    StringEquals,
    StringLike,
}

/// A condition: a key and its accepted values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub operator: Operator,
    pub key: String,
    pub values: Vec<AccountText>,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::AssumeRole => "sts:AssumeRole",
            Self::AssumeRoleWithSaml => "sts:AssumeRoleWithSAML",
            Self::AssumeRoleWithWebIdentity => "sts:AssumeRoleWithWebIdentity",
            Self::GetFederationToken => "sts:GetFederationToken",
            Self::SetSourceIdentity => "sts:SetSourceIdentity",
            Self::TagSession => "sts:TagSession",
        }
    }
}

impl Operator {
    fn as_str(self) -> &'static str {
        match self {
            Self::ArnLike => "ArnLike",
            Self::Bool => "Bool",
            Self::BoolIfExists => "BoolIfExists",
            Self::Null => "Null",
            Self::StringEquals => "StringEquals",
            Self::StringLike => "StringLike",
        }
    }
}

impl Condition {
    /// A condition that accepts one value.
    pub fn one(operator: Operator, key: impl Into<String>, value: impl Into<AccountText>) -> Self {
        Self {
            operator,
            key: key.into(),
            values: vec![value.into()],
        }
    }

    /// A condition that accepts each of the values.
    pub fn any<T: Into<AccountText>>(
        operator: Operator,
        key: impl Into<String>,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        Self {
            operator,
            key: key.into(),
            values: values.into_iter().map(Into::into).collect(),
        }
    }
}

impl PolicyDocument {
    pub(super) fn new(statements: Vec<Statement>) -> Self {
        Self(statements)
    }

    /// The document as JSON.
    pub fn node(&self) -> Node<AccountText> {
        document(self.0.iter().map(Statement::node).collect())
    }

    /// The number of characters that count against the quotas of IAM and Organizations, which do not count white space
    /// between elements.
    pub fn chars(&self) -> usize {
        chars(&self.node())
    }
}

/// A document with these statements.
pub(super) fn document(statements: Vec<Node<AccountText>>) -> Node<AccountText> {
    Node::map([
        ("Version", Node::text(VERSION)),
        ("Statement", Node::List(statements)),
    ])
}

/// Characters of the JSON without white space.
pub(super) fn chars(node: &Node<AccountText>) -> usize {
    let filled = node.with_texts(&|text| Node::Text(text.fill_with(ANY_ACCOUNT)));
    filled.compact().chars().count()
}

impl Statement {
    fn node(&self) -> Node<AccountText> {
        let mut members = Vec::new();
        let mut add = |key: &str, value| members.push((key.to_owned(), value));
        if let Some(sid) = self.sid {
            add("Sid", Node::text(sid));
        }
        let effect = match self.effect {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        };
        add("Effect", Node::text(effect));
        match &self.principal {
            Some(Principal::Federated(arn)) => {
                add(
                    "Principal",
                    Node::map([("Federated", Node::text(arn.clone()))]),
                );
            }
            Some(Principal::Aws(arn)) => {
                add("Principal", Node::map([("AWS", Node::text(arn.clone()))]));
            }
            Some(Principal::Everyone) => add("Principal", Node::text("*")),
            None => {}
        }
        let actions = self.actions.iter().map(|action| action.as_str().into());
        add("Action", Node::one_or_list(actions));
        if !self.resources.is_empty() {
            add(
                "Resource",
                Node::one_or_list(self.resources.iter().cloned()),
            );
        }
        if !self.conditions.is_empty() {
            add("Condition", conditions(&self.conditions));
        }
        Node::Map(members)
    }
}

/// The conditions by operator, in the order in which the operators occur.
fn conditions(conditions: &[Condition]) -> Node<AccountText> {
    let mut operators: Vec<(String, Members<AccountText>)> = Vec::new();
    for condition in conditions {
        let operator = condition.operator.as_str();
        let values = Node::one_or_list(condition.values.iter().cloned());
        let entry = (condition.key.clone(), values);
        match operators.iter_mut().find(|(known, _)| known == operator) {
            Some((_, keys)) => keys.push(entry),
            None => operators.push((operator.to_owned(), vec![entry])),
        }
    }
    let operators = operators.into_iter();
    Node::Map(
        operators
            .map(|(operator, keys)| (operator, Node::Map(keys)))
            .collect(),
    )
}
