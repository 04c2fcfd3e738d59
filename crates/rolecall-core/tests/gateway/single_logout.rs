//! Single logout: what a provider may end, and what it says to our own requests.

use chrono::TimeDelta;
use rolecall_core::audit::AuditEventKind;
use rolecall_core::base::limits;
use rolecall_core::base::secret::State;
use rolecall_core::clients::ConsentChoice;
use rolecall_core::sign_in::{
    Challenge, OrderedBy, ProviderError, RejectReason, SignInCompleted, SignInError, SignOutError,
};

use crate::clients;
use crate::world::{World, context, id, logout, saml, word};

impl World {
    async fn by_saml(&self, response: &str) -> SignInCompleted {
        self.gateway
            .sign_ins()
            .complete_unsolicited_sign_in(&context(), &id("okta"), saml(response))
            .await
            .unwrap()
    }

    /// Signs somebody out here; the state that the provider's answer will carry.
    async fn leaves(&self, person: &SignInCompleted) -> State {
        let challenge = self
            .gateway
            .sign_ins()
            .sign_out(&context(), &person.session, &person.secret)
            .await
            .unwrap();
        let Some(Challenge::Redirect(url)) = challenge.upstream else {
            panic!("the provider has a place for it");
        };
        let state = url.query_pairs().find(|(name, _)| name == "state").unwrap();
        State::new(state.1)
    }

    async fn sees_no_session_of(&self, person: &str) -> bool {
        self.clock.advance(TimeDelta::seconds(1));
        let later = self.by_saml(&format!("{person} later later")).await;
        let sessions = self
            .gateway
            .sessions()
            .browser_sessions(&later.session)
            .await
            .unwrap();
        sessions.len() == 1
    }

    async fn ordered(&self, order: &str) -> Result<Option<Challenge>, SignOutError> {
        self.gateway
            .sign_ins()
            .sign_out_ordered(
                &context(),
                &id("okta"),
                Some(logout(order)),
                OrderedBy::Navigation,
            )
            .await
    }
}

#[tokio::test]
async fn an_order_ends_the_sessions_it_names_and_no_other() {
    let world = World::new();
    let first = world.by_saml("alice a1 s1").await;
    let second = world.by_saml("alice a2 s2").await;
    let bob = world.by_saml("bob a3 s1").await;
    let oidc = world.sign_in("okta", "alice").await;
    world.trail.take();

    let answer = world.ordered("subject-alice r1 s1").await.unwrap();
    let Some(Challenge::Redirect(url)) = answer else {
        panic!("the provider hears of it");
    };
    assert_eq!(url.as_str(), "https://idp.example/done?to=r1");
    assert!(!world.is_live(&first).await);
    for other in [&second, &bob, &oidc] {
        assert!(world.is_live(other).await);
    }
    let kind = world.trail.take_only();
    let AuditEventKind::SignedOut {
        session, reason, ..
    } = kind
    else {
        panic!("{kind:?}");
    };
    assert_eq!(session, first.session.id.to_string());
    assert_eq!(reason, "ended_by_provider");
}

#[tokio::test]
async fn an_order_without_an_index_ends_all_of_the_persons() {
    let world = World::new();
    let sessions = [
        world.by_saml("alice a1 s1").await,
        world.by_saml("alice a2 s2").await,
    ];
    let bob = world.by_saml("bob a3 s3").await;
    world.ordered("subject-alice r1").await.unwrap();
    for session in &sessions {
        assert!(!world.is_live(session).await);
    }
    assert!(world.is_live(&bob).await);
}

#[tokio::test]
async fn a_guessed_index_ends_nobody_elses_session() {
    let world = World::new();
    let alice = world.by_saml("alice a1 s1").await;
    world.ordered("subject-bob r1 s1").await.unwrap();
    world.ordered("subject-alice r2 s9").await.unwrap();
    assert!(world.is_live(&alice).await);
}

