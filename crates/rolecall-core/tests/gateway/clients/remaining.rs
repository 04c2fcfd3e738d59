//! Command lines that outlive a sign-out: counted and ended with the ticket of that sign-out, and with nothing else.

use rolecall_core::audit::AuditEventKind;
use rolecall_core::base::limits;
use rolecall_core::base::secret::{SessionSecret, SignOutTicket};
use rolecall_core::session::RemainingClients;
use rolecall_core::sign_in::SignInCompleted;

use super::*;

impl World {
    /// Signs out; what the browser is offered to end beside it.
    async fn leave(&self, person: &SignInCompleted) -> Option<RemainingClients> {
        let (session, secret) = (&person.session, &person.secret);
        let signed_out = self
            .gateway
            .sign_ins()
            .sign_out(&context(), session, secret)
            .await;
        signed_out.unwrap().remaining
    }

    async fn remaining(&self, ticket: &SignOutTicket) -> Option<usize> {
        self.gateway
            .sessions()
            .remaining_clients(ticket)
            .await
            .unwrap()
    }

    async fn end_remaining(&self, ticket: &SignOutTicket) -> bool {
        let gateway = &self.gateway;
        gateway
            .sessions()
            .end_remaining_clients(&context(), ticket)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn the_ticket_of_a_sign_out_ends_the_persons_clients_once() {
    let world = World::new();
    let known = register(&world.gateway);
    let alice = world.sign_in("okta", "alice").await;
    let bob = world.session_of("bob").await;
    let mine = [
        by_device(&world, &known, &alice.session).await,
        by_device(&world, &known, &alice.session).await,
    ];
    let his = by_device(&world, &known, &bob).await;
    let offer = world.leave(&alice).await.unwrap();
    assert_eq!(offer.count, 2);
    assert!(opens(&world, &mine[0]).await, "a sign-out ends no client");
    assert_eq!(world.remaining(&offer.ticket).await, Some(2));

    world.trail.take();
    assert!(world.end_remaining(&offer.ticket).await);
    assert!(!opens(&world, &mine[0]).await && !opens(&world, &mine[1]).await);
    assert!(opens(&world, &his).await, "bob's are not alice's");
    let trail = world.trail.take();
    assert_eq!(trail.len(), 2);
    for event in &trail {
        assert!(
            matches!(event, AuditEventKind::SignedOut { actor, reason, .. }
                if actor.subject == "subject-alice" && reason == "ended_by_owner"),
            "{event:?}"
        );
    }

    assert!(
        !world.end_remaining(&offer.ticket).await,
        "it is for one use"
    );
    assert_eq!(world.remaining(&offer.ticket).await, None);
    assert_eq!(world.trail.take(), []);
}

#[tokio::test]
async fn who_has_no_client_gets_no_ticket() {
    let world = World::new();
    let known = register(&world.gateway);
    let (alice, again) = (
        world.sign_in("okta", "alice").await,
        world.sign_in("okta", "alice").await,
    );
    by_device(&world, &known, &world.session_of("bob").await).await;
    let tokens = by_device(&world, &known, &alice.session).await;
    world
        .gateway
        .sessions()
        .end_client_session(&context(), &tokens.access_token)
        .await
        .unwrap();
    assert!(world.leave(&alice).await.is_none());
    assert!(world.leave(&again).await.is_none());
}

#[tokio::test]
async fn a_ticket_expires_and_cannot_be_made_up() {
    let world = World::new();
    let known = register(&world.gateway);
    let alice = world.sign_in("okta", "alice").await;
    let tokens = by_device(&world, &known, &alice.session).await;
    let offer = world.leave(&alice).await.unwrap();
    let person = SessionSecret::person(&alice.secret).unwrap().to_string();
    for made_up in ["", "x", alice.secret.expose(), &person] {
        let ticket = SignOutTicket::new(made_up);
        assert_eq!(world.remaining(&ticket).await, None, "{made_up}");
        assert!(!world.end_remaining(&ticket).await, "{made_up}");
    }
    world.clock.advance(limits::SIGN_OUT_TICKET_LIFE);
    assert_eq!(world.remaining(&offer.ticket).await, None);
    assert!(!world.end_remaining(&offer.ticket).await);
    assert!(opens(&world, &tokens).await);
}

#[tokio::test]
async fn a_ticket_leaves_the_clients_of_a_later_sign_in_alone() {
    let world = World::new();
    let known = register(&world.gateway);
    let alice = world.sign_in("okta", "alice").await;
    let old = by_device(&world, &known, &alice.session).await;
    let offer = world.leave(&alice).await.unwrap();
    world.clock.advance(minutes(1));
    let later = world.session_of("alice").await;
    let new = by_device(&world, &known, &later).await;
    assert_eq!(world.remaining(&offer.ticket).await, Some(1));
    assert!(world.end_remaining(&offer.ticket).await);
    assert!(!opens(&world, &old).await && opens(&world, &new).await);
}

#[tokio::test]
async fn an_outage_does_not_use_a_ticket_up() {
    let world = World::new();
    let known = register(&world.gateway);
    let alice = world.sign_in("okta", "alice").await;
    let tokens = by_device(&world, &known, &alice.session).await;
    let offer = world.leave(&alice).await.unwrap();
    world.trail.outage.break_after(0);
    let ended = world
        .gateway
        .sessions()
        .end_remaining_clients(&context(), &offer.ticket)
        .await;
    assert!(ended.is_err());
    assert!(opens(&world, &tokens).await, "nothing ends unseen");
    world.trail.outage.repair();
    assert!(world.end_remaining(&offer.ticket).await);
    assert!(!opens(&world, &tokens).await);
}
