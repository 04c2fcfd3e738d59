//! What each key of assignments, denies and permission sets means.

use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::access::{Circumstances, DurationReason, Grants, Outcome, Policy, Unmet};
use rolecall_core::aws::AccountId;
use rolecall_core::identity::{Identity, ProviderId};

use crate::support::{circumstances, granted, in_groups, now, parse, person, policy, with_claims};

const WORLD: &str = r#"
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
        "{WORLD}[[assignment]]\nid = \"a\"\nwho = {{ {who} }}\naccounts = [\"prod\"]\npermission_sets = [\"Admin\"]\n"
    ))
}

#[test]
fn who_needs_every_key_and_one_of_a_list() {
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
fn an_address_that_is_not_believed_matches_nobody() {
    let mut alice = person("alice");
    alice.email = None;
    let alice = with_claims(alice, &[("email", &["alice@example.com"])]);
    assert_eq!(
        granted(&with_who("users = [\"alice@example.com\"]"), &alice),
        [""; 0]
    );
}

#[test]
fn the_same_group_of_another_provider_is_another_group() {
    let mut mallory = in_groups(person("mallory"), &["a"]);
    mallory.provider = ProviderId::parse("google").unwrap();
    assert!(granted(&with_who("provider = \"okta\", groups = [\"a\"]"), &mallory).is_empty());
    assert!(!granted(&with_who("groups = [\"a\"]"), &mallory).is_empty());
}

#[test]
fn selectors_name_accounts() {
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
            "{WORLD}[[assignment]]\nid = \"a\"\nwho = {{ everyone = true }}\naccounts = [{selectors}]\npermission_sets = [\"Ad*\"]\n"
        ));
        let grants = policy.grants(&person("alice"), &circumstances());
        let names: Vec<String> = grants
            .iter()
            .map(|g| g.account().name.to_string())
            .collect();
        assert_eq!(names, expected, "{selectors}");
    }
}

fn unmet(when: &str, identity: &Identity, circumstances: &Circumstances) -> Vec<Unmet> {
    let policy = policy(&format!(
        "{WORLD}[[assignment]]\nid = \"a\"\nwho = {{ everyone = true }}\naccounts = [\"prod\"]\npermission_sets = [\"*\"]\nwhen = {{ {when} }}\n"
    ));
    let grants = policy.grants(identity, circumstances);
    let locked: Vec<_> = grants.locked().collect();
    assert_eq!(locked.is_empty(), !grants.is_empty());
    locked
        .first()
        .map(|locked| locked.unmet.clone())
        .unwrap_or_default()
}