#[tokio::test]
async fn a_name_that_is_not_the_subject_finds_its_person() {
    let world = World::new();
    let alice = world.by_saml("alice a1 s1 transient-1").await;
    let bob = world.by_saml("bob a2 s2 transient-2").await;
    world.ordered("transient-1 r1 s1").await.unwrap();
    assert!(!world.is_live(&alice).await && world.is_live(&bob).await);
    world.ordered("subject-bob r2").await.unwrap();
    assert!(
        world.is_live(&bob).await,
        "the provider never called them so"
    );
}

#[tokio::test]
async fn a_session_whose_secret_was_replaced_ends_too() {
    let world = World::new();
    let alice = world.by_saml("alice a1 s1").await;
    world
        .clock
        .advance(rolecall_core::base::limits::SESSION_SECRET_LIFE);
    let renewed = world
        .gateway
        .sessions()
        .renew_secret(&alice.secret)
        .await
        .unwrap();
    let renewed = renewed.expect("it was due");
    world.ordered("subject-alice r1 s1").await.unwrap();
    let session = world.gateway.sessions().session(&renewed).await.unwrap();
    assert!(session.is_none() && !world.is_live(&alice).await);
}

#[tokio::test]
async fn an_order_also_ends_what_a_session_allowed_whose_record_is_gone() {
    for order in ["subject-alice r1 s1", "subject-alice r2 s2"] {
        let world = World::new();
        let alice = world.by_saml("alice a1 s1").await;
        let known = clients::register(&world.gateway);
        let started = clients::start(&world, &known).await;
        let yes = clients::answer(&started, ConsentChoice::Allow);
        clients::decide(&world, &alice.session, &yes).await.unwrap();
        // It was not used for too long.
        for key in world.store.keys("session") {
            world.store.remove(key);
        }
        world.ordered(order).await.unwrap();
        let redeemed = clients::poll(&world, &known, &started).await;
        assert_eq!(redeemed.is_ok(), order.ends_with("s2"), "{order}");
    }
}

#[tokio::test]
async fn an_order_counts_once() {
    let world = World::new();
    world.ordered("subject-alice r1").await.unwrap();
    world.clock.advance(TimeDelta::seconds(1));
    let alice = world.by_saml("alice a1 s1").await;
    world.trail.take();
    let again = world.ordered("subject-alice r1").await;
    assert!(matches!(again, Err(SignOutError::Replayed)));
    assert!(world.is_live(&alice).await);
    assert_eq!(world.take_refusals().await, [("replayed".to_owned(), 1)]);
}

#[tokio::test]
async fn an_order_also_ends_assertions_of_before_that_arrive_after_it() {
    for order in ["subject-alice r1 s1", "subject-alice r1"] {
        let world = World::new();
        let (gateway, context) = (&world.gateway, context());
        world.ordered(order).await.unwrap();
        world.trail.take();
        // Several that were collected before the order.
        for assertion in ["a1", "a2"] {
            let response = saml(&format!("alice {assertion} s1"));
            let late = gateway
                .sign_ins()
                .complete_unsolicited_sign_in(&context, &id("okta"), response)
                .await;
            assert!(
                matches!(late, Err(SignInError::EndedByProvider)),
                "{late:?}"
            );
            let words: Vec<_> = world.trail.take().iter().map(word).collect();
            assert_eq!(words, ["signed_in", "signed_out"]);
        }
        assert!(world.sees_no_session_of("alice").await);
    }
}

#[tokio::test]
async fn an_order_refuses_no_later_sign_in_and_no_other_session() {
    let world = World::new();
    world.ordered("subject-alice r1 s1").await.unwrap();
    let other = world.by_saml("alice a1 s2").await;
    let bob = world.by_saml("bob a2 s1").await;
    world.clock.advance(TimeDelta::seconds(1));
    let again = world.by_saml("alice a3 s1").await;
    for session in [&other, &bob, &again] {
        assert!(world.is_live(session).await);
    }
    // A late duplicate of an older order moves nothing back.
    world.ordered("subject-alice r2").await.unwrap();
    assert!(!world.is_live(&again).await);
}

