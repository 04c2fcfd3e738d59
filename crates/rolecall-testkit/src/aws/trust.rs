//! Trust policy of a role, parsed once and evaluated for each request.
//!
//! An explicit deny overrides any allow, and the default is an implicit deny. Parsing fails for documents that IAM rejects
//! and for elements that the emulator does not evaluate.

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value};

use super::condition::{Condition, strings};
use super::pattern::{Pattern, RequestKeys};

/// Actions that a trust policy can allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    AssumeRoleWithWebIdentity,
    AssumeRoleWithSaml,
    TagSession,
    SetSourceIdentity,
}

impl Action {
    /// Name of the action in a policy.
    pub fn wire(self) -> &'static str {
        match self {
            Action::AssumeRoleWithWebIdentity => "sts:AssumeRoleWithWebIdentity",
            Action::AssumeRoleWithSaml => "sts:AssumeRoleWithSAML",
            Action::TagSession => "sts:TagSession",
            Action::SetSourceIdentity => "sts:SetSourceIdentity",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

struct Statement {
    effect: Effect,
    /// ARNs of the federated principals; `None` is everyone.
    federated: Option<Vec<String>>,
    actions: Vec<Pattern>,
    conditions: Vec<Condition>,
}

/// A parsed `AssumeRolePolicyDocument`.
pub(super) struct TrustPolicy(Vec<Statement>);

impl TrustPolicy {
    /// Parses the document.
    ///
    /// # Errors
    /// If IAM would return MalformedPolicyDocument, or if the emulator does not evaluate an element.
    pub fn parse(document: &Value) -> anyhow::Result<TrustPolicy> {
        let policy = document
            .as_object()
            .context("a policy must be a JSON object")?;
        reject_unknown(policy, &["Version", "Id", "Statement"])?;
        // The default quota of IAM, which does not count whitespace. It can be increased to 4096.
        ensure!(
            document.to_string().len() <= 2_048,
            "a trust policy has at most 2048 characters"
        );
        let variables = match policy.get("Version").map(Value::as_str) {
            Some(Some("2012-10-17")) => true,
            None | Some(Some("2008-10-17")) => false,
            Some(_) => bail!("the policy Version must be 2012-10-17"),
        };
        let statements = match policy.get("Statement") {
            Some(Value::Array(list)) if !list.is_empty() => list
                .iter()
                .map(|s| statement(s, variables))
                .collect::<anyhow::Result<_>>()?,
            Some(one @ Value::Object(_)) => vec![statement(one, variables)?],
            Some(_) | None => bail!("a policy must have at least one Statement"),
        };
        Ok(TrustPolicy(statements))
    }

    /// Whether the policy allows the action for the federated principal with these condition keys.
    pub fn allows(&self, action: Action, provider_arn: &str, keys: &RequestKeys) -> bool {
        let mut allowed = false;
        for statement in &self.0 {
            let concerns = statement
                .federated
                .as_ref()
                .is_none_or(|list| list.iter().any(|arn| arn == provider_arn))
                && statement
                    .actions
                    .iter()
                    .any(|pattern| pattern.matches(action.wire(), keys, true))
                && statement
                    .conditions
                    .iter()
                    .all(|condition| condition.holds(keys));
            match (concerns, statement.effect) {
                (true, Effect::Deny) => return false,
                (true, Effect::Allow) => allowed = true,
                (false, Effect::Allow | Effect::Deny) => {}
            }
        }
        allowed
    }
}

fn statement(value: &Value, variables: bool) -> anyhow::Result<Statement> {
    let statement = value.as_object().context("a Statement must be an object")?;
    reject_unknown(
        statement,
        &["Sid", "Effect", "Principal", "Action", "Condition"],
    )?;
    let effect = match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        Some(_) | None => bail!("Effect must be Allow or Deny"),
    };
    let federated = principals(
        statement
            .get("Principal")
            .context("a trust policy must have a Principal")?,
    )?;
    let mut actions = Vec::new();
    for action in strings(
        statement
            .get("Action")
            .context("a Statement must have an Action")?,
    )? {
        ensure!(
            action == "*" || action.to_ascii_lowercase().starts_with("sts:"),
            "a trust policy can allow only STS actions, not {action:?}"
        );
        actions.push(Pattern::parse(&action, true, false)?);
    }
    let conditions = statement.get("Condition").map_or_else(
        || Ok(Vec::new()),
        |block| Condition::parse_block(block, variables),
    )?;
    Ok(Statement {
        effect,
        federated,
        actions,
        conditions,
    })
}

/// ARNs of the federated principals; `None` for everyone. Other types are valid, but never match a federated principal.
fn principals(value: &Value) -> anyhow::Result<Option<Vec<String>>> {
    let kinds = match value {
        Value::String(star) if star == "*" => return Ok(None),
        Value::Object(kinds) => kinds,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            bail!("Principal must be \"*\" or an object")
        }
    };
    let mut federated = Vec::new();
    for (kind, value) in kinds {
        let names = strings(value).with_context(|| format!("Principal {kind}"))?;
        match kind.as_str() {
            "Federated" => federated.extend(names),
            "AWS" if names.iter().any(|name| name == "*") => return Ok(None),
            "AWS" | "Service" | "CanonicalUser" => {}
            other => bail!("{other:?} is not a type of Principal"),
        }
    }
    Ok(Some(federated))
}

