//! Properties of the comparison of random policies.

use proptest::prelude::*;
use rolecall_core::access::{Comparison, Effect, Policy};
use rolecall_core::aws::RoleSessionDuration;
use rolecall_core::identity::Identity;

use crate::compare::compare;
use crate::properties::{any_identity, policy as random_policy, rule};
use crate::support::{facts, now};

/// The roles and their durations that a person has, with and without a second factor.
fn held(policy: &Policy, identity: &Identity, mfa: bool) -> Vec<(String, RoleSessionDuration)> {
    let mut identity = identity.clone();
    identity.mfa = mfa;
    let grants = policy.grants(&facts(&identity));
    grants
        .iter()
        .map(|grant| (grant.label(), grant.duration_max()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(400), failure_persistence: None, ..ProptestConfig::default() })]

    /// The evaluation of the gateway decides: what is granted with a second factor is what a person may have.
    #[test]
    fn differences_agree_with_grants(
        old in prop::collection::vec(rule("assignment"), 0..8),
        new in prop::collection::vec(rule("assignment"), 0..8),
        old_denies in prop::collection::vec(rule("deny"), 0..3),
        new_denies in prop::collection::vec(rule("deny"), 0..3),
        kept in 0usize..8,
        identity in any_identity(),
    ) {
        // Most rules of two versions are the same.
        let new: Vec<String> = old.iter().take(kept).chain(&new).cloned().collect();
        let (old, new) = (random_policy(&old, &old_denies), random_policy(&new, &new_denies));
        prop_assume!(old.is_some() && new.is_some());
        let (old, new) = (old.unwrap(), new.unwrap());
        let (report, _) = compare(&old, &new, std::slice::from_ref(&identity));
        let (before, after) = (held(&old, &identity, true), held(&new, &identity, true));
        let has = |all: &[(String, RoleSessionDuration)], label: &str| all.iter().any(|(one, _)| one == label);
        let of_kind = |kind: &str| {
            let mut labels: Vec<String> = report.iter().filter(|one| one.kind == kind).flat_map(|one| one.roles.clone()).collect();
            labels.sort();
            labels
        };
        let only = |these: &[(String, RoleSessionDuration)], those: &[(String, RoleSessionDuration)]| {
            let mut labels: Vec<String> = these.iter().map(|(label, _)| label.clone()).filter(|label| !has(those, label)).collect();
            labels.sort();
            labels
        };
        prop_assert_eq!(of_kind("gained"), only(&after, &before));
        prop_assert_eq!(of_kind("lost"), only(&before, &after));
        // A role that needs no second factor any more, or one now.
        let (before_without, after_without) = (held(&old, &identity, false), held(&new, &identity, false));
        for (label, _) in after.iter().filter(|(label, _)| has(&before, label)) {
            let changes: Vec<(&str, Effect)> = report
                .iter()
                .filter(|one| one.roles.contains(label))
                .flat_map(|one| one.changes.iter().map(|change| (change.what, change.effect)))
                .collect();
            let expected = match (has(&before_without, label), has(&after_without, label)) {
                (false, true) => Some(Effect::Gain),
                (true, false) => Some(Effect::Loss),
                (false, false) | (true, true) => None,
            };
            let conditions = changes.iter().find(|(what, _)| *what == "conditions");
            prop_assert_eq!(conditions.map(|(_, effect)| *effect), expected, "{}: {:?}", label, report);
        }
        // A longer session is never missed, with or without a second factor.
        for (before, after) in [(&before, &after), (&before_without, &after_without)] {
            for (label, duration) in after {
                let earlier = before.iter().find(|(one, _)| one == label);
                if earlier.is_some_and(|(_, earlier)| duration > earlier) {
                    let mut entries = report.iter().filter(|one| one.roles.contains(label));
                    let is_longer = entries.any(|one| one.changes.iter().any(|change| change.what == "session_duration" && change.effect == Effect::Gain));
                    prop_assert!(is_longer, "{}: {:?}", label, report);
                }
            }
        }
        // Without people, a gain is never missed.
        let gains = report.iter().any(|one| one.effect == Effect::Gain && one.changes.iter().all(|change| change.what != "session_duration"));
        let rules = Comparison::new(&old, &new, now()).rule_differences();
        prop_assert!(!gains || rules.iter().any(|one| one.effect == Effect::Gain), "{:?} {:?}", report, rules);
    }

    #[test]
    fn access_of_person_agrees_with_grants(
        assignments in prop::collection::vec(rule("assignment"), 0..8),
        denies in prop::collection::vec(rule("deny"), 0..3),
        identity in any_identity(),
    ) {
        let policy = random_policy(&assignments, &denies);
        prop_assume!(policy.is_some());
        let policy = policy.unwrap();
        let held = held(&policy, &identity, true);
        for account in policy.accounts() {
            for set in policy.permission_sets() {
                let access = policy.access_of(&facts(&identity), &account.id, set.name.as_str());
                let label = format!("{}/{}", account.name, set.name);
                prop_assert_eq!(access.is_allowed(), held.iter().any(|(one, _)| *one == label), "{}", label);
                let rules = policy.role_rules(&account.id, set.name.as_str(), now()).unwrap();
                for one in &access.assignments {
                    prop_assert!(rules.assignments.iter().any(|rule| rule.id == one.id));
                }
            }
        }
    }
}
