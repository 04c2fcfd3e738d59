//! Health: readiness for load balancers, and a report for operators.

use futures_util::future::join;

use crate::record::StoreError;

use super::Gateway;

/// The state of the dependencies.
#[derive(Debug)]
pub struct Health {
    /// The store of sessions and other records with an expiry.
    pub store: Result<(), StoreError>,
    /// The audit trail.
    pub trail: Result<(), StoreError>,
    /// Whether STS has accepted the gateway's AWS credentials, where an account needs them.
    pub own_credentials: bool,
}

impl Health {
    /// The unavailable dependencies, by section of the configuration, with the error.
    pub fn faults(&self) -> impl Iterator<Item = (&'static str, &StoreError)> {
        let parts = [("store", &self.store), ("database", &self.trail)];
        parts
            .into_iter()
            .filter_map(|(part, works)| Some((part, works.as_ref().err()?)))
    }
}

impl Gateway {
    /// Whether traffic should be routed to this replica. A fault that all replicas share, such as a read-only shared
    /// store or an unavailable shared database, does not affect readiness, because most functions still work. A fault
    /// that only prevents this replica from writing does.
    ///
    /// # Errors
    /// The name of the unavailable dependency, and the error.
    pub async fn ready(&self) -> Result<(), (&'static str, StoreError)> {
        let (records, audit) = (&self.records, self.journal.trail());
        let store = async {
            match records.is_shared() {
                true => records.readable().await,
                false => records.ready().await,
            }
        };
        let trail = async {
            match audit.is_shared() {
                true => audit.local_fault(),
                false => audit.ready().await,
            }
        };
        let (store, trail) = join(store, trail).await;
        store.map_err(|error| ("store", error))?;
        trail.map_err(|error| ("database", error))
    }

    /// Checks all dependencies.
    pub async fn health(&self) -> Health {
        let (store, trail) = join(self.records.ready(), self.journal.trail().ready()).await;
        let own = self.entitlements.own_credentials();
        Health {
            store,
            trail,
            own_credentials: own.identity().is_some() || !self.issuer.needs_own_credentials(),
        }
    }
}
