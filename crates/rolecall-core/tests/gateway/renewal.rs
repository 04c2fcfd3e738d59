//! The secret of a session is renewed: this ends no session and leaves no second secret.

use chrono::TimeDelta;
use rolecall_core::base::limits;
use rolecall_core::base::secret::SessionSecret;
use rolecall_core::sign_in::SignInCompleted;
use tokio::task::JoinSet;

use crate::fixture::{Fixture, context};

const SECOND: TimeDelta = TimeDelta::seconds(1);

/// Signs in and waits until the secret is due.
async fn due(fixture: &Fixture) -> SignInCompleted {
    let signed_in = fixture.sign_in("okta", "alice").await;
    fixture.clock.advance(limits::SESSION_SECRET_LIFE);
    signed_in
}

/// The session with its renewed secret.
async fn renew(fixture: &Fixture, old: &SignInCompleted) -> SignInCompleted {
    let secret = fixture
        .gateway
        .sessions()
        .renew_secret(&old.secret)
        .await
        .unwrap();
    let secret = secret.expect("it is due");
    let session = fixture
        .gateway
        .sessions()
        .session(&secret)
        .await
        .unwrap()
        .unwrap();
    SignInCompleted {
        secret,
        session,
        return_to: old.return_to.clone(),
        id_token_lost: None,
    }
}

#[tokio::test]
async fn secret_is_renewed_when_due() {
    let fixture = Fixture::new();
    let old = fixture.sign_in("okta", "alice").await;
    fixture.clock.advance(limits::SESSION_SECRET_LIFE - SECOND);
    let early = fixture
        .gateway
        .sessions()
        .renew_secret(&old.secret)
        .await
        .unwrap();
    assert!(early.is_none());
    fixture.clock.advance(SECOND);
    let new = renew(&fixture, &old).await;

    assert_ne!(new.secret.expose(), old.secret.expose());
    assert_eq!(new.session.id, old.session.id, "it is the same session");
    assert_eq!(
        new.session.ends_at, old.session.ends_at,
        "and ends when it would have"
    );
    assert_eq!(new.session.form_key.expose(), old.session.form_key.expose());
    let listed = fixture
        .gateway
        .sessions()
        .browser_sessions(&new.session)
        .await
        .unwrap();
    assert_eq!(listed.len(), 1);
    for secret in [&old.secret, &new.secret, &SessionSecret::new("made up")] {
        let again = fixture
            .gateway
            .sessions()
            .renew_secret(secret)
            .await
            .unwrap();
        assert!(again.is_none());
    }
}

#[tokio::test]
async fn renewed_session_continues() {
    let fixture = Fixture::new();
    let old = fixture.sign_in("okta", "alice").await;
    let sessions = fixture.gateway.sessions();
    let early = sessions.resume(&old.secret).await.unwrap().unwrap();
    assert_eq!(early.session.id, old.session.id);
    assert!(early.renewed.unwrap().is_none(), "not before it is due");

    fixture.clock.advance(limits::SESSION_SECRET_LIFE);
    let due = sessions.resume(&old.secret).await.unwrap().unwrap();
    let secret = due.renewed.unwrap().expect("it is due");
    let new = sessions.resume(&secret).await.unwrap().unwrap();
    assert_eq!(new.session.id, old.session.id);
    let other = sessions.resume(&SessionSecret::new("made up")).await;
    assert!(
        other.unwrap().is_none(),
        "an unknown secret opens no session"
    );
}

#[tokio::test]
async fn old_secret_has_a_grace_period() {
    let fixture = Fixture::new();
    let old = due(&fixture).await;
    let new = renew(&fixture, &old).await;
    fixture.clock.advance(limits::SESSION_SECRET_GRACE - SECOND);
    assert!(
        fixture.is_live(&old).await,
        "for what the browser has under way"
    );
    fixture.clock.advance(SECOND);
    assert!(!fixture.is_live(&old).await);
    assert!(fixture.is_live(&new).await);
}

#[tokio::test]
async fn sign_out_with_either_secret_ends_both() {
    for with_old in [true, false] {
        let fixture = Fixture::new();
        let old = due(&fixture).await;
        let new = renew(&fixture, &old).await;
        let this = if with_old { &old } else { &new };
        let gateway = &fixture.gateway;
        gateway
            .sign_ins()
            .sign_out(&context(), &this.session, &this.secret)
            .await
            .unwrap();
        assert!(!fixture.is_live(&old).await && !fixture.is_live(&new).await);
    }
}

#[tokio::test]
async fn renewed_session_is_ended_by_id() {
    for one_by_one in [true, false] {
        let fixture = Fixture::new();
        let old = due(&fixture).await;
        let new = renew(&fixture, &old).await;
        let this = fixture.sign_in("okta", "alice").await;
        let (gateway, context) = (&fixture.gateway, context());
        if one_by_one {
            let id = old.session.id.to_string();
            gateway
                .sessions()
                .end_session(&context, &this.session, &id)
                .await
                .unwrap();
        } else {
            gateway
                .sessions()
                .end_other_sessions(&context, &this.session)
                .await
                .unwrap();
        }
        assert!(!fixture.is_live(&old).await && !fixture.is_live(&new).await);
        assert!(fixture.is_live(&this).await);
    }
}

