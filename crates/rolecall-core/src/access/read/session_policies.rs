//! `session_policy` and `policy_arns` of a permission set and of its variants.

use super::PolicyContext;
use super::policy_file::read_policy;
use crate::access::permission_set::SessionPolicies;
use crate::aws::{PolicyArn, SessionPolicy};
use crate::base::limits;
use crate::config_file::{Located, Reader, Value, quoted};

/// `session_policy` and `policy_arns`; `None` if both are absent.
pub(super) fn read(reader: &Reader<'_>, context: &PolicyContext<'_>) -> Option<SessionPolicies> {
    let policy = reader.value("session_policy");
    let arns = reader.value("policy_arns");
    if policy.is_none() && arns.is_none() {
        return None;
    }
    let session_policy = policy.and_then(|value| session_policy(&value, context));
    let listed = arns.as_ref().and_then(Value::list).unwrap_or_default();
    if let (Some(arns), true) = (&arns, listed.len() > limits::POLICY_ARNS_MAX) {
        arns.invalid(format!("AWS accepts at most {}", limits::POLICY_ARNS_MAX));
    }
    let mut policy_arns = Vec::new();
    for value in listed {
        let Some(arn) = value.parse::<PolicyArn>() else {
            continue;
        };
        let partition = arn.value.as_str().split(':').nth(1);
        if partition != Some(context.partition.as_str()) {
            value.invalid(format!("it must be in the partition {}", context.partition));
        }
        policy_arns.push(arn.value);
    }
    Some(SessionPolicies {
        session_policy,
        policy_arns,
    })
}

/// `session_policy = { file = "…" }`, or the document itself as a string.
fn session_policy(value: &Value<'_>, context: &PolicyContext<'_>) -> Option<SessionPolicy> {
    let text = read_policy(value, "session_policy", context)?;
    let policy = SessionPolicy::parse(&text);
    if let Err(error) = &policy {
        value.invalid(error.to_string());
    }
    policy.ok()
}

/// Reads the session policies of a variant, with the `Deny` statements of its permission set if it keeps them.
///
/// STS evaluates one inline policy, and a session may do what any `Allow` of it or of the managed policies permits. An
/// `Allow` of the permission set would therefore widen the variant, and so would its managed policies; a `Deny` never does.
pub(super) fn read_variant(
    name: Located<'_, &str>,
    reader: &Reader<'_>,
    context: &PolicyContext<'_>,
    base: &SessionPolicies,
) -> Option<SessionPolicies> {
    let keep_value = reader.value("keep_base_policy");
    let keep = keep_value.as_ref().and_then(Value::boolean);
    let own = read(reader, context);
    let Some(own) = own else {
        if let Some(value) = keep_value {
            value.spot().warning(
                "`keep_base_policy` has no effect: this variant has all session policies of its permission set",
                "leave it out, or give the variant a session_policy or policy_arns",
            );
        }
        return None;
    };
    let base_policy = base.session_policy.as_ref();
    let denies = base_policy.map(SessionPolicy::denies).unwrap_or_default();
    match (keep, keep_value) {
        (Some(true), Some(value)) => {
            if base_policy.is_some_and(SessionPolicy::allows_partially) {
                value.spot().warning(
                    format!("the variant {} keeps only the Deny statements of its permission set", quoted(name.value)),
                    "an Allow of the permission set would permit more instead of less: write what the variant may do into its own session_policy",
                );
            }
            merged(&value, own, denies)
        }
        // An explicit `false` is intended.
        (Some(false), _) => Some(own),
        _ => {
            let own_denies = own.session_policy.as_ref().map(SessionPolicy::denies);
            let own_denies = own_denies.unwrap_or_default();
            if denies.iter().any(|deny| !own_denies.contains(deny)) {
                name.spot.warning(
                    format!("the variant {} does not have a Deny of its permission set's session_policy", quoted(name.value)),
                    "its session_policy and policy_arns replace both of the permission set: set keep_base_policy = true to keep the Deny, or false if this is intended",
                );
            }
            Some(own)
        }
    }
}

fn merged(
    value: &Value<'_>,
    own: SessionPolicies,
    denies: Vec<serde_json::Value>,
) -> Option<SessionPolicies> {
    if denies.is_empty() {
        return Some(own);
    }
    match SessionPolicy::with(own.session_policy.as_ref(), denies) {
        Ok(policy) => Some(SessionPolicies {
            session_policy: Some(policy),
            ..own
        }),
        Err(error) => {
            value.invalid(format!(
                "with the Deny statements of the permission set, {error}"
            ));
            None
        }
    }
}