#[test]
fn when_is_met_or_named() {
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
fn what_is_unmet_reads_well() {
    for (unmet, text) in [
        (Unmet::Mfa, "sign in again with a second factor"),
        (
            Unmet::SignedInWithin(TimeDelta::minutes(90)),
            "sign in again: this role asks for a sign-in of the last 1 h 30 min",
        ),
        (
            Unmet::NotBefore(now()),
            "it begins on 15 June 2026, 12:00 UTC",
        ),
    ] {
        assert_eq!(unmet.to_string(), text);
    }
}

const DURATIONS: &str = r#"
[[account]]
id = "111122223333"
name = "prod"
[[permission_set]]
name = "Four"
session_duration = "4h"
variants = { short = { session_duration = "30m" }, long = { session_duration = "8h" } }
[[permission_set]]
name = "Unsaid"
"#;

fn duration(rules: &str, set: &str, variant: Option<&str>) -> (String, DurationReason) {
    let rules: String = rules
        .split_whitespace()
        .map(|rule| {
            let (id, duration) = rule.split_once('=').unwrap_or((rule, ""));
            let duration = match duration {
                "" => String::new(),
                text => format!("session_duration = \"{text}\"\n"),
            };
            format!("[[assignment]]\nid = \"{id}\"\nwho = {{ everyone = true }}\naccounts = [\"*\"]\npermission_sets = [\"*\"]\n{duration}")
        })
        .collect();
    let policy = policy(&format!("{DURATIONS}{rules}"));
    let grants = policy.grants(&person("alice"), &circumstances());
    let account = AccountId::parse("111122223333").unwrap();
    let grant = grants.find(&account, set, variant).unwrap();
    (grant.duration_max().to_string(), grant.duration_reason())
}

#[test]
fn the_shortest_duration_wins_and_says_whose_it_is() {
    let assignment = |id: &str| DurationReason::Assignment(id.to_owned());
    let four = || DurationReason::PermissionSet("Four".to_owned());
    for (rules, set, variant, expected, reason) in [
        ("a", "Four", None, "4 h", four()),
        ("a", "Unsaid", None, "1 h", DurationReason::AwsDefault),
        ("a=8h", "Unsaid", None, "8 h", assignment("a")),
        ("a=8h", "Four", None, "4 h", four()),
        ("a b=2h c=3h", "Four", None, "2 h", assignment("b")),
        ("a b=15m", "Four", Some("short"), "15 min", assignment("b")),
        (
            "a",
            "Four",
            Some("short"),
            "30 min",
            DurationReason::Variant("short".to_owned()),
        ),
        ("a", "Four", Some("long"), "4 h", four()),
    ] {
        assert_eq!(
            duration(rules, set, variant),
            (expected.to_owned(), reason),
            "{rules} {set} {variant:?}"
        );
    }
}

const ROLE: &str = r#"
[[account]]
id = "111122223333"
name = "prod"
[[permission_set]]
name = "Developer"
role = "rolecall/Dev"
destination = "https://console.aws.amazon.com/s3/"
session_policy = { file = "no-delete.json" }
session_tags = { team = "{claims.department}", user = "{email}", fixed = "{{x}}" }
source_identity = "{email}"
variants = { readonly = { policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"] } }
[[assignment]]
id = "one"
who = { everyone = true }
accounts = ["*"]
permission_sets = ["*"]
owner = "leads@example.com"
"#;

fn grants(text: &str, identity: &Identity) -> Grants {
    policy(text).grants(identity, &circumstances())
}

#[test]
fn a_grant_knows_its_role() {
    let text = ROLE.replace("fixed = \"{{x}}\"", "fixed = \"x\"");
    let grants = grants(&text, &person("alice"));
    let account = AccountId::parse("111122223333").unwrap();
    let base = grants.find(&account, "Developer", None).unwrap();
    assert_eq!(
        base.role().as_str(),
        "arn:aws:iam::111122223333:role/rolecall/Dev"
    );
    assert_eq!(base.assignments().collect::<Vec<_>>(), ["one"]);
    assert_eq!(base.owners().collect::<Vec<_>>(), ["leads@example.com"]);
    assert!(base.session_policy().is_some() && base.policy_arns().is_empty());
    let readonly = grants
        .find(&account, "Developer", Some("readonly"))
        .unwrap();
    assert_eq!(readonly.label(), "prod/Developer@readonly");
    assert_eq!(readonly.role(), base.role());
    assert_eq!(readonly.destination(), base.destination());
    // STS adds session policies up, so the variant's replace those of the permission set.
    assert!(readonly.session_policy().is_none() && readonly.policy_arns().len() == 1);
    for (account, set, variant) in [
        ("111122223333", "developer", None),
        ("111122223333", "Developer", Some("admin")),
        ("111122223333", "Developer@readonly", None),
        ("444455556666", "Developer", None),
    ] {
        let account = AccountId::parse(account).unwrap();
        assert!(
            grants.find(&account, set, variant).is_none(),
            "{set} {variant:?}"
        );
    }
    assert_eq!(grants.len(), grants.iter().count());
}

#[test]
fn attributes_are_whole_or_refused() {
    let text = ROLE.replace("fixed = \"{{x}}\"", "fixed = \"x\"");
    let render = |identity: &Identity| {
        let grant = grants(&text, identity).iter().nth(1).unwrap();
        grant.attributes(identity)
    };
    let alice = |values: &[&str]| with_claims(person("alice"), &[("department", values)]);
    let attributes = render(&alice(&["pay"])).unwrap();
    let tags: Vec<(&str, &str)> = attributes.tags.iter().collect();
    assert_eq!(
        tags,
        [
            ("fixed", "x"),
            ("rolecall:account", "111122223333"),
            ("rolecall:permission-set", "Developer@readonly"),
            ("team", "pay"),
            ("user", "alice@example.com"),
        ]
    );
    let source_identity = attributes.source_identity.unwrap();
    assert_eq!(source_identity.as_str(), "alice@example.com");
    for (values, message) in [
        (
            vec![],
            "the session tag team is made of {claims.department}, and your identity provider sent none",
        ),
        (
            vec![""],
            "the session tag team is made of {claims.department}, and your identity provider sent none",
        ),
        (
            vec!["a", "b"],
            "the session tag team is made of {claims.department}, and your identity provider sent several",
        ),
        (
            vec!["a<b"],
            "the session tag team cannot hold what your identity provider sent: the session tag team cannot hold its value: a value is at most 256 letters, digits, spaces or _ . : / = + - @",
        ),
    ] {
        let error = render(&alice(&values)).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(!error.hint().is_empty());
    }
    let mut unbelieved = alice(&["pay"]);
    unbelieved.email = None;
    assert_eq!(
        render(&unbelieved).unwrap_err().to_string(),
        "the session tag user is made of {email}, and your identity provider sent none"
    );
}

#[test]
fn braces_that_no_tag_can_hold_are_refused_when_read() {
    assert!(
        parse(ROLE)
            .unwrap_err()
            .to_string()
            .contains("the session tag \"fixed\" cannot fit")
    );
}

#[test]
fn an_explanation_names_every_rule() {
    let text = format!(
        "{WORLD}{}",
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
    let explanation = policy.explain(&alice, &circumstances());
    let outcomes: Vec<_> = explanation
        .assignments()
        .iter()
        .map(|one| one.outcome)
        .collect();
    assert_eq!(
        outcomes,
        [
            Outcome::Holds,
            Outcome::OtherCircumstances,
            Outcome::OtherPeople
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
            "mine (access.toml:18) holds",
            "strong (access.toml:23) would hold in other circumstances: sign in again with a second factor",
            "theirs (access.toml:29) is about other people: is for people of the provider google",
        ]
    );
    assert_eq!(
        explanation.denies()[0].to_string(),
        "no-prod (access.toml:34) holds: a is not for prod"
    );
    let prod = AccountId::parse("111122223333").unwrap();
    let (assignments, denies) = explanation.about(&prod, "Admin").unwrap();
    assert_eq!((assignments.len(), denies.len()), (1, 1));
    assert!(explanation.about(&prod, "Nobody").is_none());
    assert_eq!(explanation.grants().len(), 2);
}
