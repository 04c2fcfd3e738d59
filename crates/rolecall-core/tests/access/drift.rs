//! Accounts that are as planned have no findings; each planted drift is found, alone and together with each other one.

mod changes;
mod dump;
mod hostile;
mod strays;

use std::collections::BTreeSet;

use rolecall_core::drift::{FindingKind, Report, compare};

use changes::{CHANGES, Change};
use dump::{Dump, Fixture};

fn ids(report: &Report) -> BTreeSet<String> {
    report.findings.iter().map(|one| one.kind.id()).collect()
}

#[test]
fn accounts_as_planned_have_no_findings() {
    let fixture = Fixture::new();
    let report = fixture.compare(&Dump::of(&fixture));
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    assert!(report.accounts.len() >= 4, "{:?}", report.accounts);
    assert_eq!(report.roles, 8);
    assert!(report.unseen.is_empty(), "{:?}", report.unseen);
}

#[test]
fn notation_is_not_a_finding() {
    let fixture = Fixture::new();
    let mut dump = Dump::of(&fixture);
    dump.rewrite();
    let report = fixture.compare(&dump);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[test]
fn each_drift_is_found_with_its_id() {
    let fixture = Fixture::new();
    let clean = Dump::of(&fixture);
    for Change { id, change, .. } in CHANGES {
        let mut dump = clean.clone();
        change(&mut dump);
        let report = fixture.compare(&dump);
        assert_eq!(
            ids(&report),
            BTreeSet::from([(*id).to_owned()]),
            "{:#?}",
            report.findings
        );
        for finding in &report.findings {
            let fix = &finding.fix;
            assert!(
                !fix.commands.is_empty() || fix.note.is_some(),
                "{finding:?}"
            );
            assert!(
                finding.account.is_some() && finding.resource.is_some(),
                "{finding:?}"
            );
        }
    }
    let kinds: BTreeSet<&str> = CHANGES.iter().map(|change| change.id).collect();
    assert!(kinds.len() >= 45, "{}", kinds.len());
}

#[test]
fn drifts_are_found_in_pairs() {
    let fixture = Fixture::new();
    let clean = Dump::of(&fixture);
    let (mut pairs, mut wrong) = (0, Vec::new());
    fixture.with(|model| {
        for (number, first) in CHANGES.iter().enumerate() {
            for second in &CHANGES[number + 1..] {
                if first.place == second.place {
                    continue;
                }
                let mut dump = clean.clone();
                (first.change)(&mut dump);
                (second.change)(&mut dump);
                let found = ids(&compare(model, &dump.observed()));
                let expected = BTreeSet::from([first.id, second.id].map(str::to_owned));
                if found != expected {
                    wrong.push((expected, found));
                }
                pairs += 1;
            }
        }
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(pairs > 1_000, "{pairs}");
}

#[test]
fn commands_restore_the_model() {
    let fixture = Fixture::new();
    let mut dump = Dump::of(&fixture);
    dump.statement("prod", "Developer")["Principal"] = "*".into();
    let report = fixture.compare(&dump);
    let [command] = report.findings[0].fix.commands.as_slice() else {
        panic!("{report:?}")
    };
    let prefix = "aws iam update-assume-role-policy --role-name Developer --policy-document '";
    let policy = command.strip_prefix(prefix).unwrap().trim_end_matches('\'');
    dump.role("prod", "Developer")["AssumeRolePolicyDocument"] =
        serde_json::from_str(policy).unwrap();
    assert!(fixture.compare(&dump).findings.is_empty());
}

#[test]
fn ids_are_unique_words() {
    let all: Vec<String> = FindingKind::all().map(FindingKind::id).collect();
    let unique: BTreeSet<&String> = all.iter().collect();
    assert_eq!(all.len(), unique.len());
    for id in all {
        assert!(
            id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
            "{id}"
        );
    }
}

#[test]
fn long_sessions_of_a_role_are_limited_by_chaining() {
    let mut fixture = Fixture::new();
    fixture.change_policy(
        "session_duration = \"1h\" # vendor",
        "session_duration = \"2h\"",
    );
    let report = fixture.compare(&Dump::of(&fixture));
    assert_eq!(
        ids(&report),
        BTreeSet::from(["duration-chaining".to_owned()])
    );
}

#[test]
fn missing_output_is_named() {
    let fixture = Fixture::new();
    let clean = Dump::of(&fixture);
    let mut dump = clean.clone();
    dump.details.remove("data");
    dump.durations.clear();
    dump.oidc.clear();
    let report = fixture.compare(&dump);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    let unseen: Vec<&String> = report.unseen.iter().collect();
    for part in [
        "about which nothing is known: data (444455556666)",
        "MaxSessionDuration in account 111122223333",
        "OIDC provider of account 111122223333",
    ] {
        assert!(
            unseen.iter().any(|text| text.contains(part)),
            "{part}: {unseen:?}"
        );
    }
}

#[test]
fn a_policy_that_revokes_sessions_is_not_deleted_by_a_command() {
    let fixture = Fixture::new();
    let mut dump = Dump::of(&fixture);
    dump.role("prod", "ReadOnly")["RolePolicyList"] = serde_json::json!([{
        "PolicyName": "AWSRevokeOlderSessions",
        "PolicyDocument": { "Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Action": ["*"], "Resource": ["*"],
            "Condition": { "DateLessThan": { "aws:TokenIssueTime": "2026-06-15T11:00:00Z" } },
        }] },
    }]);
    let report = fixture.compare(&dump);
    assert_eq!(ids(&report), ["inline-deny-extra".to_owned()].into());
    let fix = &report.findings[0].fix;
    assert!(fix.commands.is_empty(), "{fix:?}");
    assert!(fix.note.is_some_and(|note| note.contains("have expired")));
}

#[test]
fn a_missing_role_is_deployed_with_the_same_options() {
    let fixture = Fixture::new();
    let mut dump = Dump::of(&fixture);
    dump.roles("prod")
        .retain(|role| role["RoleName"] != "Operator");
    let report = fixture.compare(&dump);
    let [finding] = report.findings.as_slice() else {
        panic!("{report:?}")
    };
    let file = "rolecall-111122223333.json";
    let expected = format!(
        "rolecalld aws cloudformation --config rolecall.toml --account 111122223333 > {file} && \
         aws cloudformation deploy --stack-name rolecall --template-file {file} --capabilities CAPABILITY_NAMED_IAM"
    );
    assert_eq!(finding.fix.commands, [expected]);
    assert!(
        finding
            .fix
            .note
            .is_some_and(|note| note.contains("StackSet"))
    );
}
