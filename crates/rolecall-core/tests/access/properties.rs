//! Properties of all policies and people, tested with random ones.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rolecall_core::access::{Grant, Grants, Policy, RuleOutcome, Template};
use rolecall_core::aws::AccountId;
use rolecall_core::identity::Identity;

use crate::support::{facts, in_groups, labels, parse, person, with_claims};

const FIXTURE: &str = r#"
account = [
    { id = "000000000001", name = "a1", ou = "A", tags = { t = "x" } },
    { id = "000000000002", name = "a2", ou = "A/B", tags = { t = "y" } },
    { id = "000000000003", name = "b1", ou = "B" },
    { id = "000000000004", name = "b2", tags = { t = "x" } },
]
permission_set = [{ name = "P", variants = { v = {} } }, { name = "Q" }, { name = "R" }]
"#;

fn who() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "provider = \"okta\"",
        "users = [\"u1@example.com\", \"u2@example.com\"]",
        "subjects = [\"u1\", \"u3\"]",
        "groups = [\"g1\"]",
        "groups = [\"g2\", \"g3\"]",
        "claims = { c = [\"1\", \"2\"] }",
        "claims = { c = [\"3\"], d = [\"1\"] }",
        "claims_matching = { c = \"^[12]$\" }",
        "provider = \"google\"",
    ]);
    prop::collection::vec(part, 1..4).prop_map(|parts| {
        let mut keys = BTreeSet::new();
        let once = |part: &&str| keys.insert(part.split(' ').next().map(str::to_owned));
        let parts: Vec<&str> = parts.into_iter().filter(once).collect();
        parts.join(", ")
    })
}

fn scope() -> impl Strategy<Value = String> {
    let accounts = prop::sample::subsequence(
        vec!["\"a1\"", "\"a*\"", "\"ou:A/**\"", "\"tag:t=x\"", "\"b2\""],
        1..3,
    );
    let sets = prop::sample::subsequence(vec!["\"P\"", "\"Q\"", "\"*\""], 1..3);
    (accounts, sets).prop_map(|(accounts, sets)| {
        let (accounts, sets) = (accounts.join(", "), sets.join(", "));
        format!("accounts = [{accounts}]\npermission_sets = [{sets}]\n")
    })
}

pub fn rule(kind: &'static str) -> impl Strategy<Value = String> {
    let when = prop::sample::select(match kind {
        "assignment" => vec![
            "",
            "when = { mfa = true }\n",
            "session_duration = \"2h\"\n",
            "session_duration = \"30m\"\n",
            "when = { mfa = true }\nsession_duration = \"30m\"\n",
            "when = { mfa = true }\nsession_duration = \"4h\"\n",
        ],
        _ => vec![""],
    });
    (who(), scope(), when)
        .prop_map(move |(who, scope, when)| format!("who = {{ {who} }}\n{scope}{when}"))
}

fn written(kind: &str, rules: &[String]) -> String {
    let entry = |(n, rule)| format!("[[{kind}]]\nid = \"{kind}-{n}\"\n{rule}");
    rules.iter().enumerate().map(entry).collect()
}

/// `None` if the rules contain an error, such as an assignment that is denied completely.
pub fn policy(assignments: &[String], denies: &[String]) -> Option<Policy> {
    let (assignments, denies) = (written("assignment", assignments), written("deny", denies));
    parse(&format!("{FIXTURE}{assignments}{denies}")).ok()
}

pub fn any_identity() -> impl Strategy<Value = Identity> {
    let name = prop::sample::select(vec!["u1", "u2", "u3", "u4"]);
    let groups = prop::sample::subsequence(vec!["g1", "g2", "g3", "g4"], 0..=4);
    let claims = prop::sample::subsequence(vec!["1", "2", "3"], 0..=3);
    (name, groups, claims, any::<bool>()).prop_map(|(name, groups, claims, mfa)| {
        let mut identity = in_groups(person(name), &groups);
        identity.mfa = mfa;
        with_claims(identity, &[("c", &claims), ("d", &["1"])])
    })
}

