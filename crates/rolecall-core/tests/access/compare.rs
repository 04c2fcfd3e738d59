//! Who gains and who loses access between two policies.

use rolecall_core::access::{Comparison, Policy, RoleDifference, Tally};
use rolecall_core::identity::Identity;
use rolecall_core::people::RecordedPerson;

use crate::support::{in_groups, now, person, policy, with_claims};

pub const BASE: &str = r#"
[[account]]
id = "111122223333"
name = "prod"
ou = "Workloads/Prod"
tags = { env = "prod" }
[[account]]
id = "444455556666"
name = "dev"
ou = "Workloads/Dev"
tags = { env = "dev" }
[[permission_set]]
name = "Admin"
session_duration = "2h"
variants = { readonly = { policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"] } }
[[permission_set]]
name = "Look"
session_policy = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}'
[[assignment]]
id = "admins"
who = { groups = ["admins"] }
accounts = ["prod"]
permission_sets = ["Admin"]
when = { mfa = true, network = ["10.0.0.0/8"] }
[[assignment]]
id = "developers"
who = { groups = ["dev"] }
accounts = ["tag:env=dev", "ou:Workloads/Test/**"]
permission_sets = ["Look"]
[[assignment]]
id = "everyone"
who = { everyone = true }
accounts = ["prod"]
permission_sets = ["Look"]
when = { not_after = 2026-12-31 }
[[deny]]
id = "guests"
who = { groups = ["guests"] }
accounts = ["prod"]
"#;

/// The differences of these people.
pub fn compare(old: &Policy, new: &Policy, people: &[Identity]) -> (Vec<RoleDifference>, Tally) {
    let comparison = Comparison::new(old, new, now());
    let mut tally = Tally::default();
    for (number, person) in (0..).zip(people) {
        comparison.add(&mut tally, number, Some(person), Some(person), true);
    }
    (comparison.report(&tally), tally)
}

pub fn line(one: &RoleDifference) -> String {
    let changes: Vec<&str> = one
        .changes
        .iter()
        .map(|change| change.text.as_str())
        .collect();
    let texts = [
        one.requires.join(" | "),
        changes.join("; "),
        one.reasons.join("; "),
    ];
    format!(
        "{} {:?} {} {:?} [{}]",
        one.kind,
        one.effect,
        one.roles.join(" "),
        one.first,
        texts.join("] [")
    )
}

/// The differences after a replacement in [`BASE`], for a person of each group.
pub fn changed(from: &str, to: &str) -> Vec<String> {
    assert!(BASE.contains(from), "{from}");
    let (old, new) = (policy(BASE), policy(&BASE.replacen(from, to, 1)));
    let groups = [&["admins"][..], &["dev"], &["admins", "guests"], &[]];
    let people: Vec<Identity> = (0..)
        .zip(groups)
        .map(|(n, groups): (u32, _)| in_groups(person(&format!("u{n}")), groups))
        .collect();
    let (report, tally) = compare(&old, &new, &people);
    assert_eq!(tally.compared(), 4);
    // The other way round, gains are losses.
    let (back, _) = compare(&new, &old, &people);
    assert_eq!(report.len(), back.len());
    let kinds =
        |report: &[RoleDifference], kind| report.iter().filter(|one| one.kind == kind).count();
    assert_eq!(kinds(&report, "gained"), kinds(&back, "lost"));
    report.iter().map(line).collect()
}

#[test]
fn equal_policies_have_no_differences() {
    let reordered = BASE.replace("# ", "");
    assert_eq!(
        compare(&policy(BASE), &policy(&reordered), &[person("a")]).0,
        []
    );
    assert!(changed("[[deny]]", "# a comment\n\n[[deny]]").is_empty());
}

#[test]
fn gains_are_listed_with_conditions_and_assignments() {
    let gained = changed(
        "who = { groups = [\"admins\"] }",
        "who = { groups = [\"admins\", \"dev\"] }",
    );
    assert_eq!(
        gained,
        [
            "gained Gain prod/Admin [1] [a second factor and a client address in 10.0.0.0/8] [] [through admins]",
            "gained Gain prod/Admin@readonly [1] [a second factor and a client address in 10.0.0.0/8] [] [through admins]",
        ]
    );
}

#[test]
fn vanished_deny_rule_is_a_gain() {
    let gained = changed(
        "who = { groups = [\"guests\"] }",
        "who = { groups = [\"others\"] }",
    );
    assert_eq!(gained.len(), 3, "{gained:#?}");
    assert!(
        gained
            .iter()
            .all(|line| line.starts_with("gained Gain prod/")
                && line.contains("[2]")
                && line.contains("no longer denied by guests")),
        "{gained:#?}"
    );
}

#[test]
fn tag_or_unit_of_account_grants() {
    for (from, to) in [
        ("tags = { env = \"prod\" }", "tags = { env = \"dev\" }"),
        ("ou = \"Workloads/Prod\"", "ou = \"Workloads/Test/Prod\""),
    ] {
        // Everyone has Look in prod already, under a condition.
        let changes = changed(from, to);
        assert_eq!(
            changes,
            [
                "changed Gain prod/Look [1] [] [requires no condition instead of a time before 1 January 2027, 00:00 UTC] [through developers, everyone]"
            ],
            "{to}"
        );
    }
}

#[test]
fn loosened_conditions_and_longer_sessions_are_gains() {
    for (from, to, expected) in [
        (
            "mfa = true, ",
            "",
            "changed Gain prod/Admin [0] [a client address in 10.0.0.0/8] [requires a client address in 10.0.0.0/8 instead of a second factor and a client address in 10.0.0.0/8] [through admins]",
        ),
        (
            "10.0.0.0/8",
            "10.0.0.0/16",
            "changed Loss prod/Admin [0] [a second factor and a client address in 10.0.0.0/16] [requires a second factor and a client address in 10.0.0.0/16 instead of a second factor and a client address in 10.0.0.0/8] [through admins]",
        ),
        (
            "session_duration = \"2h\"",
            "session_duration = \"4h\"",
            "changed Gain prod/Admin [0] [a second factor and a client address in 10.0.0.0/8] [sessions last up to 4 h instead of 2 h] [through admins]",
        ),
    ] {
        assert_eq!(changed(from, to)[0], expected);
    }
}

#[test]
fn expired_assignments_grant_nothing() {
    let expired = BASE.replace("not_after = 2026-12-31", "not_after = 2025-12-31");
    let (report, _) = compare(&policy(BASE), &policy(&expired), &[person("a")]);
    assert_eq!(
        report.iter().map(line).collect::<Vec<_>>(),
        ["lost Loss prod/Look [0] [] [] [no longer through everyone]"]
    );
}

#[test]
fn person_who_cannot_sign_in_has_nothing() {
    let policy = policy(BASE);
    let comparison = Comparison::new(&policy, &policy, now());
    let mut tally = Tally::default();
    comparison.add(&mut tally, 0, Some(&person("a")), None, false);
    comparison.add(&mut tally, 1, None, Some(&person("b")), false);
    let report = comparison.report(&tally);
    let kinds: Vec<(&str, &[u32])> = report
        .iter()
        .map(|one| (one.kind, one.first.as_slice()))
        .collect();
    assert_eq!(kinds, [("gained", &[1][..]), ("lost", &[0])]);
}

/// A claim that was not recorded: an assignment by it may match, and a deny rule by it matches.
#[test]
fn unknown_claims_are_reported() {
    let by_claim = format!(
        "{BASE}\n[[assignment]]\nid = \"by-claim\"\nwho = {{ claims = {{ team = [\"a\"] }} }}\naccounts = [\"dev\"]\npermission_sets = [\"Admin\"]\n"
    );
    let old = policy(BASE);
    let recorded = RecordedPerson::new(&with_claims(person("a"), &[("team", &["a"])]), &old, now());
    let new = policy(&by_claim);
    let comparison = Comparison::new(&old, &new, now());
    let mut tally = Tally::default();
    let identity = recorded.identity();
    comparison.add(&mut tally, 7, Some(&identity), Some(&identity), true);
    assert_eq!(comparison.report(&tally), []);
    let unknown = comparison.unknown_matches(&tally);
    assert_eq!(unknown.len(), 1);
    assert_eq!((unknown[0].id.as_str(), unknown[0].people), ("by-claim", 1));
    assert_eq!(unknown[0].claims, ["team"]);
    assert_eq!(unknown[0].first, [7]);
    // Known again, and no longer new, it is not reported.
    let comparison = Comparison::new(&new, &new, now());
    let mut tally = Tally::default();
    comparison.add(&mut tally, 7, Some(&identity), Some(&identity), true);
    assert_eq!(comparison.unknown_matches(&tally), []);
}

#[test]
fn equal_differences_of_accounts_are_one_entry() {
    let wide = BASE
        .replace(
            "accounts = [\"prod\"]\npermission_sets = [\"Admin\"]",
            "accounts = [\"*\"]\npermission_sets = [\"Admin\"]",
        )
        .replace("when = { mfa = true, network = [\"10.0.0.0/8\"] }", "");
    let narrow = wide.replace(
        "permission_sets = [\"Admin\"]",
        "permission_sets = [\"Look\"]",
    );
    let people: Vec<Identity> = (0..500)
        .map(|n| in_groups(person(&format!("u{n}")), &["admins"]))
        .collect();
    let (report, tally) = compare(&policy(&narrow), &policy(&wide), &people);
    let gained = report.iter().find(|one| one.kind == "gained").unwrap();
    assert_eq!(gained.roles, ["dev/Admin", "prod/Admin"]);
    assert_eq!((gained.people, gained.first.len()), (500, 50));
    assert_eq!(tally.people().len(), 500);
    assert_eq!(tally.people()[0].gained, 4);
}

#[test]
fn merged_tallies_equal_one() {
    let new = policy(&BASE.replace(
        "who = { groups = [\"admins\"] }",
        "who = { everyone = true }",
    ));
    let old = policy(BASE);
    let comparison = Comparison::new(&old, &new, now());
    let people: Vec<Identity> = (0..300)
        .map(|n| {
            in_groups(
                person(&format!("u{n}")),
                if n % 3 == 0 { &["admins"] } else { &["dev"] },
            )
        })
        .collect();
    let mut parts = [Tally::default(), Tally::default()];
    let mut whole = Tally::default();
    for (number, person) in (0u32..).zip(&people) {
        let part = &mut parts[(number / 100 % 2) as usize];
        comparison.add(part, number, Some(person), Some(person), true);
        comparison.add(&mut whole, number, Some(person), Some(person), true);
    }
    let [one, other] = parts;
    let merged = other.merge(one);
    assert_eq!(comparison.report(&merged), comparison.report(&whole));
    assert_eq!(merged.people(), whole.people());
    assert_eq!(merged.compared(), 300);
}

/// A deny rule by a claim that is not known may not apply: it hides no gain.
#[test]
fn unknown_deny_rule_hides_no_gain() {
    let deny = "\n[[deny]]\nid = \"by-claim\"\nwho = { claims = { kind = [\"contractor\"] } }\n";
    let old_text = format!("{BASE}{deny}");
    let recorded = RecordedPerson::new(&in_groups(person("a"), &["dev"]), &policy(BASE), now());
    let identity = recorded.identity();
    let differences = |old: &str, new: &str| {
        let comparison = Comparison::new(&policy(old), &policy(new), now());
        let mut tally = Tally::default();
        comparison.add(&mut tally, 0, Some(&identity), Some(&identity), true);
        let lines: Vec<String> = comparison.report(&tally).iter().map(line).collect();
        let unknown = comparison.unknown_matches(&tally);
        let unknown: Vec<String> = unknown.into_iter().map(|one| one.id).collect();
        (lines, unknown)
    };
    // In both versions.
    let new_text = old_text.replace("groups = [\"admins\"]", "groups = [\"admins\", \"dev\"]");
    let (lines, unknown) = differences(&old_text, &new_text);
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("gained Gain prod/Admin [0]")),
        "{lines:#?}"
    );
    assert!(unknown.is_empty(), "{unknown:?}");
    // Only in the new one: whether it takes access is not known.
    assert_eq!(
        differences(BASE, &old_text),
        (vec![], vec!["by-claim".to_owned()])
    );
    // Only in the old one: it may have applied.
    let (lines, unknown) = differences(&old_text, BASE);
    assert!(
        !lines.is_empty()
            && lines.iter().all(|line| line.starts_with("gained Gain ")
                && line.contains("no longer denied by by-claim")),
        "{lines:#?}"
    );
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// A session tag from a claim that is not known: the role counts as usable, so that a gain of it is reported.
#[test]
fn unknown_claim_of_session_tag_hides_no_gain() {
    let tagged = BASE.replace(
        "name = \"Admin\"",
        "name = \"Admin\"\nsession_tags = { team = \"{claims.team}\" }",
    );
    let wider = tagged.replace("groups = [\"admins\"]", "groups = [\"admins\", \"dev\"]");
    let recorded = RecordedPerson::new(&in_groups(person("a"), &["dev"]), &policy(BASE), now());
    let (report, _) = compare(&policy(&tagged), &policy(&wider), &[recorded.identity()]);
    let lines: Vec<String> = report.iter().map(line).collect();
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("gained Gain prod/Admin [0]")),
        "{lines:#?}"
    );
}
