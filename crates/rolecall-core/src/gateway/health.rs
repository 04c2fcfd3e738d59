//! What works: one answer for the balancer that routes traffic here, one for whoever operates the gateway.

use futures_util::future::join;

use crate::record::StoreError;

use super::Gateway;

/// What can be written to.
#[derive(Debug)]
pub struct Health {
    /// Sessions, and everything else that expires.
    pub store: Result<(), StoreError>,
    /// The audit trail.
    pub trail: Result<(), StoreError>,
}

impl Health {
    /// What does not work, by the name of its section in the configuration, and why.
    pub fn faults(&self) -> impl Iterator<Item = (&'static str, &StoreError)> {
        let parts = [("store", &self.store), ("database", &self.trail)];
        parts
            .into_iter()
            .filter_map(|(part, works)| Some((part, works.as_ref().err()?)))
    }
}

impl Gateway {
    /// Whether traffic should be routed to this replica. A fault that the replicas share, and in which most of the service
    /// works, is no reason to refuse it: a shared store that cannot be written to, a shared database that is down. What keeps this
    /// replica alone from writing to a shared database is one.
    ///
    /// # Errors
    /// The name of what does not work here, and why.
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

    /// Whether everything works.
    pub async fn health(&self) -> Health {
        let (store, trail) = join(self.records.ready(), self.journal.trail().ready()).await;
        Health { store, trail }
    }
}