fn granted(policy: &Policy, identity: &Identity) -> BTreeSet<String> {
    labels(&policy.grants(&facts(identity)))
        .into_iter()
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(400), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn added_assignment_removes_no_grant(
        assignments in prop::collection::vec(rule("assignment"), 1..8),
        denies in prop::collection::vec(rule("deny"), 0..2),
        identity in any_identity(),
    ) {
        let denies = written("deny", &denies);
        let all = parse(&format!("{FIXTURE}{}{denies}", written("assignment", &assignments)));
        let fewer = parse(&format!("{FIXTURE}{}{denies}", written("assignment", &assignments[1..])));
        // An assignment that is denied completely is an error.
        prop_assume!(all.is_ok() && fewer.is_ok());
        let (all, fewer) = (granted(&all.unwrap(), &identity), granted(&fewer.unwrap(), &identity));
        prop_assert!(fewer.is_subset(&all), "{fewer:?} {all:?}");
    }

    #[test]
    fn deny_removes_exactly_its_scope(
        assignments in prop::collection::vec(rule("assignment"), 1..8),
        deny in rule("deny"),
        identity in any_identity(),
    ) {
        let assignments = written("assignment", &assignments);
        let before = parse(&format!("{FIXTURE}{assignments}"));
        let after = parse(&format!("{FIXTURE}{assignments}{}", written("deny", std::slice::from_ref(&deny))));
        let covered = parse(&format!("{FIXTURE}{}", written("assignment", std::slice::from_ref(&deny))));
        prop_assume!(before.is_ok() && after.is_ok() && covered.is_ok());
        let before = granted(&before.unwrap(), &identity);
        let covered = granted(&covered.unwrap(), &identity);
        let after = granted(&after.unwrap(), &identity);
        prop_assert_eq!(after, &before - &covered);
    }

    #[test]
    fn explanation_agrees_with_grants(
        assignments in prop::collection::vec(rule("assignment"), 0..12),
        denies in prop::collection::vec(rule("deny"), 0..3),
        identity in any_identity(),
    ) {
        let policy = policy(&assignments, &denies);
        prop_assume!(policy.is_some());
        let policy = policy.unwrap();
        let explanation = policy.explain(&facts(&identity));
        let grants = policy.grants(&facts(&identity));
        prop_assert_eq!(labels(explanation.grants()), labels(&grants));
        for rule in explanation.assignments().iter().chain(explanation.denies()) {
            let failed = |part: &str| rule.checks.iter().any(|check| !check.holds && check.key.starts_with(part));
            let expected = match (failed("who."), failed("when.")) {
                (true, _) => RuleOutcome::OtherPeople,
                (false, true) => RuleOutcome::OtherCircumstances,
                (false, false) => RuleOutcome::Holds,
            };
            prop_assert_eq!(rule.outcome, expected, "{:?}", rule);
        }
        prop_assert_eq!(grants.len(), grants.iter().count());
        prop_assert_eq!(grants.is_empty(), grants.iter().next().is_none());
        let mut sorted = labels(&grants);
        sorted.sort();
        prop_assert_eq!(labels(&grants), sorted);
        for grant in grants.iter() {
            let variant = grant.variant().map(|variant| variant.to_string());
            let found = grants.find(&grant.account().id, grant.permission_set().name.as_str(), variant.as_deref());
            prop_assert_eq!(found.map(|found| found.label()), Some(grant.label()));
            prop_assert!(grant.assignments().next().is_some());
        }
        for locked in grants.locked() {
            prop_assert!(grants.find(&locked.account.id, locked.permission_set.name.as_str(), None).is_none());
            prop_assert!(!locked.unmet.is_empty());
        }
    }

    #[test]
    fn grants_in_account_are_a_subset(
        assignments in prop::collection::vec(rule("assignment"), 0..12),
        denies in prop::collection::vec(rule("deny"), 0..3),
        identity in any_identity(),
    ) {
        let policy = policy(&assignments, &denies);
        prop_assume!(policy.is_some());
        let policy = policy.unwrap();
        let all = policy.grants(&facts(&identity));
        for id in (1..=5).map(|n| AccountId::parse(&format!("{n:012}")).unwrap()) {
            let part = policy.grants_in(&id, &facts(&identity));
            let story = |grant: &Grant| (
                grant.label(),
                grant.duration(),
                grant.assignments().map(str::to_owned).collect::<Vec<_>>(),
            );
            let expected: Vec<_> = all.of_account(&id).map(|grant| story(&grant)).collect();
            prop_assert_eq!(part.iter().map(|grant| story(&grant)).collect::<Vec<_>>(), expected);
            let locked = |grants: &Grants| {
                let locked = grants.locked().filter(|locked| locked.account.id == id);
                locked.map(|locked| format!("{locked:?}")).collect::<Vec<_>>()
            };
            prop_assert_eq!(part.locked().count(), locked(&part).len());
            prop_assert_eq!(locked(&part), locked(&all));
        }
    }

    #[test]
    fn every_grant_is_an_assigned_role(
        assignments in prop::collection::vec(rule("assignment"), 1..8),
        denies in prop::collection::vec(rule("deny"), 0..3),
        identity in any_identity(),
    ) {
        let policy = policy(&assignments, &denies);
        prop_assume!(policy.is_some());
        let policy = policy.unwrap();
        let assigned = policy.assigned_roles();
        for grant in policy.grants(&facts(&identity)).iter() {
            let role = assigned.iter().find(|role| {
                role.account.id == grant.account().id && role.permission_set.name == grant.permission_set().name
            });
            prop_assert!(role.is_some_and(|role| grant.duration_max() <= role.duration_max), "{}", grant.label());
        }
    }

    #[test]
    fn parsed_values_display_their_input(text in "[a-z{}. ]{0,12}") {
        if let Ok(template) = Template::parse(&text) {
            prop_assert_eq!(template.to_string(), text);
        }
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in "\\PC{0,200}", keys in "(\\[\\[(account|permission_set|assignment|deny)\\]\\]\n|(id|name|who|accounts|permission_sets|when) = (\"[a-z*:]{0,4}\"|\\{\\}|\\[\\]|7|true)\n){0,12}") {
        let _either = parse(&text);
        let _either = parse(&keys);
    }
}
