//! Gains that no single rule shows: limits that no longer apply, claims that were not recorded, denies in policies.

use rolecall_core::access::{Comparison, Effect, Tally};
use rolecall_core::people::RecordedPerson;

use crate::compare::{compare, line};
use crate::support::{in_groups, now, person, policy};

const ROLE: &str = r#"
[[account]]
id = "111122223333"
name = "prod"
[[permission_set]]
name = "Admin"
"#;

/// An assignment of the role with further keys.
fn assignment(id: &str, keys: &str) -> String {
    format!(
        "[[assignment]]\nid = \"{id}\"\naccounts = [\"prod\"]\npermission_sets = [\"Admin\"]\n{keys}\n"
    )
}

const ALWAYS: &str = "who = { groups = [\"dev\"] }\n";
const MFA: &str = "who = { groups = [\"dev\"] }\nwhen = { mfa = true }\n";
const NETWORK: &str = "who = { groups = [\"dev\"] }\nwhen = { network = [\"10.0.0.0/8\"] }\n";

fn limited(who: &str, limit: &str) -> String {
    format!("{who}session_duration = \"{limit}\"\n")
}

fn two(first: &str, second: &str) -> String {
    let (first, second) = (assignment("a", first), assignment("b", second));
    format!("{ROLE}{first}{second}")
}

/// Effects of the changes of durations for a person in `dev`, and whether the rules alone show a gain.
fn durations(old: &str, new: &str) -> (Vec<Effect>, bool) {
    let (old, new) = (policy(old), policy(new));
    let (report, _) = compare(&old, &new, &[in_groups(person("a"), &["dev"])]);
    let changes = report.iter().flat_map(|one| &one.changes);
    let changes = changes.filter(|change| change.what == "session_duration");
    let effects = changes.map(|change| change.effect).collect();
    let rules = Comparison::new(&old, &new, now()).rule_differences();
    (
        effects,
        rules.iter().any(|rule| rule.effect == Effect::Gain),
    )
}

#[test]
fn limit_that_no_longer_applies_is_a_gain() {
    let one = |keys: &str| format!("{ROLE}{}", assignment("b", keys));
    let hour_and_12 = two(&limited(MFA, "1h"), &limited(NETWORK, "12h"));
    for (old, new) in [
        // With a second factor outside the network: 12 hours instead of one.
        (
            hour_and_12.clone(),
            two(&limited(MFA, "12h"), &limited(NETWORK, "12h")),
        ),
        // In the network: 12 hours instead of one.
        (
            two(&limited(NETWORK, "1h"), &limited(ALWAYS, "12h")),
            one(&limited(ALWAYS, "12h")),
        ),
        (
            two(&limited(ALWAYS, "1h"), &limited(ALWAYS, "12h")),
            one(&limited(ALWAYS, "12h")),
        ),
        // Without a limit, the default of one hour applied.
        (
            two(MFA, &limited(NETWORK, "12h")),
            two(&limited(MFA, "12h"), &limited(NETWORK, "12h")),
        ),
        // The shorter limit requires more than before.
        (
            two(&limited(MFA, "1h"), &limited(ALWAYS, "12h")),
            two(
                &limited(
                    "who = { groups = [\"dev\"] }\nwhen = { mfa = true, network = [\"10.0.0.0/8\"] }\n",
                    "1h",
                ),
                &limited(ALWAYS, "12h"),
            ),
        ),
    ] {
        assert_eq!(durations(&old, &new), (vec![Effect::Gain], true), "{new}");
    }
    for (old, new) in [
        (hour_and_12.clone(), hour_and_12.clone()),
        // Two equal limits, one of which is removed.
        (
            two(&limited(ALWAYS, "1h"), &limited(ALWAYS, "1h")),
            one(&limited(ALWAYS, "1h")),
        ),
        // The limit of the other assignment is shorter.
        (
            two(&limited(ALWAYS, "12h"), &limited(ALWAYS, "1h")),
            one(&limited(ALWAYS, "1h")),
        ),
    ] {
        assert_eq!(durations(&old, &new), (vec![], false), "{new}");
    }
}

