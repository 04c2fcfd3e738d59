//! A session's secret is replaced while the session goes on: nobody is signed out by it, and nobody keeps two.

use chrono::TimeDelta;
use rolecall_core::base::limits;
use rolecall_core::base::secret::SessionSecret;
use rolecall_core::sign_in::SignInCompleted;
use tokio::task::JoinSet;

use crate::world::{World, context};

const SECOND: TimeDelta = TimeDelta::seconds(1);

/// Somebody whose secret is due.
async fn due(world: &World) -> SignInCompleted {
    let signed_in = world.sign_in("okta", "alice").await;
    world.clock.advance(limits::SESSION_SECRET_LIFE);
    signed_in
}

/// The same session under the secret that replaces its own.
async fn renew(world: &World, old: &SignInCompleted) -> SignInCompleted {
    let secret = world
        .gateway
        .sessions()
        .renew_secret(&old.secret)
        .await
        .unwrap();
    let secret = secret.expect("it is due");
    let session = world
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
    }
}

#[tokio::test]
async fn a_secret_is_replaced_when_it_is_due_and_not_before() {
    let world = World::new();
    let old = world.sign_in("okta", "alice").await;
    world.clock.advance(limits::SESSION_SECRET_LIFE - SECOND);
    let early = world
        .gateway
        .sessions()
        .renew_secret(&old.secret)
        .await
        .unwrap();
    assert!(early.is_none());
    world.clock.advance(SECOND);
    let new = renew(&world, &old).await;

    assert_ne!(new.secret.expose(), old.secret.expose());
    assert_eq!(new.session.id, old.session.id, "it is the same session");
    assert_eq!(
        new.session.ends_at, old.session.ends_at,
        "and ends when it would have"
    );
    assert_eq!(new.session.form_key.expose(), old.session.form_key.expose());
    let listed = world
        .gateway
        .sessions()
        .browser_sessions(&new.session)
        .await
        .unwrap();
    assert_eq!(listed.len(), 1);
    for secret in [&old.secret, &new.secret, &SessionSecret::new("made up")] {
        let again = world.gateway.sessions().renew_secret(secret).await.unwrap();
        assert!(again.is_none());
    }
}

#[tokio::test]
async fn a_session_goes_on_under_a_new_secret_when_the_old_one_is_due() {
    let world = World::new();
    let old = world.sign_in("okta", "alice").await;
    let sessions = world.gateway.sessions();
    let early = sessions.resume(&old.secret).await.unwrap().unwrap();
    assert_eq!(early.session.id, old.session.id);
    assert!(early.renewed.unwrap().is_none(), "not before it is due");

    world.clock.advance(limits::SESSION_SECRET_LIFE);
    let due = sessions.resume(&old.secret).await.unwrap().unwrap();
    let secret = due.renewed.unwrap().expect("it is due");
    let new = sessions.resume(&secret).await.unwrap().unwrap();
    assert_eq!(new.session.id, old.session.id);
    let other = sessions.resume(&SessionSecret::new("made up")).await;
    assert!(other.unwrap().is_none(), "nobody's secret opens nothing");
}

#[tokio::test]
async fn the_old_secret_works_a_little_longer_to_the_second() {
    let world = World::new();
    let old = due(&world).await;
    let new = renew(&world, &old).await;
    world.clock.advance(limits::SESSION_SECRET_GRACE - SECOND);
    assert!(
        world.is_live(&old).await,
        "for what the browser has under way"
    );
    world.clock.advance(SECOND);
    assert!(!world.is_live(&old).await);
    assert!(world.is_live(&new).await);
}

#[tokio::test]
async fn signing_out_with_either_ends_both() {
    for with_old in [true, false] {
        let world = World::new();
        let old = due(&world).await;
        let new = renew(&world, &old).await;
        let this = if with_old { &old } else { &new };
        let gateway = &world.gateway;
        gateway
            .sign_ins()
            .sign_out(&context(), &this.session, &this.secret)
            .await
            .unwrap();
        assert!(!world.is_live(&old).await && !world.is_live(&new).await);
    }
}

#[tokio::test]
async fn it_is_ended_by_its_name_and_with_the_others_as_before() {
    for one_by_one in [true, false] {
        let world = World::new();
        let old = due(&world).await;
        let new = renew(&world, &old).await;
        let this = world.sign_in("okta", "alice").await;
        let (gateway, context) = (&world.gateway, context());
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
        assert!(!world.is_live(&old).await && !world.is_live(&new).await);
        assert!(world.is_live(&this).await);
    }
}

