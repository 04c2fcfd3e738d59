//! "My sessions": listing them, ending one, ending the others, and the limit of twenty.

use chrono::TimeDelta;
use rolecall_core::audit::AuditEventKind;
use rolecall_core::base::limits;
use rolecall_core::session::Session;
use rolecall_core::sign_in::SignInCompleted;

use crate::world::{IDLE, World, context};

/// Signs in with a minute between, oldest first.
async fn sign_in_often(world: &World, person: &str, times: usize) -> Vec<SignInCompleted> {
    let mut all = Vec::new();
    for _ in 0..times {
        world.clock.advance(TimeDelta::minutes(1));
        all.push(world.sign_in("okta", person).await);
    }
    all
}

async fn names(world: &World, session: &Session) -> Vec<String> {
    let sessions = world
        .gateway
        .sessions()
        .browser_sessions(session)
        .await
        .unwrap();
    sessions.iter().map(|one| one.id.to_string()).collect()
}

fn name(signed_in: &SignInCompleted) -> String {
    signed_in.session.id.to_string()
}

/// The sessions that ended, with why, by the trail.
fn ended(world: &World) -> Vec<(String, String)> {
    let kind = world.trail.take().into_iter();
    kind.filter_map(|one| match one {
        AuditEventKind::SignedOut {
            session, reason, ..
        } => Some((session, reason)),
        AuditEventKind::WriterStarted { .. }
        | AuditEventKind::SignedIn { .. }
        | AuditEventKind::SignInRefused { .. }
        | AuditEventKind::SignOutRefused { .. }
        | AuditEventKind::SignInRefusals { .. }
        | AuditEventKind::SignOutRefusals { .. }
        | AuditEventKind::IssueIntended { .. }
        | AuditEventKind::IssueDone { .. }
        | AuditEventKind::IssuePosted { .. }
        | AuditEventKind::IssueFailed { .. }
        | AuditEventKind::IssueRefused { .. }
        | AuditEventKind::IssueUndelivered {}
        | AuditEventKind::ConfigurationLoaded { .. }
        | AuditEventKind::ClientSessionBegun { .. }
        | AuditEventKind::ConsentGiven { .. }
        | AuditEventKind::ConsentDenied { .. }
        | AuditEventKind::ConfigurationRefused { .. } => None,
    })
    .collect()
}

#[tokio::test]
async fn a_person_sees_their_own_live_sessions_newest_first() {
    let world = World::new();
    let mine = sign_in_often(&world, "alice", 3).await;
    sign_in_often(&world, "bob", 2).await;
    world.sign_in("google", "alice").await;
    let expected: Vec<_> = mine.iter().rev().map(name).collect();
    assert_eq!(names(&world, &mine[0].session).await, expected);

    world.clock.advance(IDLE - TimeDelta::minutes(5));
    assert!(world.is_live(&mine[0]).await, "used again in time");
    world.clock.advance(TimeDelta::minutes(6));
    assert_eq!(
        names(&world, &mine[0].session).await,
        [name(&mine[0])],
        "the idle ones are gone"
    );
}

#[tokio::test]
async fn one_session_is_ended_by_its_name() {
    let world = World::new();
    let mine = sign_in_often(&world, "alice", 3).await;
    world.trail.take();
    let end = |id: String| {
        let (gateway, session) = (world.gateway.clone(), mine[0].session.clone());
        async move {
            gateway
                .sessions()
                .end_session(&context(), &session, &id)
                .await
                .unwrap()
        }
    };
    end(name(&mine[1])).await;
    assert!(!world.is_live(&mine[1]).await);
    assert!(world.is_live(&mine[0]).await && world.is_live(&mine[2]).await);
    assert_eq!(
        ended(&world),
        [(name(&mine[1]), "ended_by_owner".to_owned())]
    );

    end(name(&mine[1])).await;
    assert_eq!(ended(&world), [], "it ends once");
}

#[tokio::test]
async fn a_name_that_is_not_theirs_ends_nothing() {
    let world = World::new();
    let alice = world.sign_in("okta", "alice").await;
    let others = [
        world.sign_in("okta", "bob").await,
        world.sign_in("google", "alice").await,
    ];
    world.trail.take();
    let mut names: Vec<_> = others.iter().map(name).collect();
    names.extend(["", "*", "no-such-session"].map(str::to_owned));
    names.push(alice.secret.digest().to_string());
    for id in names {
        let gateway = &world.gateway;
        gateway
            .sessions()
            .end_session(&context(), &alice.session, &id)
            .await
            .unwrap();
    }
    assert_eq!(ended(&world), []);
    for one in others.iter().chain([&alice]) {
        assert!(world.is_live(one).await);
    }
}