/// The limit of a permission set is removed, and an assignment has a longer one.
#[test]
fn removed_limit_of_permission_set_is_a_gain() {
    let set = |limit: &str, keys: &str| {
        let role = ROLE.replace("name = \"Admin\"", &format!("name = \"Admin\"\n{limit}"));
        format!("{role}{}", assignment("a", keys))
    };
    let (four_hours, eight) = ("session_duration = \"4h\"", limited(ALWAYS, "8h"));
    assert_eq!(
        durations(&set(four_hours, &eight), &set("", &eight)),
        (vec![Effect::Gain], true)
    );
    // Without another limit, sessions last for one hour.
    assert_eq!(
        durations(&set(four_hours, ALWAYS), &set("", ALWAYS)),
        (vec![Effect::Loss], false)
    );
}

/// The claim `team` was not recorded, and an assignment by it is in both versions: it may give access that differs now.
#[test]
fn unknown_assignment_hides_no_gain() {
    let by_team = assignment("by-team", "who = { claims = { team = [\"a\"] } }\n");
    let with_policy = ROLE.replace(
        "name = \"Admin\"",
        "name = \"Admin\"\npolicy_arns = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]",
    );
    let deny = "[[deny]]\nid = \"no\"\nwho = { groups = [\"dev\"] }\n";
    let hour = assignment("hour", &limited(ALWAYS, "1h"));
    let long = assignment(
        "by-team",
        &limited("who = { claims = { team = [\"a\"] } }\n", "12h"),
    );
    let recorded = RecordedPerson::new(
        &in_groups(person("a"), &["dev"]),
        &policy(&format!("{ROLE}{}", assignment("a", ALWAYS))),
        now(),
    );
    let identity = recorded.identity();
    for (old, new, expected) in [
        (
            format!("{ROLE}{by_team}{deny}"),
            format!("{ROLE}{by_team}"),
            &["by-team"][..],
        ),
        (
            format!("{with_policy}{by_team}"),
            format!("{ROLE}{by_team}"),
            &["by-team"],
        ),
        // The certain assignment limited the sessions of the possible one.
        (
            format!("{ROLE}{long}{hour}"),
            format!("{ROLE}{long}"),
            &["by-team"],
        ),
        (
            format!("{ROLE}{by_team}"),
            format!("{ROLE}{by_team}# a comment\n"),
            &[],
        ),
        (
            format!("{ROLE}{by_team}{deny}"),
            format!("{ROLE}{by_team}{deny}# a comment\n"),
            &[],
        ),
    ] {
        let comparison = Comparison::new(&policy(&old), &policy(&new), now());
        let mut tally = Tally::default();
        comparison.add(&mut tally, 0, Some(&identity), Some(&identity), true);
        let unknown = comparison.unknown_matches(&tally);
        let found: Vec<(&str, Effect)> = unknown
            .iter()
            .map(|one| (one.id.as_str(), one.effect))
            .collect();
        let expected: Vec<(&str, Effect)> = expected.iter().map(|id| (*id, Effect::Gain)).collect();
        assert_eq!(found, expected, "{old}\n---\n{new}");
    }
}

#[test]
fn removed_managed_policy_and_other_principal_are_gains() {
    let base = format!("{ROLE}{}", assignment("a", ALWAYS));
    let change = |from: &str, to: &str| base.replace(from, to);
    let denied = change(
        "name = \"Admin\"",
        "name = \"Admin\"\nmanaged_policies = [\"arn:aws:iam::aws:policy/AWSDenyAll\"]",
    );
    let saml = change(
        "name = \"prod\"",
        "name = \"prod\"\ntrust = \"gateway-saml\"\nsaml_provider_arn = \"arn:aws:iam::111122223333:saml-provider/rolecall\"",
    );
    let verified = change("name = \"prod\"", "name = \"prod\"\nverify = true");
    for (old, new, effect, text) in [
        (
            &denied,
            &base,
            Effect::Gain,
            "loses arn:aws:iam::aws:policy/AWSDenyAll and possibly others, which may contain denies",
        ),
        (&base, &saml, Effect::Gain, "`trust` of the account differs"),
        (&saml, &base, Effect::Gain, "`trust` of the account differs"),
        (
            &base,
            &verified,
            Effect::None,
            "`verify` of the account differs",
        ),
    ] {
        let (old, new) = (policy(old), policy(new));
        let (report, _) = compare(&old, &new, &[in_groups(person("a"), &["dev"])]);
        assert_eq!(report.len(), 1, "{text}");
        assert_eq!(report[0].effect, effect, "{}", line(&report[0]));
        assert!(line(&report[0]).contains(text), "{}", line(&report[0]));
        let rules = Comparison::new(&old, &new, now()).rule_differences();
        let effects: Vec<Effect> = rules.iter().map(|rule| rule.effect).collect();
        assert_eq!(effects, [effect], "{text}");
    }
}
