//! Fills the search index of the audit trail behind the events, while the gateway runs.

use std::time::Duration;

use crate::audit::{SqlAudit, fill_index};
use crate::web::health::Draining;

/// How often it is asked whether there are events that the index lacks. Asking is one read where there are none.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Fills the index until the gateway stops. A batch that was begun then is given up and undone; the next start goes on.
pub async fn fill_until(audit: &SqlAudit, draining: &Draining) {
    let mut failing = false;
    let mut wait = LOOK_EVERY;
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
                wait = rest.unwrap_or(LOOK_EVERY);
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the search index of the audit trail cannot be filled; the trail itself is not concerned, and it is tried again"
                    );
                }
                failing = true;
                wait = LOOK_EVERY;
            }
        }
    }
}
