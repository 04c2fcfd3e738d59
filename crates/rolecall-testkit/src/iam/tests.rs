//! The evaluator: conditions, documents that must be rejected, and decisions over several policies.

mod conditions;
mod decisions;
mod documents;

use serde_json::{Value, json};

use super::{Policy, PolicyKind};

const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/sso.example";
const ROLE: &str = "arn:aws:iam::111122223333:role/Developer";

fn policy(kind: PolicyKind, statements: &Value) -> Policy {
    let document = json!({"Version": "2012-10-17", "Statement": statements});
    Policy::parse(kind, "tested", &document).expect("a policy")
}

/// A statement of a trust policy that allows this principal every action.
fn trusting(principal: &Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": "sts:*"})
}
