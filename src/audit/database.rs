//! Where the trail is, how it is reached, and that its schema is the one this program knows.
//!
//! Refuses a schema that a newer program made: going back is for a backup, not for a guess.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use rolecall_core::base::secret::SecretText;
use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;
use sqlx::postgres::PgConnectOptions;
use tokio::time::timeout;
use url::Url;

use super::open_error::OpenAuditError;
use super::postgres_fault;
use super::schema;
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
pub(super) const SQLITE_SETTINGS: &str =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 2000;";

const POSTGRES_FORM: &str = "write postgres://user@host:5432/database, special characters as %XX, and password = { file = \"…\" } beside it";

/// Where the audit trail is.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    /// `sqlite:FILE`
    Sqlite(PathBuf),
    /// `postgres://…`, which may hold a password.
    Postgres(SecretText),
}

/// Why a text is no [`DatabaseUrl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidDatabaseUrl {
    reason: &'static str,
    hint: &'static str,
}

impl InvalidDatabaseUrl {
    /// What to write instead.
    pub fn hint(&self) -> &'static str {
        self.hint
    }
}

impl DatabaseUrl {
    /// Whether the URL's own text holds a password.
    pub fn holds_password(&self) -> bool {
        let Self::Postgres(text) = self else {
            return false;
        };
        let parameter = |url: &Url| url.query_pairs().any(|(name, _)| name == "password");
        Url::parse(text.expose()).is_ok_and(|url| url.password().is_some() || parameter(&url))
    }

    /// With the password that stands beside the URL.
    ///
    /// # Errors
    /// [`InvalidDatabaseUrl`] when there is no use for one, or the URL holds one already.
    pub fn with_password(self, password: &SecretText) -> Result<Self, InvalidDatabaseUrl> {
        let invalid = |reason, hint| Err(InvalidDatabaseUrl { reason, hint });
        if self.holds_password() {
            return invalid(
                "the password stands in the database's URL and beside it",
                "take it out of the URL",
            );
        }
        let Self::Postgres(text) = &self else {
            return invalid("only PostgreSQL takes a password", "leave `password` out");
        };
        let Ok(mut url) = Url::parse(text.expose()) else {
            return invalid("this is no URL of a PostgreSQL database", POSTGRES_FORM);
        };
        url.query_pairs_mut()
            .append_pair("password", password.expose());
        Ok(Self::Postgres(SecretText::new(url)))
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        let invalid = |(reason, hint)| InvalidDatabaseUrl { reason, hint };
        match text.split_once(':') {
            Some(("sqlite", rest)) => crate::file::parse_sqlite(rest)
                .map(Self::Sqlite)
                .map_err(invalid),
            Some(("postgres" | "postgresql", _)) if PgConnectOptions::from_str(text).is_ok() => {
                Ok(Self::Postgres(SecretText::new(text)))
            }
            Some(("postgres" | "postgresql", _)) => Err(invalid((
                "this is no URL of a PostgreSQL database",
                POSTGRES_FORM,
            ))),
            Some(_) | None => Err(invalid((
                "the trail is kept in SQLite or PostgreSQL",
                "write sqlite:FILE or postgres://user@host/database",
            ))),
        }
    }
}

/// An open audit trail.
pub struct Trail {
    pub(super) pool: AnyPool,
    pub(super) place: Place,
    /// Migrations that the database lacks.
    pending: usize,
}

/// Where an open trail is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Sqlite(SqliteFile),
    Postgres(SecretText),
}

