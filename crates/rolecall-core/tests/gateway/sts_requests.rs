//! Requests to STS and to the issuers of the gateway: they match the grant and the person.

use rolecall_core::access::DurationReason;
use rolecall_core::aws::StsRequest;
use rolecall_core::identity::{EmailAddress, Subject};

use crate::fixture::{Fixture, NO_DELETE, developer, plain};

/// `RoleSessionName` and `sub` of a credential request for a person of a provider.
async fn names(fixture: &Fixture, provider: &str, person: &str) -> (String, String) {
    let session = fixture.sign_in(provider, person).await.session;
    fixture.issue(&session, &plain()).await.unwrap();
    let (request, claims) = fixture.aws.take_only();
    let StsRequest::AssumeRoleWithWebIdentity(request) = request else {
        panic!("not a token");
    };
    (
        request.session_name.as_str().to_owned(),
        claims.subject.as_str().to_owned(),
    )
}

#[tokio::test]
async fn sts_request_matches_the_grant() {
    let fixture = Fixture::new();
    let session = fixture.session_of("alice").await;
    let issued = fixture.issue(&session, &developer()).await.unwrap();

    let (request, claims) = fixture.aws.take_only();
    let asked = request.role_session().unwrap();
    assert_eq!(
        asked.role.as_str(),
        "arn:aws:iam::111122223333:role/rolecall/Developer"
    );
    assert_eq!(
        asked.duration.seconds(),
        7_200,
        "the assignment's two hours"
    );
    assert_eq!(
        issued.duration,
        (
            asked.duration,
            DurationReason::Assignment("payments-developers".to_owned())
        )
    );
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let session_policy = asked.session_policy.as_ref().unwrap();
    assert_eq!(json(session_policy.as_str()), json(NO_DELETE));
    assert_eq!(asked.policy_arns, []);
    assert_eq!(
        asked.region.as_ref().map(|region| region.as_str()),
        Some("eu-central-1")
    );
    let StsRequest::AssumeRoleWithWebIdentity(request) = request else {
        panic!("not a token");
    };
    assert_eq!(
        request.token.expose(),
        "canary-web-identity-token",
        "the token just minted"
    );

    assert_eq!(claims.subject.as_str(), "okta|subject-alice");
    assert_eq!(claims.audience, "rolecall-payments");
    assert_eq!(
        claims.source_identity.as_ref().map(|who| who.as_str()),
        Some("alice@example.com")
    );
    let tags: Vec<_> = claims.tags.iter().collect();
    assert_eq!(
        tags,
        [
            ("rolecall:account", "111122223333"),
            ("rolecall:permission-set", "Developer"),
            ("team", "payments"),
            ("user", "alice@example.com"),
        ]
    );
}

#[tokio::test]
async fn variant_has_its_own_limits_and_tag() {
    let fixture = Fixture::new();
    let session = fixture.session_of("alice").await;
    let mut readonly = developer();
    readonly.variant = Some("readonly".to_owned());
    fixture.issue(&session, &readonly).await.unwrap();

    let (request, claims) = fixture.aws.take_only();
    let asked = request.role_session().unwrap();
    assert_eq!(asked.duration.seconds(), 1_800);
    let arns: Vec<_> = asked.policy_arns.iter().map(|arn| arn.as_str()).collect();
    assert_eq!(arns, ["arn:aws:iam::aws:policy/ReadOnlyAccess"]);
    let tagged = claims
        .tags
        .iter()
        .find(|(key, _)| *key == "rolecall:permission-set");
    assert_eq!(tagged.unwrap().1, "Developer@readonly");
}

#[tokio::test]
async fn unset_options_are_omitted() {
    let fixture = Fixture::new();
    let session = fixture.session_of("bob").await;
    let issued = fixture.issue(&session, &plain()).await.unwrap();

    let (request, claims) = fixture.aws.take_only();
    let asked = request.role_session().unwrap();
    assert_eq!(asked.role.as_str(), "arn:aws:iam::777788889999:role/Plain");
    assert_eq!(asked.duration.seconds(), 3_600);
    assert_eq!(issued.duration.1, DurationReason::AwsDefault);
    assert!(asked.session_policy.is_none() && asked.region.is_none());
    assert_eq!(claims.audience, "sts.amazonaws.com");
    assert!(claims.source_identity.is_none());
    assert_eq!(claims.tags.len(), 2, "the two default tags");
}

#[tokio::test]
async fn session_names_are_stable_and_unique() {
    let fixture = Fixture::new();
    let (okta_name, okta_sub) = names(&fixture, "okta", "alice").await;
    assert_eq!(
        names(&fixture, "okta", "alice").await,
        (okta_name.clone(), okta_sub.clone())
    );

    // The same address at another provider is another person.
    let (google_name, google_sub) = names(&fixture, "google", "alice").await;
    assert!(okta_name.starts_with("alice@example.com-"), "{okta_name}");
    assert!(
        google_name.starts_with("alice@example.com-"),
        "{google_name}"
    );
    assert_ne!(okta_name, google_name);
    assert_ne!(okta_sub, google_sub);

    // A new address does not make a new person.
    fixture.okta.update_person("alice", |alice| {
        alice.email = EmailAddress::parse("married@example.com").ok();
    });
    let (renamed, sub) = names(&fixture, "okta", "alice").await;
    assert_eq!(sub, okta_sub);
    assert_eq!(
        renamed.rsplit('-').next(),
        okta_name.rsplit('-').next(),
        "the digest names the person"
    );
}

#[tokio::test]
async fn hostile_subjects_give_valid_unique_names() {
    let fixture = Fixture::new();
    let long = "x".repeat(255);
    let mut seen = std::collections::BTreeSet::new();
    for (number, subject) in [
        "a",
        "b",
        "ünï cödé",
        "with space",
        "a|b",
        "a#b",
        "google|subject-alice",
        &long,
        &long[1..],
    ]
    .into_iter()
    .enumerate()
    {
        let person = format!("person-{number}");
        fixture.okta.update_person(&person, |described| {
            described.subject = Subject::parse(subject).unwrap();
            described.email = None;
        });
        let (name, sub) = names(&fixture, "okta", &person).await;
        assert!((2..=64).contains(&name.len()), "{name}");
        assert!(
            name.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_=+,.@-".contains(&b)),
            "{name}"
        );
        assert!((6..=255).contains(&sub.len()), "{sub}");
        assert!(sub.bytes().all(|b| b.is_ascii_graphic()), "{sub}");
        assert!(
            sub.starts_with("okta|") || sub.starts_with("okta#"),
            "{sub}"
        );
        assert!(
            seen.insert(name) && seen.insert(sub),
            "{subject}: the name is not unique"
        );
    }
}
