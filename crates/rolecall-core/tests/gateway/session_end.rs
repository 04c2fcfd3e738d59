//! Session ends are final: whatever a stolen session was doing when it was ended, nothing that results from it is
//! valid.
//!
//! Each flow is paused at each of its calls to the store, the audit trail and AWS in turn, while the session is ended.

mod flow;
mod flows;
mod race;
mod results;

use chrono::TimeDelta;
use rolecall_core::base::limits;
use rolecall_core::clients::{ConsentChoice, ConsentError};
use rolecall_core::issue::IssueError;
use rolecall_core::sign_in::{BrowserDelivery, SignInCompleted};

use crate::clients;
use crate::fixture::{Fixture, context, id, plain};
use flow::Flow;
use flows::Stage;
use race::{ROUNDS, rounds};
use results::FlowResults;

/// The party that ends the session.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// The person, from another browser, with "end all others".
    AllOthers,
    /// The person, in the same browser; for a client session, the client signs out.
    SignOut,
    /// The person, from another browser, individually.
    ThisOne,
    /// The operator: `rolecalld sessions end`.
    Administrator,
    /// The identity provider (SAML single logout).
    Provider,
}

impl End {
    const ALL: [Self; 5] = [
        Self::AllOthers,
        Self::SignOut,
        Self::ThisOne,
        Self::Administrator,
        Self::Provider,
    ];

    async fn come(self, stage: &Stage) {
        let (gateway, stolen) = (&stage.fixture.gateway, &stage.stolen);
        let (context, mine) = (context(), &stage.desk.session);
        let ended = match (self, &stage.client) {
            (Self::AllOthers, _) => gateway
                .sessions()
                .end_other_sessions(&context, mine)
                .await
                .map(drop),
            (Self::SignOut, Some(token)) => {
                gateway.sessions().end_client_session(&context, token).await
            }
            (Self::SignOut, None) => {
                let signed_out =
                    gateway
                        .sign_ins()
                        .sign_out(&context, &stolen.session, &stolen.secret);
                signed_out.await.map(|_| ())
            }
            (Self::ThisOne, client) => {
                let own = match client {
                    Some(token) => gateway.sessions().client_session(token).await.unwrap(),
                    None => None,
                };
                let name = own.map_or(stolen.session.id, |client| client.id);
                let name = name.to_string();
                gateway
                    .sessions()
                    .end_session(&context, mine, &name)
                    .await
                    .map(drop)
            }
            (Self::Administrator, _) => {
                let who = &stolen.session.identity;
                gateway
                    .sessions()
                    .end_person(&who.provider, &who.subject)
                    .await
            }
            (Self::Provider, _) => {
                let Stage { called, index, .. } = stage;
                let order = Some(crate::fixture::logout(&format!(
                    "{called} order-{index} {index}"
                )));
                let (okta, by) = (id("okta"), BrowserDelivery::Navigation);
                let logout = gateway
                    .sign_ins()
                    .handle_logout_request(&context, &okta, order, by);
                logout.await.unwrap();
                Ok(())
            }
        };
        ended.unwrap();
    }

    /// Approvals before a sign-out of the browser remain valid; all other ends invalidate them.
    fn is_for(self, flow: Flow) -> bool {
        match self {
            Self::AllOthers | Self::Administrator => true,
            // They end the stolen session and no other.
            Self::SignOut => !matches!(flow, Flow::RefreshLogin | Flow::SignIn),
            // A session is found by its ID in the index.
            Self::ThisOne => !matches!(flow, Flow::RefreshLogin | Flow::EndOthers | Flow::SignIn),
            Self::Provider => flow != Flow::EndOthers,
        }
    }
}

/// Whether the flow begins after the end: a sign-in that has not read the epoch yet. This is not true of an end by the
/// provider, because the assertion may be older than the logout request.
fn comes_later(flow: Flow, end: End, call: usize) -> bool {
    flow == Flow::SignIn && end != End::Provider && call <= 1
}