impl Trail {
    /// Opens the trail for reading; it must exist. An older schema is read as it is: bringing it up to date is for the
    /// gateway, since replicas of the earlier version do not start with the new one.
    ///
    /// # Errors
    /// [`OpenAuditError`].
    pub async fn open(url: &DatabaseUrl) -> Result<Self, OpenAuditError> {
        if let DatabaseUrl::Sqlite(path) = url
            && !path.exists()
        {
            return Err(OpenAuditError::Missing(path.clone()));
        }
        let mut trail = Self::connect(url).await?;
        trail.pending = trail.count_pending().await?;
        Ok(trail)
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
    pub(super) async fn open_or_create(url: &DatabaseUrl) -> Result<Self, OpenAuditError> {
        let trail = Self::connect(url).await?;
        let migrating = schema::migrator(&trail.place).run(&trail.pool);
        match answered(trail.count_pending()).await {
            // Nothing to do, or everything on a database without events.
            Ok(0) | Err(OpenAuditError::Empty) => answered(migrating).await?,
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

    async fn count_pending(&self) -> Result<usize, OpenAuditError> {
        let mut connection = self.pool.acquire().await?;
        schema::pending(&mut connection, &self.place).await
    }

    async fn connect(url: &DatabaseUrl) -> Result<Self, OpenAuditError> {
        sqlx::any::install_default_drivers();
        let options = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_MAX);
        let (connecting, place) =
            match url {
                DatabaseUrl::Sqlite(path) => {
                    let file = SqliteFile::prepare(path)
                        .map_err(|error| OpenAuditError::Unreachable(error.into()))?;
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
                    let pool = connecting.map_err(OpenAuditError::Postgres)?;
                    (Ok(pool), Place::Postgres(url.clone()))
                }
            };
        let pool = connecting.map_err(|error| OpenAuditError::Unreachable(error.into()))?;
        Ok(Self {
            pool,
            place,
            pending: 0,
        })
    }

    pub(super) fn is_postgres(&self) -> bool {
        matches!(self.place, Place::Postgres(_))
    }
}

/// Waits for an answer at a start, but not for ever: commits hang where a synchronous standby is gone.
///
/// # Errors
/// [`OpenAuditError::Stalled`], and what the answer is.
pub(super) async fn answered<T, E>(
    asking: impl Future<Output = Result<T, E>>,
) -> Result<T, OpenAuditError>
where
    OpenAuditError: From<E>,
{
    let answer = timeout(START_MAX, asking).await;
    Ok(answer.map_err(|_| OpenAuditError::Stalled(START_MAX))??)
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

#[cfg(test)]
mod tests {
    use sqlx::migrate::Migrator;

    use super::super::chain::Chain;
    use super::*;
    use crate::world::{SystemClock, SystemEntropy};

    #[test]
    fn databases_are_named_by_url() {
        assert!(
            matches!("sqlite:a b.db".parse(), Ok(DatabaseUrl::Sqlite(p)) if p == Path::new("a b.db"))
        );
        assert!(matches!(
            "postgres://u:hunter2@h/d".parse(),
            Ok(DatabaseUrl::Postgres(_))
        ));
        for text in [
            "",
            "sqlite:",
            "sqlite::memory:",
            "mysql://h",
            "postgres://h:x:hunter2",
            "redis://h",
        ] {
            let error = text.parse::<DatabaseUrl>().expect_err(text);
            assert!(!error.hint().is_empty());
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    /// What an earlier release wrote is all there, and proves to be. Who only reads it changes nothing.
    #[tokio::test]
    async fn a_trail_of_the_first_schema_is_read_and_carried_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trail.db");
        let url = DatabaseUrl::Sqlite(path.clone());
        let trail = Trail::connect(&url).await.unwrap();
        let first = Migrator {
            migrations: schema::SQLITE.migrations[..1].to_vec().into(),
            ..Migrator::DEFAULT
        };
        first.run(&trail.pool).await.unwrap();
        for _ in 0..3 {
            let trail = Trail::connect(&url).await.unwrap();
            Chain::begin(trail, &SystemClock, &SystemEntropy)
                .await
                .unwrap();
        }
        trail.pool.close().await;

        for open in [true, false] {
            let trail = match open {
                true => Trail::open(&url).await.unwrap(),
                false => Trail::open_or_create(&url).await.unwrap(),
            };
            assert_eq!(trail.remark().is_some(), open);
            let report = super::super::verify(&trail).await.unwrap();
            assert!(report.is_intact() && report.events == 3, "{report:?}");
            let indices: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = 'audit_events'",
            )
            .fetch_one(&trail.pool)
            .await
            .unwrap();
            assert_eq!(indices > 0, open);
            trail.pool.close().await;
        }
        assert_eq!(Trail::open(&url).await.unwrap().remark(), None);
    }

    #[test]
    fn a_password_may_stand_beside_the_url() {
        let password = SecretText::new("hunter2 &%+é");
        for text in [
            "postgres://u@h/d",
            "postgres://u@h/d?sslmode=require",
            "postgres:///d?host=/run/postgresql&user=u",
        ] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert!(!url.holds_password());
            let url = url.with_password(&password).unwrap();
            assert!(url.holds_password() && !format!("{url:?}").contains("hunter2"));
            let DatabaseUrl::Postgres(url) = url else {
                panic!("{text}");
            };
            let read = Url::parse(url.expose()).unwrap();
            let found = read.query_pairs().find(|(name, _)| name == "password");
            assert_eq!(found.unwrap().1, password.expose());
            assert!(PgConnectOptions::from_str(url.expose()).is_ok());
        }
        for text in [
            "postgres://u:x@h/d",
            "postgres://u@h/d?password=x",
            "sqlite:a",
        ] {
            let url: DatabaseUrl = text.parse().unwrap();
            let error = url.with_password(&password).expect_err(text);
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn debug_hides_the_password() {
        let url: DatabaseUrl = "postgres://u:hunter2@h/d".parse().unwrap();
        assert!(!format!("{url:?}").contains("hunter2"));
    }
}
