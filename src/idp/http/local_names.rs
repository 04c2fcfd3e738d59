//! Names that the proxy looks up, looked up here as well: one that leads to this machine or to a metadata service is not
//! asked for.
//!
//! Where names outside cannot be looked up, nothing is known and the proxy has to keep its own metadata service to itself;
//! then no request waits for it after the first.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::egress::Place;

/// How long the first request for a name waits for what the name leads to.
const WAIT_MAX: Duration = Duration::from_millis(500);
/// After this a name is looked up again, while what was known of it counts.
const FRESH: Duration = Duration::from_secs(60);
/// Names that are known at once; a gateway asks a few hosts for each of its providers.
const NAMES_MAX: usize = 256;

type Resolve = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// What is known of names. Clones share it.
#[derive(Clone)]
pub struct LocalNames {
    resolve: Arc<Resolve>,
    known: Arc<Mutex<HashMap<String, Known>>>,
}

/// One name. While it is first looked up there is no verdict.
struct Known {
    is_local: watch::Receiver<Option<bool>>,
    since: Instant,
}

impl Default for LocalNames {
    /// Asks the system.
    fn default() -> Self {
        Self::new(|name| {
            let found = (name, 0).to_socket_addrs()?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

impl LocalNames {
    fn new(resolve: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self {
            resolve: Arc::new(resolve),
            known: Arc::default(),
        }
    }

    /// Whether the name is known to lead to this machine or to an address that is never called.
    pub async fn is_local(&self, name: &str) -> bool {
        let (mut verdict, until) = self.look_up(name);
        let found = tokio::time::timeout_at(until, verdict.wait_for(Option::is_some)).await;
        matches!(found, Ok(Ok(known)) if *known == Some(true))
    }

    /// What is known, or will be; and until when it is worth waiting for. Each name is looked up once at a time.
    fn look_up(&self, name: &str) -> (watch::Receiver<Option<bool>>, Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let mut last = None;
        if let Some(entry) = known.get(name) {
            last = *entry.is_local.borrow();
            if last.is_none() || now < entry.since + FRESH {
                return (entry.is_local.clone(), entry.since + WAIT_MAX);
            }
        } else if known.len() >= NAMES_MAX {
            let oldest = known.iter().min_by_key(|(_, entry)| entry.since);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                known.remove(&oldest);
            }
        }
        let (sender, is_local) = watch::channel(last);
        let (resolve, asked) = (Arc::clone(&self.resolve), name.to_owned());
        drop(tokio::task::spawn_blocking(move || {
            let found = resolve(&asked).unwrap_or_default();
            let is_local = |address: &IpAddr| Place::of(*address) != Place::Elsewhere;
            sender.send_replace(Some(found.iter().any(is_local)));
        }));
        let entry = Known {
            is_local: is_local.clone(),
            since: now,
        };
        known.insert(name.to_owned(), entry);
        (is_local, now + WAIT_MAX)
    }
}

impl std::fmt::Debug for LocalNames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalNames")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    fn answers(name: &str) -> io::Result<Vec<IpAddr>> {
        let address = match name {
            "metadata.example" => "169.254.169.254",
            "sidecar.example" => "::1",
            "nat64.example" => "64:ff9b::a9fe:a9fe",
            "idp.example" => "192.0.2.1",
            _ => return Err(io::Error::other("no such name")),
        };
        Ok(vec![address.parse().map_err(io::Error::other)?])
    }

    #[tokio::test]
    async fn names_are_known_by_where_they_lead() {
        let names = LocalNames::new(answers);
        for (name, is_local) in [
            ("metadata.example", true),
            ("sidecar.example", true),
            ("nat64.example", true),
            ("idp.example", false),
            ("elsewhere.example", false),
        ] {
            assert_eq!(names.is_local(name).await, is_local, "{name}");
        }
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_for_all_who_ask() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let names = LocalNames::new(move |name| {
            count.fetch_add(1, Ordering::SeqCst);
            answers(name)
        });
        for _ in 0..20 {
            let (one, two) = tokio::join!(
                names.is_local("metadata.example"),
                names.is_local("metadata.example")
            );
            assert!(one && two);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        for n in 0..2 * NAMES_MAX {
            names.is_local(&format!("n{n}.example")).await;
        }
        assert!(names.known.lock().unwrap().len() <= NAMES_MAX);
    }

    #[tokio::test]
    async fn nobody_waits_again_for_names_that_cannot_be_looked_up() {
        let (release, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let names = LocalNames::new(move |name| {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = held.lock().unwrap().recv();
            answers(name)
        });
        assert!(!names.is_local("metadata.example").await);
        let (verdict, until) = names.look_up("metadata.example");
        assert!(verdict.borrow().is_none() && until <= Instant::now());
        for _ in 0..1_000 {
            assert!(!names.is_local("metadata.example").await);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        drop(release);
        let mut verdict = verdict;
        verdict.wait_for(Option::is_some).await.unwrap();
        assert!(
            names.is_local("metadata.example").await,
            "it came late, and counts"
        );
    }
}
