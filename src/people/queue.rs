//! The queue between sign-ins and the task that writes their records. The queue and the records that the task has taken
//! are each bounded by number, and both together by bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use chrono::TimeDelta;
use rolecall_core::base::Clock;
use rolecall_core::people::{InvalidPerson, PeopleLog, RecordedPerson};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::table::Row;
use super::writer::PeopleWriter;
use crate::database::Database;

/// Records that may wait: those of several seconds when a large company begins its day.
pub(super) const QUEUE_MAX: usize = 4_096;
/// Bytes of waiting records: those in the queue, and those that the task has taken and not written yet.
const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Records that were not kept, since they were last reported.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// The queue was full, or the writer has ended.
    pub(super) dropped: AtomicU64,
    /// Larger than [`rolecall_core::base::limits::RECORDED_PERSON_BYTES_MAX`].
    pub(super) too_large: AtomicU64,
}

/// Accepts the records of sign-ins.
pub struct SqlPeople {
    queue: Sender<Row>,
    waiting: Arc<AtomicUsize>,
    losses: Arc<Losses>,
    /// Whether `[audit] people` is not zero.
    is_on: bool,
}

/// A log of people in this database, and the task that writes it. Records are deleted when they are older than `kept`. If
/// it is zero, nobody is recorded, and earlier records are deleted.
pub fn people_log(
    database: Database,
    clock: Arc<dyn Clock>,
    kept: TimeDelta,
) -> (SqlPeople, PeopleWriter) {
    let (sender, queue) = channel(QUEUE_MAX);
    let (waiting, losses) = (Arc::<AtomicUsize>::default(), Arc::<Losses>::default());
    let people = SqlPeople {
        queue: sender,
        waiting: Arc::clone(&waiting),
        losses: Arc::clone(&losses),
        is_on: !kept.is_zero(),
    };
    let source = Waiting { queue, waiting };
    let writer = PeopleWriter::new(source, losses, database, clock, kept);
    (people, writer)
}

impl PeopleLog for SqlPeople {
    fn record(&self, person: RecordedPerson) {
        if !self.is_on {
            return;
        }
        let row = match Row::of(&person) {
            Ok(row) => row,
            Err(InvalidPerson::TooLong) => {
                self.losses.too_large.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Err(
                InvalidPerson::NotAnObject(_)
                | InvalidPerson::UnknownMember(_)
                | InvalidPerson::Member(_)
                | InvalidPerson::Claims(_)
                | InvalidPerson::Email(_),
            ) => {
                self.losses.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
        };
        let bytes = row.bytes();
        let before = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= QUEUE_BYTES_MAX;
        if !fits || self.queue.try_send(row).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.losses.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The end of the queue from which the task reads.
pub(super) struct Waiting {
    queue: Receiver<Row>,
    waiting: Arc<AtomicUsize>,
}

impl Waiting {
    /// A record that waits; `None` if none does. Its bytes count until [`Self::release`].
    pub(super) fn next(&mut self) -> Option<Row> {
        self.queue.try_recv().ok()
    }

    /// This record is written, replaced or dropped.
    pub(super) fn release(&self, row: &Row) {
        self.waiting.fetch_sub(row.bytes(), Ordering::Relaxed);
    }
}
