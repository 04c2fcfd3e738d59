//! Refusals: which get an event of their own, and which are summarized.

use rolecall_core::audit::AuditEventKind;

use super::*;
use crate::fixture::{PostResponse as _, context, event_name};

#[tokio::test]
async fn refusals_without_state_are_free() {
    let fixture = Fixture::new();
    let office = context_from(OFFICE);
    exhaust(&fixture, &office).await;
    fixture.trail.take();
    fixture.store.take_calls();
    for _ in 0..1_000 {
        let unsolicited = fixture
            .gateway
            .sign_ins()
            .post_unsolicited(&office, &id("okta"), saml(UNSIGNED))
            .await;
        assert!(exceeded(&unsolicited.unwrap_err()).is_some());
        for by in [BrowserDelivery::Navigation, BrowserDelivery::Frame] {
            let ordered = unsigned_order(&fixture.gateway, &office, by).await;
            assert_eq!(ordered.code(), "rate_limited");
        }
        let for_aws = fixture
            .gateway
            .issuer()
            .receive_for_aws(&office, &id("okta"), saml(UNSIGNED))
            .await;
        assert!(exceeded(&for_aws.unwrap_err()).is_some());
        assert!(
            fixture
                .gateway
                .clients()
                .admit_registration(&office)
                .await
                .is_err()
        );
    }
    assert!(fixture.store.take_calls().is_empty());
    assert!(fixture.trail.take().is_empty());
    for _ in 0..1_000 {
        stray(&fixture.gateway, &office).await;
    }
    let operations = fixture.store.take_calls();
    assert!(
        operations.keys().eq(&["take"]),
        "only whether the state is live: {operations:?}"
    );
    assert!(fixture.trail.take().is_empty());
}

#[tokio::test]
async fn refusals_without_state_are_summarized() {
    let fixture = Fixture::new();
    let office = context_from(OFFICE);
    for _ in 0..20 {
        stray(&fixture.gateway, &office).await;
    }
    stray(&fixture.gateway, &context_from("2001:db8::1")).await;
    let unreadable = fixture
        .gateway
        .sign_ins()
        .complete_sign_in(&context(), &id("okta"), &BrowserSecrets::default(), None)
        .await;
    assert!(unreadable.is_err());
    let ordered = fixture
        .gateway
        .sign_ins()
        .handle_logout_request(&office, &id("okta"), None, BrowserDelivery::Frame)
        .await;
    assert!(ordered.is_err());
    fixture
        .gateway
        .journal()
        .write_refusals(false)
        .await
        .unwrap();
    assert!(fixture.trail.take().is_empty(), "the window has not ended");
    fixture
        .clock
        .advance(rolecall_core::base::limits::REFUSALS_WINDOW);
    fixture
        .gateway
        .journal()
        .write_refusals(false)
        .await
        .unwrap();
    let mut events = fixture.trail.take_events();
    events.sort_by_key(|event| (event_name(&event.kind), event.address));
    let message: Vec<_> = events
        .iter()
        .map(|event| {
            let (AuditEventKind::SignInRefusals(summary)
            | AuditEventKind::SignOutRefusals(summary)) = &event.kind
            else {
                panic!("{event:?}");
            };
            let address = event.address.map(|address| address.to_string());
            let reasons: Vec<&str> = summary.reasons.keys().map(String::as_str).collect();
            (
                address,
                summary.from.as_deref().unwrap(),
                summary.refusals,
                reasons,
            )
        })
        .collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        message,
        [
            (None, "2001:db8::/64", 1, vec!["expired_state"]),
            (text("10.1.2.3"), "10.1.2.3", 1, vec!["unreadable"]),
            (text(OFFICE), OFFICE, 20, vec!["expired_state"]),
            (text(OFFICE), OFFICE, 1, vec!["unreadable"]),
        ]
    );
    fixture
        .gateway
        .journal()
        .write_refusals(true)
        .await
        .unwrap();
    assert!(fixture.trail.take().is_empty());
}

#[tokio::test]
async fn failed_summary_is_kept() {
    let fixture = Fixture::new();
    stray(&fixture.gateway, &context()).await;
    fixture.trail.outage.fail_after(0);
    assert!(
        fixture
            .gateway
            .journal()
            .write_refusals(true)
            .await
            .is_err()
    );
    fixture.trail.outage.repair();
    stray(&fixture.gateway, &context()).await;
    let summary = fixture.take_refusals().await;
    assert_eq!(summary, [("expired_state".to_owned(), 2)]);
}

#[tokio::test]
async fn foreign_browser_refusals_are_audited_up_to_limit() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    let max = u64::from(RateLimits::default().failures.max());
    let no_secrets = BrowserSecrets::default();
    for _ in 0..2 * max {
        let returned = callback_params(&begun.state, code("alice"));
        let refused = fixture
            .gateway
            .sign_ins()
            .complete_sign_in(&context(), &id("okta"), &no_secrets, returned)
            .await;
        assert!(
            matches!(refused, Err(SignInError::OtherBrowser)),
            "{refused:?}"
        );
    }
    let events = fixture.trail.take();
    assert_eq!(events.len() as u64, max);
    assert!(
        events
            .iter()
            .all(|event| event_name(event) == "sign_in_refused")
    );
    let summary = fixture.take_refusals().await;
    assert_eq!(summary, [("other_browser".to_owned(), max)]);
    assert!(fixture.complete("okta", &begun, "alice").await.is_ok());
}
