//! Updates the search index of the audit trail while the gateway runs.

use std::time::Duration;

use crate::audit::{SqlAudit, fill_index};
use crate::web::health::Draining;

/// Interval between checks for events that are not indexed. A check without such events is one read.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Updates the index until the gateway stops. A batch in progress is then rolled back; the next start continues.
pub async fn fill_until(audit: &SqlAudit, draining: &Draining) {
    let mut failing = false;
    let mut wait = POLL_INTERVAL;
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = draining.begun() => return,
        }
        let filled = tokio::select! {
            filled = fill_index(audit.database()) => filled,
            () = draining.begun() => return,
        };
        match filled {
            Ok(rest) => {
                failing = false;
                wait = rest.unwrap_or(POLL_INTERVAL);
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the search index of the audit trail could not be updated; the audit trail itself is not affected; retrying"
                    );
                }
                failing = true;
                wait = POLL_INTERVAL;
            }
        }
    }
}
