//! Differences of permission sets and of rules, with and without people.

use rolecall_core::access::{Comparison, Effect, RuleEdit};

use crate::compare::{BASE, changed, compare, line};
use crate::support::{now, person, policy, with_claims};

#[test]
fn policies_of_roles_count_unless_they_only_restrict() {
    let policy_of_look = "session_policy = '{\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Allow\", \"Action\": \"s3:Get*\", \"Resource\": \"*\"}}'";
    for (from, to, effect, what) in [
        (
            policy_of_look,
            "",
            "Gain",
            "session policies no longer restrict it",
        ),
        ("s3:Get*", "s3:*", "Gain", "other session policies"),
        (
            "name = \"Look\"",
            "name = \"Look\"\nrole = \"Other\"",
            "Gain",
            "assumes the role Other instead of Look",
        ),
        (
            "name = \"Look\"",
            "name = \"Look\"\nmanaged_policies = [\"arn:aws:iam::aws:policy/AdministratorAccess\"]",
            "Gain",
            "the role gets arn:aws:iam::aws:policy/AdministratorAccess",
        ),
        (
            "name = \"Look\"",
            "name = \"Look\"\npermissions_boundary = \"arn:aws:iam::aws:policy/ReadOnlyAccess\"",
            "Loss",
            "a permissions boundary restricts the role",
        ),
        (
            "name = \"Look\"",
            "name = \"Look\"\nsession_tags = { team = \"{subject}\" }",
            "Gain",
            "session tags or source identity differ",
        ),
        (
            "name = \"Look\"",
            "name = \"Look\"\ndestination = \"https://console.aws.amazon.com/s3/\"",
            "None",
            "another page",
        ),
        (
            "variants = { readonly = {",
            "variants = { other = {}, readonly = {",
            "Gain",
            "gained",
        ),
        (
            "policy/ReadOnlyAccess",
            "policy/PowerUserAccess",
            "Gain",
            "prod/Admin@readonly",
        ),
    ] {
        let changes = changed(from, to);
        assert!(
            changes
                .iter()
                .any(|line| line.contains(effect) && line.contains(what)),
            "{to}: {changes:#?}"
        );
        assert!(
            changes.iter().all(|line| line.contains(effect)),
            "{to}: {changes:#?}"
        );
    }
}

/// Whoever cannot have a session has no access: a claim that a session tag needs takes it away.
#[test]
fn unusable_roles_are_lost() {
    let tagged = BASE.replace(
        "name = \"Look\"",
        "name = \"Look\"\nsession_tags = { team = \"{claims.team}\" }",
    );
    let people = [
        person("without"),
        with_claims(person("with"), &[("team", &["a"])]),
    ];
    let (report, tally) = compare(&policy(BASE), &policy(&tagged), &people);
    let lines: Vec<String> = report.iter().map(line).collect();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(
        lines[0].starts_with("changed Gain prod/Look [1]"),
        "{lines:#?}"
    );
    assert!(
        lines[1].starts_with("lost Loss prod/Look [0]") && lines[1].contains("cannot be rendered"),
        "{lines:#?}"
    );
    assert_eq!(
        tally
            .people()
            .iter()
            .map(|one| (one.gains(), one.loses()))
            .collect::<Vec<_>>(),
        [(false, true), (true, false)]
    );
}

#[test]
fn rules_are_compared_without_people() {
    for (from, to, expected) in [
        (
            "groups = [\"admins\"]",
            "groups = [\"admins\", \"dev\"]",
            ("assignment", "admins", RuleEdit::Changed, Effect::Gain),
        ),
        (
            "groups = [\"dev\"]",
            "groups = [\"dev\"], claims = { c = [\"1\"] }",
            ("assignment", "developers", RuleEdit::Changed, Effect::Loss),
        ),
        (
            "groups = [\"guests\"]",
            "groups = [\"guests\", \"temps\"]",
            ("deny", "guests", RuleEdit::Changed, Effect::Loss),
        ),
        (
            "groups = [\"guests\"]",
            "groups = [\"temps\"]",
            ("deny", "guests", RuleEdit::Changed, Effect::Gain),
        ),
        (
            "mfa = true, ",
            "",
            ("assignment", "admins", RuleEdit::Changed, Effect::Gain),
        ),
        (
            "tags = { env = \"prod\" }",
            "tags = { env = \"dev\" }",
            ("assignment", "developers", RuleEdit::Changed, Effect::Gain),
        ),
        // The same rule under another ID: the old one covers it.
        (
            "id = \"admins\"",
            "id = \"administrators\"",
            (
                "assignment",
                "administrators",
                RuleEdit::Added,
                Effect::None,
            ),
        ),
        (
            "session_duration = \"2h\"",
            "session_duration = \"1h\"",
            ("permission_set", "Admin", RuleEdit::Changed, Effect::Loss),
        ),
        (
            "variants = { readonly",
            "variants = { other = {}, readonly",
            (
                "permission_set",
                "Admin@other",
                RuleEdit::Added,
                Effect::Gain,
            ),
        ),
    ] {
        let comparison =
            Comparison::new(&policy(BASE), &policy(&BASE.replacen(from, to, 1)), now());
        let rules = comparison.rule_differences();
        let found = rules
            .iter()
            .map(|one| (one.kind, one.id.as_str(), one.edit, one.effect));
        assert!(found.clone().any(|one| one == expected), "{to}: {rules:#?}");
        let gains = rules.iter().any(|one| one.effect == Effect::Gain);
        assert_eq!(gains, expected.3 == Effect::Gain, "{to}: {rules:#?}");
    }
    let removed = BASE.split("[[deny]]").next().unwrap();
    let comparison = Comparison::new(&policy(BASE), &policy(removed), now());
    let rules = comparison.rule_differences();
    assert_eq!(
        (rules[0].edit, rules[0].effect),
        (RuleEdit::Removed, Effect::Gain)
    );
    assert!(
        Comparison::new(&policy(BASE), &policy(BASE), now())
            .rule_differences()
            .is_empty()
    );
}
