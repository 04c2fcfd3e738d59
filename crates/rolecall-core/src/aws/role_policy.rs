//! Policies of an IAM role: the ARNs of its managed policies and its permissions boundary, and a policy of its own.

use serde_json::{Map, Value};

use super::{AccountId, PolicyArn};
use crate::base::{json, text_newtype};

/// Stands for the account of the role in an ARN.
const ACCOUNT_PLACEHOLDER: &str = "{account}";
/// An account ID that replaces the placeholder in checks.
const ANY_ACCOUNT: &str = "000000000000";

text_newtype!(
    /// ARN of a managed policy of a role. `{account}` in it is the account of the role: IAM attaches only policies of AWS and
    /// of the role's own account.
    RolePolicyArn,
    InvalidRolePolicyArn,
    "not the ARN of a managed policy: write it as arn:aws:iam::aws:policy/ReadOnlyAccess, or arn:aws:iam::{{account}}:policy/Name for a policy of the role's own account",
    |text| {
        let filled = text.replacen(ACCOUNT_PLACEHOLDER, ANY_ACCOUNT, 1);
        PolicyArn::parse(&filled).is_ok() && !filled.contains(['{', '}'])
    }
);

impl RolePolicyArn {
    fn part(&self, number: usize) -> &str {
        self.as_str().split(':').nth(number).unwrap_or_default()
    }

    /// The partition in the ARN.
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// The text before and after the placeholder for the account; `None` without it.
    pub fn around_account(&self) -> Option<(&str, &str)> {
        self.as_str().split_once(ACCOUNT_PLACEHOLDER)
    }

    /// Whether a role of this account can have the policy.
    pub fn fits(&self, account: &AccountId) -> bool {
        let own = self.part(4);
        own == "aws" || own == ACCOUNT_PLACEHOLDER || own == account.as_str()
    }
}

/// An identity-based policy for a role (IAM, `PutRolePolicy`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlinePolicy(Map<String, Value>);

/// Why a policy is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInlinePolicy {
    /// Not JSON.
    #[error("the policy is not valid JSON: {0}")]
    Json(String),
    /// Not an identity-based policy.
    #[error(
        "an inline policy is a JSON object with \"Version\": \"2012-10-17\" and a \"Statement\", without \"Principal\""
    )]
    Document,
}

impl InlinePolicy {
    /// Parses a policy document.
    ///
    /// # Errors
    /// [`InvalidInlinePolicy`].
    pub fn parse(text: &str) -> Result<Self, InvalidInlinePolicy> {
        let document = json::object(text.as_bytes()).map_err(InvalidInlinePolicy::Json)?;
        let known = ["Version", "Id", "Statement"];
        let is_policy = document.keys().all(|key| known.contains(&key.as_str()))
            && document.get("Version").and_then(Value::as_str) == Some("2012-10-17");
        let policy = Self(document);
        let statements = policy.statements();
        let is_statement = |statement: &Value| {
            statement.is_object()
                && statement.get("Effect").is_some_and(Value::is_string)
                && statement.get("Principal").is_none()
                && statement.get("NotPrincipal").is_none()
        };
        match is_policy && !statements.is_empty() && statements.into_iter().all(is_statement) {
            true => Ok(policy),
            false => Err(InvalidInlinePolicy::Document),
        }
    }

    /// Its statements.
    pub fn statements(&self) -> Vec<&Value> {
        match self.0.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().collect(),
            Some(statement) => vec![statement],
            None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_of_aws_or_of_the_account_of_the_role() {
        let account = AccountId::parse("111122223333").unwrap();
        for (text, fits) in [
            ("arn:aws:iam::aws:policy/job-function/ViewOnlyAccess", true),
            ("arn:aws:iam::{account}:policy/rolecall/Boundary", true),
            ("arn:aws:iam::111122223333:policy/Boundary", true),
            ("arn:aws:iam::444455556666:policy/Boundary", false),
        ] {
            let arn = RolePolicyArn::parse(text).unwrap();
            assert_eq!(arn.fits(&account), fits, "{text}");
            assert_eq!(arn.partition(), "aws");
        }
        for bad in [
            "",
            "Boundary",
            "arn:aws:iam::{account}:role/x",
            "arn:aws:iam::{accounts}:policy/x",
            "arn:aws:iam::{account}:policy/{account}",
            "arn:aws:iam::{account}:policy/*",
        ] {
            assert!(RolePolicyArn::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn inline_policies_are_identity_based() {
        let good = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
        assert_eq!(InlinePolicy::parse(good).unwrap().statements().len(), 1);
        for bad in [
            "",
            "[]",
            r#"{"Version":"2012-10-17"}"#,
            r#"{"Version":"2012-10-17","Statement":[]}"#,
            r#"{"Version":"2008-10-17","Statement":{"Effect":"Allow"}}"#,
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*"}}"#,
            r#"{"Version":"2012-10-17","Statement":["Allow"]}"#,
            r#"{"Version":"2012-10-17","Version":"2012-10-17","Statement":{"Effect":"Allow"}}"#,
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow"},"More":1}"#,
        ] {
            assert!(InlinePolicy::parse(bad).is_err(), "{bad}");
        }
    }
}
