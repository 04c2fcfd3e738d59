//! The meaning of each key of assignments and deny rules.

use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::access::{Policy, RuleOutcome, Unmet};
use rolecall_core::aws::AccountId;
use rolecall_core::caller::{Circumstances, Facts};
use rolecall_core::identity::{Identity, ProviderId};

use crate::support::{circumstances, facts, granted, in_groups, now, person, policy, with_claims};

const FIXTURE: &str = r#"
[[account]]
id = "111122223333"
name = "prod"
ou = "Work/Prod"
tags = { env = "prod", team = "pay" }
[[account]]
id = "444455556666"
name = "dev-1"
ou = "Work"
tags = { env = "dev" }
[[account]]
id = "777788889999"
name = "dev-2"
ou = "Work/Dev/Eu"
[[permission_set]]
name = "Admin"
"#;

fn with_who(who: &str) -> Policy {
    policy(&format!(
        "{FIXTURE}[[assignment]]\nid = \"a\"\nwho = {{ {who} }}\naccounts = [\"prod\"]\npermission_sets = [\"Admin\"]\n"
    ))
}

#[test]
fn who_requires_every_key_and_one_member() {
    let alice = in_groups(person("alice"), &["a", "b"]);
    let alice = with_claims(
        alice,
        &[
            ("dept", &["pay"]),
            ("level", &["3", "x"]),
            ("/realm/roles", &["r1", "r2"]),
        ],
    );
    for (who, expected) in [
        ("everyone = true", true),
        ("everyone = true, provider = \"okta\"", true),
        ("everyone = true, provider = \"google\"", false),
        ("provider = \"okta\"", true),
        ("users = [\"ALICE@Example.com\"]", true),
        ("users = [\"bob@example.com\"]", false),
        (
            "users = [\"bob@example.com\", \"alice@example.com\"], groups = [\"a\"]",
            true,
        ),
        ("users = [\"alice@example.com\"], groups = [\"c\"]", false),
        ("subjects = [\"alice\"]", true),
        ("subjects = [\"Alice\"]", false),
        ("subjects = [\"alice\"], provider = \"google\"", false),
        ("groups = [\"z\", \"b\"]", true),
        ("groups = [\"B\"]", false),
        ("groups = [\"b \"]", false),
        ("groups = [\"b\"], provider = \"google\"", false),
        ("claims = { dept = [\"x\", \"pay\"] }", true),
        ("claims = { dept = [\"pay\"], level = [\"3\"] }", true),
        ("claims = { dept = [\"pay\"], level = [\"4\"] }", false),
        ("claims = { missing = [\"pay\"] }", false),
        ("claims = { \"/dept\" = [\"pay\"] }", true),
        ("claims = { \"/realm/roles\" = [\"r2\"] }", true),
        ("claims_matching = { dept = \"^p.*$\" }", true),
        ("claims_matching = { dept = \"^p$\" }", false),
        ("claims_matching = { dept = \"^x|a$\" }", false),
        ("claims_matching = { dept = \"^(?i)PAY$\" }", true),
        ("claims_matching = { missing = \"^.*$\" }", false),
        (
            "claims_matching = { level = \"^[0-9]+$\", dept = \"^.+$\" }",
            true,
        ),
    ] {
        let granted = !granted(&with_who(who), &alice).is_empty();
        assert_eq!(granted, expected, "{who}");
    }
}

#[test]
fn untrusted_address_does_not_match() {
    let mut alice = person("alice");
    alice.email = None;
    let alice = with_claims(alice, &[("email", &["alice@example.com"])]);
    assert_eq!(
        granted(&with_who("users = [\"alice@example.com\"]"), &alice),
        [""; 0]
    );
}

#[test]
fn groups_are_specific_to_the_provider() {
    let mut mallory = in_groups(person("mallory"), &["a"]);
    mallory.provider = ProviderId::parse("google").unwrap();
    assert!(granted(&with_who("provider = \"okta\", groups = [\"a\"]"), &mallory).is_empty());
    assert!(!granted(&with_who("groups = [\"a\"]"), &mallory).is_empty());
}

#[test]
fn selectors_match_accounts() {
    for (selectors, expected) in [
        ("\"prod\"", vec!["prod"]),
        ("\"111122223333\", \"prod\"", vec!["prod"]),
        ("\"dev-*\"", vec!["dev-1", "dev-2"]),
        ("\"*-2\"", vec!["dev-2"]),
        ("\"*\"", vec!["dev-1", "dev-2", "prod"]),
        ("\"ou:Work\"", vec!["dev-1"]),
        ("\"ou:Work/*\"", vec!["prod"]),
        ("\"ou:Work/**\"", vec!["dev-1", "dev-2", "prod"]),
        ("\"ou:**/Eu\"", vec!["dev-2"]),
        ("\"tag:env=prod\"", vec!["prod"]),
        ("\"tag:env=*\"", vec!["dev-1", "prod"]),
    ] {
        let policy = policy(&format!(
            "{FIXTURE}[[assignment]]\nid = \"a\"\nwho = {{ everyone = true }}\naccounts = [{selectors}]\npermission_sets = [\"Ad*\"]\n"
        ));
        let grants = policy.grants(&facts(&person("alice")));
        let names: Vec<String> = grants
            .iter()
            .map(|g| g.account().name.to_string())
            .collect();
        assert_eq!(names, expected, "{selectors}");
    }
}

fn unmet(when: &str, identity: &Identity, circumstances: &Circumstances) -> Vec<Unmet> {
    let policy = policy(&format!(
        "{FIXTURE}[[assignment]]\nid = \"a\"\nwho = {{ everyone = true }}\naccounts = [\"prod\"]\npermission_sets = [\"*\"]\nwhen = {{ {when} }}\n"
    ));
    let grants = policy.grants(&Facts::new(identity, *circumstances));
    let locked: Vec<_> = grants.locked().collect();
    assert_eq!(locked.is_empty(), !grants.is_empty());
    locked
        .first()
        .map(|locked| locked.unmet.clone())
        .unwrap_or_default()
}

