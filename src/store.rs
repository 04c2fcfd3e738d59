//! Adapters of [`RecordStore`]: Redis in all its shapes, one SQLite file for a single machine, and memory for tests.
//!
//! Whoever opens a store sees only the port. No adapter reads a value: what is stored was sealed before it came here.

mod memory;
mod redis;
mod sqlite;
mod url;

use std::path::PathBuf;
use std::sync::Arc;

use rolecall_core::base::{Clock, Source};
use rolecall_core::record::RecordStore;

pub use self::memory::MemoryStore;
pub use self::redis::RedisStore;
pub use self::sqlite::SqliteStore;
pub use self::url::{Host, InvalidStoreUrl, RedisUrl, StoreUrl, Topology};

/// Section `[store]` of the configuration, as far as it concerns the adapters.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// Where the records are.
    pub url: StoreUrl,
    /// What every key begins with, so that several gateways can share one server.
    pub prefix: String,
}

/// Why a store could not be opened. An unreachable Redis is no such reason: the process starts and waits for it.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    /// The file of a private certificate authority cannot be read.
    #[error("the certificates in {path} cannot be read")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: Source,
    },
    /// The Redis client refuses these settings.
    #[error("the Redis client cannot be set up")]
    Redis(#[source] Source),
    /// The SQLite file cannot be created, opened or written.
    #[error("the store {path} cannot be opened")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: Source,
    },
}

impl OpenStoreError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Certificates { .. } => {
                "`ca` names a PEM file of the authority that signed the server's certificate"
            }
            Self::Redis(_) => "compare the URL with the forms in docs/configuration.md",
            Self::Sqlite { .. } => {
                "the folder must exist, and the user the gateway runs as must be able to write in it"
            }
        }
    }
}

/// Opens the store that the settings name.
///
/// # Errors
/// [`OpenStoreError`]; never because a Redis does not answer.
pub async fn open(
    settings: &StoreSettings,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn RecordStore>, OpenStoreError> {
    Ok(match &settings.url {
        StoreUrl::Redis(url) => Arc::new(RedisStore::open(url, &settings.prefix, clock)?),
        StoreUrl::Sqlite(path) => Arc::new(SqliteStore::open(path, &settings.prefix, clock).await?),
        StoreUrl::Memory => Arc::new(MemoryStore::new(clock)),
    })
}
