//! Who waits for an event, and what becomes of the event when nobody waits any more.
//!
//! An intent whose caller has given up must not stay open: AWS was not asked. As long as it is not written it is dropped;
//! when it turns out to be written, an `issue_failed` with the reason `audit_timeout` follows.

use rolecall_core::audit::{AuditEvent, AuditEventKind};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::chain::{Entry, entry};
use super::not_written::NotWritten;

/// How an append ended.
pub(super) type Outcome = Result<(), NotWritten>;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// The event outlives this process.
    Committed,
    /// It outlives the machine's next power failure.
    Durable,
}

/// An event on its way.
pub(super) struct Pending {
    pub(super) entry: Entry,
    pub(super) kind: Kind,
}

/// What an event is to the trail when its caller has given up or was told that it failed.
pub(super) enum Kind {
    /// Nothing was done: `issue_failed` follows if it stands after all.
    Intent(Box<Intent>),
    /// It is written as soon as that is possible, and once: it tells how an intent ended, or its caller may not try again.
    Outcome,
    /// Any other event.
    Other,
}

/// An intent, and since when somebody waits for it.
#[derive(Clone)]
pub(super) struct Intent {
    event: AuditEvent,
    since: Instant,
}

impl Intent {
    /// The event that ends it.
    pub(super) fn closing(&self) -> Option<Entry> {
        let event = self.event.abandoned(self.since.elapsed())?;
        entry(&event)
            .inspect_err(|error| tracing::error!(%error, "an abandoned intent stays open"))
            .ok()
    }
}

impl Pending {
    pub(super) fn new(event: &AuditEvent, until: Until) -> Result<Self, serde_json::Error> {
        let kind = match (&event.kind, until) {
            (AuditEventKind::IssueIntended { .. }, _) => Kind::Intent(Box::new(Intent {
                event: event.clone(),
                since: Instant::now(),
            })),
            (_, Until::Committed) => Kind::Outcome,
            (_, Until::Durable) => Kind::Other,
        };
        let entry = entry(event)?;
        Ok(Self { entry, kind })
    }

    pub(super) fn intent(&self) -> Option<Intent> {
        match &self.kind {
            Kind::Intent(intent) => Some(Intent::clone(intent)),
            Kind::Outcome | Kind::Other => None,
        }
    }
}

/// Whoever waits.
pub(super) struct Waiter {
    pub(super) answer: oneshot::Sender<Outcome>,
    /// Set for an intent; closed by whoever receives it.
    pub(super) intent: Option<Intent>,
    pub(super) abandoned: mpsc::Sender<Intent>,
}

impl Waiter {
    /// Nobody has begun to write the intent, and nobody waits for it.
    pub(super) fn has_given_up(&self) -> bool {
        self.intent.is_some() && self.answer.is_closed()
    }

    /// Tells the outcome, and whether the event stands in the trail. If nobody acts on an intent that stands, it is handed on
    /// to be closed.
    pub(super) fn tell(self, outcome: Outcome, stands: bool) {
        let refused = outcome.is_err();
        let unheard = self.answer.send(outcome).is_err();
        if stands
            && (refused || unheard)
            && let Some(intent) = self.intent
            && self.abandoned.try_send(intent).is_err()
        {
            tracing::error!("an abandoned intent stays open: too many at once");
        }
    }
}
