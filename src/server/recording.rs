//! Writes the records of people's last sign-ins while the gateway runs, and once before it ends.

use std::time::Duration;

use crate::people::{PeopleWriter, Written};
use crate::web::health::Draining;
use crate::web::metrics::Metrics;

/// Interval between batches. Records of one person within it are written once.
const INTERVAL: Duration = Duration::from_secs(1);
/// Interval while records wait. Other writers of SQLite get their turn.
const PAUSE: Duration = Duration::from_millis(150);
/// Interval after an error.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Writes until the gateway stops. A batch in progress is then completed.
pub async fn write_until(writer: &mut PeopleWriter, metrics: &Metrics, draining: &Draining) {
    let mut log = FailureLog::default();
    let mut wait = INTERVAL;
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = draining.begun() => return,
        }
        let (written, outcome) = writer.write_batch().await;
        count(metrics, written);
        log.lost(written);
        let more = match outcome {
            Ok(()) => writer.prune_if_due().await.map(|old| old || written.more),
            Err(error) => Err(error),
        };
        wait = match &more {
            Ok(true) => PAUSE,
            Ok(false) => INTERVAL,
            Err(_) => RETRY_INTERVAL,
        };
        log.report(more.err());
    }
}

/// Writes the remaining records within `longest`. Those that are left are missing until these people sign in again.
pub async fn write_last(writer: &mut PeopleWriter, metrics: &Metrics, longest: Duration) {
    let mut log = FailureLog::default();
    let writing = async {
        loop {
            let (written, outcome) = writer.write_batch().await;
            count(metrics, written);
            log.lost(written);
            match outcome {
                Ok(()) if written.more => {}
                Ok(()) => return,
                Err(error) => return log.report(Some(error)),
            }
        }
    };
    if tokio::time::timeout(longest, writing).await.is_err() {
        tracing::warn!(
            "timeout while recording the last sign-ins; some people are not known as of their last sign-in"
        );
    }
}

fn count(metrics: &Metrics, written: Written) {
    metrics.people("recorded", written.recorded);
    metrics.people("dropped", written.dropped);
    metrics.people("too_large", written.too_large);
}

/// Logs the first of several errors.
#[derive(Default)]
struct FailureLog {
    is_failing: bool,
    is_losing: bool,
}

impl FailureLog {
    fn report(&mut self, error: Option<impl std::error::Error + 'static>) {
        if let Some(error) = &error
            && !self.is_failing
        {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "people could not be recorded as of their last sign-in; sign-ins are not affected; retrying"
            );
        }
        self.is_failing = error.is_some();
    }

    fn lost(&mut self, written: Written) {
        let is_losing = written.dropped > 0 || written.too_large > 0;
        if is_losing && !self.is_losing {
            tracing::warn!(
                dropped = written.dropped,
                too_large = written.too_large,
                "sign-ins were not recorded; these people are known as of an earlier sign-in, or not at all"
            );
        }
        self.is_losing = is_losing;
    }
}
