//! Issuing: the current policy, the durable intent, the token, STS, the durable outcome, and only then the response.

use rolecall_core::access::{RoleRequest, Unmet};
use rolecall_core::audit::{Actor, AuditEventKind, CredentialDelivery, Target};
use rolecall_core::identity::Claims;
use rolecall_core::issue::IssueError;

use crate::fixture::{ACCESS, Fixture, context, context_from, developer, plain, role};

fn target(role: &RoleRequest) -> Target {
    Target {
        account: role.account.to_string(),
        permission_set: role.permission_set.clone(),
        variant: role.variant.clone(),
    }
}

/// Checks that the only event is a refusal with this reason, and that neither issuer nor STS was called.
#[track_caller]
fn assert_refused(fixture: &Fixture, role: &RoleRequest, why: &str) {
    let AuditEventKind::IssueRefused {
        target: asked,
        reason,
        ..
    } = fixture.trail.take_only()
    else {
        panic!("a refusal");
    };
    assert_eq!((asked, reason.as_str()), (target(role), why));
    assert_eq!(fixture.call_log.take(), ["audit issue_refused"]);
}

#[tokio::test]
async fn intent_precedes_outcome_and_response() {
    let fixture = Fixture::new();
    let session = fixture.session_of("alice").await;
    fixture.call_log.take();
    fixture.trail.take();
    let issued = fixture.issue(&session, &developer()).await.unwrap();

    let order = ["audit issue_intended", "mint", "assume", "audit issue_done"];
    assert_eq!(fixture.call_log.take(), order);
    assert_eq!(issued.grant.label(), "payments-prod/Developer");
    let events = fixture.trail.take_events();
    assert_eq!(
        events[0].reference, events[1].reference,
        "all events have the same reference"
    );
    let kinds: Vec<_> = events.into_iter().map(|event| event.kind).collect();
    let AuditEventKind::IssueIntended {
        role_session_name,
        token_id: Some(token_id),
        ..
    } = &kinds[0]
    else {
        panic!("the intent comes first and names the token");
    };
    let expected = [
        AuditEventKind::IssueIntended {
            actor: Actor::from(&session.identity),
            session: session.id.to_string(),
            target: target(&developer()),
            role: "arn:aws:iam::111122223333:role/rolecall/Developer".to_owned(),
            assignments: vec!["payments-developers".to_owned()],
            duration: 7_200,
            role_session_name: role_session_name.clone(),
            source_identity: Some("alice@example.com".to_owned()),
            tag_keys: [
                "rolecall:account",
                "rolecall:permission-set",
                "team",
                "user",
            ]
            .map(str::to_owned)
            .to_vec(),
            omitted_tag_keys: vec![],
            delivery: CredentialDelivery::Credentials,
            token_id: Some(token_id.clone()),
        },
        AuditEventKind::IssueDone {
            access_key_id: issued.credentials.access_key_id.clone(),
            assumed_role: "arn:aws:sts::111122223333:assumed-role/Developer/assumed".to_owned(),
            expires_at: issued.credentials.expires_at,
            region: "eu-west-1".to_owned(),
            request_id: Some("request-1".to_owned()),
            unanswered: 0,
            via: vec![],
        },
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn events_contain_no_secrets() {
    let fixture = Fixture::new();
    let signed_in = fixture.sign_in("okta", "alice").await;
    fixture
        .issue(&signed_in.session, &developer())
        .await
        .unwrap();
    let _ = fixture
        .issue(&signed_in.session, &role("111122223333", "Elsewhere"))
        .await;
    for event in fixture.trail.take_events() {
        let text = event.canonical().unwrap();
        assert!(
            !text.contains("canary") && !text.contains(signed_in.secret.expose()),
            "{text}"
        );
    }
}

#[tokio::test]
async fn forbidden_and_unknown_roles_are_indistinguishable() {
    let fixture = Fixture::new();
    let bob = fixture.session_of("bob").await;
    let mut unknown_variant = plain();
    unknown_variant.variant = Some("no-such".to_owned());
    let mut forbidden_variant = developer();
    forbidden_variant.variant = Some("readonly".to_owned());
    for role in [
        developer(),
        forbidden_variant,
        unknown_variant,
        role("111122223333", "Elsewhere"),
        role("111122223333", "NoSuchSet"),
        role("000000000000", "Plain"),
        role("111122223333", "Plain"),
        role("777788889999", "plain"),
    ] {
        fixture.trail.take();
        fixture.call_log.take();
        let error = fixture.issue(&bob, &role).await.unwrap_err();
        assert!(matches!(error, IssueError::NotGranted), "{role:?}");
        assert_eq!(error.to_string(), "this role is not available to you");
        assert_refused(&fixture, &role, "not_granted");
    }
}

#[tokio::test]
async fn requested_names_are_truncated_in_audit() {
    let fixture = Fixture::new();
    let bob = fixture.session_of("bob").await;
    fixture.trail.take();
    let mut asked = role("111122223333", &"é".repeat(5_000));
    asked.variant = Some("v".repeat(5_000));
    fixture.issue(&bob, &asked).await.unwrap_err();
    let AuditEventKind::IssueRefused { target, .. } = fixture.trail.take_only() else {
        panic!("a refusal");
    };
    assert_eq!(target.permission_set, "é".repeat(64));
    assert_eq!(target.variant, Some("v".repeat(64)));
}

#[tokio::test]
async fn locked_role_reports_unmet_conditions() {
    let fixture = Fixture::new();
    let careful = role("777788889999", "Careful");
    let bob = fixture.session_of("bob").await;
    fixture.trail.take();
    fixture.call_log.take();
    let error = fixture.issue(&bob, &careful).await.unwrap_err();
    assert!(
        matches!(&error, IssueError::Locked { unmet, .. } if *unmet == [Unmet::Mfa]),
        "{error:?}"
    );
    assert_refused(&fixture, &careful, "condition");

    fixture.okta.update_person("bob", |bob| bob.mfa = true);
    let bob = fixture.session_of("bob").await;
    fixture.issue(&bob, &careful).await.unwrap();

    // The same session from another network.
    let elsewhere = context_from("203.0.113.7");
    let error = fixture
        .gateway
        .issuer()
        .credentials(&elsewhere, &bob, &careful)
        .await
        .unwrap_err();
    assert!(matches!(&error, IssueError::Locked { unmet, .. } if *unmet == [Unmet::Network]));
    let mut unknown = context();
    unknown.client_info.address = None;
    let error = fixture
        .gateway
        .issuer()
        .credentials(&unknown, &bob, &careful)
        .await
        .unwrap_err();
    assert!(
        matches!(error, IssueError::Locked { .. }),
        "an unknown network does not match"
    );
}

#[tokio::test]
async fn locked_variant_reports_unmet_conditions() {
    let access = format!(
        "{ACCESS}\n[[assignment]]\nid = \"x\"\nwho = {{ groups = [\"ops\"] }}\naccounts = [\"payments-prod\"]\npermission_sets = [\"Developer\"]\nwhen = {{ mfa = true }}\n"
    );
    let fixture = Fixture::with_access(&access);
    fixture
        .okta
        .update_person("olga", |olga| olga.groups = vec!["ops".to_owned()]);
    let olga = fixture.session_of("olga").await;
    let mut asked = developer();
    for (variant, locked) in [(None, true), (Some("readonly"), true), (Some("no"), false)] {
        asked.variant = variant.map(str::to_owned);
        let error = fixture.issue(&olga, &asked).await.unwrap_err();
        assert_eq!(
            matches!(error, IssueError::Locked { .. }),
            locked,
            "{variant:?}"
        );
    }
}

#[tokio::test]
async fn missing_template_claim_is_rejected() {
    let fixture = Fixture::new();
    for values in [
        None,
        Some(vec![]),
        Some(vec![""]),
        Some(vec!["a", "b"]),
        Some(vec!["<b>"]),
    ] {
        let claims = values.clone().map(|values| {
            let values = values.into_iter().map(str::to_owned).collect();
            ("department".to_owned(), values)
        });
        fixture.okta.update_person("alice", |alice| {
            alice.claims = Claims::parse(claims.into_iter().collect()).unwrap();
        });
        let alice = fixture.session_of("alice").await;
        fixture.trail.take();
        fixture.call_log.take();
        let error = fixture.issue(&alice, &developer()).await.unwrap_err();
        assert!(matches!(error, IssueError::Attributes(_)), "{values:?}");
        assert!(error.to_string().contains("team"), "{error}");
        assert_refused(&fixture, &developer(), "template");
    }
}

#[tokio::test]
async fn untrusted_address_gives_no_source_identity() {
    let fixture = Fixture::new();
    fixture
        .okta
        .update_person("alice", |alice| alice.email = None);
    let alice = fixture.session_of("alice").await;
    fixture.trail.take();
    fixture.call_log.take();
    let error = fixture.issue(&alice, &developer()).await.unwrap_err();
    assert!(matches!(error, IssueError::Attributes(_)));
    assert_refused(&fixture, &developer(), "template");
}

#[tokio::test]
async fn policy_change_applies_to_next_issue() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let shown = fixture
        .gateway
        .entitlements()
        .grants(&alice, &context().client_info)
        .await
        .unwrap();
    assert!(
        shown
            .iter()
            .any(|grant| grant.label() == "payments-prod/Developer")
    );

    let without = ACCESS.replace("\"payments-dev\"", "\"payments-leads\"");
    fixture.replace_policy(&without).await;
    fixture.trail.take();
    fixture.call_log.take();
    let error = fixture.issue(&alice, &developer()).await.unwrap_err();
    assert!(matches!(error, IssueError::NotGranted));
    assert_refused(&fixture, &developer(), "not_granted");

    fixture.replace_policy(ACCESS).await;
    assert!(
        fixture.issue(&alice, &developer()).await.is_ok(),
        "and back"
    );
}

#[tokio::test]
async fn unaudited_policy_change_is_rejected() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    fixture.trail.outage.fail_after(0);
    let nothing = crate::fixture::policy(&ACCESS.replace("\"payments-dev\"", "\"nobody\""));
    let adopted = fixture
        .gateway
        .entitlements()
        .replace_policy(nothing, "d2".to_owned())
        .await;
    assert!(adopted.is_err());
    fixture.trail.outage.repair();
    assert!(fixture.issue(&alice, &developer()).await.is_ok());
}

