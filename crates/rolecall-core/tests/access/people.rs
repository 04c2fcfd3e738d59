//! The record of a person grants what the sign-in granted, and its JSON is stable.

use chrono::TimeDelta;
use proptest::prelude::*;
use rolecall_core::access::Policy;
use rolecall_core::base::limits;
use rolecall_core::caller::Facts;
use rolecall_core::identity::{
    AuthTime, EmailDomain, Identity, ReadClaims, UnreadReason, trusted_email,
};
use rolecall_core::people::{InvalidPerson, PersonLine, RecordedPerson};
use serde_json::{Value, json};

use crate::support::{in_groups, labels, now, person, policy, with_claims};

const POLICY: &str = r#"
[[account]]
id = "111122223333"
name = "one"
[[permission_set]]
name = "Everybody"
[[permission_set]]
name = "Group"
[[permission_set]]
name = "Claim"
[[permission_set]]
name = "Mfa"
[[permission_set]]
name = "Recent"
[[permission_set]]
name = "Tagged"
session_tags = { team = "{claims.team}" }
[[assignment]]
id = "everybody"
who = { everyone = true }
accounts = ["one"]
permission_sets = ["Everybody", "Tagged"]
[[assignment]]
id = "group"
who = { groups = ["dev"] }
accounts = ["one"]
permission_sets = ["Group"]
[[assignment]]
id = "claim"
who = { claims = { department = ["payments"] } }
accounts = ["one"]
permission_sets = ["Claim"]
[[assignment]]
id = "mfa"
who = { everyone = true }
when = { mfa = true }
accounts = ["one"]
permission_sets = ["Mfa"]
[[assignment]]
id = "recent"
who = { everyone = true }
when = { signed_in_within = "15m" }
accounts = ["one"]
permission_sets = ["Recent"]
[[deny]]
id = "leavers"
who = { users = ["leaver@example.com"] }
accounts = ["one"]
permission_sets = ["Everybody"]
[[deny]]
id = "contractors"
who = { claims = { employment = ["contractor"] } }
accounts = ["one"]
permission_sets = ["Everybody", "Group"]
"#;

fn at_sign_in(policy: &Policy, identity: &Identity) -> (Vec<String>, RecordedPerson) {
    let mut identity = identity.clone();
    policy.check_claims(&mut identity).unwrap();
    let record = RecordedPerson::new(&identity, policy, now());
    let facts = Facts::new(&identity, record.circumstances());
    (labels(&policy.grants(&facts)), record)
}

fn recorded(policy: &Policy, record: &RecordedPerson) -> Vec<String> {
    let identity = record.identity();
    labels(&policy.grants(&Facts::new(&identity, record.circumstances())))
}

#[test]
fn record_grants_what_the_sign_in_granted() {
    let policy = policy(POLICY);
    let unread = |sent: Value| {
        let (claims, unread_claims) = ReadClaims::from_json(sent.as_object().unwrap()).into_parts();
        Identity {
            claims,
            unread_claims,
            ..person("alice")
        }
    };
    let untrusted = |sent: &str| Identity {
        email: None,
        untrusted_email: trusted_email(
            &[sent.to_owned()],
            Some(false),
            &[EmailDomain::parse("example.com").unwrap()],
        )
        .err(),
        ..person("alice")
    };
    let people = [
        person("alice"),
        person("leaver"),
        in_groups(person("alice"), &["dev", "ops", "d\u{202e}ev", "ＤＥＶ"]),
        with_claims(
            person("alice"),
            &[("department", &["payments"]), ("team", &["a"])],
        ),
        with_claims(
            person("alice"),
            &[("department", &["x", "payments"]), ("team", &["a", "b"])],
        ),
        with_claims(
            in_groups(person("a"), &["dev"]),
            &[("employment", &["contractor"])],
        ),
        with_claims(in_groups(person("a"), &["dev"]), &[("employment", &[])]),
        unread(json!({"team": {"name": "a"}, "other": [["nested"]], "department": "payments"})),
        unread(json!({"_claim_names": {"team": "src"}, "team": "a"})),
        untrusted("leaver@example.com"),
        untrusted("someone@example.com"),
        Identity {
            mfa: true,
            ..person("alice")
        },
        Identity {
            unconfirmed_mfa: Some("amr is pwd".to_owned()),
            ..person("alice")
        },
        Identity {
            auth_time: AuthTime::Unstated,
            asserted_at: now(),
            ..person("alice")
        },
        Identity {
            auth_time: AuthTime::Withheld,
            asserted_at: now(),
            ..person("alice")
        },
        Identity {
            auth_time: AuthTime::Assumed,
            asserted_at: now(),
            ..person("alice")
        },
        Identity {
            auth_time: AuthTime::Unrecorded,
            asserted_at: now(),
            ..person("alice")
        },
        Identity {
            asserted_at: now() - TimeDelta::hours(1),
            ..person("alice")
        },
    ];
    let mut all = Vec::new();
    for identity in &people {
        let (granted, record) = at_sign_in(&policy, identity);
        assert_eq!(recorded(&policy, &record), granted, "{identity:?}");
        assert!(record.unknown_claims(&policy).is_empty() || !identity.unread_claims.is_empty());
        let line = record.to_line().unwrap();
        assert_eq!(RecordedPerson::parse(&line), Ok(record.clone()), "{line}");
        let parsed = PersonLine::parse(line.as_bytes());
        assert_eq!(parsed, Ok(PersonLine::Recorded(Box::new(record))), "{line}");
        all.extend(granted);
    }
    for name in ["Everybody", "Group", "Claim", "Mfa", "Recent", "Tagged"] {
        assert!(all.contains(&format!("one/{name}")), "{name}: {all:?}");
    }
}

