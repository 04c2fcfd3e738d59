//! Keeps each accepted access policy in the database while the gateway runs.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use crate::database::Database;
use crate::policy_archive::{ARCHIVE_BYTES_MAX, KeepPolicyError, PolicyFiles, keep_policy};
use crate::web::health::Draining;

/// Policies that may wait for the database.
const QUEUE_MAX: usize = 16;
/// Interval after an error.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// How long keeping a policy may take.
const KEEP_MAX: Duration = Duration::from_secs(30);

/// A policy, and when it was accepted.
type Accepted = (PolicyFiles, DateTime<Utc>);

/// Accepts the policies to keep.
#[derive(Clone)]
pub struct PolicyQueue(Sender<Accepted>);

impl PolicyQueue {
    /// Accepts a policy that is in use since `at`.
    pub fn keep(&self, files: PolicyFiles, at: DateTime<Utc>) {
        if self.0.try_send((files, at)).is_err() {
            tracing::warn!(
                "an access policy was not kept in the database, because too many wait; it is in use"
            );
        }
    }
}

/// A queue of policies, and its end for [`keep_until`].
pub fn policy_queue() -> (PolicyQueue, Receiver<Accepted>) {
    let (sender, queue) = channel(QUEUE_MAX);
    (PolicyQueue(sender), queue)
}

/// Keeps policies until the gateway stops. Those that wait then are tried once more.
pub async fn keep_until(mut queue: Receiver<Accepted>, database: &Database, draining: &Draining) {
    loop {
        let next = tokio::select! {
            next = queue.recv() => next,
            () = draining.begun() => break,
        };
        let Some((files, at)) = next else {
            return;
        };
        let mut is_failing = false;
        while let Err(error) = keep(database, &files, at).await {
            if !std::mem::replace(&mut is_failing, true) {
                report(&error);
            }
            if let KeepPolicyError::Files(_) = error {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY_INTERVAL) => {}
                () = draining.begun() => break,
            }
        }
    }
    while let Ok((files, at)) = queue.try_recv() {
        if let Err(error) = keep(database, &files, at).await {
            return report(&error);
        }
    }
}

async fn keep(
    database: &Database,
    files: &PolicyFiles,
    at: DateTime<Utc>,
) -> Result<(), KeepPolicyError> {
    let keeping = timeout(
        KEEP_MAX,
        keep_policy(database, files.clone(), at, ARCHIVE_BYTES_MAX),
    );
    let kept = keeping.await;
    kept.unwrap_or(Err(KeepPolicyError::TimedOut))
}

fn report(error: &KeepPolicyError) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "an access policy could not be kept in the database; it is in use"
    );
}
