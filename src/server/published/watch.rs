//! Compares the published documents while the gateway runs, so that it signs with a key that AWS finds, and so that a
//! foreign key is noticed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rolecall_core::base::{Entropy, text};
use tokio::time::Instant;

use super::{PublishedDocuments, spread};
use crate::aws::{Difference, Severity, TokenIssuer};
use crate::web::health::Draining;
use crate::web::metrics::Metrics;

/// Seconds between comparisons: two small requests of each replica.
const COMPARE_EVERY: u64 = 600;
/// Seconds, after a difference or a failure.
const RETRY_AFTER: u64 = 60;
/// Interval at which a change of the own keys is noticed, which is compared at once.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Compares until the gateway drains. Does nothing if the gateway itself serves the documents.
pub async fn keep_compared(
    published: Option<&PublishedDocuments>,
    tokens: &TokenIssuer,
    (metrics, entropy): (&Metrics, &dyn Entropy),
    draining: &Draining,
) {
    let Some(published) = published else { return };
    let mut watch = Watch {
        due: None,
        compared: None,
        reported: None,
    };
    loop {
        tokio::select! {
            () = watch.step(published, tokens, (metrics, entropy)) => {}
            () = draining.begun() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = draining.begun() => return,
        }
    }
}

struct Watch {
    /// The next time to compare.
    due: Option<Instant>,
    /// Entity tag of the own key set at the last comparison.
    compared: Option<Arc<str>>,
    /// What the log says; empty if there is no difference.
    reported: Option<Vec<String>>,
}

impl Watch {
    async fn step(
        &mut self,
        published: &PublishedDocuments,
        tokens: &TokenIssuer,
        (metrics, entropy): (&Metrics, &dyn Entropy),
    ) {
        let own = tokens.documents();
        let is_new = self.compared.as_ref() != Some(&own.jwks.etag);
        if !is_new && self.due.is_some_and(|due| Instant::now() < due) {
            return;
        }
        let compared = published.compare(&own).await;
        self.compared = Some(Arc::clone(&own.jwks.etag));
        let (faults, foreign) = match compared {
            Ok(comparison) => {
                let faults: Vec<&Difference> = comparison.faults().collect();
                let dangers = faults
                    .iter()
                    .filter(|one| one.severity() == Severity::Danger);
                let dangers = dangers.count();
                let faults = faults.iter().map(ToString::to_string).collect();
                tokens.set_served(comparison.served);
                (faults, Some(dangers))
            }
            Err(error) => (vec![text::chain(&error)], None),
        };
        published
            .differs
            .store(!faults.is_empty(), Ordering::Relaxed);
        metrics.issuer_documents(faults.is_empty(), foreign);
        let seconds = match faults.is_empty() {
            true => COMPARE_EVERY,
            false => RETRY_AFTER,
        };
        self.due = Some(Instant::now() + spread(seconds, entropy));
        self.report(faults, foreign, own.issuer());
    }

    /// Writes to the log what has changed since the last comparison.
    fn report(&mut self, faults: Vec<String>, foreign: Option<usize>, issuer: &str) {
        if self.reported.as_ref() == Some(&faults) {
            return;
        }
        for fault in &faults {
            match foreign {
                Some(1..) => tracing::error!(
                    issuer,
                    "the published documents may let somebody else sign tokens: {fault}; see \"The published documents were changed\" in docs/issuer.md"
                ),
                Some(0) | None => tracing::warn!(
                    issuer,
                    "the published documents differ from the keys of this gateway: {fault}; run `rolecalld check --online`"
                ),
            }
        }
        if faults.is_empty() {
            tracing::info!(
                issuer,
                "the published documents match the keys of this gateway"
            );
        }
        self.reported = Some(faults);
    }
}
