//! The store or the audit trail fails at each step in turn: no session is created or ended, and nothing is denied.

use std::sync::atomic::Ordering;

use rolecall_core::record::StoreError;
use rolecall_core::sign_in::SignInError;

use crate::fixture::Fixture;

#[tokio::test]
async fn store_failure_blocks_sign_in() {
    for step in 0.. {
        let fixture = Fixture::new();
        fixture.store.outage.fail_after(step);
        let Ok(begun) = fixture.begin_in("okta", None).await else {
            assert!(step < 3, "beginning counts twice and writes once");
            continue;
        };
        let ended = fixture.complete("okta", &begun, "alice").await;
        fixture.store.outage.repair();
        match ended {
            Ok(signed_in) => {
                assert!(fixture.is_live(&signed_in).await);
                assert_eq!(
                    step,
                    fixture.store.outage.calls() - 3,
                    "the first with enough calls; a failed release of the slot does not fail the sign-in"
                );
                break;
            }
            Err(error) => {
                assert!(
                    matches!(error, SignInError::Unavailable(StoreError::Unavailable(_))),
                    "step {step}: {error:?}"
                );
                // The secret was not returned; the remaining index entry expires.
                let again = fixture.begin("okta").await;
                assert!(fixture.complete("okta", &again, "alice").await.is_ok());
            }
        }
    }
}

#[tokio::test]
async fn audit_outage_blocks_sign_in() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    fixture.trail.outage.fail_after(0);
    let error = fixture.complete("okta", &begun, "alice").await.unwrap_err();
    assert!(matches!(error, SignInError::Unavailable(_)));
    assert!(fixture.store.keys("session").is_empty());
}

#[tokio::test]
async fn unaudited_sign_in_refusal_is_an_outage() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    fixture.trail.outage.fail_after(0);
    let error = fixture
        .complete("google", &begun, "alice")
        .await
        .unwrap_err();
    assert!(matches!(error, SignInError::Unavailable(_)));
    assert!(fixture.store.keys("session").is_empty());
}

#[tokio::test]
async fn store_outage_ends_no_session() {
    let fixture = Fixture::new();
    let signed_in = fixture.sign_in("okta", "alice").await;
    for step in 0..2 {
        fixture.clock.advance(chrono::TimeDelta::minutes(2));
        fixture.store.outage.fail_after(step);
        let found = fixture.gateway.sessions().session(&signed_in.secret).await;
        assert!(
            matches!(found, Err(StoreError::Unavailable(_))),
            "step {step}"
        );
        fixture.store.outage.repair();
    }
    assert!(fixture.is_live(&signed_in).await);
}

#[tokio::test]
async fn readiness_names_the_fault() {
    let fixture = Fixture::new();
    assert!(fixture.gateway.ready().await.is_ok());
    fixture.trail.outage.fail_after(0);
    assert_eq!(fixture.gateway.ready().await.unwrap_err().0, "database");
    fixture.store.outage.fail_after(0);
    assert_eq!(fixture.gateway.ready().await.unwrap_err().0, "store");
    let health = fixture.gateway.health().await;
    let faults: Vec<&str> = health.faults().map(|(part, _)| part).collect();
    assert_eq!(faults, ["store", "database"]);
}

/// Replicas share these faults, and most functions work.
#[tokio::test]
async fn shared_faults_do_not_affect_readiness() {
    let fixture = Fixture::new();
    fixture.store.shared.store(true, Ordering::Relaxed);
    fixture.trail.shared.store(true, Ordering::Relaxed);
    fixture.store.read_only.store(true, Ordering::Relaxed);
    fixture.trail.outage.fail_after(0);
    assert!(fixture.gateway.ready().await.is_ok());
    assert_eq!(fixture.gateway.health().await.faults().count(), 2);
    fixture.store.outage.fail_after(0);
    assert_eq!(fixture.gateway.ready().await.unwrap_err().0, "store");
}

#[tokio::test]
async fn read_only_store_ends_no_session() {
    let fixture = Fixture::new();
    let signed_in = fixture.sign_in("okta", "alice").await;
    fixture.store.read_only.store(true, Ordering::Relaxed);
    // Its use would be saved now.
    fixture.clock.advance(chrono::TimeDelta::minutes(2));
    assert!(fixture.is_live(&signed_in).await);
}

#[tokio::test]
async fn audit_outage_blocks_redirect_to_provider() {
    let fixture = Fixture::new();
    fixture.trail.outage.fail_after(0);
    let begun = fixture.begin_in("okta", None).await;
    assert!(matches!(begun, Err(SignInError::Unavailable(_))));
    assert!(fixture.store.keys("sign-in").is_empty());
}
