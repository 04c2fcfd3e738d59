//! Resolves names that the proxy will resolve, to reject those that lead to loopback or to a metadata service.
//!
//! If external names cannot be resolved here, nothing is known, and the proxy must protect its own metadata service.
//! Only the first request for a name waits in this case.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::egress::AddressClass;

/// How long the first request for a name waits for its resolution.
const WAIT_MAX: Duration = Duration::from_millis(500);
/// Age after which a name is resolved again; the previous result is used meanwhile.
const FRESH: Duration = Duration::from_secs(60);
/// Maximum number of cached names. A gateway calls a few hosts per provider.
const NAMES_MAX: usize = 256;

type Resolve = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Cached results. Clones share them.
#[derive(Clone)]
pub struct LocalNames {
    resolve: Arc<Resolve>,
    known: Arc<Mutex<HashMap<String, Known>>>,
}

/// A name; without a result while it is resolved for the first time.
struct Known {
    is_local: watch::Receiver<Option<bool>>,
    since: Instant,
}

impl Default for LocalNames {
    /// Uses the resolver of the system.
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

    /// Whether the name is known to resolve to loopback or to an address that is never called.
    pub async fn is_local(&self, name: &str) -> bool {
        let (mut is_local, until) = self.look_up(name);
        let found = tokio::time::timeout_at(until, is_local.wait_for(Option::is_some)).await;
        matches!(found, Ok(Ok(known)) if *known == Some(true))
    }

    /// The result, or one that will be available, with the time until which callers should wait. Each name is resolved
    /// once at a time.
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
        let (resolve, host) = (Arc::clone(&self.resolve), name.to_owned());
        drop(tokio::task::spawn_blocking(move || {
            let found = resolve(&host).unwrap_or_default();
            let is_local = |address: &IpAddr| AddressClass::of(*address) != AddressClass::Other;
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
    async fn names_are_classified_by_their_addresses() {
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
    async fn concurrent_lookups_share_a_resolution() {
        let lookups = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&lookups);
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
        assert_eq!(lookups.load(Ordering::SeqCst), 1);
        for n in 0..2 * NAMES_MAX {
            names.is_local(&format!("n{n}.example")).await;
        }
        assert!(names.known.lock().unwrap().len() <= NAMES_MAX);
    }

    #[tokio::test]
    async fn unresolvable_name_delays_only_the_first_request() {
        let (release, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let lookups = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&lookups);
        let names = LocalNames::new(move |name| {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = held.lock().unwrap().recv();
            answers(name)
        });
        assert!(!names.is_local("metadata.example").await);
        let (is_local, until) = names.look_up("metadata.example");
        assert!(is_local.borrow().is_none() && until <= Instant::now());
        for _ in 0..1_000 {
            assert!(!names.is_local("metadata.example").await);
        }
        assert_eq!(lookups.load(Ordering::SeqCst), 1);
        drop(release);
        let mut is_local = is_local;
        is_local.wait_for(Option::is_some).await.unwrap();
        assert!(
            names.is_local("metadata.example").await,
            "a late result is used"
        );
    }
}
