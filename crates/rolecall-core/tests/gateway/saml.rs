//! Responses that other sites post: held for their browser, spent once, and where nobody asked for one.

use std::pin::Pin;
use std::sync::Arc;

use chrono::TimeDelta;
use rolecall_core::audit::AuditEventKind;
use rolecall_core::base::limits;
use rolecall_core::base::secret::{BrowserSecret, State};
use rolecall_core::sign_in::{ProviderError, RejectReason, SignInCompleted, SignInError};
use tokio::task::JoinSet;

use crate::world::{
    ABSOLUTE, ASSERTION_LIFE, PROVIDER_SESSION, StartedSignIn, UNSIGNED, World, back, context, id,
    saml, saml_callback,
};

impl World {
    /// Leaves little room for held responses: sealing as much as the default ceiling takes half a minute. The unit tests of
    /// the ceiling use the default.
    fn small_room(&self) -> usize {
        let bytes = 64 * 1024;
        self.gateway.sign_ins().limit_held_responses(bytes);
        bytes
    }

    async fn hold(&self, begun: &StartedSignIn, response: &str) -> Result<(), SignInError> {
        self.gateway
            .sign_ins()
            .hold_response(&context(), &id("okta"), &begun.state, saml(response))
            .await
    }

    async fn fetch(&self, begun: &StartedSignIn) -> Result<SignInCompleted, SignInError> {
        self.gateway
            .sign_ins()
            .complete_held_sign_in(
                &context(),
                &id("okta"),
                Some(&begun.browser),
                begun.state.clone(),
            )
            .await
    }

    async fn unsolicited(&self, response: &str) -> Result<SignInCompleted, SignInError> {
        self.gateway
            .sign_ins()
            .complete_unsolicited_sign_in(&context(), &id("okta"), saml(response))
            .await
    }

    /// The reason of the only refusal since the last time; nobody has a session.
    async fn refusal(&self) -> String {
        assert!(self.store.keys("session").is_empty());
        self.gateway.journal().write_refusals(true).await.unwrap();
        let kind = self.trail.take_only();
        if let AuditEventKind::SignInRefused { reason, .. } = kind {
            return reason;
        }
        let AuditEventKind::SignInRefusals(summary) = kind else {
            panic!("{kind:?}");
        };
        summary.reasons.into_keys().collect()
    }
}

#[tokio::test]
async fn a_response_that_nobody_signed_is_not_held() {
    let world = World::new();
    let begun = world.begin("okta").await;
    assert!(world.hold(&begun, UNSIGNED).await.is_err());
    assert_eq!(world.refusal().await, "signature");
    assert!(world.store.keys("saml-response").is_empty());
    // It has not used up the sign-in.
    world.hold(&begun, "alice a1 s1").await.unwrap();
    assert!(world.fetch(&begun).await.is_ok());
}

#[tokio::test]
async fn there_is_a_ceiling_for_all_that_is_held() {
    let world = World::new();
    let room = world.small_room();
    let large = "x".repeat(room / 4);
    for _ in 0..4 {
        let begun = world.begin("okta").await;
        world.hold(&begun, &large).await.unwrap();
    }
    let begun = world.begin("okta").await;
    let refused = world.hold(&begun, "alice a1 s1").await.unwrap_err();
    assert!(
        matches!(refused, SignInError::Unavailable(_)),
        "{refused:?}"
    );
    assert_eq!(world.store.keys("saml-response").len(), 4);
    world.clock.advance(limits::HELD_RESPONSE_MAX);
    let begun = world.begin("okta").await;
    world.hold(&begun, "alice a1 s1").await.unwrap();
}

#[tokio::test]
async fn a_response_waits_for_its_browser_and_signs_in_there() {
    let world = World::new();
    let begun = world.begin("okta").await;
    world.hold(&begun, "alice a1 s1").await.unwrap();
    assert!(
        world.store.keys("session").is_empty(),
        "nobody is signed in by a form of another site"
    );
    let signed_in = world.fetch(&begun).await.unwrap();
    assert_eq!(
        signed_in.return_to.as_str(),
        "/console?account=777788889999"
    );
    assert_eq!(
        signed_in.session.ends_at,
        world.now() + PROVIDER_SESSION,
        "no longer than at the provider"
    );
    assert!(
        PROVIDER_SESSION < ABSOLUTE,
        "which is shorter than ours would be"
    );
    assert!(world.store.keys("saml-response").is_empty());
}

