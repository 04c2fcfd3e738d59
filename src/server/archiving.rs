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

/// Keeps policies until the gateway stops. Those that wait then are tried once more, all within `longest`.
pub async fn keep_until(
    queue: Receiver<Accepted>,
    database: &Database,
    draining: &Draining,
    longest: Duration,
) {
    tokio::select! {
        () = keep_all(queue, database, draining) => {}
        () = draining.begun_for(longest) => {
            tracing::warn!(
                "timeout while keeping access policies in the database; the next start keeps those that are in use"
            );
        }
    }
}

async fn keep_all(mut queue: Receiver<Accepted>, database: &Database, draining: &Draining) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::DatabaseUrl;

    /// The gateway stops while another writer holds the database.
    #[tokio::test]
    async fn blocked_database_does_not_delay_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("audit.db"));
        let database = Database::open_or_create(&url).await.unwrap();
        let _held = database.write_lock().await;
        let (policies, accepted) = policy_queue();
        for _ in 0..2 {
            policies.keep(PolicyFiles::default(), DateTime::UNIX_EPOCH);
        }
        let draining = Draining::default();
        let longest = Duration::from_millis(100);
        let ended = timeout(KEEP_MAX / 2, async {
            let stop = async {
                tokio::time::sleep(longest).await;
                draining.begin();
            };
            tokio::join!(keep_until(accepted, &database, &draining, longest), stop)
        });
        ended.await.unwrap();
    }

    #[tokio::test]
    async fn waiting_policies_are_kept_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("audit.db"));
        let database = Database::open_or_create(&url).await.unwrap();
        let (policies, accepted) = policy_queue();
        policies.keep(PolicyFiles::default(), DateTime::UNIX_EPOCH);
        let draining = Draining::default();
        draining.begin();
        keep_until(accepted, &database, &draining, KEEP_MAX).await;
        let kept = crate::policy_archive::kept_policies(&database, 10).await;
        assert_eq!(kept.unwrap().len(), 1);
    }
}
