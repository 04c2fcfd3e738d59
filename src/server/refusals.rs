//! Writes the refusals of requests that show nothing of ours to the audit trail, summarised, while the gateway runs and
//! once more before it ends.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::gateway::Gateway;

use crate::web::health::Draining;

/// How often it is asked whether a window has ended. Asking costs nothing where none has.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Writes until the gateway stops. A write that has begun is finished first, unless it takes longer than `longest` then; what is
/// left of it is for [`write_last`].
pub async fn write_until(gateway: &Arc<Gateway>, draining: &Draining, longest: Duration) {
    let mut failing = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = draining.begun() => return,
        }
        let given_up = async {
            draining.begun().await;
            tokio::time::sleep(longest).await;
        };
        let written = tokio::select! {
            written = gateway.journal().write_refusals(false) => written,
            () = given_up => return,
        };
        match written {
            Ok(()) => failing = false,
            Err(error) => {
                if !failing {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "refused requests could not be summarised in the audit trail; they are kept until it answers"
                    );
                }
                failing = true;
            }
        }
    }
}

/// Writes what has not been written, before the trail is closed, for so long at most.
pub async fn write_last(gateway: &Arc<Gateway>, longest: Duration) {
    match tokio::time::timeout(longest, gateway.journal().write_refusals(true)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(
            error = &error as &dyn std::error::Error,
            "the last refused requests could not be summarised in the audit trail"
        ),
        Err(_) => tracing::error!(
            "the audit trail is too slow: the last refused requests are not all summarised in it"
        ),
    }
}
