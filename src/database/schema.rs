//! The schema of the database: migrations, and the check of an existing schema.

use sqlx::AnyConnection;
use sqlx::migrate::{Migrate as _, MigrateError, Migrator};

use super::open_error::OpenDatabaseError;
use super::pool::Backend;

pub(crate) static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
pub(super) static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The table in which sqlx records migrations.
const TABLE: &str = "_sqlx_migrations";
const SQLITE_TABLES: &str =
    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
const POSTGRES_TABLES: &str = "SELECT count(to_regclass('_sqlx_migrations'))";

/// The migrations for this kind of database.
pub(super) fn migrator(backend: &Backend) -> &'static Migrator {
    match backend {
        Backend::Sqlite(_) => &SQLITE,
        Backend::Postgres(_) => &POSTGRES,
    }
}

/// Counts the migrations that have not been applied; changes nothing.
///
/// # Errors
/// [`OpenDatabaseError`] for a database without an audit trail, or with unknown migrations.
pub(super) async fn pending(
    connection: &mut AnyConnection,
    backend: &Backend,
) -> Result<usize, OpenDatabaseError> {
    let (tables, migrator) = (
        match backend {
            Backend::Sqlite(_) => SQLITE_TABLES,
            Backend::Postgres(_) => POSTGRES_TABLES,
        },
        migrator(backend),
    );
    let count: i64 = sqlx::query_scalar(tables)
        .fetch_one(&mut *connection)
        .await?;
    if count == 0 {
        return Err(OpenDatabaseError::Empty);
    }
    if let Some(version) = connection.dirty_version(TABLE).await? {
        return Err(OpenDatabaseError::HalfApplied(version));
    }
    let applied = connection.list_applied_migrations(TABLE).await?;
    if applied.is_empty() {
        return Err(OpenDatabaseError::Empty);
    }
    for found in &applied {
        let known = migrator.iter().find(|known| known.version == found.version);
        match known {
            None => return Err(MigrateError::VersionMissing(found.version).into()),
            Some(known) if known.checksum != found.checksum => {
                return Err(MigrateError::VersionMismatch(found.version).into());
            }
            Some(_) => {}
        }
    }
    Ok(migrator.iter().count().saturating_sub(applied.len()))
}
