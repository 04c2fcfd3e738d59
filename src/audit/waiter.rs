//! Events on their way into the trail, and the callers that wait for them.
//!
//! An intent whose caller gave up must not stay open, because AWS was not called. It is dropped if it is not written yet; if it
//! turns out to be written, it is closed by an `issue_failed` with the reason `audit_timeout`.

use rolecall_core::audit::{AuditEvent, AuditEventKind};
use rolecall_core::record::StoreError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::chain::{Entry, entry};
use super::write_error::WriteError;

/// Whether an event is in the trail.
pub(super) type Outcome = Result<(), WriteError>;

/// An event that is not in the trail yet.
pub(super) struct Pending {
    pub(super) entry: Entry,
    kind: Kind,
}

/// What becomes of an event whose caller gave up, or received an error.
enum Kind {
    /// Closed with an `issue_failed`, if it is written.
    Intent(Box<Intent>),
    /// Written as soon as possible, once.
    Outcome,
    Other,
}

/// An intent, and since when its caller waits.
#[derive(Clone)]
pub(super) struct Intent {
    event: AuditEvent,
    since: Instant,
}

impl Intent {
    /// The event that closes it.
    pub(super) fn closing(&self) -> Option<Entry> {
        let event = self.event.abandoned_outcome(self.since.elapsed())?;
        entry(&event)
            .inspect_err(|error| tracing::error!(%error, "an abandoned intent stays open"))
            .ok()
    }
}

impl Pending {
    /// An event that is written or not: its caller acts only if it is durable.
    pub(super) fn new(event: &AuditEvent) -> Result<Self, StoreError> {
        let is_intent = matches!(event.kind, AuditEventKind::IssueIntended { .. });
        let kind = match is_intent {
            true => Kind::Intent(Box::new(Intent {
                event: event.clone(),
                since: Instant::now(),
            })),
            false => Kind::Other,
        };
        Self::of_kind(event, kind)
    }

    /// An event that must be written once, whether its caller waits or not: the end of an intent, or a summary. Two guarantees
    /// depend on this kind, and one delay:
    ///
    /// - It is accepted, kept in memory and retried while the database fails. Otherwise each outage would leave intents open
    ///   that `audit verify` reports.
    /// - It is answered when it is committed, not when it is flushed. Its intent is on disk, so a power failure between the two
    ///   cannot hide credentials, and the person waits for one flush of the disk instead of two.
    pub(super) fn outcome(event: &AuditEvent) -> Result<Self, StoreError> {
        Self::of_kind(event, Kind::Outcome)
    }

    fn of_kind(event: &AuditEvent, kind: Kind) -> Result<Self, StoreError> {
        let entry = entry(event).map_err(|error| StoreError::Unavailable(error.into()))?;
        Ok(Self { entry, kind })
    }

    /// An outcome that was not written before.
    pub(super) fn retried(entry: Entry) -> Self {
        let kind = Kind::Outcome;
        Self { entry, kind }
    }

    pub(super) fn is_outcome(&self) -> bool {
        matches!(self.kind, Kind::Outcome)
    }

    pub(super) fn intent(&self) -> Option<&Intent> {
        match &self.kind {
            Kind::Intent(intent) => Some(intent),
            Kind::Outcome | Kind::Other => None,
        }
    }
}

/// A caller that waits for an event.
pub(super) struct Waiter {
    answer: oneshot::Sender<Outcome>,
    /// The intent that the caller waits for, and where it is sent to be closed.
    intent: Option<(Intent, mpsc::Sender<Intent>)>,
}

impl Waiter {
    pub(super) fn new(
        intent: Option<(Intent, mpsc::Sender<Intent>)>,
    ) -> (Self, oneshot::Receiver<Outcome>) {
        let (answer, outcome) = oneshot::channel();
        (Self { answer, intent }, outcome)
    }

    /// Whether this is an intent whose caller gave up.
    pub(super) fn has_given_up(&self) -> bool {
        self.intent.is_some() && self.answer.is_closed()
    }

    /// Answers the caller. An intent that is in the trail (`stands`) is sent to be closed if its caller does not act on it: it
    /// receives an error, or gave up.
    pub(super) fn answer(self, outcome: Outcome, stands: bool) {
        let is_error = outcome.is_err();
        let is_unheard = self.answer.send(outcome).is_err();
        if stands
            && (is_error || is_unheard)
            && let Some((intent, abandoned)) = self.intent
            && abandoned.try_send(intent).is_err()
        {
            tracing::error!("an abandoned intent stays open: too many at once");
        }
    }
}
