//! `config/access.toml`, the annotated example: it is valid, and three people get what its comments say.

use chrono::TimeDelta;
use rolecall_core::access::Unmet;

use crate::support::{facts, granted, in_groups, person, policy, with_claims};

const EXAMPLE: &str = include_str!("../../../../config/access.toml");

#[test]
fn example_policy_has_no_warnings() {
    let policy = policy(EXAMPLE);
    assert_eq!(policy.warnings(), []);
    assert_eq!(policy.accounts().count(), 3);
    assert_eq!(policy.permission_sets().count(), 3);
}

#[test]
fn payments_developer_on_platform_team_gets_both_roles() {
    let policy = policy(EXAMPLE);
    let alice = in_groups(person("alice"), &["payments-dev", "platform"]);
    let mut alice = with_claims(alice, &[("department", &["payments"])]);
    let developer = [
        "payments-dev/Developer",
        "payments-dev/Developer@readonly",
        "payments-dev/ReadOnly",
        "payments-prod/Developer",
        "payments-prod/Developer@readonly",
        "payments-prod/ReadOnly",
        "sandbox/ReadOnly",
    ];
    assert_eq!(granted(&policy, &alice), developer);
    let grants = policy.grants(&facts(&alice));
    let locked: Vec<_> = grants.locked().collect();
    assert_eq!(locked.len(), 3);
    assert_eq!(locked[0].unmet, [Unmet::Mfa]);
    assert_eq!(locked[0].owners, ["platform@example.com"]);

    alice.mfa = true;
    assert_eq!(granted(&policy, &alice).len(), 10);
    alice.asserted_at -= TimeDelta::hours(1);
    assert_eq!(granted(&policy, &alice), developer);
}

#[test]
fn contractor_has_no_production_access() {
    let policy = policy(EXAMPLE);
    let bob = in_groups(person("bob"), &["payments-dev"]);
    let bob = with_claims(
        bob,
        &[
            ("department", &["payments"]),
            ("employment", &["contractor"]),
        ],
    );
    assert_eq!(
        granted(&policy, &bob),
        [
            "payments-dev/Developer",
            "payments-dev/Developer@readonly",
            "payments-dev/ReadOnly",
            "sandbox/ReadOnly",
        ]
    );
}

#[test]
fn person_without_groups_gets_the_sandbox() {
    let policy = policy(EXAMPLE);
    assert_eq!(granted(&policy, &person("carol")), ["sandbox/ReadOnly"]);
}
