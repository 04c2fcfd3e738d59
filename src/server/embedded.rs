//! The files of an embedded store and an embedded trail.

use std::path::PathBuf;

use crate::config::Settings;
use crate::database::DatabaseUrl;
use crate::sqlite_file;
use crate::store::StoreUrl;
use crate::web::site::DiskFree;

/// One file is named twice, and not by symbolic links: SQLite would keep two logs for it.
#[derive(Debug, thiserror::Error)]
#[error(
    "store.url and database.url name one file by two hard links, {} and {}; SQLite would lose transactions",
    store.display(),
    database.display()
)]
pub struct TwoNames {
    store: PathBuf,
    database: PathBuf,
}

impl TwoNames {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        "use one name in both, or two files"
    }
}

/// Looks for the bytes that are free for embedded databases, where there is least.
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

/// Refuses one file under two names.
///
/// # Errors
/// [`TwoNames`].
pub fn refuse_two_names(settings: &Settings) -> Result<(), TwoNames> {
    match (&settings.store.url, &settings.database) {
        (StoreUrl::Sqlite(store), DatabaseUrl::Sqlite(database))
            if sqlite_file::is_hard_linked(store, database) =>
        {
            Err(TwoNames {
                store: store.clone(),
                database: database.clone(),
            })
        }
        (StoreUrl::Sqlite(_) | StoreUrl::Redis(_) | StoreUrl::Memory, _) => Ok(()),
    }
}
