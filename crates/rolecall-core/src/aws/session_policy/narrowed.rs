//! Session policies that allow one action at most, and never more than others do.

use serde_json::{Value, json};

use super::verdict::includes_action;
use super::{InvalidSessionPolicy, PolicyArn, SessionPolicy};

impl SessionPolicy {
    /// The policy that, together with the managed policies, allows this action and nothing else, wherever the policy `own` and
    /// the managed policies allow it. `None` if they do not allow it.
    ///
    /// STS adds up the session policies of a request, so the managed policies are narrowed by a statement that denies every
    /// other action.
    ///
    /// # Errors
    /// [`InvalidSessionPolicy::TooLong`].
    pub fn narrowed_to(
        action: &str,
        own: Option<&Self>,
        managed: &[PolicyArn],
    ) -> Result<Option<Self>, InvalidSessionPolicy> {
        let mut statements: Vec<Value> = match own {
            Some(own) => own
                .statements()
                .into_iter()
                .filter_map(|statement| narrowed(statement, action))
                .collect(),
            None if managed.is_empty() => {
                vec![json!({ "Effect": "Allow", "Action": action, "Resource": "*" })]
            }
            None => Vec::new(),
        };
        if managed.is_empty() {
            let allows = statements.iter().any(|one| one["Effect"] == "Allow");
            if !allows {
                return Ok(None);
            }
        } else {
            statements.push(json!({ "Effect": "Deny", "NotAction": action, "Resource": "*" }));
        }
        Self::with(None, statements).map(Some)
    }
}

/// The statement, for this action alone. `None` if it does not include the action.
fn narrowed(mut statement: Value, action: &str) -> Option<Value> {
    if !includes_action(&statement, action) {
        return None;
    }
    let members = statement.as_object_mut()?;
    members.remove("NotAction");
    members.insert("Action".to_owned(), json!(action));
    Some(statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECODE: &str = "sts:DecodeAuthorizationMessage";
    const OTHERS: &str =
        r#"{"Effect":"Deny","NotAction":"sts:DecodeAuthorizationMessage","Resource":"*"}"#;

    fn policy(statements: &str) -> SessionPolicy {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#);
        SessionPolicy::parse(&text).unwrap()
    }

    fn narrowed(own: Option<&str>, managed: bool) -> Option<SessionPolicy> {
        let own = own.map(policy);
        let arn = PolicyArn::parse("arn:aws:iam::aws:policy/ReadOnlyAccess").unwrap();
        let managed = managed.then_some(arn);
        SessionPolicy::narrowed_to(DECODE, own.as_ref(), managed.as_slice()).unwrap()
    }

    #[test]
    fn one_action_remains_and_nothing_is_added() {
        let only =
            r#"[{"Effect":"Allow","Action":"sts:DecodeAuthorizationMessage","Resource":"*"}]"#;
        let conditional = r#"[{"Effect":"Allow","Action":"sts:*","Resource":"*","Condition":{"Bool":{"x":"true"}}}]"#;
        let denied = r#"[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","NotAction":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"ec2:*","Resource":"*"}]"#;
        for (own, managed, expected) in [
            (None, false, Some(only.to_owned())),
            (None, true, Some(format!("[{OTHERS}]"))),
            (
                Some(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#),
                false,
                Some(only.to_owned()),
            ),
            (
                Some(r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#),
                false,
                None,
            ),
            (
                Some(r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#),
                true,
                Some(format!("[{OTHERS}]")),
            ),
            (Some("[]"), false, None),
            (
                Some(conditional),
                false,
                Some(conditional.replace("sts:*", DECODE)),
            ),
            (
                Some(denied),
                false,
                Some(format!(
                    r#"[{{"Effect":"Allow","Action":"{DECODE}","Resource":"*"}},{{"Effect":"Deny","Action":"{DECODE}","Resource":"*"}}]"#
                )),
            ),
        ] {
            let expected = expected.as_deref().map(policy);
            assert_eq!(narrowed(own, managed), expected, "{own:?} {managed}");
        }
    }

    #[test]
    fn narrowed_policy_keeps_the_limit() {
        let long = |resource: usize| {
            let resource = "x".repeat(resource);
            policy(&format!(
                r#"{{"Effect":"Allow","Action":"*","Resource":"{resource}"}}"#
            ))
        };
        let own = long(1_960);
        assert!(matches!(
            SessionPolicy::narrowed_to(DECODE, Some(&own), &[]),
            Err(InvalidSessionPolicy::TooLong(_))
        ));
    }
}
