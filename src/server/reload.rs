//! Reloads access files, keys, certificates and files of providers while the gateway runs: on SIGHUP, and if a file
//! changes. Each kind is replaced as a whole or not at all.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rolecall_core::gateway::Gateway;
use tokio::signal::unix::{SignalKind, signal};

use super::archiving::PolicyQueue;
use super::issuers::Issuers;
use super::providers::Providers;
use super::tls::Certificate;
use crate::config::{ProviderSource, Settings};
use crate::web::metrics::Metrics;

/// Interval between checks of modification times. A check takes microseconds per file.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Interval at which keys are read even without changes, because a retiring key must be removed from the published keys
/// in time.
const KEYS_INTERVAL: Duration = Duration::from_secs(3_600);

/// The kinds of files, as labels of metrics.
const CERTIFICATE: &str = "certificate";
const ISSUER_KEYS: &str = "issuer_keys";
const PROVIDERS: &str = "providers";

/// State of files: path, modification time, size.
type Snapshot = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

/// The state of files when they were last loaded and when they were last checked.
struct WatchedFiles {
    read: Snapshot,
    last: Snapshot,
}

impl WatchedFiles {
    fn new(now: Snapshot) -> Self {
        let (read, last) = (now.clone(), now);
        Self { read, last }
    }

    /// Whether to load the files: on request, or if they have changed and stayed the same between two checks. This
    /// avoids loading a file that is still being written.
    fn is_due(&mut self, now: &Snapshot, requested: bool) -> bool {
        let quiet = *now == std::mem::replace(&mut self.last, now.clone());
        requested || (quiet && *now != self.read)
    }

    fn mark_loaded(&mut self, now: Snapshot) {
        self.read = now;
    }
}

/// The parts of a running gateway that can be reloaded.
pub struct Reloader {
    /// Receives a new policy.
    pub gateway: Arc<Gateway>,
    /// The paths of the files.
    pub settings: Arc<Settings>,
    /// The issuers, with the gateway's own keys.
    pub issuers: Issuers,
    /// The TLS certificate of the public listener.
    pub certificate: Option<Arc<Certificate>>,
    /// The adapters of the identity providers.
    pub providers: Providers,
    /// Reads the files of the providers.
    pub provider_source: ProviderSource,
    /// The metrics of this gateway.
    pub metrics: Metrics,
    /// Keeps accepted policies.
    pub policies: PolicyQueue,
    /// The files that the access files reference.
    pub referenced_files: Vec<PathBuf>,
}

impl Reloader {
    /// Watches until `end` completes.
    pub async fn until(mut self, end: impl Future<Output = ()>) {
        for files in [CERTIFICATE, ISSUER_KEYS, PROVIDERS] {
            self.metrics.files_load(files, true);
        }
        tokio::select! {
            () = self.watch() => {}
            () = end => {}
        }
    }

    async fn watch(&mut self) {
        let mut hangup = signal(SignalKind::hangup())
            .inspect_err(
                |error| tracing::error!(%error, "cannot install a handler for SIGHUP; files are still watched"),
            )
            .ok();
        let mut keys = WatchedFiles::new(self.keys_now());
        let mut access = WatchedFiles::new(self.access_now());
        let mut certificate = WatchedFiles::new(self.certificate_now());
        let mut providers = WatchedFiles::new(self.providers_now());
        let mut keys_read_at = Instant::now();
        loop {
            let requested = tokio::select! {
                Some(()) = async { hangup.as_mut()?.recv().await } => true,
                () = tokio::time::sleep(POLL_INTERVAL) => false,
            };
            let now = self.keys_now();
            if keys.is_due(&now, requested) || keys_read_at.elapsed() >= KEYS_INTERVAL {
                keys.mark_loaded(now);
                keys_read_at = Instant::now();
                self.reload_keys();
            }
            let now = self.certificate_now();
            if certificate.is_due(&now, requested) {
                certificate.mark_loaded(now);
                self.reload_certificate();
            }
            let now = self.providers_now();
            if providers.is_due(&now, requested) && self.reload_providers().await {
                providers.mark_loaded(keep_previous_states(&now, self.providers_now()));
            }
            let now = self.access_now();
            // If the audit trail was not available, the next check tries again.
            if access.is_due(&now, requested) && self.reload_access().await {
                access.mark_loaded(keep_previous_states(&now, self.access_now()));
            }
        }
    }

    fn keys_now(&self) -> Snapshot {
        snapshot([self.settings.issuer_keys.join("keys.json")])
    }

    fn access_now(&self) -> Snapshot {
        let files = self.settings.access.files().unwrap_or_default();
        snapshot(
            files
                .into_iter()
                .chain(self.referenced_files.iter().cloned()),
        )
    }

    fn certificate_now(&self) -> Snapshot {
        let files = self.certificate.iter().flat_map(|files| files.files());
        snapshot(files)
    }

    fn providers_now(&self) -> Snapshot {
        snapshot(self.providers.files().iter().cloned())
    }

