//! How the database is reached, and that its schema is the one this program knows.
//!
//! Refuses a schema that a newer program made: going back is for a backup, not for a guess.

use std::path::Path;
use std::time::Duration;

use rolecall_core::base::secret::SecretText;
use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;
use tokio::time::timeout;

use super::open_error::OpenDatabaseError;
use super::postgres_fault;
use super::schema;
use super::url::DatabaseUrl;
use crate::sqlite_file::SqliteFile;

/// How long one of the pool's connections may take to be had; callers wait for it.
const ACQUIRE_MAX: Duration = Duration::from_millis(900);

/// Without notices, such as that the migrations' table exists already: the driver logs them at every start.
const POSTGRES_QUIET: &str = "SET client_min_messages = warning";

/// How long the database may take for each step of a start, another replica's start included.
const START_MAX: Duration = Duration::from_secs(15);

/// How often it is tried to open a file before that counts as failed.
const OPENINGS_MAX: u32 = 5;

/// Beside the one that appends ([`super::connection`]): one that hangs does not block all.
const CONNECTIONS: u32 = 3;

/// Each commit reaches the disk (`FULL`), except the writer's own, which a [`super::flush::Flusher`] brings there; another
/// process's lock is waited for two seconds.
pub(crate) const SQLITE_SETTINGS: &str =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 2000;";

/// An open database. Clones share its connections.
#[derive(Clone)]
pub struct Database {
    pub(crate) pool: AnyPool,
    pub(crate) place: Place,
    /// Migrations that the database lacks.
    pending: usize,
}

/// Where an open database is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Sqlite(SqliteFile),
    Postgres(SecretText),
}

impl Database {
    /// Opens the trail for reading; it must exist. An older schema is read as it is: bringing it up to date is for the
    /// gateway, since replicas of the earlier version do not start with the new one.
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

    /// Whether the schema is this program's.
    pub fn is_up_to_date(&self) -> bool {
        self.pending == 0
    }

    /// What is to be said of a schema that is older than this program's.
    pub fn remark(&self) -> Option<String> {
        let changes = match self.pending {
            0 => return None,
            1 => "1 change".to_owned(),
            count => format!("{count} changes"),
        };
        Some(format!(
            "the schema of the audit database is older than this program by {changes}; it is read as it is, and \
             `rolecalld serve` brings it up to date"
        ))
    }

    /// Opens the trail and brings its schema up to date; creates a SQLite file with mode 0600.
    pub(crate) async fn open_or_create(url: &DatabaseUrl) -> Result<Self, OpenDatabaseError> {
        let trail = Self::connect(url).await?;
        let migrating = schema::migrator(&trail.place).run(&trail.pool);
        match answered(trail.count_pending()).await {
            // Nothing to do, or everything on a database without events.
            Ok(0) | Err(OpenDatabaseError::Empty) => answered(migrating).await?,
            // A large trail may take long.
            Ok(changes) => {
                tracing::info!(
                    changes,
                    "the schema of the audit database is brought up to date"
                );
                migrating.await?;
            }
            Err(error) => return Err(error),
        }
        Ok(trail)
    }

    async fn count_pending(&self) -> Result<usize, OpenDatabaseError> {
        let mut connection = self.pool.acquire().await?;
        schema::pending(&mut connection, &self.place).await
    }

    pub(crate) async fn connect(url: &DatabaseUrl) -> Result<Self, OpenDatabaseError> {
        sqlx::any::install_default_drivers();
        let options = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_MAX);
        let (connecting, place) =
            match url {
                DatabaseUrl::Sqlite(path) => {
                    let file = SqliteFile::prepare(path)
                        .map_err(|error| OpenDatabaseError::Unreachable(error.into()))?;
                    // None is closed for its age, which could leave the file without a lock for a moment.
                    let options = options.idle_timeout(None).max_lifetime(None).after_connect(
                        |connection, _| {
                            Box::pin(async move {
                                sqlx::raw_sql(SQLITE_SETTINGS).execute(connection).await?;
                                Ok(())
                            })
                        },
                    );
                    let connecting = connect_to_file(&options, file.path()).await;
                    (connecting, Place::Sqlite(file))
                }
                DatabaseUrl::Postgres(url) => {
                    let options = options.after_connect(|connection, _| {
                        Box::pin(async move {
                            sqlx::raw_sql(POSTGRES_QUIET).execute(connection).await?;
                            Ok(())
                        })
                    });
                    let connecting = postgres_fault::connect(options, url).await;
                    let pool = connecting.map_err(OpenDatabaseError::Postgres)?;
                    (Ok(pool), Place::Postgres(url.clone()))
                }
            };
        let pool = connecting.map_err(|error| OpenDatabaseError::Unreachable(error.into()))?;
        Ok(Self {
            pool,
            place,
            pending: 0,
        })
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.place, Place::Postgres(_))
    }
}

/// Waits for an answer at a start, but not for ever: commits hang where a synchronous standby is gone.
///
/// # Errors
/// [`OpenDatabaseError::Stalled`], and what the answer is.
pub(crate) async fn answered<T, E>(
    asking: impl Future<Output = Result<T, E>>,
) -> Result<T, OpenDatabaseError>
where
    OpenDatabaseError: From<E>,
{
    let answer = timeout(START_MAX, asking).await;
    Ok(answer.map_err(|_| OpenDatabaseError::Stalled(START_MAX))??)
}

/// A busy disk may take longer than a request would wait.
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

/// The path as a URL for sqlx, which decodes it again.
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
