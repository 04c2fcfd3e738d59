//! In any order of actions, attacks and outages: one session per state, and no credentials without an intent.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rolecall_core::audit::{AuditEvent, AuditEventKind};
use rolecall_core::sign_in::SignInCompleted;

use crate::fixture::{Fixture, StartedSignIn, context, developer, plain};

/// An action; numbers select among the existing objects.
#[derive(Clone, Debug)]
enum Step {
    Begin,
    Complete {
        sign_in: usize,
        at_google: bool,
        foreign_browser: bool,
        person: bool,
    },
    Issue {
        session: usize,
        privileged: bool,
    },
    EndOthers {
        session: usize,
    },
    SignOut {
        session: usize,
    },
    Wait {
        minutes: i64,
    },
    StoreFailsAfter(usize),
    TrailFailsAfter(usize),
    Repair,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Begin),
        6 => (0..6_usize, prop::bool::weighted(0.1), prop::bool::weighted(0.1), any::<bool>()).prop_map(
            |(sign_in, at_google, foreign_browser, person)| Step::Complete { sign_in, at_google, foreign_browser, person }
        ),
        5 => (0..6_usize, any::<bool>()).prop_map(|(session, privileged)| Step::Issue { session, privileged }),
        1 => (0..6_usize).prop_map(|session| Step::EndOthers { session }),
        1 => (0..6_usize).prop_map(|session| Step::SignOut { session }),
        1 => (-20..20_i64).prop_map(|minutes| Step::Wait { minutes }),
        1 => (0..6_usize).prop_map(Step::StoreFailsAfter),
        1 => (0..3_usize).prop_map(Step::TrailFailsAfter),
        2 => Just(Step::Repair),
    ]
}

/// The state of a walk.
#[derive(Default)]
struct Outcome {
    begun: Vec<StartedSignIn>,
    /// Number of sessions per sign-in.
    sessions_of: BTreeMap<usize, usize>,
    signed_in: Vec<SignInCompleted>,
    ended: BTreeSet<String>,
    /// Access key IDs that were delivered.
    handed_out: Vec<String>,
}

impl Outcome {
    async fn take(&mut self, fixture: &Fixture, step: Step) {
        match step {
            Step::Begin => self.begun.extend(fixture.begin_in("okta", None).await),
            Step::Complete {
                sign_in,
                at_google,
                foreign_browser,
                person,
            } => {
                let Some(mut begun) = self.begun.get(sign_in).cloned() else {
                    return;
                };
                if foreign_browser {
                    begun.browser = rolecall_core::base::secret::BrowserSecret::new("foreign");
                }
                let provider = if at_google { "google" } else { "okta" };
                let person = if person { "alice" } else { "bob" };
                if let Ok(signed_in) = fixture.complete(provider, &begun, person).await {
                    assert!(!at_google && !foreign_browser, "an attacker has a session");
                    *self.sessions_of.entry(sign_in).or_default() += 1;
                    self.signed_in.push(signed_in);
                }
            }
            Step::Issue {
                session,
                privileged,
            } => {
                let Some(signed_in) = self.signed_in.get(session) else {
                    return;
                };
                let Ok(Some(session)) = fixture.gateway.sessions().session(&signed_in.secret).await
                else {
                    return;
                };
                let alive = !self.ended.contains(&session.id.to_string());
                assert!(alive, "a session that was ended is back");
                let role = if privileged { developer() } else { plain() };
                if let Ok(issued) = fixture.issue(&session, &role).await {
                    let of_alice = session.identity.subject.as_str() == "subject-alice";
                    assert!(of_alice || !privileged, "bob is not a developer");
                    self.handed_out.push(issued.credentials.access_key_id);
                }
            }
            Step::EndOthers { session } => {
                let Some(this) = self.signed_in.get(session) else {
                    return;
                };
                let Ok(Some(live)) = fixture.gateway.sessions().session(&this.secret).await else {
                    return;
                };
                if fixture
                    .gateway
                    .sessions()
                    .end_other_sessions(&context(), &live)
                    .await
                    .is_ok()
                {
                    let others = self.signed_in.iter().map(|other| &other.session);
                    self.ended.extend(
                        others
                            .filter(|other| {
                                other.identity.key() == live.identity.key() && other.id != live.id
                            })
                            .map(|other| other.id.to_string()),
                    );
                }
            }
            Step::SignOut { session } => {
                let Some(this) = self.signed_in.get(session) else {
                    return;
                };
                let out = fixture
                    .gateway
                    .sign_ins()
                    .sign_out(&context(), &this.session, &this.secret)
                    .await;
                if out.is_ok() {
                    self.ended.insert(this.session.id.to_string());
                }
            }
            Step::Wait { minutes } => fixture.clock.advance(chrono::TimeDelta::minutes(minutes)),
            Step::StoreFailsAfter(calls) => fixture.store.outage.fail_after(calls),
            Step::TrailFailsAfter(calls) => fixture.trail.outage.fail_after(calls),
            Step::Repair => {
                fixture.store.outage.repair();
                fixture.trail.outage.repair();
            }
        }
    }
}

/// Checks the audit trail: an outcome follows its own intent, and all delivered credentials have an event.
fn check_trail(events: Vec<AuditEvent>, orders: usize, handed_out: &[String]) {
    let (mut intents, mut done) = (0, Vec::new());
    let mut open = false;
    for event in events {
        match event.kind {
            AuditEventKind::IssueIntended { .. } => {
                intents += 1;
                // The outcome of the previous intent may be missing if the audit trail failed.
                open = true;
            }
            AuditEventKind::IssueDone { access_key_id, .. } => {
                assert!(std::mem::take(&mut open), "an outcome without an intent");
                done.push(access_key_id);
            }
            AuditEventKind::IssuePosted { .. } | AuditEventKind::IssueFailed { .. } => {
                assert!(std::mem::take(&mut open), "an outcome without an intent");
            }
            AuditEventKind::WriterStarted { .. }
            | AuditEventKind::SignedIn { .. }
            | AuditEventKind::SignInRefused { .. }
            | AuditEventKind::SignOutRefused { .. }
            | AuditEventKind::SignInRefusals { .. }
            | AuditEventKind::SignOutRefusals { .. }
            | AuditEventKind::SignedOut { .. }
            | AuditEventKind::IssueRefused { .. }
            | AuditEventKind::IssueUndelivered {}
            | AuditEventKind::IssueUnverified { .. }
            | AuditEventKind::ConfigurationLoaded { .. }
            | AuditEventKind::ClientSessionBegun { .. }
            | AuditEventKind::ConsentGiven { .. }
            | AuditEventKind::ConsentDenied { .. }
            | AuditEventKind::ConfigurationRefused { .. } => {}
        }
    }
    assert!(
        orders <= intents,
        "STS was called {orders} times for {intents} intents"
    );
    // The audit trail may contain more: credentials are withheld if the store cannot tell whether the session is live.
    assert!(
        handed_out.iter().all(|id| done.contains(id)),
        "what was handed out is in the trail: {handed_out:?}, {done:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_walk_forges_no_session_or_credential(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new();
            let mut outcome = Outcome::default();
            for step in steps {
                outcome.take(&fixture, step).await;
            }
            assert!(outcome.sessions_of.values().all(|sessions| *sessions == 1), "a state was used twice");
            let orders = fixture.aws.take_requests().len();
            check_trail(fixture.trail.take_events(), orders, &outcome.handed_out);
        });
    }
}
