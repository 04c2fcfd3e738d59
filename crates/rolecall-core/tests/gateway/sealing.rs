//! An attacker with access to the store learns nothing and can change nothing.

use base64::Engine as _;
use rolecall_core::issue::ConsoleRequest;
use rolecall_core::sign_in::ReturnTo;

use crate::fixture::{Fixture, context, plain};

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn store_contains_no_plaintext() {
    let fixture = Fixture::new();
    let under_way = fixture.begin("okta").await;
    let signed_in = fixture.sign_in("okta", "alice").await;
    let second = fixture.sign_in("okta", "alice").await;
    let gateway = &fixture.gateway;
    gateway
        .sessions()
        .end_other_sessions(&context(), &second.session)
        .await
        .unwrap();
    let request = ConsoleRequest {
        destination: None,
        return_to: ReturnTo::portal(),
    };
    gateway
        .issuer()
        .sign_out_of_console(&second.session, plain(), request)
        .await
        .unwrap();
    fixture.issue(&second.session, &plain()).await.unwrap();

    let dump = fixture.store.dump();
    let mut kinds: Vec<_> = dump
        .iter()
        .map(|(key, _)| key.split(':').next().unwrap())
        .collect();
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        [
            "console",
            "ended-session",
            "epoch",
            "session",
            "session-index",
            "sign-in"
        ]
    );
    for (key, value) in &dump {
        for secret in [
            "alice",
            "example.com",
            "subject",
            "okta",
            "payments",
            "canary",
            "Mozilla",
            "expires_at",
            "777788889999",
            "ASIA",
            under_way.state.expose(),
            under_way.browser.expose(),
            signed_in.secret.expose(),
            second.secret.expose(),
            &second.session.id.to_string(),
        ] {
            assert!(!key.contains(secret), "{key} holds {secret}");
            assert!(!contains(value, secret), "{key} keeps {secret}");
            let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(secret);
            assert!(!contains(value, &encoded), "{key} keeps {secret} in base64");
        }
    }
}

#[tokio::test]
async fn swapped_sessions_do_not_open() {
    let fixture = Fixture::new();
    let alice = fixture.sign_in("okta", "alice").await;
    let bob = fixture.sign_in("okta", "bob").await;
    let keys = fixture.store.keys("session");
    fixture.store.swap(keys[0], keys[1]);
    assert!(!fixture.is_live(&alice).await && !fixture.is_live(&bob).await);
    fixture.store.swap(keys[0], keys[1]);
    assert!(fixture.is_live(&alice).await && fixture.is_live(&bob).await);
}

#[tokio::test]
async fn swapped_sign_ins_are_rejected() {
    let fixture = Fixture::new();
    let one = fixture.begin("okta").await;
    let other = fixture.begin("okta").await;
    let keys = fixture.store.keys("sign-in");
    fixture.store.swap(keys[0], keys[1]);
    for begun in [one, other] {
        let error = fixture.complete("okta", &begun, "alice").await.unwrap_err();
        assert_eq!(error.code(), "expired_state");
    }
}

#[tokio::test]
async fn record_kinds_are_not_interchangeable() {
    let fixture = Fixture::new();
    let mine = fixture.sign_in("okta", "alice").await;
    let other = fixture.sign_in("okta", "alice").await;
    fixture
        .gateway
        .sessions()
        .end_other_sessions(&context(), &mine.session)
        .await
        .unwrap();
    let (epoch, index) = (
        fixture.store.keys("epoch")[0],
        fixture.store.keys("session-index")[0],
    );
    fixture.store.swap(epoch, index);
    assert!(!fixture.is_live(&other).await, "its record is removed");
    let listed = fixture
        .gateway
        .sessions()
        .browser_sessions(&mine.session)
        .await
        .unwrap();
    assert!(listed.is_empty(), "an epoch is not a list");
}