#[tokio::test]
async fn all_others_end_and_this_one_and_everybody_elses_live_on() {
    let world = World::new();
    let mine = sign_in_often(&world, "alice", 3).await;
    let bob = world.sign_in("okta", "bob").await;
    let namesake = world.sign_in("google", "alice").await;
    world.trail.take();
    world
        .gateway
        .sessions()
        .end_other_sessions(&context(), &mine[1].session)
        .await
        .unwrap();

    assert!(!world.is_live(&mine[0]).await && !world.is_live(&mine[2]).await);
    for one in [&mine[1], &bob, &namesake] {
        assert!(world.is_live(one).await);
    }
    let why = "ended_by_owner".to_owned();
    assert_eq!(
        ended(&world),
        [(name(&mine[0]), why.clone()), (name(&mine[2]), why)]
    );

    // At the same instant: a new sign-in is none of the others.
    let new = world.sign_in("okta", "alice").await;
    assert!(world.is_live(&new).await);
    assert_eq!(
        names(&world, &new.session).await,
        [name(&new), name(&mine[1])]
    );

    world
        .gateway
        .sessions()
        .end_other_sessions(&context(), &new.session)
        .await
        .unwrap();
    assert!(world.is_live(&new).await);
    assert!(
        !world.is_live(&mine[1]).await,
        "it was spared once, not for ever"
    );
}

#[tokio::test]
async fn a_session_that_fell_out_of_the_list_ends_with_the_others() {
    let world = World::new();
    let lost = world.sign_in("okta", "alice").await;
    let index = world.store.keys("session-index")[0];
    world.store.remove(index);
    let mine = world.sign_in("okta", "alice").await;
    assert!(world.is_live(&lost).await);
    assert_eq!(names(&world, &mine.session).await, [name(&mine)]);

    world
        .gateway
        .sessions()
        .end_other_sessions(&context(), &mine.session)
        .await
        .unwrap();
    assert!(!world.is_live(&lost).await);
    assert!(world.is_live(&mine).await);

    // Neither a clock set back nor a later end of others brings it back.
    world.clock.advance(-IDLE / 2);
    assert!(!world.is_live(&lost).await);
    world
        .gateway
        .sessions()
        .end_other_sessions(&context(), &mine.session)
        .await
        .unwrap();
    assert!(!world.is_live(&lost).await);
    let new = world.sign_in("okta", "alice").await;
    assert!(world.is_live(&new).await, "nor does it keep anybody out");
}

#[tokio::test]
async fn the_twenty_first_session_ends_the_oldest() {
    let world = World::new();
    let mine = sign_in_often(&world, "alice", limits::SESSIONS_PER_SUBJECT_MAX).await;
    world.trail.take();
    for one in &mine {
        assert!(world.is_live(one).await);
    }
    let new = world.sign_in("okta", "alice").await;
    assert!(!world.is_live(&mine[0]).await);
    assert!(world.is_live(&mine[1]).await && world.is_live(&new).await);
    assert_eq!(ended(&world), [(name(&mine[0]), "too_many".to_owned())]);
    assert_eq!(
        names(&world, &new.session).await.len(),
        limits::SESSIONS_PER_SUBJECT_MAX
    );
}

#[tokio::test]
async fn sessions_that_have_ended_push_no_living_one_out() {
    let world = World::new();
    let desk = world.sign_in("okta", "alice").await;
    for _ in 0..2 * limits::SESSIONS_PER_SUBJECT_MAX {
        let one = world.sign_in("okta", "alice").await;
        world
            .gateway
            .sign_ins()
            .sign_out(&context(), &one.session, &one.secret)
            .await
            .unwrap();
    }
    assert!(world.is_live(&desk).await);
    assert_eq!(names(&world, &desk.session).await, [name(&desk)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_at_once_are_all_listed() {
    let world = World::new();
    let mut begun = Vec::new();
    for _ in 0..10 {
        begun.push(world.begin("okta").await);
    }
    let mut sign_ins = tokio::task::JoinSet::new();
    for one in begun {
        let gateway = world.gateway.clone();
        sign_ins.spawn(async move {
            let at = crate::world::id("okta");
            let returned = crate::world::back(&one.state, crate::world::code("alice"));
            gateway
                .sign_ins()
                .complete_sign_in(&context(), &at, Some(&one.browser), returned)
                .await
                .unwrap()
        });
    }
    let all = sign_ins.join_all().await;
    let mut expected: Vec<_> = all.iter().map(name).collect();
    let mut listed = names(&world, &all[0].session).await;
    expected.sort();
    listed.sort();
    assert_eq!(listed, expected);
}
