//! New access policies and keys while the gateway runs: on SIGHUP, and when a file changes. A policy is adopted whole or
//! not at all; the old one keeps serving.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rolecall_core::gateway::Gateway;
use tokio::signal::unix::{SignalKind, signal};

use super::issuers::Issuers;
use crate::config::Settings;
use crate::web::metrics::Metrics;

/// How often the files' times are looked at. Asking for a file's time costs microseconds.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often the keys are read although nothing has changed: one that retires by time leaves the published ones then.
const KEYS_EVERY: Duration = Duration::from_secs(3_600);

/// What files looked like: path, time of change, size.
type Sight = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

/// Watches what can change under a running gateway.
pub struct Watcher {
    gateway: Arc<Gateway>,
    settings: Arc<Settings>,
    issuers: Issuers,
    metrics: Metrics,
    /// The files that the access files refer to.
    referred: Vec<PathBuf>,
}

impl Watcher {
    /// A watcher for the gateway's files; `referred` are those that the access files refer to.
    pub fn new(
        gateway: Arc<Gateway>,
        settings: Arc<Settings>,
        issuers: Issuers,
        metrics: Metrics,
        referred: Vec<PathBuf>,
    ) -> Self {
        Self {
            gateway,
            settings,
            issuers,
            metrics,
            referred,
        }
    }

    /// Watches until `end`.
    pub async fn until(mut self, end: impl Future<Output = ()>) {
        tokio::select! {
            () = self.watch() => {}
            () = end => {}
        }
    }

    async fn watch(&mut self) {
        let mut hangup = signal(SignalKind::hangup())
            .inspect_err(
                |error| tracing::error!(%error, "SIGHUP cannot be heard; files are still watched"),
            )
            .ok();
        let (mut keys, mut access) = (self.keys_now(), self.access_now());
        let mut keys_read_at = Instant::now();
        loop {
            let asked = tokio::select! {
                Some(()) = async { hangup.as_mut()?.recv().await } => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            let now = self.keys_now();
            if asked || now != keys || keys_read_at.elapsed() >= KEYS_EVERY {
                keys = now;
                keys_read_at = Instant::now();
                self.reload_keys();
            }
            let now = self.access_now();
            if asked || now != access {
                // What could not be audited is tried again at the next look.
                if self.reload_access().await {
                    access = self.access_now_as_in(&now);
                }
            }
        }
    }

    fn keys_now(&self) -> Sight {
        sight([self.settings.issuer_keys.join("keys.json")])
    }

    fn access_now(&self) -> Sight {
        let files = self.settings.access.files().unwrap_or_default();
        sight(files.into_iter().chain(self.referred.iter().cloned()))
    }

    /// The files of this moment, each as it was seen `before` it was read: a change since then is still news.
    fn access_now_as_in(&self, before: &Sight) -> Sight {
        let known = |path: &PathBuf| before.iter().find(|(known, _)| known == path).cloned();
        let now = self.access_now();
        now.into_iter()
            .map(|seen| known(&seen.0).unwrap_or(seen))
            .collect()
    }

    fn reload_keys(&self) {
        match self.issuers.reload() {
            Ok(()) => tracing::info!("the issuer's keys were read again"),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the issuer's keys could not be read again; the old ones serve on"
            ),
        }
    }

    /// Whether the files are done with: their policy serves, or was refused.
    async fn reload_access(&mut self) -> bool {
        let settings = self.settings.clone();
        let read = match tokio::task::spawn_blocking(move || settings.access.load()).await {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "reading the access policy was interrupted; the old one serves on");
                return false;
            }
        };
        if let Ok(access) = &read
            && let Err(error) = self.issuers.suffice(&access.policy)
        {
            tracing::error!("{error:#}; its roles cannot be used before it does");
        }
        let (adopted, done) = match read {
            Ok(access) => match self.gateway.adopt(access.policy, access.digest).await {
                Ok(()) => {
                    tracing::info!("a new access policy serves");
                    self.referred = access.referred;
                    (true, true)
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the new access policy could not be audited; the old one serves on"
                    );
                    (false, false)
                }
            },
            Err(mistakes) => {
                tracing::error!(
                    "the new access policy was refused; the old one serves on:\n{mistakes}"
                );
                if let Err(error) = self.gateway.record_refused_load(mistakes.count()).await {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the refusal could not be audited"
                    );
                }
                (false, true)
            }
        };
        self.metrics.policy_load(adopted);
        done
    }
}

fn sight(files: impl IntoIterator<Item = PathBuf>) -> Sight {
    let look = |path: PathBuf| {
        let seen = std::fs::metadata(&path)
            .ok()
            .and_then(|metadata| Some((metadata.modified().ok()?, metadata.len())));
        (path, seen)
    };
    files.into_iter().map(look).collect()
}
