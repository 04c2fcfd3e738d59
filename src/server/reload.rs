//! New access policies, keys, certificates and files of providers while the gateway runs: on SIGHUP, and when a file
//! changes. Each kind is adopted whole or not at all; the old one keeps serving.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rolecall_core::gateway::Gateway;
use tokio::signal::unix::{SignalKind, signal};

use super::issuers::Issuers;
use super::providers::Providers;
use super::tls::Certificate;
use crate::config::{ProviderSource, Settings};
use crate::web::metrics::Metrics;

/// How often the files' times are looked at. Asking for a file's time costs microseconds.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often the keys are read although nothing has changed: one that retires by time leaves the published ones then.
const KEYS_EVERY: Duration = Duration::from_secs(3_600);

/// The kinds of files, as metrics name them.
const CERTIFICATE: &str = "certificate";
const ISSUER_KEYS: &str = "issuer_keys";
const PROVIDERS: &str = "providers";

/// What files looked like: path, time of change, size.
type Snapshot = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

/// Files as they were when they were read, and as they were at the last look.
struct Seen {
    read: Snapshot,
    last: Snapshot,
}

impl Seen {
    fn new(now: Snapshot) -> Self {
        let (read, last) = (now.clone(), now);
        Self { read, last }
    }

    /// Whether to read them: when somebody asks, or when they have changed and then been quiet from one look to the next. A file
    /// that is still being written is not taken half.
    fn are_due(&mut self, now: &Snapshot, asked: bool) -> bool {
        let quiet = *now == std::mem::replace(&mut self.last, now.clone());
        asked || (quiet && *now != self.read)
    }

    fn are_read(&mut self, now: Snapshot) {
        self.read = now;
    }
}

/// What can change under a running gateway.
pub struct Watched {
    /// Takes a new policy.
    pub gateway: Arc<Gateway>,
    /// Where the files are.
    pub settings: Arc<Settings>,
    /// The gateway's own keys.
    pub issuers: Issuers,
    /// The certificate of the public listener.
    pub certificate: Option<Arc<Certificate>>,
    /// The adapters of the identity providers.
    pub providers: Providers,
    /// How their files are read.
    pub provider_source: ProviderSource,
    /// What is counted.
    pub metrics: Metrics,
    /// The files that the access files refer to.
    pub referred: Vec<PathBuf>,
}

impl Watched {
    /// Watches until `end`.
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
                |error| tracing::error!(%error, "SIGHUP cannot be heard; files are still watched"),
            )
            .ok();
        let mut keys = Seen::new(self.keys_now());
        let mut access = Seen::new(self.access_now());
        let mut certificate = Seen::new(self.certificate_now());
        let mut providers = Seen::new(self.providers_now());
        let mut keys_read_at = Instant::now();
        loop {
            let asked = tokio::select! {
                Some(()) = async { hangup.as_mut()?.recv().await } => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            let now = self.keys_now();
            if keys.are_due(&now, asked) || keys_read_at.elapsed() >= KEYS_EVERY {
                keys.are_read(now);
                keys_read_at = Instant::now();
                self.reload_keys();
            }
            let now = self.certificate_now();
            if certificate.are_due(&now, asked) {
                certificate.are_read(now);
                self.reload_certificate();
            }
            let now = self.providers_now();
            if providers.are_due(&now, asked) && self.reload_providers().await {
                providers.are_read(as_seen_before(&now, self.providers_now()));
            }
            let now = self.access_now();
            // What could not be audited is tried again at the next look.
            if access.are_due(&now, asked) && self.reload_access().await {
                access.are_read(as_seen_before(&now, self.access_now()));
            }
        }
    }

    fn keys_now(&self) -> Snapshot {
        sight([self.settings.issuer_keys.join("keys.json")])
    }

    fn access_now(&self) -> Snapshot {
        let files = self.settings.access.files().unwrap_or_default();
        sight(files.into_iter().chain(self.referred.iter().cloned()))
    }

    fn certificate_now(&self) -> Snapshot {
        let files = self.certificate.iter().flat_map(|files| files.files());
        sight(files)
    }

    fn providers_now(&self) -> Snapshot {
        sight(self.providers.files().iter().cloned())
    }

    fn reload_keys(&self) {
        let read = self.issuers.reload();
        self.metrics.files_load(ISSUER_KEYS, read.is_ok());
        match read {
            Ok(()) => tracing::info!("the issuer's keys were read again"),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the issuer's keys could not be read again; the old ones serve on"
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
            Ok(()) => tracing::info!("the TLS certificate was read again"),
            Err(error) => {
                tracing::error!(
                    "the TLS certificate could not be read again; the old one serves on: {error:#}"
                );
            }
        }
    }

    /// Whether the files are done with: they serve, or were refused.
    async fn reload_providers(&mut self) -> bool {
        let source = self.provider_source.clone();
        let read = match tokio::task::spawn_blocking(move || source.read()).await {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "reading the providers' files was interrupted; the old ones serve on");
                return false;
            }
        };
        let (accepted, done) = match read {
            Ok(read) => {
                let gateway = self.gateway.clone();
                let accept = async |digest| Ok(gateway.entitlements().record_load(digest).await?);
                match self.providers.replace(read, accept).await {
                    Ok(0) => (true, true),
                    Ok(number) => {
                        tracing::info!(
                            providers = number,
                            "new secrets, keys or metadata of providers serve"
                        );
                        (true, true)
                    }
                    Err(error) => {
                        tracing::error!(
                            "new files of providers cannot be used; the old ones serve on: {error:#}"
                        );
                        (false, false)
                    }
                }
            }
            Err(mistakes) => {
                tracing::error!(
                    "new files of providers were refused; the old ones serve on:\n{mistakes}"
                );
                self.audit_refusal(mistakes.count()).await;
                (false, true)
            }
        };
        self.metrics.files_load(PROVIDERS, accepted);
        done
    }

    async fn audit_refusal(&self, mistakes: u64) {
        if let Err(error) = self
            .gateway
            .entitlements()
            .record_refused_load(mistakes)
            .await
        {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the refusal could not be audited"
            );
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
                        "a new access policy serves: {changes}"
                    );
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
                self.audit_refusal(mistakes.count()).await;
                (false, true)
            }
        };
        self.metrics.policy_load(adopted);
        done
    }
}

/// The files of `now`, each as it was seen `before` it was read: a change since then is still news.
fn as_seen_before(before: &Snapshot, now: Snapshot) -> Snapshot {
    let known = |path: &PathBuf| before.iter().find(|(known, _)| known == path).cloned();
    now.into_iter()
        .map(|seen| known(&seen.0).unwrap_or(seen))
        .collect()
}

fn sight(files: impl IntoIterator<Item = PathBuf>) -> Snapshot {
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
    fn a_file_is_read_when_it_has_changed_and_been_quiet() {
        let mut seen = Seen::new(written(1));
        assert!(!seen.are_due(&written(1), false));
        assert!(!seen.are_due(&written(2), false), "it is being written");
        assert!(!seen.are_due(&written(3), false));
        assert!(seen.are_due(&written(3), false));
        assert!(seen.are_due(&written(3), false), "until it was read");
        seen.are_read(written(3));
        assert!(!seen.are_due(&written(3), false));
        assert!(!seen.are_due(&Vec::new(), false));
        assert!(seen.are_due(&written(4), true), "who asks does not wait");
    }
}
