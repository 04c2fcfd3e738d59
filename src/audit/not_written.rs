//! Why an event did not get into the trail.

use std::sync::Arc;

use rolecall_core::port::StoreError;

use crate::sqlite_file::FileFault;

/// See the module.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum NotWritten {
    #[error("the audit database failed")]
    Database(#[source] Arc<sqlx::Error>),
    #[error("the audit database cannot be used")]
    File(#[source] Arc<FileFault>),
    #[error("the audit database did not answer in time")]
    TimedOut,
    #[error(
        "the audit trail was changed behind its writer's back; hint: run `rolecalld audit verify`"
    )]
    Changed,
    #[error(
        "the disk did not keep the audit trail; hint: mend the disk, then start rolecalld again"
    )]
    NotKept(#[source] Arc<std::io::Error>),
    #[error("the audit trail is closed")]
    Closed,
    #[error("the audit queue is full")]
    Full,
}

impl From<sqlx::Error> for NotWritten {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<FileFault> for NotWritten {
    fn from(fault: FileFault) -> Self {
        Self::File(Arc::new(fault))
    }
}

impl From<NotWritten> for StoreError {
    fn from(error: NotWritten) -> Self {
        Self::Unavailable(error.into())
    }
}