/// What the provider sent instead of a second factor is not kept. Records that contain it can be read.
#[test]
fn unconfirmed_second_factor_is_not_recorded() {
    let identity = Identity {
        unconfirmed_mfa: Some("amr is canary".to_owned()),
        ..person("alice")
    };
    let (_, record) = at_sign_in(&policy(POLICY), &identity);
    let line = record.to_line().unwrap();
    assert!(!line.contains("canary"), "{line}");
    let earlier = line.replacen('{', "{\"unconfirmed_mfa\":\"amr is pwd\",", 1);
    assert_eq!(RecordedPerson::parse(&earlier), Ok(record.clone()));
    let parsed = PersonLine::parse(earlier.as_bytes());
    assert_eq!(parsed, Ok(PersonLine::Recorded(Box::new(record))));
}

#[test]
fn only_claims_that_the_policy_names_are_recorded() {
    let policy = policy(POLICY);
    let identity = with_claims(
        person("alice"),
        &[
            ("department", &["payments"]),
            ("home_address", &["canary"]),
            ("salary", &["1"]),
        ],
    );
    let (_, record) = at_sign_in(&policy, &identity);
    let names: Vec<&str> = record.claims.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["department", "employment", "team"]);
    assert!(!record.to_line().unwrap().contains("canary"));
}

/// A later policy names a claim that was not recorded: it grants nothing by it, and denies by it.
#[test]
fn claim_that_was_not_recorded_is_unknown() {
    let identity = with_claims(
        in_groups(person("alice"), &["dev"]),
        &[("department", &["payments"]), ("site", &["berlin"])],
    );
    let (_, record) = at_sign_in(&policy(POLICY), &identity);
    let by_site = policy(&format!(
        "{POLICY}\n[[permission_set]]\nname = \"Site\"\n[[assignment]]\nid = \"site\"\nwho = {{ claims = {{ site = [\"berlin\"] }} }}\n\
         accounts = [\"one\"]\npermission_sets = [\"Site\"]\n[[deny]]\nid = \"paris\"\nwho = {{ claims = {{ site = [\"paris\"] }} }}\n\
         accounts = [\"one\"]\npermission_sets = [\"Group\"]\n"
    ));
    assert_eq!(record.unknown_claims(&by_site), ["site"]);
    let granted = recorded(&by_site, &record);
    assert!(granted.contains(&"one/Claim".to_owned()), "{granted:?}");
    for name in ["one/Site", "one/Group"] {
        assert!(!granted.contains(&name.to_owned()), "{granted:?}");
    }
    let unread = record.identity().unread_claim("site");
    assert_eq!(unread, Some(UnreadReason::NotKept));
}

#[test]
fn json_members_are_stable() {
    let policy = policy(POLICY);
    let identity = with_claims(
        in_groups(person("alice"), &["dev"]),
        &[("department", &["payments"])],
    );
    let (_, record) = at_sign_in(&policy, &identity);
    let written: Value = serde_json::from_str(&record.to_line().unwrap()).unwrap();
    let wanted = json!({
        "provider": "okta", "subject": "alice", "email": "alice@example.com", "name": "alice", "groups": ["dev"],
        "claims": {"department": ["payments"], "employment": [], "team": []}, "mfa": false,
        "authenticated_at": "2026-06-15T11:50:00Z", "auth_time": "stated", "signed_in_at": "2026-06-15T12:00:00Z",
    });
    assert_eq!(written, wanted);
    // A later version may add members.
    let mut later = wanted.clone();
    later["added"] = json!(1);
    assert_eq!(RecordedPerson::parse(&later.to_string()), Ok(record));
    let least = r#"{"provider":"okta","subject":"s","signed_in_at":"2026-06-15T12:00:00Z"}"#;
    let least = RecordedPerson::parse(least).unwrap();
    assert_eq!(least.identity().authenticated_at(), None);
}