/// Rejects unknown elements. IAM does not permit `Resource` in a trust policy.
fn reject_unknown(object: &Map<String, Value>, known: &[&str]) -> anyhow::Result<()> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => bail!(
            "unexpected element {key:?} in a trust policy; expected {}",
            known.join(", ")
        ),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/sso.example";

    fn allows(document: &Value, action: Action) -> bool {
        let mut keys = RequestKeys::default();
        keys.add("sso.example:aud", "sts.amazonaws.com");
        keys.add("sts:SourceIdentity", "alice@example.com");
        TrustPolicy::parse(document)
            .expect("a policy")
            .allows(action, PROVIDER, &keys)
    }

    fn document(statements: &Value) -> Value {
        json!({"Version": "2012-10-17", "Statement": statements})
    }

    #[test]
    fn explicit_deny_overrides_allow() {
        let allow = json!({"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": ["sts:AssumeRoleWithWebIdentity", "sts:tagsession"],
            "Condition": {"StringEquals": {"sso.example:aud": "sts.amazonaws.com"}}});
        let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "sts:*", "Condition": {"StringLike": {"sts:SourceIdentity": "*@example.com"}}});
        assert!(allows(
            &document(&json!([allow])),
            Action::AssumeRoleWithWebIdentity
        ));
        assert!(allows(&document(&allow), Action::TagSession));
        assert!(!allows(
            &document(&json!([allow])),
            Action::SetSourceIdentity
        ));
        assert!(!allows(
            &document(&json!([allow, deny])),
            Action::AssumeRoleWithWebIdentity
        ));
        assert!(!allows(
            &document(&json!([deny, allow])),
            Action::AssumeRoleWithWebIdentity
        ));
    }

    #[test]
    fn principal_must_match_caller() {
        for (principal, expected) in [
            (json!("*"), true),
            (json!({"AWS": "*"}), true),
            (
                json!({"Federated": ["arn:aws:iam::111122223333:saml-provider/x", PROVIDER]}),
                true,
            ),
            (
                json!({"Federated": "arn:aws:iam::444455556666:oidc-provider/sso.example"}),
                false,
            ),
            (json!({"AWS": "arn:aws:iam::111122223333:root"}), false),
        ] {
            let statement = json!({"Effect": "Allow", "Principal": principal, "Action": "*"});
            assert_eq!(
                allows(&document(&statement), Action::AssumeRoleWithWebIdentity),
                expected,
                "{principal}"
            );
        }
    }

    #[test]
    fn malformed_document_is_rejected() {
        let good = json!({"Effect": "Allow", "Principal": "*", "Action": "sts:*"});
        for bad in [
            json!("text"),
            json!({"Version": "2020-01-01", "Statement": good}),
            document(&json!([])),
            document(&json!([{"Effect": "allow", "Principal": "*", "Action": "sts:*"}])),
            document(&json!([{"Effect": "Allow", "Action": "sts:*"}])),
            document(&json!([{"Effect": "Allow", "Principal": "alice", "Action": "sts:*"}])),
            document(
                &json!([{"Effect": "Allow", "Principal": {"Person": "alice"}, "Action": "sts:*"}]),
            ),
            document(&json!([{"Effect": "Allow", "Principal": "*", "Action": "s3:*"}])),
            document(
                &json!([{"Effect": "Allow", "Principal": "*", "Action": "sts:*", "Resource": "*"}]),
            ),
            document(
                &json!([{"Effect": "Allow", "Principal": "*", "Action": "sts:*", "Sid": "x".repeat(2_048)}]),
            ),
        ] {
            assert!(TrustPolicy::parse(&bad).is_err(), "{bad}");
        }
    }
}