#[tokio::test]
async fn session_that_ended_others_survives_renewal() {
    let fixture = Fixture::new();
    let old = due(&fixture).await;
    fixture
        .gateway
        .sessions()
        .end_other_sessions(&context(), &old.session)
        .await
        .unwrap();
    let new = renew(&fixture, &old).await;
    assert!(fixture.is_live(&new).await);
}

#[tokio::test]
async fn unlisted_session_is_not_renewed() {
    let mut met = 0;
    for (calls, lasting) in (0..8).flat_map(|calls| [(calls, false), (calls, true)]) {
        let fixture = Fixture::new();
        let (gateway, context) = (&fixture.gateway, context());
        let old = due(&fixture).await;
        let outage = &fixture.store.outage;
        match lasting {
            true => outage.fail_after(calls),
            false => outage.fail_once_after(calls),
        }
        let renewed = gateway.sessions().renew_secret(&old.secret).await;
        met += usize::from(renewed.is_err());
        assert!(
            renewed.is_err() || outage.has_pending_failure(),
            "call {calls}"
        );
        outage.repair();
        let renewed = renewed.ok().flatten();
        assert!(
            renewed.is_some() || fixture.is_live(&old).await,
            "call {calls}"
        );
        if renewed.is_none() && !lasting {
            // After the outage, the old secret is valid and is renewed by the next request.
            fixture.clock.advance(limits::SESSION_SECRET_GRACE);
            assert!(fixture.is_live(&old).await, "call {calls}");
            assert_eq!(
                gateway
                    .sessions()
                    .browser_sessions(&old.session)
                    .await
                    .unwrap()
                    .len(),
                1
            );
        }
        let this = fixture.sign_in("okta", "alice").await;
        let id = old.session.id.to_string();
        assert!(
            gateway
                .sessions()
                .end_session(&context, &this.session, &id)
                .await
                .unwrap()
        );
        assert!(!fixture.is_live(&old).await, "call {calls}");
        if let Some(secret) = renewed {
            assert!(gateway.sessions().session(&secret).await.unwrap().is_none());
        }
    }
    assert!(met > 6, "{met}");
}

#[tokio::test]
async fn stale_index_entry_still_ends_session() {
    for too_many in [false, true] {
        let fixture = Fixture::new();
        let (gateway, context) = (&fixture.gateway, context());
        let old = due(&fixture).await;
        let list = fixture.store.keys("session-index")[0];
        let stale = fixture.store.raw(list);
        let new = renew(&fixture, &old).await;
        fixture.store.restore(list, stale);
        fixture.clock.advance(limits::SESSION_SECRET_GRACE);
        assert!(fixture.is_live(&new).await && !fixture.is_live(&old).await);
        let mut this = fixture.sign_in("okta", "alice").await;
        if too_many {
            for _ in 0..limits::SESSIONS_PER_SUBJECT_MAX {
                this = fixture.sign_in("okta", "alice").await;
            }
        } else {
            let id = old.session.id.to_string();
            assert!(
                gateway
                    .sessions()
                    .end_session(&context, &this.session, &id)
                    .await
                    .unwrap()
            );
        }
        assert!(!fixture.is_live(&new).await, "{too_many}");
        assert!(fixture.is_live(&this).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_renew_once() {
    let fixture = Fixture::new();
    let old = due(&fixture).await;
    let mut requests = JoinSet::new();
    for _ in 0..50 {
        let (gateway, secret) = (fixture.gateway.clone(), old.secret.clone());
        requests.spawn(async move {
            let live = gateway.sessions().session(&secret).await.unwrap().is_some();
            (
                live,
                gateway.sessions().renew_secret(&secret).await.unwrap(),
            )
        });
    }
    let answers = requests.join_all().await;
    assert!(answers.iter().all(|(live, _)| *live), "no session ends");
    let brought = answers.into_iter().filter_map(|(_, secret)| secret);
    // Requests that lost to the saved use leave the renewal to the next request.
    let brought: Vec<_> = brought.collect();
    assert!(brought.len() <= 1, "{brought:?}");
    let entry = match brought.into_iter().next() {
        Some(secret) => secret,
        None => renew(&fixture, &old).await.secret,
    };
    assert!(
        fixture
            .gateway
            .sessions()
            .session(&entry)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        fixture.store.keys("session").len(),
        2,
        "only the old and the new record"
    );
}

#[tokio::test]
async fn store_failure_keeps_a_valid_secret() {
    for step in 0.. {
        let fixture = Fixture::new();
        let old = due(&fixture).await;
        fixture.store.outage.fail_after(step);
        let renewed = fixture.gateway.sessions().renew_secret(&old.secret).await;
        fixture.store.outage.repair();
        assert!(fixture.is_live(&old).await, "step {step}");
        if let Ok(secret) = renewed {
            let found = fixture
                .gateway
                .sessions()
                .session(&secret.unwrap())
                .await
                .unwrap();
            assert!(found.is_some(), "step {step}");
            break;
        }
    }
}
