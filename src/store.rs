//! Adapters of [`RecordStore`]: Redis in several topologies, a SQLite file for a single host, and memory for tests.
//!
//! Callers use only the port. Adapters cannot read values, which are sealed before they are stored.

mod memory;
mod redis;
mod sqlite;
mod url;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::base::{BoxError, Clock};
use rolecall_core::record::RecordStore;

pub use self::memory::MemoryStore;
pub use self::redis::{OPERATION_MAX, RedisStore};
pub use self::sqlite::SqliteStore;
pub use self::url::{Host, InvalidStoreUrl, RedisUrl, StoreUrl, Topology};

/// Section `[store]` of the configuration, without the sealing keys.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// URL of the store.
    pub url: StoreUrl,
    /// Prefix of all keys, so that several gateways can share one server.
    pub prefix: String,
    /// Time limit of an operation at a Redis server. Page requests wait for it.
    pub operation_max: Duration,
}

/// Why a store could not be opened. An unreachable Redis is not an error: the process starts and reconnects.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    /// The file with a private CA cannot be read.
    #[error("cannot read the certificates in {path}")]
    Certificates {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        #[source]
        source: BoxError,
    },
    /// The Redis client rejects these settings.
    #[error("cannot initialize the Redis client")]
    Redis(#[source] BoxError),
    /// The SQLite file cannot be created, opened or written.
    #[error("cannot open the store {path}")]
    Sqlite {
        /// Path of the file.
        path: PathBuf,
        /// Error of SQLite or of the operating system.
        #[source]
        source: BoxError,
    },
}

impl OpenStoreError {
    /// The next step for the operator.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Certificates { .. } => {
                "set `ca` to a PEM file with the CA of the server certificate"
            }
            Self::Redis(_) => "compare the URL with the formats in docs/configuration.md",
            Self::Sqlite { .. } => {
                "check that the folder exists, and that the user that runs the gateway can write to it"
            }
        }
    }
}

/// Opens the store of the settings.
///
/// # Errors
/// [`OpenStoreError`]. An unreachable Redis is not an error.
pub async fn open(
    settings: &StoreSettings,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn RecordStore>, OpenStoreError> {
    Ok(match &settings.url {
        StoreUrl::Redis(url) => Arc::new(RedisStore::open(url, settings, clock)?),
        StoreUrl::Sqlite(path) => Arc::new(SqliteStore::open(path, &settings.prefix, clock).await?),
        StoreUrl::Memory => Arc::new(MemoryStore::new(clock)),
    })
}
