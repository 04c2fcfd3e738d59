//! Sessions of a person: listing, ending one, ending the others, and the limit of twenty.

use chrono::TimeDelta;
use rolecall_core::audit::AuditEventKind;
use rolecall_core::base::limits;
use rolecall_core::session::Session;
use rolecall_core::sign_in::SignInCompleted;

use crate::fixture::{Fixture, IDLE, context};

/// Signs in repeatedly, one minute apart, oldest first.
async fn sign_in_often(fixture: &Fixture, person: &str, times: usize) -> Vec<SignInCompleted> {
    let mut all = Vec::new();
    for _ in 0..times {
        fixture.clock.advance(TimeDelta::minutes(1));
        all.push(fixture.sign_in("okta", person).await);
    }
    all
}

async fn names(fixture: &Fixture, session: &Session) -> Vec<String> {
    let sessions = fixture
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

/// The ended sessions with their reasons, according to the audit trail.
fn ended(fixture: &Fixture) -> Vec<(String, String)> {
    let kinds = fixture.trail.take().into_iter();
    kinds
        .filter_map(|one| match one {
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
            | AuditEventKind::IssueUnverified { .. }
            | AuditEventKind::ConfigurationLoaded { .. }
            | AuditEventKind::ClientSessionBegun { .. }
            | AuditEventKind::ConsentGiven { .. }
            | AuditEventKind::ConsentDenied { .. }
            | AuditEventKind::ConfigurationRefused { .. } => None,
        })
        .collect()
}

#[tokio::test]
async fn person_lists_own_sessions_newest_first() {
    let fixture = Fixture::new();
    let mine = sign_in_often(&fixture, "alice", 3).await;
    sign_in_often(&fixture, "bob", 2).await;
    fixture.sign_in("google", "alice").await;
    let expected: Vec<_> = mine.iter().rev().map(name).collect();
    assert_eq!(names(&fixture, &mine[0].session).await, expected);

    fixture.clock.advance(IDLE - TimeDelta::minutes(5));
    assert!(fixture.is_live(&mine[0]).await, "used again in time");
    fixture.clock.advance(TimeDelta::minutes(6));
    assert_eq!(
        names(&fixture, &mine[0].session).await,
        [name(&mine[0])],
        "the idle ones are gone"
    );
}

#[tokio::test]
async fn session_is_ended_by_id() {
    let fixture = Fixture::new();
    let mine = sign_in_often(&fixture, "alice", 3).await;
    fixture.trail.take();
    let end = |id: String| {
        let (gateway, session) = (fixture.gateway.clone(), mine[0].session.clone());
        async move {
            gateway
                .sessions()
                .end_session(&context(), &session, &id)
                .await
                .unwrap()
        }
    };
    end(name(&mine[1])).await;
    assert!(!fixture.is_live(&mine[1]).await);
    assert!(fixture.is_live(&mine[0]).await && fixture.is_live(&mine[2]).await);
    assert_eq!(
        ended(&fixture),
        [(name(&mine[1]), "ended_by_owner".to_owned())]
    );

    end(name(&mine[1])).await;
    assert_eq!(ended(&fixture), [], "it ends once");
}

#[tokio::test]
async fn foreign_session_id_ends_nothing() {
    let fixture = Fixture::new();
    let alice = fixture.sign_in("okta", "alice").await;
    let others = [
        fixture.sign_in("okta", "bob").await,
        fixture.sign_in("google", "alice").await,
    ];
    fixture.trail.take();
    let mut names: Vec<_> = others.iter().map(name).collect();
    names.extend(["", "*", "no-such-session"].map(str::to_owned));
    names.push(alice.secret.digest().to_string());
    for id in names {
        let gateway = &fixture.gateway;
        gateway
            .sessions()
            .end_session(&context(), &alice.session, &id)
            .await
            .unwrap();
    }
    assert_eq!(ended(&fixture), []);
    for one in others.iter().chain([&alice]) {
        assert!(fixture.is_live(one).await);
    }
}

#[tokio::test]
async fn end_others_keeps_this_session() {
    let fixture = Fixture::new();
    let mine = sign_in_often(&fixture, "alice", 3).await;
    let bob = fixture.sign_in("okta", "bob").await;
    let namesake = fixture.sign_in("google", "alice").await;
    fixture.trail.take();
    fixture
        .gateway
        .sessions()
        .end_other_sessions(&context(), &mine[1].session)
        .await
        .unwrap();

    assert!(!fixture.is_live(&mine[0]).await && !fixture.is_live(&mine[2]).await);
    for one in [&mine[1], &bob, &namesake] {
        assert!(fixture.is_live(one).await);
    }
    let why = "ended_by_owner".to_owned();
    assert_eq!(
        ended(&fixture),
        [(name(&mine[0]), why.clone()), (name(&mine[2]), why)]
    );

    // At the same instant: a new sign-in is not affected.
    let new = fixture.sign_in("okta", "alice").await;
    assert!(fixture.is_live(&new).await);
    assert_eq!(
        names(&fixture, &new.session).await,
        [name(&new), name(&mine[1])]
    );

    fixture
        .gateway
        .sessions()
        .end_other_sessions(&context(), &new.session)
        .await
        .unwrap();
    assert!(fixture.is_live(&new).await);
    assert!(
        !fixture.is_live(&mine[1]).await,
        "the exception applies once"
    );
}

#[tokio::test]
async fn end_others_ends_unlisted_sessions() {
    let fixture = Fixture::new();
    let lost = fixture.sign_in("okta", "alice").await;
    let index = fixture.store.keys("session-index")[0];
    fixture.store.remove(index);
    let mine = fixture.sign_in("okta", "alice").await;
    assert!(fixture.is_live(&lost).await);
    assert_eq!(names(&fixture, &mine.session).await, [name(&mine)]);

    fixture
        .gateway
        .sessions()
        .end_other_sessions(&context(), &mine.session)
        .await
        .unwrap();
    assert!(!fixture.is_live(&lost).await);
    assert!(fixture.is_live(&mine).await);

    // Neither a clock set back nor a later end of others restores it.
    fixture.clock.advance(-IDLE / 2);
    assert!(!fixture.is_live(&lost).await);
    fixture
        .gateway
        .sessions()
        .end_other_sessions(&context(), &mine.session)
        .await
        .unwrap();
    assert!(!fixture.is_live(&lost).await);
    let new = fixture.sign_in("okta", "alice").await;
    assert!(fixture.is_live(&new).await, "new sign-ins are not affected");
}

#[tokio::test]
async fn session_beyond_limit_ends_the_oldest() {
    let fixture = Fixture::new();
    let mine = sign_in_often(&fixture, "alice", limits::SESSIONS_PER_SUBJECT_MAX).await;
    fixture.trail.take();
    for one in &mine {
        assert!(fixture.is_live(one).await);
    }
    let new = fixture.sign_in("okta", "alice").await;
    assert!(!fixture.is_live(&mine[0]).await);
    assert!(fixture.is_live(&mine[1]).await && fixture.is_live(&new).await);
    assert_eq!(ended(&fixture), [(name(&mine[0]), "too_many".to_owned())]);
    assert_eq!(
        names(&fixture, &new.session).await.len(),
        limits::SESSIONS_PER_SUBJECT_MAX
    );
}

#[tokio::test]
async fn ended_sessions_do_not_displace_live_ones() {
    let fixture = Fixture::new();
    let desk = fixture.sign_in("okta", "alice").await;
    for _ in 0..2 * limits::SESSIONS_PER_SUBJECT_MAX {
        let one = fixture.sign_in("okta", "alice").await;
        fixture
            .gateway
            .sign_ins()
            .sign_out(&context(), &one.session, &one.secret)
            .await
            .unwrap();
    }
    assert!(fixture.is_live(&desk).await);
    assert_eq!(names(&fixture, &desk.session).await, [name(&desk)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_sign_ins_are_listed() {
    let fixture = Fixture::new();
    let mut begun = Vec::new();
    for _ in 0..10 {
        begun.push(fixture.begin("okta").await);
    }
    let mut sign_ins = tokio::task::JoinSet::new();
    for one in begun {
        let gateway = fixture.gateway.clone();
        sign_ins.spawn(async move {
            let at = crate::fixture::id("okta");
            let returned =
                crate::fixture::callback_params(&one.state, crate::fixture::code("alice"));
            gateway
                .sign_ins()
                .complete_sign_in(&context(), &at, &one.secrets(), returned)
                .await
                .unwrap()
        });
    }
    let all = sign_ins.join_all().await;
    let mut expected: Vec<_> = all.iter().map(name).collect();
    let mut listed = names(&fixture, &all[0].session).await;
    expected.sort();
    listed.sort();
    assert_eq!(listed, expected);
}
