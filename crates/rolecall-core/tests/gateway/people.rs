//! People are recorded as of their last sign-in.

use rolecall_core::caller::Facts;
use rolecall_core::sign_in::SignInError;

use crate::fixture::Fixture;

#[tokio::test]
async fn completed_sign_in_is_recorded() {
    let fixture = Fixture::new();
    let signed_in = fixture.sign_in("okta", "alice").await;
    let records = fixture.people.records();
    let [alice] = records.as_slice() else {
        panic!("{records:?}");
    };
    let identity = &signed_in.session.identity;
    assert_eq!(
        (&alice.provider, &alice.subject),
        (&identity.provider, &identity.subject)
    );
    assert_eq!(alice.signed_in_at, fixture.now());
    assert_eq!(alice.groups, identity.groups);
    // The record grants what the session grants.
    let policy = fixture.gateway.entitlements().policy();
    let labels = |facts: &Facts<'_>| -> Vec<String> {
        let grants = policy.grants(facts);
        grants.iter().map(|grant| grant.label()).collect()
    };
    let recorded = alice.identity();
    let recorded = labels(&Facts::new(&recorded, alice.circumstances()));
    assert!(!recorded.is_empty());
    assert_eq!(
        recorded,
        labels(&Facts::new(identity, alice.circumstances()))
    );
}

#[tokio::test]
async fn refused_sign_in_is_not_recorded() {
    let fixture = Fixture::new();
    let started = fixture.begin("okta").await;
    let refused = fixture.complete("google", &started, "alice").await;
    assert!(matches!(refused, Err(SignInError::OtherProvider)));
    assert!(fixture.people.records().is_empty());
}

#[tokio::test]
async fn sign_in_without_audit_trail_is_not_recorded() {
    let fixture = Fixture::new();
    let started = fixture.begin("okta").await;
    fixture.trail.outage.fail_after(0);
    let failed = fixture.complete("okta", &started, "alice").await;
    assert!(matches!(failed, Err(SignInError::Unavailable(_))));
    assert!(fixture.people.records().is_empty());
}