#[tokio::test]
async fn an_order_is_kept_longer_than_it_is_accepted() {
    let world = World::new();
    world.ordered("subject-alice r1 s1").await.unwrap();
    let kept = world.store.keys("logout-order");
    assert_eq!(kept.len(), 1);
    assert_eq!(
        world.store.expiry(kept[0]),
        world.now() + limits::LOGOUT_REQUEST_LIFE
    );
}

#[tokio::test]
async fn an_order_that_met_an_outage_is_obeyed_when_it_is_sent_again() {
    let mut met = 0;
    for calls in 0.. {
        let world = World::new();
        let sessions = [
            world.by_saml("alice a1 s1").await,
            world.by_saml("alice a2 s1").await,
        ];
        world.store.outage.break_after(calls);
        let first = world.ordered("subject-alice r1 s1").await;
        world.store.outage.repair();
        if first.is_ok() {
            break;
        }
        met += 1;
        world.ordered("subject-alice r1 s1").await.unwrap();
        for session in &sessions {
            assert!(!world.is_live(session).await, "outage at call {calls}");
        }
    }
    assert!(met > 5, "{met}");
}

#[tokio::test]
async fn an_order_that_does_not_verify_ends_nothing_and_is_audited() {
    let world = World::new();
    let alice = world.by_saml("alice a1 s1").await;
    world.trail.take();
    world
        .okta
        .fail_once(|| ProviderError::rejected(RejectReason::Signature, "forged"));
    assert!(world.ordered("subject-alice r1").await.is_err());
    let nothing = world
        .gateway
        .sign_ins()
        .sign_out_ordered(&context(), &id("okta"), None, OrderedBy::Navigation)
        .await;
    assert!(matches!(nothing, Err(SignOutError::Unreadable)));
    let other = world
        .gateway
        .sign_ins()
        .sign_out_ordered(
            &context(),
            &id("google"),
            Some(logout("subject-alice r2")),
            OrderedBy::Navigation,
        )
        .await;
    assert!(matches!(other, Err(SignOutError::UnknownProvider)));
    assert!(world.is_live(&alice).await);
    let reasons = ["signature", "unknown_provider", "unreadable"];
    let expected = reasons.map(|reason| (reason.to_owned(), 1));
    assert_eq!(world.take_refusals().await, expected);
}

#[tokio::test]
async fn an_answer_is_heard_once_by_the_sign_out_it_is_for() {
    let world = World::new();
    let alice = world.by_saml("alice a1 s1").await;
    let gateway = &world.gateway;
    let state = world.leaves(&alice).await;
    let answer = async |provider: &str, state: &State| {
        gateway
            .sign_ins()
            .sign_out_answered(&context(), &id(provider), Some(state), logout("ok"))
            .await
    };
    let strange = State::new("invented");
    assert!(matches!(
        answer("okta", &strange).await,
        Err(SignOutError::Expired)
    ));
    assert!(matches!(
        answer("google", &state).await,
        Err(SignOutError::UnknownProvider)
    ));
    answer("okta", &state).await.unwrap();
    assert!(matches!(
        answer("okta", &state).await,
        Err(SignOutError::Expired)
    ));
}

#[tokio::test]
async fn a_provider_that_does_not_end_its_session_is_heard_too() {
    let world = World::new();
    let alice = world.by_saml("alice a1 s1").await;
    let gateway = &world.gateway;
    let state = world.leaves(&alice).await;
    world.okta.fail_once(|| ProviderError::Refused {
        error: "partial_logout",
        explanation: None,
    });
    let heard = gateway
        .sign_ins()
        .sign_out_answered(&context(), &id("okta"), Some(&state), logout("partly"))
        .await;
    assert_eq!(heard.unwrap_err().code(), "partial_logout");
    assert!(
        !world.is_live(&alice).await,
        "here it has ended all the same"
    );
}