#[tokio::test]
async fn only_the_state_of_a_sign_in_under_way_stores_anything() {
    let world = World::new();
    let nobody = StartedSignIn {
        state: State::new("invented"),
        browser: BrowserSecret::new("b"),
    };
    assert!(world.hold(&nobody, "alice a1 s1").await.is_err());
    assert_eq!(world.refusal().await, "expired_state");
    let elsewhere = world.begin("google").await;
    assert!(world.hold(&elsewhere, "alice a1 s1").await.is_err());
    assert_eq!(world.refusal().await, "other_provider");
    let late = world.begin("okta").await;
    world.clock.advance(limits::SIGN_IN_MAX);
    assert!(world.hold(&late, "alice a1 s1").await.is_err());
    assert_eq!(world.refusal().await, "expired_state");
    let begun = world.begin("okta").await;
    let google = world
        .gateway
        .sign_ins()
        .hold_response(&context(), &id("google"), &begun.state, saml("alice a1 s1"))
        .await;
    assert!(matches!(google, Err(SignInError::UnknownProvider)));
    assert_eq!(world.refusal().await, "unknown_provider");
    assert!(world.store.keys("saml-response").is_empty());
}

#[tokio::test]
async fn a_second_response_for_the_same_sign_in_is_not_taken() {
    let world = World::new();
    let begun = world.begin("okta").await;
    world.hold(&begun, "alice a1 s1").await.unwrap();
    // A form that is sent twice is no mistake of the person's, and what came first counts.
    world.hold(&begun, "bob a2 s2").await.unwrap();
    let signed_in = world.fetch(&begun).await.unwrap();
    assert_eq!(signed_in.session.identity.subject.as_str(), "subject-alice");
}

#[tokio::test]
async fn a_response_in_another_browser_signs_in_nobody() {
    let world = World::new();
    let mut begun = world.begin("okta").await;
    world.hold(&begun, "alice a1 s1").await.unwrap();
    let own = std::mem::replace(&mut begun.browser, world.begin("okta").await.browser);
    assert!(matches!(
        world.fetch(&begun).await,
        Err(SignInError::OtherBrowser)
    ));
    assert_eq!(world.refusal().await, "other_browser");
    let none = world
        .gateway
        .sign_ins()
        .complete_held_sign_in(&context(), &id("okta"), None, begun.state.clone())
        .await;
    assert!(matches!(none, Err(SignInError::OtherBrowser)));
    assert_eq!(world.refusal().await, "other_browser");
    // It waits for its own.
    begun.browser = own;
    world.fetch(&begun).await.unwrap();
}

#[tokio::test]
async fn a_response_that_was_fetched_leaves_its_room_to_others() {
    let world = World::new();
    let large = "x".repeat(world.small_room() / 2);
    for number in 0..3 {
        let begun = world.begin("okta").await;
        let text = format!("alice a{number} s1 subject-alice {large}");
        world.hold(&begun, &text).await.unwrap();
        world.fetch(&begun).await.unwrap();
    }
}

#[tokio::test]
async fn a_response_does_not_wait_for_ever() {
    let world = World::new();
    let begun = world.begin("okta").await;
    world.hold(&begun, "alice a1 s1").await.unwrap();
    world.clock.advance(limits::HELD_RESPONSE_MAX);
    assert!(world.fetch(&begun).await.is_err());
    assert_eq!(world.refusal().await, "expired_state");
}

