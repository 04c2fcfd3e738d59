//! Writes summaries of rejected unauthenticated requests to the audit trail while the gateway runs, and once before it
//! ends.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::gateway::Gateway;

use crate::web::health::Draining;

/// Interval between checks for completed windows. A check without one is free of cost.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Writes until the gateway stops. A write in progress then gets `longest` to complete; the rest is left to
/// [`write_last`].
pub async fn write_until(gateway: &Arc<Gateway>, draining: &Draining, longest: Duration) {
    let mut failing = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = draining.begun() => return,
        }
        let written = tokio::select! {
            written = gateway.journal().write_refusals(false) => written,
            () = draining.begun_for(longest) => return,
        };
        match written {
            Ok(()) => failing = false,
            Err(error) => {
                if !failing {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "summaries of rejected requests could not be written to the audit trail; they are kept until it is available"
                    );
                }
                failing = true;
            }
        }
    }
}

/// Writes the remaining summaries within `longest`, before the audit trail is closed.
pub async fn write_last(gateway: &Arc<Gateway>, longest: Duration) {
    match tokio::time::timeout(longest, gateway.journal().write_refusals(true)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(
            error = &error as &dyn std::error::Error,
            "the last summaries of rejected requests could not be written to the audit trail"
        ),
        Err(_) => tracing::error!(
            "timeout while writing the last summaries of rejected requests; the audit trail does not contain all of them"
        ),
    }
}