/// Runs the flow up to this call, then the end, then the rest of the flow. Returns whether there was such a call.
async fn hold_back(stage: &mut Stage, flow: Flow, (end, listed): (End, bool), call: usize) -> bool {
    stage.reset();
    let stage = &*stage;
    if !listed {
        stage.unlist();
    }
    let gate = &stage.fixture.gate;
    let mut running: std::pin::Pin<Box<dyn Future<Output = FlowResults> + Send + '_>> =
        Box::pin(flow.run(stage));
    let mut left = gate.run_until_call(call, &mut running).await;
    let held_back = left.is_none();
    if held_back {
        end.come(stage).await;
        stage.fixture.call_log.take();
        left = Some(running.await);
        let later = stage.fixture.call_log.take();
        // A client session that began before the sign-out may be in progress: AWS may be called, nothing is delivered.
        let begun = flow == Flow::RedeemLogin && matches!(end, End::SignOut | End::ThisOne);
        let asked = later.iter().any(|call| call == "assume");
        assert!(
            !asked || begun,
            "{flow:?}, {end:?}, call {call}: AWS was called after the end: {later:?}"
        );
        let left = left.as_ref().unwrap();
        // A session that is not in the index is ended only by the epoch, which may have been read before the last call.
        // The response is then delivered, but nothing in it can be renewed.
        assert!(
            left.delivered.is_none() || !listed,
            "{flow:?}, {end:?}, call {call}: {:?}",
            left.delivered
        );
        // Of two browsers that end all others, the first one wins; its third call writes the epoch.
        let first = flow == Flow::EndOthers && end == End::AllOthers && call > 2;
        // An ended session cannot end others; it first checks its own end.
        let own = matches!(end, End::SignOut) && call == 0;
        assert!(
            flow != Flow::EndOthers || !own || stage.fixture.is_live(&stage.desk).await,
            "{flow:?}, {end:?}: it has ended another"
        );
        let survivors = left.survivors(stage).await;
        assert!(
            survivors.is_empty()
                || comes_later(flow, end, call)
                || (first && !stage.fixture.is_live(&stage.desk).await),
            "{flow:?}, {end:?}, call {call}: {survivors:?}"
        );
    }
    drop(left);
    held_back
}

#[tokio::test]
async fn records_written_after_session_end_are_void() {
    let mut calls = 0;
    for flow in Flow::ALL {
        let mut stage = Stage::set(flow).await;
        for end in End::ALL.into_iter().filter(|end| end.is_for(flow)) {
            let by_epoch = matches!(end, End::AllOthers | End::Administrator);
            for listed in [true, false] {
                // A session that is not in the index is ended only by the epoch.
                if !listed && !by_epoch {
                    continue;
                }
                let mut call = 0;
                while hold_back(&mut stage, flow, (end, listed), call).await {
                    call += 1;
                }
                assert!(call > 0, "{flow:?} makes no call");
                calls += call;
            }
        }
    }
    assert!(calls > 500, "{calls}");
}

#[tokio::test]
async fn flows_complete_without_session_end() {
    for flow in Flow::ALL {
        let stage = Stage::set(flow).await;
        let left = flow.run(&stage).await;
        assert_eq!(left.delivered.is_some(), flow.delivers(), "{flow:?}");
        let posted = left.delivered.is_some_and(|what| what.contains("Post("));
        assert_eq!(posted, flow.posts(), "{flow:?}");
    }
}

/// Whether both could be paused at these calls.
enum Held {
    Both,
    FlowAlone,
    Neither,
}

/// The end is paused as well, and the flow completes meanwhile.
async fn interleave(
    stage: &mut Stage,
    flow: Flow,
    end: End,
    (call, end_call): (usize, usize),
) -> Held {
    stage.reset();
    let stage = &*stage;
    let gate = &stage.fixture.gate;
    let mut running: std::pin::Pin<Box<dyn Future<Output = FlowResults> + Send + '_>> =
        Box::pin(flow.run(stage));
    if gate.run_until_call(call, &mut running).await.is_some() {
        return Held::Neither;
    }
    let mut ending: std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> =
        Box::pin(end.come(stage));
    let ended = gate.run_until_call(end_call, &mut ending).await;
    let left = running.await;
    let held = ended.is_none();
    if held {
        ending.await;
    }
    let survivors = left.survivors(stage).await;
    assert!(
        survivors.is_empty() || comes_later(flow, end, call),
        "{flow:?} at {call}, {end:?} at {end_call}: {survivors:?}"
    );
    match held {
        true => Held::Both,
        false => Held::FlowAlone,
    }
}

#[tokio::test]
async fn records_written_during_session_end_are_void() {
    // Each call of the flow is combined with every fifth call of the end, with a different offset each time; with more
    // rounds, with every call of the end.
    let stride = if rounds() > ROUNDS { 1 } else { 5 };
    let mut pairs = 0;
    for flow in Flow::ALL {
        let mut stage = Stage::set(flow).await;
        for end in [End::AllOthers, End::Administrator, End::Provider] {
            // Of two browsers that end all others, either may be first.
            let either = flow == Flow::EndOthers && end == End::AllOthers;
            if !end.is_for(flow) || either {
                continue;
            }
            'flow: for call in 0.. {
                for end_call in (call % stride..).step_by(stride) {
                    match interleave(&mut stage, flow, end, (call, end_call)).await {
                        Held::Both => pairs += 1,
                        Held::FlowAlone => break,
                        Held::Neither => break 'flow,
                    }
                }
            }
        }
    }
    assert!(pairs > 500, "{pairs}");
}

