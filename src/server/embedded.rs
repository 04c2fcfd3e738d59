//! The files of an embedded store and an embedded audit trail.

use std::path::PathBuf;

use crate::config::Settings;
use crate::database::DatabaseUrl;
use crate::sqlite_file;
use crate::store::StoreUrl;
use crate::web::site::DiskFree;

/// The store and the database are hard links to the same file. SQLite would use two write-ahead logs for it.
#[derive(Debug, thiserror::Error)]
#[error(
    "store.url and database.url are hard links to the same file, {} and {}; SQLite could lose transactions",
    store.display(),
    database.display()
)]
pub struct HardLinkedFiles {
    store: PathBuf,
    database: PathBuf,
}

impl HardLinkedFiles {
    /// The next step for the operator.
    pub fn hint(&self) -> &'static str {
        "use the same path in both settings, or two separate files"
    }
}

/// A function that returns the free disk space in bytes for embedded databases: the minimum of their disks.
pub fn disk_free(settings: &Settings) -> DiskFree {
    let store = match &settings.store.url {
        StoreUrl::Sqlite(path) => Some(path.clone()),
        StoreUrl::Redis(_) | StoreUrl::Memory => None,
    };
    let database = match &settings.database {
        DatabaseUrl::Sqlite(path) => Some(path.clone()),
        DatabaseUrl::Postgres(_) => None,
    };
    let files: Vec<PathBuf> = store.into_iter().chain(database).collect();
    Box::new(move || {
        files
            .iter()
            .filter_map(|path| sqlite_file::free_bytes(path))
            .min()
    })
}

/// Rejects two hard links to one file.
///
/// # Errors
/// [`HardLinkedFiles`].
pub fn reject_hard_links(settings: &Settings) -> Result<(), HardLinkedFiles> {
    match (&settings.store.url, &settings.database) {
        (StoreUrl::Sqlite(store), DatabaseUrl::Sqlite(database))
            if sqlite_file::is_hard_linked(store, database) =>
        {
            Err(HardLinkedFiles {
                store: store.clone(),
                database: database.clone(),
            })
        }
        (StoreUrl::Sqlite(_) | StoreUrl::Redis(_) | StoreUrl::Memory, _) => Ok(()),
    }
}
