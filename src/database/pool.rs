//! Opens the database and checks that its schema matches this program. A schema from a newer version is rejected:
//! downgrades require a backup.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::base::secret::SecretText;
use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use super::open_error::OpenDatabaseError;
use super::postgres_error;
use super::schema;
use super::url::DatabaseUrl;
use crate::sqlite_file::SqliteFile;

/// Time limit for acquiring a pooled connection. Callers wait for it.
const ACQUIRE_MAX: Duration = Duration::from_millis(900);

/// Suppresses notices, such as that the migrations table already exists, which the driver would log at every start.
const POSTGRES_QUIET: &str = "SET client_min_messages = warning";

/// Time limit for each step of a start, including waiting for another replica that starts.
const START_MAX: Duration = Duration::from_secs(15);

/// Number of attempts to open a file.
const OPENINGS_MAX: u32 = 5;

/// In addition to the connection that appends (the audit writer's), so that a blocked one does not block all.
const CONNECTIONS: u32 = 3;

/// Each commit is synced to disk (`FULL`), except those of the audit writer, which syncs them itself. Locks of other processes
/// are waited for two seconds.
pub(crate) const SQLITE_SETTINGS: &str =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 2000;";

/// An open database. Clones share its connections.
#[derive(Clone)]
pub struct Database {
    pub(crate) pool: AnyPool,
    pub(crate) backend: Backend,
    /// Held by [`Self::write_lock`].
    write_lock: Arc<Mutex<()>>,
    /// Number of migrations that have not been applied.
    pending: usize,
}

/// The location of an open database.
#[derive(Clone, Debug)]
pub(crate) enum Backend {
    Sqlite(SqliteFile),
    Postgres(SecretText),
}

impl Database {
    /// Opens the database for reading; it must exist. An older schema is not migrated, because replicas of the earlier
    /// version could not start afterwards. Migration is left to the gateway.
    ///
    /// # Errors
    /// [`OpenDatabaseError`].
    pub async fn open(url: &DatabaseUrl) -> Result<Self, OpenDatabaseError> {
        if let DatabaseUrl::Sqlite(path) = url
            && !path.exists()
        {
            return Err(OpenDatabaseError::Missing(path.clone()));
        }
        let mut trail = Self::connect(url).await?;
        trail.pending = trail.count_pending().await?;
        Ok(trail)
    }

    /// Whether all migrations of this program are applied.
    pub fn is_up_to_date(&self) -> bool {
        self.pending == 0
    }

    /// A warning if the schema is older than this program.
    pub fn schema_warning(&self) -> Option<String> {
        let changes = match self.pending {
            0 => return None,
            1 => "1 change".to_owned(),
            count => format!("{count} migrations"),
        };
        Some(format!(
            "the schema of the audit database is {changes} behind this version of rolecalld; it is used as it is, and \
             `rolecalld serve` migrates it"
        ))
    }

    /// Opens the database and applies migrations; creates a SQLite file with mode 0600.
    pub(crate) async fn open_or_create(url: &DatabaseUrl) -> Result<Self, OpenDatabaseError> {
        let trail = Self::connect(url).await?;
        let migrating = schema::migrator(&trail.backend).run(&trail.pool);
        match answered(trail.count_pending()).await {
            // Nothing to apply, or a new database without events.
            Ok(0) | Err(OpenDatabaseError::Empty) => answered(migrating).await?,
            // On a large database, migrations can take long.
            Ok(changes) => {
                tracing::info!(changes, "migrating the schema of the audit database");
                migrating.await?;
            }
            Err(error) => return Err(error),
        }
        Ok(trail)
    }

    /// Serializes the writers of this process to SQLite; `None` for PostgreSQL, which does not need it. A writer that finds
    /// SQLite's own lock taken sleeps up to 100 ms before each attempt, and may find it taken again.
    pub(crate) async fn write_lock(&self) -> Option<OwnedMutexGuard<()>> {
        match self.backend {
            Backend::Sqlite(_) => Some(Arc::clone(&self.write_lock).lock_owned().await),
            Backend::Postgres(_) => None,
        }
    }

    async fn count_pending(&self) -> Result<usize, OpenDatabaseError> {
        let mut connection = self.pool.acquire().await?;
        schema::pending(&mut connection, &self.backend).await
    }

    pub(crate) async fn connect(url: &DatabaseUrl) -> Result<Self, OpenDatabaseError> {
        sqlx::any::install_default_drivers();
        let options = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_MAX);
        let (connecting, backend) =
            match url {
                DatabaseUrl::Sqlite(path) => {
                    let file = SqliteFile::prepare(path)
                        .map_err(|error| OpenDatabaseError::Unreachable(error.into()))?;
                    // Connections have no maximum age: closing the only one would release the file lock for a moment.
                    let options = options.idle_timeout(None).max_lifetime(None).after_connect(
                        |connection, _| {
                            Box::pin(async move {
                                sqlx::raw_sql(SQLITE_SETTINGS).execute(connection).await?;
                                Ok(())
                            })
                        },
                    );
                    let connecting = connect_to_file(&options, file.path()).await;
                    (connecting, Backend::Sqlite(file))
                }
                DatabaseUrl::Postgres(url) => {
                    let options = options.after_connect(|connection, _| {
                        Box::pin(async move {
                            sqlx::raw_sql(POSTGRES_QUIET).execute(connection).await?;
                            Ok(())
                        })
                    });
                    let connecting = postgres_error::connect(options, url).await;
                    let pool = connecting.map_err(OpenDatabaseError::Postgres)?;
                    (Ok(pool), Backend::Postgres(url.clone()))
                }
            };
        let pool = connecting.map_err(|error| OpenDatabaseError::Unreachable(error.into()))?;
        Ok(Self {
            pool,
            backend,
            write_lock: Arc::default(),
            pending: 0,
        })
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.backend, Backend::Postgres(_))
    }
}

/// Limits the time of a step of the start. Commits hang if a synchronous standby is unavailable.
///
/// # Errors
/// [`OpenDatabaseError::Stalled`], or the error of the step.
pub(crate) async fn answered<T, E>(
    asking: impl Future<Output = Result<T, E>>,
) -> Result<T, OpenDatabaseError>
where
    OpenDatabaseError: From<E>,
{
    let answer = timeout(START_MAX, asking).await;
    Ok(answer.map_err(|_| OpenDatabaseError::Stalled(START_MAX))??)
}

/// Opening a file can take longer than a request would wait, if the disk is busy.
async fn connect_to_file(options: &AnyPoolOptions, path: &Path) -> Result<AnyPool, sqlx::Error> {
    let url = sqlite_url(path);
    for _ in 1..OPENINGS_MAX {
        match options.clone().connect(&url).await {
            Err(sqlx::Error::PoolTimedOut) => {}
            connected => return connected,
        }
    }
    options.clone().connect(&url).await
}

/// The path as a URL, percent-encoded for sqlx.
fn sqlite_url(path: &Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;

    let mut url = String::from("sqlite:");
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_') {
            url.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}
