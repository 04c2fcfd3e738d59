//! Session policies: an upper bound for the permissions of a role session.

use crate::base::{limits, text_newtype};

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
    /// Not JSON.
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
        let document: serde_json::Value = serde_json::from_str(text)
            .map_err(|error| InvalidSessionPolicy::Json(error.to_string()))?;
        let is_document = document.get("Version").and_then(serde_json::Value::as_str)
            == Some("2012-10-17")
            && document
                .get("Statement")
                .is_some_and(|statement| statement.is_array() || statement.is_object());
        if !is_document {
            return Err(InvalidSessionPolicy::Document);
        }
        let minified = document.to_string();
        match minified.chars().count() {
            chars if chars > limits::SESSION_POLICY_CHARS_MAX => {
                Err(InvalidSessionPolicy::TooLong(chars))
            }
            _ => Ok(Self(minified)),
        }
    }

    /// The document as JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
