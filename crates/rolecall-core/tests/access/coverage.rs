//! Which rules cover which accounts after accounts moved, were renamed, tagged or added.

use rolecall_core::access::CoverageKind::{
    self, Assigned, Denied, NoLongerAssigned, NoLongerDenied,
};
use rolecall_core::access::Policy;

use crate::support::policy;

const BASE: &str = r#"
[[account]]
id = "000000000001"
name = "payments-prod"
ou = "Workloads/Prod"
tags = { env = "prod", team = "payments" }

[[account]]
id = "000000000002"
name = "sandbox"
ou = "Sandbox"
tags = { env = "dev" }

[[account]]
id = "000000000003"
name = "spare"

[[permission_set]]
name = "Admin"

[[permission_set]]
name = "Look"

[[assignment]]
id = "by-ou"
who = { groups = ["a"] }
accounts = ["ou:Workloads/**", "000000000002"]
permission_sets = ["Admin"]

[[assignment]]
id = "by-tag"
who = { groups = ["a"] }
accounts = ["tag:team=payments"]
permission_sets = ["Look"]

[[assignment]]
id = "by-name"
who = { groups = ["a"] }
accounts = ["payments-*"]
permission_sets = ["*"]

[[deny]]
id = "never-in-prod"
who = { groups = ["contractors"] }
accounts = ["tag:env=prod", "spare"]
permission_sets = ["Admin"]

[[deny]]
id = "looking"
who = { groups = ["contractors"] }
accounts = ["tag:env=prod", "000000000002"]
permission_sets = ["Look"]
"#;

fn changes(old: Option<&Policy>, new: &Policy) -> Vec<(CoverageKind, String, String)> {
    let changes = new.coverage_changes(old);
    let shown = changes.iter().map(|change| {
        let sets: Vec<&str> = change
            .permission_sets
            .iter()
            .map(|set| set.as_str())
            .collect();
        let denied = change.denied_by.join(",");
        let shown = format!("{} {} {denied}", change.account.name, sets.join(","));
        (
            change.kind,
            change.rule.to_owned(),
            shown.trim_end().to_owned(),
        )
    });
    shown.collect()
}

/// The changes if `from` becomes `to`.
fn changed(from: &str, to: &str) -> Vec<(CoverageKind, String, String)> {
    let after = BASE.replacen(from, to, 1);
    assert_ne!(after, BASE);
    changes(Some(&policy(BASE)), &policy(&after))
}

fn expect(found: &[(CoverageKind, String, String)], expected: &[(CoverageKind, &str, &str)]) {
    let found: Vec<(CoverageKind, &str, &str)> =
        found.iter().map(|(k, r, s)| (*k, &**r, &**s)).collect();
    assert_eq!(found, expected);
}

#[test]
fn unchanged_policy_has_no_changes() {
    assert!(changes(Some(&policy(BASE)), &policy(BASE)).is_empty());
}

#[test]
fn account_that_moves_is_covered_by_its_unit() {
    let found = changed("ou = \"Sandbox\"", "ou = \"Workloads/Dev\"");
    assert!(found.is_empty(), "named by its id as well: {found:?}");
    let found = changed("ou = \"Workloads/Prod\"", "ou = \"Sandbox\"");
    expect(
        &found,
        &[(NoLongerAssigned, "by-ou", "payments-prod Admin")],
    );
}

#[test]
fn new_tag_is_a_gain() {
    let found = changed(
        "tags = { env = \"dev\" }",
        "tags = { env = \"dev\", team = \"payments\" }",
    );
    expect(&found, &[(Assigned, "by-tag", "sandbox Look looking")]);
}

#[test]
fn new_name_is_a_gain() {
    let found = changed("name = \"sandbox\"", "name = \"payments-sandbox\"");
    expect(
        &found,
        &[(Assigned, "by-name", "payments-sandbox Admin,Look looking")],
    );
}

#[test]
fn vanished_deny_is_a_gain() {
    let found = changed(
        "tags = { env = \"prod\", team",
        "tags = { env = \"PROD\", team",
    );
    // No selector of the denies matches an account any more, except the one that is named.
    expect(
        &found,
        &[
            (NoLongerDenied, "looking", "payments-prod Look"),
            (NoLongerDenied, "never-in-prod", "payments-prod Admin"),
        ],
    );
    assert!(found.iter().all(|(kind, _, _)| kind.is_gain()));
}

#[test]
fn new_deny_is_not_a_gain() {
    let found = changed("env = \"dev\"", "env = \"prod\"");
    expect(&found, &[(Denied, "never-in-prod", "sandbox Admin")]);
    assert!(!found[0].0.is_gain());
}

/// A deny that covers an account in which nothing is assigned does not matter.
#[test]
fn deny_matters_only_for_assigned_permission_sets() {
    let alone = BASE.replace(
        "\"ou:Workloads/**\", \"000000000002\"",
        "\"ou:Workloads/**\"",
    );
    let without = alone.replacen("\"tag:env=prod\", \"000000000002\"", "\"tag:env=prod\"", 1);
    let found = changes(Some(&policy(&alone)), &policy(&without));
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn everything_is_new_without_a_former_policy() {
    let found = changes(None, &policy(BASE));
    let gains = found.iter().filter(|(kind, _, _)| *kind == Assigned);
    let gains: Vec<&str> = gains.map(|(_, rule, _)| &**rule).collect();
    assert_eq!(gains, ["by-name", "by-ou", "by-ou", "by-tag"]);
}
