//! The port of the audit trail.

use async_trait::async_trait;

use crate::record::StoreError;

use super::AuditEvent;

/// The audit trail, append-only.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Appends an event. When this returns, the event is durable.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the event could not be made durable.
    async fn append(&self, event: &AuditEvent) -> Result<(), StoreError>;

    /// Appends the outcome of a durable intent. When this returns, the event survives the end of the process; it
    /// becomes durable shortly afterwards, which is not awaited. A power failure in between leaves the intent open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the event could not be written.
    async fn append_outcome(&self, event: &AuditEvent) -> Result<(), StoreError>;

    /// Appends an event that must not be written twice: a failed append may have succeeded, and a retry writes a second
    /// event. When this returns, the event is in the trail, or is kept in memory until it is. It is lost if the process
    /// is killed before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the trail does not contain the event and will not write it.
    async fn append_once(&self, event: &AuditEvent) -> Result<(), StoreError> {
        self.append(event).await
    }

    /// Checks whether the trail is writable, by committing as much data as an event needs.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn ready(&self) -> Result<(), StoreError>;

    /// As [`AuditLog::ready`], cheap enough to call before each flow that ends with an event: the result may be a
    /// second old.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn accepts(&self) -> Result<(), StoreError> {
        self.ready().await
    }

    /// Returns the fault of this process, if it cannot write to a database that other replicas can write to. Does not
    /// query the database.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn local_fault(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether all replicas write to the same database, so that an outage affects all of them.
    fn is_shared(&self) -> bool {
        false
    }
}
