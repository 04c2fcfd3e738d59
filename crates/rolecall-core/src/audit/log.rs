//! The port of the audit trail.

use async_trait::async_trait;

use crate::record::StoreError;

use super::AuditEvent;

/// The audit trail, append-only.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Appends. When this returns, the event is durable.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it could not be made durable.
    async fn append(&self, event: &AuditEvent) -> Result<(), StoreError>;

    /// Appends how an intent ended that is durable already. When this returns, the event outlives this process; it is made
    /// durable right after, and nobody waits for that. A machine that loses its power in between leaves the intent open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it could not be written.
    async fn append_outcome(&self, event: &AuditEvent) -> Result<(), StoreError>;

    /// Appends an event that must not be written twice: an append that fails may have happened after all, and whoever tries it
    /// again writes another. When this returns, the event is in the trail, or is kept in memory until it is. A process that is
    /// killed meanwhile loses it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the trail has not taken the event, and will not write it.
    async fn append_once(&self, event: &AuditEvent) -> Result<(), StoreError> {
        self.append(event).await
    }

    /// Whether the trail can be written to: commits as much as an event needs.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn ready(&self) -> Result<(), StoreError>;

    /// As [`AuditLog::ready`], cheap enough to ask before each flow that would end in an event: the answer may be a second old.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn accepts(&self) -> Result<(), StoreError> {
        self.ready().await
    }

    /// Whether this process has a fault of its own, which keeps it from writing to a database that other replicas can write to.
    /// Answers from what is known, without asking the database.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn local_fault(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether the other replicas write to the same database, which then fails for all of them or for none.
    fn is_shared(&self) -> bool {
        false
    }
}
