//! What somebody learns and can do who reads and writes the store behind the gateway's back: nothing.

use base64::Engine as _;
use rolecall_core::issue::ConsoleRequest;
use rolecall_core::sign_in::ReturnTo;

use crate::world::{World, context, plain};

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn a_dump_of_the_store_names_nobody_and_holds_no_secret() {
    let world = World::new();
    let under_way = world.begin("okta").await;
    let signed_in = world.sign_in("okta", "alice").await;
    let second = world.sign_in("okta", "alice").await;
    let gateway = &world.gateway;
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
    world.issue(&second.session, &plain()).await.unwrap();

    let dump = world.store.dump();
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
async fn swapped_sessions_open_for_nobody() {
    let world = World::new();
    let alice = world.sign_in("okta", "alice").await;
    let bob = world.sign_in("okta", "bob").await;
    let keys = world.store.keys("session");
    world.store.swap(keys[0], keys[1]);
    assert!(!world.is_live(&alice).await && !world.is_live(&bob).await);
    world.store.swap(keys[0], keys[1]);
    assert!(world.is_live(&alice).await && world.is_live(&bob).await);
}

#[tokio::test]
async fn swapped_sign_ins_end_nowhere() {
    let world = World::new();
    let one = world.begin("okta").await;
    let other = world.begin("okta").await;
    let keys = world.store.keys("sign-in");
    world.store.swap(keys[0], keys[1]);
    for begun in [one, other] {
        let error = world.complete("okta", &begun, "alice").await.unwrap_err();
        assert_eq!(error.code(), "expired_state");
    }
}

#[tokio::test]
async fn a_record_of_one_kind_is_none_of_another() {
    let world = World::new();
    let mine = world.sign_in("okta", "alice").await;
    let other = world.sign_in("okta", "alice").await;
    world
        .gateway
        .sessions()
        .end_other_sessions(&context(), &mine.session)
        .await
        .unwrap();
    let (epoch, index) = (
        world.store.keys("epoch")[0],
        world.store.keys("session-index")[0],
    );
    world.store.swap(epoch, index);
    assert!(
        !world.is_live(&other).await,
        "its record is gone all the same"
    );
    let listed = world
        .gateway
        .sessions()
        .browser_sessions(&mine.session)
        .await
        .unwrap();
    assert!(listed.is_empty(), "an epoch is no list");
}
