//! A policy document, parsed once and evaluated for each request.

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value};

use super::statement::{Effect, Statement};

/// What a policy is attached to, which determines its elements and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// Trust policy of a role.
    Trust,
    /// Policy of a user or role.
    Identity,
    /// Session policy of a request to STS.
    Session,
    /// Service control policy of an organization.
    ServiceControl,
    /// Resource control policy of an organization.
    ResourceControl,
}

impl PolicyKind {
    /// Characters that IAM or AWS Organizations accept: the default quota, without whitespace.
    fn chars_max(self) -> usize {
        match self {
            PolicyKind::Trust | PolicyKind::Session => 2_048,
            PolicyKind::Identity => 10_240,
            PolicyKind::ServiceControl | PolicyKind::ResourceControl => 5_120,
        }
    }

    /// The name in messages of AWS.
    pub(super) fn noun(self) -> &'static str {
        match self {
            PolicyKind::Trust => "role trust policy",
            PolicyKind::Identity => "identity-based policy",
            PolicyKind::Session => "session policy",
            PolicyKind::ServiceControl => "service control policy",
            PolicyKind::ResourceControl => "resource control policy",
        }
    }
}

/// A parsed policy.
pub struct Policy {
    pub(super) kind: PolicyKind,
    pub(super) name: String,
    pub(super) statements: Vec<Statement>,
    document: Value,
}

impl Policy {
    /// Parses a document. `name` identifies the policy in decisions.
    ///
    /// # Errors
    /// If AWS would reject the document as a policy of this kind, or if the evaluator does not know an element, an operator or a
    /// condition key in it.
    pub fn parse(kind: PolicyKind, name: &str, document: &Value) -> anyhow::Result<Policy> {
        let statements =
            statements(kind, document).with_context(|| format!("{} {name}", kind.noun()))?;
        Ok(Policy {
            kind,
            name: name.to_owned(),
            statements,
            document: document.clone(),
        })
    }

    /// This managed policy as a session policy (`PolicyArns`).
    #[must_use]
    pub fn into_session_policy(self) -> Policy {
        Policy {
            kind: PolicyKind::Session,
            ..self
        }
    }

    /// `AdministratorAccess`, as an identity-based policy.
    #[must_use]
    pub fn administrator_access() -> Policy {
        Self::full_access(PolicyKind::Identity, "AdministratorAccess")
    }

    /// `FullAWSAccess`, the service control policy that AWS Organizations attaches to the root and to every account.
    #[must_use]
    pub fn full_aws_access() -> Policy {
        Self::full_access(PolicyKind::ServiceControl, "FullAWSAccess")
    }

    fn full_access(kind: PolicyKind, name: &str) -> Policy {
        let statement = Statement::allowing_everything();
        let document = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [statement.document],
        });
        Policy {
            kind,
            name: name.to_owned(),
            statements: vec![statement],
            document,
        }
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// The name that was given to [`Policy::parse`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }
}

fn statements(kind: PolicyKind, document: &Value) -> anyhow::Result<Vec<Statement>> {
    let policy = document
        .as_object()
        .context("a policy must be a JSON object")?;
    reject_unknown(policy, &["Version", "Id", "Statement"])?;
    let max = kind.chars_max();
    ensure!(
        document.to_string().chars().count() <= max,
        "a {} has at most {max} characters",
        kind.noun()
    );
    let variables = match policy.get("Version").map(Value::as_str) {
        Some(Some("2012-10-17")) => true,
        None | Some(Some("2008-10-17")) => false,
        Some(_) => bail!("the policy Version must be 2012-10-17"),
    };
    let one = |value: &Value| Statement::parse(kind, value, variables);
    let found: Vec<Statement> = match policy.get("Statement") {
        Some(Value::Array(list)) => list.iter().map(one).collect::<anyhow::Result<_>>()?,
        Some(value @ Value::Object(_)) => vec![one(value)?],
        Some(_) | None => bail!("a policy must have at least one Statement"),
    };
    // STS accepts a session policy that allows nothing.
    ensure!(
        !found.is_empty() || kind == PolicyKind::Session,
        "a policy must have at least one Statement"
    );
    let mut sids: Vec<&str> = found.iter().filter_map(|s| s.sid.as_deref()).collect();
    sids.sort_unstable();
    ensure!(
        sids.windows(2).all(|pair| pair[0] != pair[1]),
        "statement IDs (Sid) must be unique"
    );
    ensure!(
        kind != PolicyKind::ResourceControl || found.iter().all(|s| s.effect == Effect::Deny),
        "a resource control policy can only deny"
    );
    Ok(found)
}

/// Rejects unknown elements.
pub(super) fn reject_unknown(object: &Map<String, Value>, known: &[&str]) -> anyhow::Result<()> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => bail!("unexpected element {key:?}; expected {}", known.join(", ")),
        None => Ok(()),
    }
}