#[tokio::test]
async fn one_assertion_signs_in_once_whatever_sign_in_it_is_shown_to() {
    let world = World::new();
    let mut ends = Vec::new();
    for _ in 0..2 {
        let begun = world.begin("okta").await;
        let returned = back(&begun.state, saml_callback("alice a1 s1"));
        let browser = Some(&begun.browser);
        let gateway = &world.gateway;
        ends.push(
            gateway
                .sign_ins()
                .complete_sign_in(&context(), &id("okta"), browser, returned)
                .await,
        );
    }
    assert!(ends[0].is_ok());
    assert!(matches!(ends[1], Err(SignInError::Replayed)));
    assert_eq!(world.store.keys("session").len(), 1);
}

#[tokio::test]
async fn an_assertion_is_remembered_for_as_long_as_it_could_be_shown() {
    let world = World::new();
    world.unsolicited("alice a1 s1").await.unwrap();
    world
        .clock
        .advance(ASSERTION_LIFE + limits::LEEWAY - TimeDelta::seconds(1));
    let again = world.unsolicited("alice a1 s1").await;
    assert!(matches!(again, Err(SignInError::Replayed)));
}

#[tokio::test]
async fn of_a_hundred_at_once_one_is_signed_in() {
    let world = Arc::new(World::new());
    let mut all = JoinSet::new();
    for _ in 0..100 {
        let world = Arc::clone(&world);
        all.spawn(async move { world.unsolicited("alice a1 s1").await.is_ok() });
    }
    let ends = all.join_all().await;
    assert_eq!(ends.into_iter().filter(|ok| *ok).count(), 1);
    assert_eq!(world.store.keys("session").len(), 1);
}

#[tokio::test]
async fn who_comes_unasked_lands_at_the_portal_and_the_trail_says_so() {
    let world = World::new();
    let signed_in = world.unsolicited("alice a1 s1").await.unwrap();
    assert_eq!(signed_in.return_to.as_str(), "/");
    let kind = world.trail.take_only();
    let said = matches!(
        kind,
        AuditEventKind::SignedIn {
            unsolicited: true,
            ..
        }
    );
    assert!(said, "{kind:?}");
}

#[tokio::test]
async fn a_provider_that_may_not_come_unasked_does_not() {
    let world = World::new();
    world
        .okta
        .fail_once(|| ProviderError::rejected(RejectReason::Unsolicited, "switched off"));
    assert!(world.unsolicited("alice a1 s1").await.is_err());
    assert_eq!(world.refusal().await, "unsolicited");
    let google = world
        .gateway
        .sign_ins()
        .complete_unsolicited_sign_in(&context(), &id("google"), saml("alice a1 s1"))
        .await;
    assert!(matches!(google, Err(SignInError::UnknownProvider)));
    assert_eq!(world.refusal().await, "unknown_provider");
}

#[tokio::test]
async fn nothing_is_signed_in_while_what_was_used_cannot_be_remembered() {
    let world = World::new();
    world.store.outage.break_after(0);
    assert!(matches!(
        world.unsolicited("alice a1 s1").await,
        Err(SignInError::Unavailable(_))
    ));
    world.store.outage.repair();
    assert!(world.store.keys("session").is_empty());
}

#[tokio::test]
async fn only_a_saml_provider_has_metadata() {
    let world = World::new();
    assert!(world.gateway.sign_ins().saml_metadata(&id("okta")).is_ok());
    for other in ["google", "nobody"] {
        assert!(world.gateway.sign_ins().saml_metadata(&id(other)).is_err());
    }
}

/// A form that was sent twice, while the store is slow with the first.
#[tokio::test]
async fn what_is_said_to_be_held_is_in_the_store() {
    let world = World::new();
    let begun = world.begin("okta").await;
    let mut first: Pin<Box<dyn Future<Output = _> + Send>> =
        Box::pin(world.hold(&begun, "alice a1 s1"));
    // The sign-in was looked up and the response counted.
    assert!(world.gate.drive(2, &mut first).await.is_none());
    assert!(world.store.keys("saml-response").is_empty());
    world.hold(&begun, "alice a1 s1").await.unwrap();
    assert_eq!(world.store.keys("saml-response").len(), 1);
    // Its browser goes on at once.
    world.fetch(&begun).await.unwrap();
    drop(first);
}
