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
    AssumeRole,
    AssumeRoleWithWebIdentity,
    AssumeRoleWithSaml,
    TagSession,
    SetSourceIdentity,
}

impl Action {
    /// Name of the action in a policy.
    pub fn wire(self) -> &'static str {
        match self {
            Action::AssumeRole => "sts:AssumeRole",
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

/// Who makes a request, as a trust policy can name them.
#[derive(Clone, Copy)]
pub(super) enum Principal<'a> {
    /// The ARN of the provider that vouches for a person.
    Federated(&'a str),
    /// The ARNs that name an AWS principal: its own, that of its role, and that of its account.
    Aws(&'a [String]),
}

/// `Principal` of a statement.
enum Principals {
    Everyone,
    Named {
        federated: Vec<String>,
        aws: Vec<String>,
    },
}

impl Principals {
    fn include(&self, principal: Principal<'_>) -> bool {
        match (self, principal) {
            (Principals::Everyone, _) => true,
            (Principals::Named { federated, .. }, Principal::Federated(arn)) => {
                federated.iter().any(|named| named == arn)
            }
            (Principals::Named { aws, .. }, Principal::Aws(arns)) => {
                aws.iter().any(|named| arns.contains(named))
            }
        }
    }
}

struct Statement {
    effect: Effect,
    principals: Principals,
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

    /// Whether the principal may do this with these condition keys.
    pub fn allows(&self, action: Action, principal: Principal<'_>, keys: &RequestKeys) -> bool {
        let mut allowed = false;
        for statement in &self.0 {
            let concerns = statement.principals.include(principal)
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
    let principals = principals(
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
        principals,
        actions,
        conditions,
    })
}

/// Who is named. Services and canonical users are valid and never match a caller of STS.
fn principals(value: &Value) -> anyhow::Result<Principals> {
    let kinds = match value {
        Value::String(star) if star == "*" => return Ok(Principals::Everyone),
        Value::Object(kinds) => kinds,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            bail!("Principal must be \"*\" or an object")
        }
    };
    let (mut federated, mut aws) = (Vec::new(), Vec::new());
    for (kind, value) in kinds {
        let names = strings(value).with_context(|| format!("Principal {kind}"))?;
        match kind.as_str() {
            "Federated" => federated.extend(names),
            "AWS" if names.iter().any(|name| name == "*") => return Ok(Principals::Everyone),
            "AWS" => {
                for name in names {
                    aws.push(aws_principal(name)?);
                }
            }
            "Service" | "CanonicalUser" => {}
            other => bail!("{other:?} is not a type of Principal"),
        }
    }
    Ok(Principals::Named { federated, aws })
}

/// The ARN of a principal; a number stands for its account.
fn aws_principal(name: String) -> anyhow::Result<String> {
    if name.len() == 12 && name.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(format!("arn:aws:iam::{name}:root"));
    }
    let known = ["arn:aws:iam::", "arn:aws:sts::"];
    ensure!(
        known.iter().any(|prefix| name.starts_with(prefix)) && !name.contains('*'),
        "Invalid principal in policy: \"AWS\":\"{name}\""
    );
    Ok(name)
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
        TrustPolicy::parse(document).expect("a policy").allows(
            action,
            Principal::Federated(PROVIDER),
            &keys,
        )
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
    fn aws_principals_are_named_by_themselves_their_role_or_their_account() {
        let caller = [
            "arn:aws:sts::999988887777:assumed-role/gateway/i-1".to_owned(),
            "arn:aws:iam::999988887777:role/tools/gateway".to_owned(),
            "arn:aws:iam::999988887777:root".to_owned(),
        ];
        for (principal, expected) in [
            (json!("arn:aws:iam::999988887777:role/tools/gateway"), true),
            (
                json!("arn:aws:sts::999988887777:assumed-role/gateway/i-1"),
                true,
            ),
            (json!("arn:aws:iam::999988887777:root"), true),
            (json!("999988887777"), true),
            (json!("*"), true),
            (json!("arn:aws:iam::999988887777:role/gateway"), false),
            (
                json!("arn:aws:sts::999988887777:assumed-role/gateway/i-2"),
                false,
            ),
            (json!(["111122223333"]), false),
        ] {
            let statement =
                json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "*"});
            let policy = TrustPolicy::parse(&document(&statement)).expect("a policy");
            let keys = RequestKeys::default();
            let allows = |principal| policy.allows(Action::AssumeRole, principal, &keys);
            assert_eq!(allows(Principal::Aws(&caller)), expected, "{principal}");
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
            document(
                &json!([{"Effect": "Allow", "Principal": {"AWS": "gateway"}, "Action": "sts:*"}]),
            ),
            document(
                &json!([{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:role/*"}, "Action": "sts:*"}]),
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