/// A token names the one role that it is for, and the intent names the token.
#[tokio::test]
async fn token_is_bound_to_requested_role() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let mut token_ids = Vec::new();
    for _ in 0..2 {
        fixture.trail.take();
        fixture.issue(&alice, &developer()).await.unwrap();
        let (request, claims) = fixture.aws.take_only();
        assert_eq!(
            claims.role.as_ref(),
            Some(&request.role_session().unwrap().role)
        );
        let kinds = fixture.trail.take();
        let AuditEventKind::IssueIntended { token_id, role, .. } = &kinds[0] else {
            panic!("{kinds:?}");
        };
        assert_eq!(token_id.as_deref(), Some(claims.token_id.as_str()));
        assert_eq!(role, request.role_session().unwrap().role.as_str());
        assert_eq!(claims.token_id.len(), 43, "256 bits in base64url");
        token_ids.push(claims.token_id);
    }
    assert_ne!(token_ids[0], token_ids[1]);
}

#[tokio::test]
async fn token_names_no_role_when_role_claim_is_off() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let gateway = fixture.without_role_claim();
    let issuer = gateway.issuer();
    let issued = issuer.credentials(&context(), &alice, &developer()).await;
    issued.unwrap();
    let (_, claims) = fixture.aws.take_only();
    assert_eq!(claims.role, None);
}