/// A session that has ended since it was found.
async fn an_ended_session() -> (Fixture, SignInCompleted, SignInCompleted) {
    let fixture = Fixture::new();
    let (mine, other) = (
        fixture.sign_in("okta", "alice").await,
        fixture.sign_in("okta", "alice").await,
    );
    fixture
        .gateway
        .sign_ins()
        .sign_out(&context(), &mine.session, &mine.secret)
        .await
        .unwrap();
    (fixture, mine, other)
}

#[tokio::test]
async fn ended_session_cannot_end_others() {
    let (fixture, mine, other) = an_ended_session().await;
    let (gateway, context) = (&fixture.gateway, context());
    let all = gateway
        .sessions()
        .end_other_sessions(&context, &mine.session)
        .await;
    assert!(!all.unwrap(), "nothing has ended, and it says so");
    let name = other.session.id.to_string();
    let one = gateway
        .sessions()
        .end_session(&context, &mine.session, &name)
        .await;
    assert!(!one.unwrap(), "nothing has ended, and it says so");
    assert!(fixture.is_live(&other).await);
}

#[tokio::test]
async fn ended_session_cannot_deny_a_device() {
    let (fixture, mine, other) = an_ended_session().await;
    let known = clients::register(&fixture.gateway);
    let started = clients::start(&fixture, &known).await;
    let no = clients::answer(&started, ConsentChoice::Deny);
    let denied = clients::decide(&fixture, &mine.session, &no).await;
    assert!(matches!(denied, Err(ConsentError::SessionEnded)));
    let yes = clients::answer(&started, ConsentChoice::Allow);
    clients::decide(&fixture, &other.session, &yes)
        .await
        .unwrap();
    clients::poll(&fixture, &known, &started).await.unwrap();
}

#[tokio::test]
async fn ended_mark_outlasts_its_session() {
    let (fixture, mine, other) = an_ended_session().await;
    let marks = fixture.store.keys("ended-session");
    assert_eq!(marks.len(), 1);
    assert_eq!(
        fixture.store.expiry(marks[0]),
        mine.session.ends_at + limits::ENDED_MARK_MARGIN
    );
    fixture.clock.advance(other.session.ends_at - fixture.now());
    let late = fixture.issue(&other.session, &plain()).await;
    assert!(matches!(late, Err(IssueError::SessionEnded)), "{late:?}");
}

#[tokio::test]
async fn redeemed_client_session_survives_sign_out() {
    for flow in [Flow::RedeemDevice, Flow::RedeemCode, Flow::RedeemLogin] {
        let stage = Stage::set(flow).await;
        let left = flow.run(&stage).await;
        End::SignOut.come(&stage).await;
        assert_eq!(left.survivors(&stage).await.len(), 1, "{flow:?}");
    }
}

#[tokio::test]
async fn session_that_ended_others_can_approve() {
    for flow in [Flow::AllowDevice, Flow::AllowCode, Flow::AllowLogin] {
        let stage = Stage::set(flow).await;
        let (gateway, mine) = (&stage.fixture.gateway, &stage.stolen.session);
        gateway
            .sessions()
            .end_other_sessions(&context(), mine)
            .await
            .unwrap();
        let left = flow.run(&stage).await;
        assert_eq!(left.survivors(&stage).await.len(), 1, "{flow:?}");
    }
}

#[tokio::test]
async fn secret_renewed_during_end_does_not_survive() {
    let fixture = Fixture::new();
    let mine: SignInCompleted = fixture.sign_in("okta", "alice").await;
    fixture.clock.advance(limits::SESSION_SECRET_LIFE);
    let context = context();
    let mut ending: std::pin::Pin<Box<dyn Future<Output = _> + Send + '_>> = Box::pin(
        fixture
            .gateway
            .sign_ins()
            .sign_out(&context, &mine.session, &mine.secret),
    );
    // It has found the session and waits for the audit trail.
    assert!(fixture.gate.run_until_call(1, &mut ending).await.is_none());
    let renewed = fixture
        .gateway
        .sessions()
        .renew_secret(&mine.secret)
        .await
        .unwrap();
    fixture
        .clock
        .advance(limits::SESSION_SECRET_GRACE + TimeDelta::seconds(1));
    ending.await.unwrap();
    let renewed = renewed.expect("it was due");
    assert!(
        fixture
            .gateway
            .sessions()
            .session(&renewed)
            .await
            .unwrap()
            .is_none()
    );
}
