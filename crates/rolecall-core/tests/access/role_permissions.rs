//! `managed_policies`, `inline_policy` and `permissions_boundary`.

use rolecall_core::access::RolePermissions;

use crate::policy_errors::errors_of;
use crate::support::{ONE_ROLE, policy};

/// The permissions of the permission set and of its variants, with these keys.
fn read(keys: &str) -> Vec<RolePermissions> {
    let policy = policy(&format!("{ONE_ROLE}{keys}\n"));
    let set = policy.permission_sets().next().unwrap();
    let variants = set.variants.iter().map(|one| one.permissions.clone());
    std::iter::once(set.permissions.clone())
        .chain(variants)
        .collect()
}

#[test]
fn permissions_are_read() {
    let all = read(
        r#"managed_policies = ["arn:aws:iam::aws:policy/PowerUserAccess", "arn:aws:iam::{account}:policy/Own"]
inline_policy = { file = "no-delete.json" }
permissions_boundary = "arn:aws:iam::{account}:policy/Boundary"
variants = { a = {}, b = { role = "B", managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess"] }, c = { role = "C", permissions_boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess" } }
"#,
    );
    let [set, a, b, c] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!(set.managed_policies.len(), 2);
    assert_eq!(set.inline_policy.as_ref().unwrap().statements().len(), 1);
    assert_eq!(*a, RolePermissions::default());
    // The boundary is kept, permissions are not.
    assert_eq!(b.managed_policies.len(), 1);
    assert!(b.inline_policy.is_none());
    assert_eq!(b.permissions_boundary, set.permissions_boundary);
    assert_ne!(c.permissions_boundary, set.permissions_boundary);
    assert!(c.is_empty() && !set.is_empty() && !b.is_empty());
    assert_eq!(read(""), [RolePermissions::default()]);
}

#[test]
fn errors_in_permissions() {
    let many: Vec<String> = (0..21)
        .map(|n| format!("\"arn:aws:iam::aws:policy/P{n}\""))
        .collect();
    for (keys, expected) in [
        (
            "managed_policies = [\"ReadOnlyAccess\"]",
            "invalid `managed_policies` | not the ARN of a managed policy",
        ),
        (
            "managed_policies = [\"arn:aws-cn:iam::aws:policy/ReadOnlyAccess\"]",
            "it must be in the partition aws",
        ),
        (
            "managed_policies = [\"arn:aws:iam::aws:policy/A\", \"arn:aws:iam::aws:policy/A\"]",
            "it is listed twice",
        ),
        (
            &*format!("managed_policies = [{}]", many.join(", ")),
            "a role has at most 20 managed policies",
        ),
        (
            "permissions_boundary = \"arn:aws:iam::{account}:role/x\"",
            "invalid `permissions_boundary`",
        ),
        ("inline_policy = { file = \"missing\" }", "cannot read"),
        (
            "inline_policy = { file = \"broken.json\" }",
            "invalid `inline_policy` | the policy is not valid JSON",
        ),
        (
            "inline_policy = \"{}\"",
            "an inline policy is a JSON object",
        ),
        (
            "variants = { v = { managed_policies = [] } }",
            "invalid `managed_policies` | it belongs to a role",
        ),
        (
            "variants = { v = { inline_policy = \"{}\" } }",
            "invalid `inline_policy` | it belongs to a role",
        ),
    ] {
        let errors = errors_of(&format!("{ONE_ROLE}{keys}\n"));
        assert!(
            matches!(errors.as_slice(), [only] if only.contains(expected)),
            "{keys}: {errors:?}"
        );
    }
}
