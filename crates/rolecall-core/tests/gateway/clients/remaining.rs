//! Client sessions that remain after a sign-out: they are counted and ended only with the ticket of that sign-out.

use rolecall_core::audit::AuditEventKind;
use rolecall_core::base::limits;
use rolecall_core::base::secret::{SessionSecret, SignOutTicket};
use rolecall_core::session::RemainingClients;
use rolecall_core::sign_in::SignInCompleted;

use super::*;

impl Fixture {
    /// Signs out. Returns the offer to end the remaining clients.
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
async fn sign_out_ticket_ends_clients_once() {
    let fixture = Fixture::new();
    let known = register(&fixture.gateway);
    let alice = fixture.sign_in("okta", "alice").await;
    let bob = fixture.session_of("bob").await;
    let mine = [
        by_device(&fixture, &known, &alice.session).await,
        by_device(&fixture, &known, &alice.session).await,
    ];
    let his = by_device(&fixture, &known, &bob).await;
    let offer = fixture.leave(&alice).await.unwrap();
    assert_eq!(offer.count, 2);
    assert!(opens(&fixture, &mine[0]).await, "a sign-out ends no client");
    assert_eq!(fixture.remaining(&offer.ticket).await, Some(2));

    fixture.trail.take();
    assert!(fixture.end_remaining(&offer.ticket).await);
    assert!(!opens(&fixture, &mine[0]).await && !opens(&fixture, &mine[1]).await);
    assert!(opens(&fixture, &his).await, "bob's clients remain");
    let trail = fixture.trail.take();
    assert_eq!(trail.len(), 2);
    for event in &trail {
        assert!(
            matches!(event, AuditEventKind::SignedOut { actor, reason, .. }
                if actor.subject == "subject-alice" && reason == "ended_by_owner"),
            "{event:?}"
        );
    }

    assert!(
        !fixture.end_remaining(&offer.ticket).await,
        "it is for one use"
    );
    assert_eq!(fixture.remaining(&offer.ticket).await, None);
    assert_eq!(fixture.trail.take(), []);
}

#[tokio::test]
async fn no_ticket_without_clients() {
    let fixture = Fixture::new();
    let known = register(&fixture.gateway);
    let (alice, again) = (
        fixture.sign_in("okta", "alice").await,
        fixture.sign_in("okta", "alice").await,
    );
    by_device(&fixture, &known, &fixture.session_of("bob").await).await;
    let tokens = by_device(&fixture, &known, &alice.session).await;
    fixture
        .gateway
        .sessions()
        .end_client_session(&context(), &tokens.access_token)
        .await
        .unwrap();
    assert!(fixture.leave(&alice).await.is_none());
    assert!(fixture.leave(&again).await.is_none());
}

#[tokio::test]
async fn ticket_expires_and_cannot_be_forged() {
    let fixture = Fixture::new();
    let known = register(&fixture.gateway);
    let alice = fixture.sign_in("okta", "alice").await;
    let tokens = by_device(&fixture, &known, &alice.session).await;
    let offer = fixture.leave(&alice).await.unwrap();
    let person = SessionSecret::person(&alice.secret).unwrap().to_string();
    for made_up in ["", "x", alice.secret.expose(), &person] {
        let ticket = SignOutTicket::new(made_up);
        assert_eq!(fixture.remaining(&ticket).await, None, "{made_up}");
        assert!(!fixture.end_remaining(&ticket).await, "{made_up}");
    }
    fixture.clock.advance(limits::SIGN_OUT_TICKET_LIFE);
    assert_eq!(fixture.remaining(&offer.ticket).await, None);
    assert!(!fixture.end_remaining(&offer.ticket).await);
    assert!(opens(&fixture, &tokens).await);
}

#[tokio::test]
async fn ticket_keeps_clients_of_later_sign_ins() {
    let fixture = Fixture::new();
    let known = register(&fixture.gateway);
    let alice = fixture.sign_in("okta", "alice").await;
    let old = by_device(&fixture, &known, &alice.session).await;
    let offer = fixture.leave(&alice).await.unwrap();
    fixture.clock.advance(minutes(1));
    let later = fixture.session_of("alice").await;
    let new = by_device(&fixture, &known, &later).await;
    assert_eq!(fixture.remaining(&offer.ticket).await, Some(1));
    assert!(fixture.end_remaining(&offer.ticket).await);
    assert!(!opens(&fixture, &old).await && opens(&fixture, &new).await);
}

#[tokio::test]
async fn outage_keeps_the_ticket() {
    let fixture = Fixture::new();
    let known = register(&fixture.gateway);
    let alice = fixture.sign_in("okta", "alice").await;
    let tokens = by_device(&fixture, &known, &alice.session).await;
    let offer = fixture.leave(&alice).await.unwrap();
    fixture.trail.outage.fail_after(0);
    let ended = fixture
        .gateway
        .sessions()
        .end_remaining_clients(&context(), &offer.ticket)
        .await;
    assert!(ended.is_err());
    assert!(opens(&fixture, &tokens).await, "no end without an event");
    fixture.trail.outage.repair();
    assert!(fixture.end_remaining(&offer.ticket).await);
    assert!(!opens(&fixture, &tokens).await);
}
