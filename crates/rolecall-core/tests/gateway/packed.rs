//! Session policies and tags that STS has no space for: optional tags are left out, and what is certain to be refused is not sent.

use rolecall_core::audit::AuditEventKind;
use rolecall_core::aws::StsRefusal;
use rolecall_core::issue::IssueError;

use crate::fixture::{ACCESS, Fixture, developer, plain, role};

/// The usual fixture, with these tags.
fn with_tags(tags: &str) -> Fixture {
    let usual = r#"session_tags = { team = "{claims.department}", user = "{email}" }"#;
    assert!(ACCESS.contains(usual));
    Fixture::with_access(&ACCESS.replacen(usual, &format!("session_tags = {{ {tags} }}"), 1))
}

fn tag(key: &str, chars: usize, optional: bool) -> String {
    let value = "x".repeat(chars);
    format!("{key} = {{ value = \"{value}\", optional = {optional} }}")
}

/// The keys of the tags that STS was sent, and of those that the trail knows.
async fn sent(fixture: &Fixture) -> Vec<String> {
    let alice = fixture.session_of("alice").await;
    fixture.trail.take();
    fixture.issue(&alice, &developer()).await.unwrap();
    let (_, claims) = fixture.aws.take_only();
    let sent: Vec<String> = claims.tags.iter().map(|(key, _)| key.to_owned()).collect();
    let [
        AuditEventKind::IssueIntended {
            tag_keys,
            omitted_tag_keys,
            ..
        },
        _,
    ] = &fixture.trail.take()[..]
    else {
        panic!("an intent and its outcome");
    };
    assert_eq!(*tag_keys, sent);
    for key in ["a", "m", "z"].map(str::to_owned) {
        assert_ne!(
            sent.contains(&key),
            omitted_tag_keys.contains(&key),
            "{key}"
        );
    }
    let own = sent.into_iter().filter(|key| !key.starts_with("rolecall:"));
    own.collect()
}

#[tokio::test]
async fn optional_tags_are_dropped_in_file_order() {
    let tags = [
        tag("z", 180, true),
        tag("a", 180, true),
        tag("m", 180, false),
    ]
    .join(", ");
    assert_eq!(sent(&with_tags(&tags)).await, ["a", "m"]);
    let tags = [
        tag("z", 250, true),
        tag("a", 250, true),
        tag("m", 250, false),
    ]
    .join(", ");
    assert_eq!(sent(&with_tags(&tags)).await, ["m"]);
    let tags = [tag("z", 20, true), tag("a", 20, true), tag("m", 20, false)].join(", ");
    assert_eq!(sent(&with_tags(&tags)).await, ["a", "m", "z"]);
}

#[tokio::test]
async fn reported_size_scales_next_prediction() {
    let tags = [
        tag("z", 180, true),
        tag("a", 180, true),
        tag("m", 180, false),
    ]
    .join(", ");
    let fixture = with_tags(&tags);
    assert_eq!(sent(&fixture).await, ["a", "m"]);
    // It took 3 %: there is room for all of them.
    assert_eq!(sent(&fixture).await, ["a", "m", "z"]);
}

#[tokio::test]
async fn refused_size_is_not_sent_again() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    fixture
        .aws
        .refuse_once(StsRefusal::PackedTooLarge, "PackedPolicyTooLarge");
    let refused = fixture.issue(&alice, &developer()).await.unwrap_err();
    assert!(matches!(refused, IssueError::Refused(_)), "{refused:?}");
    let _sent = fixture.aws.take_only();
    fixture.trail.take();
    let error = fixture.issue(&alice, &developer()).await.unwrap_err();
    assert_eq!(error.code(), "packed_too_large");
    assert!(error.to_string().contains("101 % of the space"), "{error}");
    assert!(fixture.aws.take_requests().is_empty(), "STS is not asked");
    let [AuditEventKind::IssueRefused { reason, .. }] = &fixture.trail.take()[..] else {
        panic!("one refusal");
    };
    assert_eq!(reason, "packed_too_large");
    // Its variant has other session policies, and after an hour it is tried again.
    let mut readonly = developer();
    readonly.variant = Some("readonly".to_owned());
    assert!(fixture.issue(&alice, &readonly).await.is_ok());
    fixture.clock.advance(chrono::TimeDelta::minutes(61));
    let alice = fixture.session_of("alice").await;
    assert!(fixture.issue(&alice, &developer()).await.is_ok());
}

/// The size of a session says nothing about those of other people, in other accounts, or with other session policies.
#[tokio::test]
async fn refused_size_affects_comparable_requests_only() {
    let sandbox = "accounts = [\"sandbox\"]\npermission_sets = [\"Plain\"]";
    let everywhere = ACCESS.replacen(sandbox, &sandbox.replace("sandbox", "*"), 1);
    assert_ne!(everywhere, ACCESS);
    let fixture = Fixture::with_access(&everywhere);
    let [alice, bob] = ["alice", "bob"].map(|person| fixture.session_of(person));
    let (alice, bob) = (alice.await, bob.await);
    fixture
        .aws
        .refuse_once(StsRefusal::PackedTooLarge, "PackedPolicyTooLarge");
    assert!(fixture.issue(&alice, &plain()).await.is_err());
    let error = fixture.issue(&alice, &plain()).await.unwrap_err();
    assert_eq!(error.code(), "packed_too_large");
    fixture.issue(&bob, &plain()).await.unwrap();
    let elsewhere = role("111122223333", "Plain");
    fixture.issue(&alice, &elsewhere).await.unwrap();
    // An administrator has changed the session policies.
    let limited = "name = \"Plain\"\nsession_policy = { file = \"no-delete.json\" }";
    let changed = everywhere.replacen("name = \"Plain\"", limited, 1);
    fixture.replace_policy(&changed).await;
    fixture.issue(&alice, &plain()).await.unwrap();
}

#[tokio::test]
async fn percentage_of_a_refusal_is_learned() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let message = "Packed policy consumes 134% of allotted space, please use smaller policy.";
    fixture
        .aws
        .refuse_once_with(StsRefusal::PackedTooLarge, "PackedPolicyTooLarge", message);
    assert!(fixture.issue(&alice, &developer()).await.is_err());
    let error = fixture.issue(&alice, &developer()).await.unwrap_err();
    assert!(error.to_string().contains("134 % of the space"), "{error}");
}

#[tokio::test]
async fn outage_is_not_learned() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    fixture.aws.fail_sts_once();
    assert!(fixture.issue(&alice, &developer()).await.is_err());
    assert!(fixture.issue(&alice, &developer()).await.is_ok());
}

#[tokio::test]
async fn omitted_tags_are_audited_with_either_cause() {
    let long = tag("z", 250, true);
    let fixture = with_tags(&format!(
        "a = {{ value = \"{{claims.nowhere}}\", optional = true }}, {long}, m = \"{}\"",
        "x".repeat(250)
    ));
    let alice = fixture.session_of("alice").await;
    fixture.trail.take();
    fixture.issue(&alice, &developer()).await.unwrap();
    let AuditEventKind::IssueIntended {
        omitted_tag_keys, ..
    } = &fixture.trail.take()[0]
    else {
        panic!("an intent");
    };
    // No value, and no space.
    assert_eq!(*omitted_tag_keys, ["a", "z"]);
}
