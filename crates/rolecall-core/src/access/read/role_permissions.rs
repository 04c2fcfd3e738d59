//! `managed_policies`, `inline_policy` and `permissions_boundary` of a permission set and of a variant with a role of its own.

use super::PolicyContext;
use super::policy_file::read_policy;
use crate::access::permission_set::RolePermissions;
use crate::aws::{InlinePolicy, RolePolicyArn};
use crate::base::limits;
use crate::config_file::{Reader, Value};

const MANAGED_POLICIES: &str = "managed_policies";
const INLINE_POLICY: &str = "inline_policy";
const PERMISSIONS_BOUNDARY: &str = "permissions_boundary";

/// Reads the three keys.
pub(super) fn read(reader: &Reader<'_>, context: &PolicyContext<'_>) -> RolePermissions {
    let managed_policies = managed_policies(reader, context);
    let inline_policy = reader.value(INLINE_POLICY);
    let boundary = reader.value(PERMISSIONS_BOUNDARY);
    RolePermissions {
        managed_policies,
        inline_policy: inline_policy.and_then(|value| inline(&value, context)),
        permissions_boundary: boundary.and_then(|value| policy_arn(&value, context)),
    }
}

/// Those of a variant. Without a role of its own, it has the role of the permission set.
pub(super) fn read_variant(
    reader: &Reader<'_>,
    context: &PolicyContext<'_>,
    has_role: bool,
    base: &RolePermissions,
) -> RolePermissions {
    if !has_role {
        for key in [MANAGED_POLICIES, INLINE_POLICY, PERMISSIONS_BOUNDARY] {
            if let Some(value) = reader.value(key) {
                value.invalid("it belongs to a role: give the variant a `role` of its own, or use session_policy or policy_arns");
            }
        }
        return RolePermissions::default();
    }
    let own = read(reader, context);
    RolePermissions {
        permissions_boundary: own
            .permissions_boundary
            .or_else(|| base.permissions_boundary.clone()),
        ..own
    }
}

fn managed_policies(reader: &Reader<'_>, context: &PolicyContext<'_>) -> Vec<RolePolicyArn> {
    let Some(value) = reader.value(MANAGED_POLICIES) else {
        return Vec::new();
    };
    let listed = value.list().unwrap_or_default();
    if listed.len() > limits::ROLE_MANAGED_POLICIES_MAX {
        value.invalid(format!(
            "a role has at most {} managed policies",
            limits::ROLE_MANAGED_POLICIES_MAX
        ));
    }
    let mut arns = Vec::new();
    for value in &listed {
        let Some(arn) = policy_arn(value, context) else {
            continue;
        };
        if arns.contains(&arn) {
            value.invalid("it is listed twice: remove one of them");
        } else {
            arns.push(arn);
        }
    }
    arns
}

fn policy_arn(value: &Value<'_>, context: &PolicyContext<'_>) -> Option<RolePolicyArn> {
    let arn = value.parse::<RolePolicyArn>()?.value;
    if arn.partition() == context.partition.as_str() {
        return Some(arn);
    }
    value.invalid(format!("it must be in the partition {}", context.partition));
    None
}

/// `inline_policy = { file = "…" }`, or the document itself as a string.
fn inline(value: &Value<'_>, context: &PolicyContext<'_>) -> Option<InlinePolicy> {
    let text = read_policy(value, INLINE_POLICY, context)?;
    let policy = InlinePolicy::parse(&text);
    if let Err(error) = &policy {
        value.invalid(error.to_string());
    }
    policy.ok()
}