    fn reload_keys(&self) {
        let read = self.issuers.reload();
        self.metrics.files_load(ISSUER_KEYS, read.is_ok());
        match read {
            Ok(()) => tracing::info!("issuer keys reloaded"),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "could not reload the issuer keys; the previous keys stay in use"
            ),
        }
    }

    fn reload_certificate(&self) {
        let Some(certificate) = &self.certificate else {
            return;
        };
        let read = certificate.reload();
        self.metrics.files_load(CERTIFICATE, read.is_ok());
        match read {
            Ok(()) => tracing::info!("TLS certificate reloaded"),
            Err(error) => {
                tracing::error!(
                    "could not reload the TLS certificate; the previous one stays in use: {error:#}"
                );
            }
        }
    }

    /// Returns whether the files are settled: in use, or rejected.
    async fn reload_providers(&mut self) -> bool {
        let source = self.provider_source.clone();
        let read = match tokio::task::spawn_blocking(move || source.read()).await {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "reading the files of the providers was interrupted; the previous ones stay in use");
                return false;
            }
        };
        let (accepted, done) = match read {
            Ok(read) => {
                let gateway = self.gateway.clone();
                let accept =
                    async |digest| Ok(gateway.entitlements().record_load(digest, None).await?);
                match self.providers.replace(read, accept).await {
                    Ok(0) => (true, true),
                    Ok(number) => {
                        tracing::info!(providers = number, "provider files reloaded");
                        (true, true)
                    }
                    Err(error) => {
                        tracing::error!(
                            "could not reload the provider files; the previous ones stay in use: {error:#}"
                        );
                        (false, false)
                    }
                }
            }
            Err(errors) => {
                tracing::error!(
                    "the new provider files were rejected; the previous ones stay in use:\n{errors}"
                );
                self.audit_refusal(errors.count()).await;
                (false, true)
            }
        };
        self.metrics.files_load(PROVIDERS, accepted);
        done
    }

    async fn audit_refusal(&self, errors: u64) {
        if let Err(error) = self
            .gateway
            .entitlements()
            .record_refused_load(errors)
            .await
        {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the rejected reload could not be written to the audit trail"
            );
        }
    }

    /// Returns whether the files are settled: in use, or rejected.
    async fn reload_access(&mut self) -> bool {
        let settings = self.settings.clone();
        let read = match tokio::task::spawn_blocking(move || settings.access.load()).await {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "reading the access files was interrupted; the previous policy stays in use");
                return false;
            }
        };
        if let Ok(access) = &read
            && let Err(error) = self.issuers.check_required_keys(&access.policy)
        {
            tracing::error!("{error:#}; its roles cannot be used before it does");
        }
        let (adopted, done) = match read {
            Ok(access) => match self
                .gateway
                .entitlements()
                .replace_policy(access.policy, access.digest)
                .await
            {
                Ok(changes) => {
                    tracing::info!(
                        assignments = changes.assignments,
                        denies = changes.denies,
                        roles = changes.roles,
                        "access policy reloaded: {changes}"
                    );
                    self.policies.keep(access.files, self.gateway.now());
                    self.referenced_files = access.referenced_files;
                    (true, true)
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the new access policy could not be written to the audit trail; the previous one stays in use"
                    );
                    (false, false)
                }
            },
            Err(errors) => {
                tracing::error!(
                    "the new access policy was rejected; the previous one stays in use:\n{errors}"
                );
                self.audit_refusal(errors.count()).await;
                (false, true)
            }
        };
        self.metrics.policy_load(adopted);
        done
    }
}

/// The current files, each with the state from `before` it was loaded, so that a change since then is detected.
fn keep_previous_states(before: &Snapshot, now: Snapshot) -> Snapshot {
    let known = |path: &PathBuf| before.iter().find(|(known, _)| known == path).cloned();
    now.into_iter()
        .map(|seen| known(&seen.0).unwrap_or(seen))
        .collect()
}

fn snapshot(files: impl IntoIterator<Item = PathBuf>) -> Snapshot {
    let look = |path: PathBuf| {
        let seen = std::fs::metadata(&path)
            .ok()
            .and_then(|metadata| Some((metadata.modified().ok()?, metadata.len())));
        (path, seen)
    };
    files.into_iter().map(look).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: u64) -> Snapshot {
        vec![("access.toml".into(), Some((SystemTime::UNIX_EPOCH, bytes)))]
    }

    #[test]
    fn changed_file_is_loaded_after_a_quiet_interval() {
        let mut seen = WatchedFiles::new(written(1));
        assert!(!seen.is_due(&written(1), false));
        assert!(
            !seen.is_due(&written(2), false),
            "it is still being written"
        );
        assert!(!seen.is_due(&written(3), false));
        assert!(seen.is_due(&written(3), false));
        assert!(seen.is_due(&written(3), false), "due until it is loaded");
        seen.mark_loaded(written(3));
        assert!(!seen.is_due(&written(3), false));
        assert!(!seen.is_due(&Vec::new(), false));
        assert!(seen.is_due(&written(4), true), "a request does not wait");
    }
}
