//! `DecodedMessage` of `sts:DecodeAuthorizationMessage`: JSON with the request and the statements that matched it.

use serde::Deserialize;

/// The longest decoded message that is read, in bytes.
const DECODED_BYTES_MAX: usize = 128 * 1024;
/// Entries of a list that are read.
const ENTRIES_MAX: usize = 100;

/// Why AWS allowed or denied a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecodedAuthorization {
    /// Whether the request was allowed.
    pub allowed: bool,
    /// Whether a statement denied it explicitly.
    pub explicit_deny: bool,
    /// The ARN of the caller.
    pub principal: Option<String>,
    /// `service:Action`
    pub action: Option<String>,
    /// The ARN of the resource.
    pub resource: Option<String>,
    /// The condition keys of the request.
    pub conditions: Vec<RequestCondition>,
    /// The statements that matched; at most 100.
    pub statements: Vec<MatchedStatement>,
}

/// A condition key, and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestCondition {
    /// Such as `ec2:InstanceType`.
    pub key: String,
    /// Its values; at most 100.
    pub values: Vec<String>,
}

/// A statement of a policy that matched the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedStatement {
    /// `Sid`; empty if the statement has none.
    pub id: String,
    /// `ALLOW` or `DENY`
    pub effect: String,
    /// Patterns of actions.
    pub actions: Vec<String>,
    /// Patterns of resources.
    pub resources: Vec<String>,
    /// Condition keys that it compares, and the values that it requires.
    pub conditions: Vec<RequestCondition>,
}

/// The answer of STS cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("AWS returned a decoded message that is not the documented JSON")]
pub struct InvalidDecodedMessage;

impl DecodedAuthorization {
    /// Reads the message. Members that are missing are left out.
    ///
    /// # Errors
    /// [`InvalidDecodedMessage`] if it is longer than 128 KiB or not the documented JSON.
    pub fn parse(text: &str) -> Result<Self, InvalidDecodedMessage> {
        if text.len() > DECODED_BYTES_MAX {
            return Err(InvalidDecodedMessage);
        }
        let message: Message = serde_json::from_str(text).map_err(|_| InvalidDecodedMessage)?;
        let context = message.context;
        Ok(Self {
            allowed: message.allowed,
            explicit_deny: message.explicit_deny,
            principal: context.principal.arn,
            action: context.action,
            resource: context.resource,
            conditions: context.conditions.conditions(),
            statements: message
                .matched_statements
                .bounded()
                .map(|statement| MatchedStatement {
                    id: statement.statement_id,
                    effect: statement.effect,
                    actions: statement.actions.texts(),
                    resources: statement.resources.texts(),
                    conditions: statement.conditions.conditions(),
                })
                .collect(),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    allowed: bool,
    #[serde(default)]
    explicit_deny: bool,
    #[serde(default)]
    matched_statements: List<Statement>,
    #[serde(default)]
    context: Context,
}

/// AWS wraps every list: `{"items": […]}`.
#[derive(Deserialize)]
struct List<T> {
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

impl<T> List<T> {
    fn bounded(self) -> impl Iterator<Item = T> {
        self.items.into_iter().take(ENTRIES_MAX)
    }
}

impl List<Item> {
    fn texts(self) -> Vec<String> {
        self.bounded().map(|item| item.value).collect()
    }
}

impl List<Condition> {
    fn conditions(self) -> Vec<RequestCondition> {
        let conditions = self.bounded().map(|condition| RequestCondition {
            key: condition.key,
            values: condition.values.texts(),
        });
        conditions.collect()
    }
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    value: String,
}

#[derive(Default, Deserialize)]
struct Context {
    #[serde(default)]
    principal: Principal,
    action: Option<String>,
    resource: Option<String>,
    #[serde(default)]
    conditions: List<Condition>,
}

#[derive(Default, Deserialize)]
struct Principal {
    arn: Option<String>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(default)]
    key: String,
    #[serde(default)]
    values: List<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(default)]
    statement_id: String,
    #[serde(default)]
    effect: String,
    #[serde(default)]
    actions: List<Item>,
    #[serde(default)]
    resources: List<Item>,
    #[serde(default)]
    conditions: List<Condition>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in the AWS Security Blog and in re:Post articles about `UnauthorizedOperation`.
    const EXAMPLE: &str = r#"{"allowed":false,"explicitDeny":true,"matchedStatements":{"items":[{"statementId":"NoLargeInstances","effect":"DENY",
        "principals":{"items":[{"value":"AROAEXAMPLE"}]},"principalGroups":{"items":[]},"actions":{"items":[{"value":"ec2:RunInstances"}]},
        "resources":{"items":[{"value":"*"}]},"conditions":{"items":[{"key":"ec2:InstanceType","values":{"items":[{"value":"t3.micro"}]}}]}}]},
        "failures":{"items":[]},"context":{"principal":{"id":"AROAEXAMPLE:alice","arn":"arn:aws:sts::111122223333:assumed-role/Developer/alice"},
        "action":"ec2:RunInstances","resource":"arn:aws:ec2:eu-west-1:111122223333:instance/*",
        "conditions":{"items":[{"key":"ec2:InstanceType","values":{"items":[{"value":"m5.24xlarge"}]}}]}}}"#;

    #[test]
    fn documented_message_is_read() {
        let decoded = DecodedAuthorization::parse(EXAMPLE).unwrap();
        assert!(!decoded.allowed && decoded.explicit_deny);
        assert_eq!(decoded.action.as_deref(), Some("ec2:RunInstances"));
        assert_eq!(decoded.conditions[0].key, "ec2:InstanceType");
        assert_eq!(decoded.conditions[0].values, ["m5.24xlarge"]);
        assert_eq!(decoded.statements[0].id, "NoLargeInstances");
        assert_eq!(decoded.statements[0].actions, ["ec2:RunInstances"]);
        assert_eq!(decoded.statements[0].conditions[0].values, ["t3.micro"]);
    }

    /// Known members have a fixed depth, and unknown ones are skipped without recursion.
    #[test]
    fn nesting_costs_no_stack() {
        let depth = DECODED_BYTES_MAX / 3;
        let of = |member: &str| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!(r#"{{"allowed":false,"{member}":{open}{close}}}"#)
        };
        assert!(DecodedAuthorization::parse(&of("unknown")).is_ok());
        let known = DecodedAuthorization::parse(&of("context"));
        assert_eq!(known, Err(InvalidDecodedMessage));
    }

    #[test]
    fn missing_members_are_left_out() {
        let decoded = DecodedAuthorization::parse(r#"{"allowed":false,"new":[1]}"#).unwrap();
        assert_eq!(decoded, DecodedAuthorization::default());
    }

    #[test]
    fn other_documents_are_refused() {
        let long = format!(
            r#"{{"allowed":false,"x":"{}"}}"#,
            "x".repeat(DECODED_BYTES_MAX)
        );
        for text in [
            "",
            "[]",
            "null",
            "<html>",
            r#"{"allowed":"no"}"#,
            "{",
            &long,
        ] {
            let parsed = DecodedAuthorization::parse(text);
            assert_eq!(parsed, Err(InvalidDecodedMessage), "{:.40}", text);
        }
        let many: Vec<_> = (0..5_000).map(|_| r#"{"effect":"DENY"}"#).collect();
        let many = format!(
            r#"{{"allowed":false,"matchedStatements":{{"items":[{}]}}}}"#,
            many.join(",")
        );
        let decoded = DecodedAuthorization::parse(&many).unwrap();
        assert_eq!(decoded.statements.len(), ENTRIES_MAX);
    }
}
