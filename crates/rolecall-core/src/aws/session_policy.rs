//! Session policies: an upper bound for the permissions of a role session.

mod narrowed;
mod verdict;

use serde_json::Value;

use super::TagKey;
use crate::base::{limits, text_newtype};

pub use verdict::ActionVerdict;

/// `Version` of IAM's policy language.
const VERSION: &str = "2012-10-17";

text_newtype!(
    /// ARN of a managed policy.
    PolicyArn,
    InvalidPolicyArn,
    "not the ARN of a managed policy: write it as arn:aws:iam::aws:policy/ReadOnlyAccess",
    |text| {
        let mut parts = text.splitn(6, ':');
        let (arn, partition, iam, region, account, policy) = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next());
        (20..=2_048).contains(&text.len())
            && arn == Some("arn")
            && partition.is_some_and(|p| p.starts_with("aws"))
            && iam == Some("iam")
            && region == Some("")
            && account.is_some_and(|a| a == "aws" || crate::aws::AccountId::parse(a).is_ok())
            && policy.is_some_and(|p| p.starts_with("policy/") && p.len() > 7 && p.bytes().all(|b| b.is_ascii_graphic() && b != b'*'))
    }
);

/// An inline session policy, minified (STS, `Policy`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPolicy(String);

/// Why a session policy is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSessionPolicy {
    /// It is not valid JSON; contains the position.
    #[error("the session policy is not JSON: {0}")]
    Json(String),
    /// Not an IAM policy document.
    #[error(
        "a session policy is a JSON object with \"Version\": \"2012-10-17\" and a \"Statement\""
    )]
    Document,
    /// Longer than STS accepts, without white space.
    #[error("the session policy has {0} characters without spaces; AWS accepts {max}", max = limits::SESSION_POLICY_CHARS_MAX)]
    TooLong(usize),
}

impl SessionPolicy {
    /// Parses a policy document and removes white space, which counts against the limit.
    ///
    /// # Errors
    /// [`InvalidSessionPolicy`].
    pub fn parse(text: &str) -> Result<Self, InvalidSessionPolicy> {
        let document: Value = serde_json::from_str(text)
            .map_err(|error| InvalidSessionPolicy::Json(error.to_string()))?;
        let is_document = document.get("Version").and_then(Value::as_str) == Some(VERSION)
            && document
                .get("Statement")
                .is_some_and(|statement| statement.is_array() || statement.is_object());
        if !is_document {
            return Err(InvalidSessionPolicy::Document);
        }
        Self::minified(&document)
    }

    /// The JSON document, without white space between tokens.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its statements with `"Effect": "Deny"`.
    pub fn denies(&self) -> Vec<Value> {
        let mut statements = self.statements();
        statements.retain(|statement| statement["Effect"] == "Deny");
        statements
    }

    /// Whether a `Deny` of it holds only for sessions that have this session tag: one of its conditions needs a value of
    /// `aws:PrincipalTag/KEY` or `aws:RequestTag/KEY` (IAM User Guide, "Condition operators").
    pub fn denies_only_with_tag(&self, key: &TagKey) -> bool {
        let names =
            ["aws:principaltag/", "aws:requesttag/"].map(|prefix| prefix.to_owned() + key.as_str());
        let is_tag = |name: &String| names.iter().any(|one| one.eq_ignore_ascii_case(name));
        self.denies().iter().any(|statement| {
            let operators = statement["Condition"].as_object();
            operators.into_iter().flatten().any(|(operator, keys)| {
                // A negated operator, `…IfExists` and `ForAllValues:` also match a session without the tag.
                let operator = operator.to_ascii_lowercase();
                let needs_value = !operator.contains("not")
                    && !operator.ends_with("ifexists")
                    && !operator.starts_with("forallvalues:")
                    && operator != "null";
                let keys = keys.as_object();
                needs_value && keys.is_some_and(|keys| keys.keys().any(is_tag))
            })
        })
    }

    /// Whether one of its `Allow` statements permits less than everything.
    pub fn allows_partially(&self) -> bool {
        let is_all = |value: &Value| *value == "*" || *value == serde_json::json!(["*"]);
        self.statements().iter().any(|statement| {
            let all = is_all(&statement["Action"])
                && is_all(&statement["Resource"])
                && statement.get("Condition").is_none();
            statement["Effect"] == "Allow" && !all
        })
    }

    /// The policy with these statements as well, a policy of them alone if there is none. Statements that it has already are
    /// not repeated; of others the `Sid` is left out where it is taken.
    ///
    /// # Errors
    /// [`InvalidSessionPolicy::TooLong`].
    pub fn with(own: Option<&Self>, more: Vec<Value>) -> Result<Self, InvalidSessionPolicy> {
        let mut statements = own.map(Self::statements).unwrap_or_default();
        for mut statement in more {
            if statements.contains(&statement) {
                continue;
            }
            let sid = statement.get("Sid").cloned();
            let taken = |sid: &Value| statements.iter().any(|one| one.get("Sid") == Some(sid));
            if sid.is_some_and(|sid| taken(&sid))
                && let Some(members) = statement.as_object_mut()
            {
                members.remove("Sid");
            }
            statements.push(statement);
        }
        let document = serde_json::json!({ "Version": VERSION, "Statement": statements });
        Self::minified(&document)
    }

    fn statements(&self) -> Vec<Value> {
        let document: Value = serde_json::from_str(&self.0).unwrap_or_default();
        let statement = &document["Statement"];
        match statement.as_array() {
            Some(several) => several.clone(),
            None => vec![statement.clone()],
        }
    }

