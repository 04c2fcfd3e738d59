//! New access policies and keys while the gateway runs: on SIGHUP, and when a file changes. A policy is adopted whole or
//! not at all; the old one keeps serving.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rolecall_core::gateway::Gateway;
use tokio::signal::unix::{SignalKind, signal};

use crate::aws::TokenIssuer;
use crate::config::Settings;
use crate::web::metrics::Metrics;

/// How often the files' times are looked at. Asking for a file's time costs microseconds.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What a file looked like: path, time of change, size.
type Sight = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

/// Watches what can change under a running gateway.
pub struct Watcher {
    gateway: Arc<Gateway>,
    settings: Arc<Settings>,
    issuer: Arc<TokenIssuer>,
    metrics: Metrics,
}

/// A watcher for the gateway's files.
pub fn watch(
    gateway: Arc<Gateway>,
    settings: Arc<Settings>,
    issuer: Arc<TokenIssuer>,
    metrics: Metrics,
) -> Watcher {
    Watcher {
        gateway,
        settings,
        issuer,
        metrics,
    }
}

impl Watcher {
    /// Watches until `end`.
    pub async fn until(self, end: impl Future<Output = ()>) {
        tokio::select! {
            () = self.look_for_ever() => {}
            () = end => {}
        }
    }

    async fn look_for_ever(&self) {
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(hangup) => hangup,
            Err(error) => {
                tracing::error!(%error, "SIGHUP cannot be heard; files are still watched");
                return std::future::pending().await;
            }
        };
        let mut seen = self.look();
        loop {
            let asked = tokio::select! {
                _ = hangup.recv() => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            let now = self.look();
            if asked || now != seen {
                seen = now;
                self.reload().await;
            }
        }
    }

    fn look(&self) -> Sight {
        let files = self.settings.access.files().unwrap_or_default();
        let keys = self.settings.issuer_keys.join("keys.json");
        let sight = |path: PathBuf| {
            let seen = std::fs::metadata(&path)
                .ok()
                .and_then(|metadata| Some((metadata.modified().ok()?, metadata.len())));
            (path, seen)
        };
        files.into_iter().chain([keys]).map(sight).collect()
    }

    async fn reload(&self) {
        if let Err(error) = self.issuer.reload() {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the issuer's keys could not be read again; the old ones serve on"
            );
        }
        let settings = self.settings.clone();
        let read = tokio::task::spawn_blocking(move || settings.access.load(&settings)).await;
        let adopted = match read {
            Ok(Ok((policy, digest))) => match self.gateway.adopt(policy, digest).await {
                Ok(()) => true,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the new access policy could not be audited; the old one serves on"
                    );
                    false
                }
            },
            Ok(Err(mistakes)) => {
                tracing::error!(
                    "the new access policy was refused; the old one serves on:\n{mistakes}"
                );
                if let Err(error) = self.gateway.record_refused_load(mistakes.count()).await {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the refusal could not be audited"
                    );
                }
                false
            }
            Err(error) => {
                tracing::error!(%error, "reading the access policy was interrupted; the old one serves on");
                false
            }
        };
        if adopted {
            tracing::info!("a new access policy serves");
        }
        self.metrics.policy_load(adopted);
    }
}