#[tokio::test]
async fn who_ended_all_others_stays_in_under_a_new_secret() {
    let world = World::new();
    let old = due(&world).await;
    world
        .gateway
        .sessions()
        .end_other_sessions(&context(), &old.session)
        .await
        .unwrap();
    let new = renew(&world, &old).await;
    assert!(world.is_live(&new).await);
}

#[tokio::test]
async fn no_secret_is_replaced_that_the_list_does_not_know() {
    let mut met = 0;
    for (calls, lasting) in (0..8).flat_map(|calls| [(calls, false), (calls, true)]) {
        let world = World::new();
        let (gateway, context) = (&world.gateway, context());
        let old = due(&world).await;
        let outage = &world.store.outage;
        match lasting {
            true => outage.break_after(calls),
            false => outage.fail_once_after(calls),
        }
        let renewed = gateway.sessions().renew_secret(&old.secret).await;
        met += usize::from(renewed.is_err());
        assert!(renewed.is_err() || outage.is_armed(), "call {calls}");
        outage.repair();
        let renewed = renewed.ok().flatten();
        assert!(
            renewed.is_some() || world.is_live(&old).await,
            "call {calls}"
        );
        if renewed.is_none() && !lasting {
            // The outage is forgotten: the old secret works on, and is replaced by the next request.
            world.clock.advance(limits::SESSION_SECRET_GRACE);
            assert!(world.is_live(&old).await, "call {calls}");
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
        let this = world.sign_in("okta", "alice").await;
        let id = old.session.id.to_string();
        assert!(
            gateway
                .sessions()
                .end_session(&context, &this.session, &id)
                .await
                .unwrap()
        );
        assert!(!world.is_live(&old).await, "call {calls}");
        if let Some(secret) = renewed {
            assert!(gateway.sessions().session(&secret).await.unwrap().is_none());
        }
    }
    assert!(met > 6, "{met}");
}

#[tokio::test]
async fn it_is_ended_by_its_name_though_the_list_leads_to_its_first_secret() {
    for too_many in [false, true] {
        let world = World::new();
        let (gateway, context) = (&world.gateway, context());
        let old = due(&world).await;
        let list = world.store.keys("session-index")[0];
        let stale = world.store.raw(list);
        let new = renew(&world, &old).await;
        world.store.put_back(list, stale);
        world.clock.advance(limits::SESSION_SECRET_GRACE);
        assert!(world.is_live(&new).await && !world.is_live(&old).await);
        let mut this = world.sign_in("okta", "alice").await;
        if too_many {
            for _ in 0..limits::SESSIONS_PER_SUBJECT_MAX {
                this = world.sign_in("okta", "alice").await;
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
        assert!(!world.is_live(&new).await, "{too_many}");
        assert!(world.is_live(&this).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_requests_at_once_one_brings_the_new_secret() {
    let world = World::new();
    let old = due(&world).await;
    let mut requests = JoinSet::new();
    for _ in 0..50 {
        let (gateway, secret) = (world.gateway.clone(), old.secret.clone());
        requests.spawn(async move {
            let live = gateway.sessions().session(&secret).await.unwrap().is_some();
            (
                live,
                gateway.sessions().renew_secret(&secret).await.unwrap(),
            )
        });
    }
    let answers = requests.join_all().await;
    assert!(
        answers.iter().all(|(live, _)| *live),
        "nobody is signed out by it"
    );
    let brought = answers.into_iter().filter_map(|(_, secret)| secret);
    // Those that lost to a mere touch leave it to the next request.
    let brought: Vec<_> = brought.collect();
    assert!(brought.len() <= 1, "{brought:?}");
    let kept = match brought.into_iter().next() {
        Some(secret) => secret,
        None => renew(&world, &old).await.secret,
    };
    assert!(
        world
            .gateway
            .sessions()
            .session(&kept)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        world.store.keys("session").len(),
        2,
        "the old and the new, no stray ones"
    );
}

#[tokio::test]
async fn a_store_that_fails_at_any_step_leaves_a_secret_that_works() {
    for step in 0.. {
        let world = World::new();
        let old = due(&world).await;
        world.store.outage.break_after(step);
        let renewed = world.gateway.sessions().renew_secret(&old.secret).await;
        world.store.outage.repair();
        assert!(world.is_live(&old).await, "step {step}");
        if let Ok(secret) = renewed {
            let found = world
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