#[test]
fn unmet_conditions_are_listed() {
    let alice = person("alice");
    let at = |text: &str| Circumstances {
        now: text.parse().unwrap(),
        ..circumstances()
    };
    let from = |text: &str| Circumstances {
        address: text.parse().ok(),
        ..circumstances()
    };
    let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let minutes = TimeDelta::minutes;
    let device = Circumstances {
        device_flow: true,
        ..circumstances()
    };
    for (when, circumstances, expected) in [
        ("", circumstances(), vec![]),
        ("mfa = false, device_flow = true", circumstances(), vec![]),
        ("mfa = true", circumstances(), vec![Unmet::Mfa]),
        ("signed_in_within = \"10m\"", circumstances(), vec![]),
        (
            "signed_in_within = \"9m\"",
            circumstances(),
            vec![Unmet::SignedInWithin(minutes(9))],
        ),
        ("network = [\"10.0.0.0/8\"]", circumstances(), vec![]),
        (
            "network = [\"10.0.0.0/8\"]",
            from("11.0.0.1"),
            vec![Unmet::Network],
        ),
        (
            "network = [\"10.0.0.0/8\"]",
            from("::ffff:10.0.0.1"),
            vec![],
        ),
        (
            "network = [\"10.0.0.0/8\"]",
            from("unknown"),
            vec![Unmet::Network],
        ),
        (
            "network = [\"192.0.2.7\", \"2001:db8::/32\"]",
            from("2001:db8::1"),
            vec![],
        ),
        (
            "not_before = 2026-06-15",
            at("2026-06-14T23:59:59Z"),
            vec![Unmet::NotBefore(time("2026-06-15T00:00:00Z"))],
        ),
        (
            "not_before = 2026-06-15",
            at("2026-06-15T00:00:00Z"),
            vec![],
        ),
        ("not_after = 2026-06-15", at("2026-06-15T23:59:59Z"), vec![]),
        (
            "not_after = 2026-06-15",
            at("2026-06-16T00:00:00Z"),
            vec![Unmet::NotAfter(time("2026-06-16T00:00:00Z"))],
        ),
        (
            "not_after = 2026-06-15T14:00:00+02:00",
            at("2026-06-15T12:00:00Z"),
            vec![Unmet::NotAfter(time("2026-06-15T12:00:00Z"))],
        ),
        (
            "not_after = 2026-06-15, not_before = 2026-06-15",
            circumstances(),
            vec![],
        ),
        ("device_flow = false", circumstances(), vec![]),
        ("device_flow = false", device, vec![Unmet::DeviceFlow]),
        (
            "mfa = true, device_flow = false",
            device,
            vec![Unmet::Mfa, Unmet::DeviceFlow],
        ),
    ] {
        assert_eq!(
            unmet(when, &alice, &circumstances),
            expected,
            "{when} {circumstances:?}"
        );
    }
}

#[test]
fn unmet_conditions_are_formatted() {
    for (unmet, text) in [
        (Unmet::Mfa, "needs a sign-in with a second factor"),
        (
            Unmet::SignedInWithin(TimeDelta::minutes(90)),
            "needs a sign-in within the last 1 h 30 min",
        ),
        (
            Unmet::AuthTimeMissing(TimeDelta::hours(1)),
            "needs a sign-in within the last 1 h (your identity provider does not report when you signed in)",
        ),
        (
            Unmet::NotBefore(now()),
            "is available from 15 June 2026, 12:00 UTC",
        ),
    ] {
        assert_eq!(unmet.to_string(), text);
    }
}

#[test]
fn explanation_contains_every_rule() {
    let text = format!(
        "{FIXTURE}{}",
        r#"[[assignment]]
id = "mine"
who = { provider = "okta", groups = ["a"] }
accounts = ["*"]
permission_sets = ["*"]
[[assignment]]
id = "strong"
who = { provider = "okta", groups = ["a"] }
accounts = ["dev-1"]
permission_sets = ["*"]
when = { mfa = true }
[[assignment]]
id = "theirs"
who = { provider = "google", everyone = true }
accounts = ["dev-2"]
permission_sets = ["*"]
[[deny]]
id = "no-prod"
who = { groups = ["a"] }
accounts = ["tag:env=prod"]
reason = "a is not for prod"
"#
    );
    let policy = policy(&text);
    let alice = in_groups(person("alice"), &["a"]);
    let explanation = policy.explain(&facts(&alice));
    let outcomes: Vec<_> = explanation
        .assignments()
        .iter()
        .map(|one| one.outcome)
        .collect();
    assert_eq!(
        outcomes,
        [
            RuleOutcome::Holds,
            RuleOutcome::OtherCircumstances,
            RuleOutcome::OtherPeople
        ]
    );
    let texts: Vec<String> = explanation
        .assignments()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        texts,
        [
            "mine (access.toml:18) applies",
            "strong (access.toml:23) would apply under other circumstances: needs a sign-in with a second factor",
            "theirs (access.toml:29) applies to other people: applies to people of the provider google",
        ]
    );
    assert_eq!(
        explanation.denies()[0].to_string(),
        "no-prod (access.toml:34) applies: a is not for prod"
    );
    let prod = AccountId::parse("111122223333").unwrap();
    let (assignments, denies) = explanation.about(&prod, "Admin").unwrap();
    assert_eq!((assignments.len(), denies.len()), (1, 1));
    assert!(explanation.about(&prod, "Nobody").is_none());
    assert_eq!(explanation.grants().len(), 2);
}