    fn minified(document: &Value) -> Result<Self, InvalidSessionPolicy> {
        let minified = document.to_string();
        match minified.chars().count() {
            chars if chars > limits::SESSION_POLICY_CHARS_MAX => {
                Err(InvalidSessionPolicy::TooLong(chars))
            }
            _ => Ok(Self(minified)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(statements: &str) -> SessionPolicy {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#);
        SessionPolicy::parse(&text).unwrap()
    }

    const DENY: &str = r#"{"Sid":"a","Effect":"Deny","Action":"s3:*","Resource":"*"}"#;
    const ALLOW: &str = r#"{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"}"#;

    #[test]
    fn denies_of_another_policy_are_added_and_nothing_else_is() {
        let base = policy(&format!("[{ALLOW},{DENY}]"));
        let denies = base.denies();
        assert_eq!(denies, [serde_json::from_str::<Value>(DENY).unwrap()]);
        let alone = SessionPolicy::with(None, denies.clone()).unwrap();
        assert_eq!(alone.denies(), denies);
        assert_eq!(alone, policy(&format!("[{DENY}]")));
        // A second Sid would make the document invalid.
        let merged = SessionPolicy::with(Some(&policy(ALLOW)), denies.clone()).unwrap();
        assert_eq!(
            merged,
            policy(&format!("[{ALLOW},{}]", DENY.replace(r#""Sid":"a","#, "")))
        );
        let again = SessionPolicy::with(Some(&base), denies).unwrap();
        assert_eq!(again, base);
    }

    #[test]
    fn merged_policies_keep_the_limit() {
        let long = |sid: &str| {
            let resource = "x".repeat(1_000);
            format!(r#"{{"Sid":"{sid}","Effect":"Deny","Action":"*","Resource":"{resource}"}}"#)
        };
        let (one, other) = (policy(&long("a")), policy(&long("b")));
        assert!(matches!(
            SessionPolicy::with(Some(&one), other.denies()),
            Err(InvalidSessionPolicy::TooLong(_))
        ));
        assert_eq!(
            SessionPolicy::with(Some(&one), one.denies()),
            Ok(policy(&format!("[{}]", long("a"))))
        );
    }

    #[test]
    fn an_allow_of_less_than_everything_is_seen() {
        for (statements, partially) in [
            (ALLOW, false),
            (DENY, false),
            (r#"{"Effect":"Allow","Action":["*"],"Resource":"*"}"#, false),
            (r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#, true),
            (
                r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::x"}"#,
                true,
            ),
            (
                r#"{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}"#,
                true,
            ),
            (
                r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}"#,
                true,
            ),
            ("[]", false),
            (r#"["text",7]"#, false),
        ] {
            assert_eq!(
                policy(statements).allows_partially(),
                partially,
                "{statements}"
            );
        }
    }

    #[test]
    fn a_deny_that_needs_a_tag_is_seen() {
        let key = TagKey::parse("cost-center").unwrap();
        for (effect, operator, name, expected) in [
            ("Deny", "StringEquals", "aws:PrincipalTag/cost-center", true),
            ("Deny", "StringLike", "AWS:requesttag/Cost-Center", true),
            (
                "Deny",
                "ForAnyValue:StringEquals",
                "aws:PrincipalTag/cost-center",
                true,
            ),
            (
                "Deny",
                "ForAllValues:StringEquals",
                "aws:PrincipalTag/cost-center",
                false,
            ),
            (
                "Deny",
                "StringEqualsIfExists",
                "aws:PrincipalTag/cost-center",
                false,
            ),
            (
                "Deny",
                "StringNotEquals",
                "aws:PrincipalTag/cost-center",
                false,
            ),
            ("Deny", "Null", "aws:PrincipalTag/cost-center", false),
            ("Deny", "StringEquals", "aws:PrincipalTag/team", false),
            (
                "Allow",
                "StringEquals",
                "aws:PrincipalTag/cost-center",
                false,
            ),
        ] {
            let statement = serde_json::json!([{
                "Effect": effect, "Action": "*", "Resource": "*", "Condition": {operator: {name: "x"}},
            }]);
            let policy = policy(&statement.to_string());
            assert_eq!(policy.denies_only_with_tag(&key), expected, "{statement}");
        }
    }

    #[test]
    fn session_policies_and_arns_are_parsed_strictly() {
        assert!(SessionPolicy::parse(r#"{ "Version": "2012-10-17", "Statement": [] }"#).is_ok());
        assert_eq!(
            SessionPolicy::parse("{}"),
            Err(InvalidSessionPolicy::Document)
        );
        assert!(matches!(
            SessionPolicy::parse("{"),
            Err(InvalidSessionPolicy::Json(_))
        ));
        let long = format!(
            r#"{{"Version":"2012-10-17","Statement":[],"Id":"{}"}}"#,
            "x".repeat(2_048)
        );
        assert!(matches!(
            SessionPolicy::parse(&long),
            Err(InvalidSessionPolicy::TooLong(_))
        ));
        assert!(PolicyArn::parse("arn:aws:iam::aws:policy/ReadOnlyAccess").is_ok());
        for bad in [
            "arn:aws:iam::aws:role/ReadOnlyAccess",
            "arn:aws:iam::aws:policy/",
            "arn:aws:iam::aws:policy/*",
            "ReadOnlyAccess",
        ] {
            assert!(PolicyArn::parse(bad).is_err(), "{bad}");
        }
    }
}