#[test]
fn written_claims_are_read() {
    let line = br#"{"provider":"okta","claims":{"sub":"s","groups":["dev"],"a":{"b":1}}}"#;
    let Ok(PersonLine::Claims(person)) = PersonLine::parse(line) else {
        panic!("not claims");
    };
    assert_eq!(person.provider.as_str(), "okta");
    assert_eq!(person.claims["groups"], json!(["dev"]));
}

#[test]
fn invalid_people_are_rejected() {
    let at = r#""signed_in_at":"2026-06-15T12:00:00Z""#;
    let value = "x".repeat(limits::CLAIM_VALUE_BYTES_MAX + 1);
    let many = vec!["g"; limits::CLAIM_VALUES_MAX + 1];
    for (line, wanted) in [
        (String::new(), "not a JSON object"),
        ("[]".to_owned(), "not a JSON object"),
        ("null".to_owned(), "not a JSON object"),
        (r#"{"provider":"okta"}"#.to_owned(), "claims is missing"),
        (r#"{"claims":{}}"#.to_owned(), "provider is missing"),
        (
            r#"{"provider":"okta","claims":[]}"#.to_owned(),
            "claims an object",
        ),
        (r#"{"provider":"","claims":{}}"#.to_owned(), "provider: "),
        (
            r#"{"provider":"okta","claims":{},"mfa":true}"#.to_owned(),
            "unknown member \"mfa\"",
        ),
        (
            r#"{"provider":"okta","claims":{"a":1,"a":2}}"#.to_owned(),
            "not a JSON object",
        ),
        (
            format!(r#"{{"provider":"okta","subject":"s",{at},"group":["dev"]}}"#),
            "unknown member \"group\"",
        ),
        (
            r#"{"provider":"okta","subject":"s"}"#.to_owned(),
            "signed_in_at",
        ),
        (
            format!(r#"{{"provider":"okta","subject":"a\u0000b",{at}}}"#),
            "subject",
        ),
        (
            format!(r#"{{"provider":"okta","subject":"s",{at},"email":"Alice <a@example.com>"}}"#),
            "email: ",
        ),
        (
            format!(r#"{{"provider":"okta","subject":"s",{at},"claims":{{"a":"b"}}}}"#),
            "expected a sequence",
        ),
        (
            format!(r#"{{"provider":"okta","subject":"s",{at},"claims":{{"a":["{value}"]}}}}"#),
            "value of more than",
        ),
        (
            format!(
                r#"{{"provider":"okta","subject":"s",{at},"groups":{}}}"#,
                json!(many)
            ),
            "more than 1024 values",
        ),
        (
            format!(
                r#"{{"provider":"okta","claims":{{"a":"{}"}}}}"#,
                "x".repeat(limits::RECORDED_PERSON_BYTES_MAX)
            ),
            "longer than",
        ),
    ] {
        let shown: String = line.chars().take(80).collect();
        let error = PersonLine::parse(line.as_bytes()).expect_err(&shown);
        assert!(error.to_string().contains(wanted), "{shown}: {error}");
        assert!(!error.hint().is_empty() && error.to_string().len() < 1_000);
    }
    // Upper case and a Kelvin sign do not become another person's address.
    let line = format!(r#"{{"provider":"okta","subject":"s",{at},"email":"ALICE@Example.com"}}"#);
    let Ok(PersonLine::Recorded(person)) = PersonLine::parse(line.as_bytes()) else {
        panic!("{line}");
    };
    assert_eq!(person.email.unwrap().as_str(), "alice@example.com");
}

#[test]
fn huge_record_is_rejected() {
    let groups: Vec<String> = (0..limits::CLAIM_VALUES_MAX)
        .map(|n| format!("{n}{}", "\u{1f}".repeat(1_000)))
        .collect();
    let identity = Identity {
        groups,
        ..person("alice")
    };
    let record = RecordedPerson::new(&identity, &policy(POLICY), now());
    assert_eq!(record.to_line(), Err(InvalidPerson::TooLong));
}

proptest! {
    #[test]
    fn any_names_and_groups_are_restored(
        name in proptest::option::of(".{0,40}"), groups in proptest::collection::vec(".{0,40}", 0..5),
        values in proptest::collection::vec(".{0,40}", 0..3), subject in "[^\\p{C}]{1,60}",
    ) {
        prop_assume!(subject.len() <= limits::SUBJECT_BYTES_MAX);
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let identity = Identity { name, groups, ..person(&subject) };
        let identity = with_claims(identity, &[("department", &values)]);
        let policy = policy(POLICY);
        let (granted, record) = at_sign_in(&policy, &identity);
        let read = RecordedPerson::parse(&record.to_line().unwrap()).unwrap();
        prop_assert_eq!(&read, &record);
        prop_assert_eq!(recorded(&policy, &read), granted);
    }
}
