//! The table `policies`.

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Row as _};

use super::files::{InvalidPolicyFiles, PolicyFiles};
use crate::database::{Database, sortable};

/// Bytes of all policies together, compressed.
pub const ARCHIVE_BYTES_MAX: i64 = 256 * 1024 * 1024;
/// Digests with one prefix that are listed.
const SAME_PREFIX_MAX: i64 = 10;

const RENEW: &str = "UPDATE policies SET accepted_at = $2 WHERE digest = $1 AND accepted_at <= $2";
const HAS: &str = "SELECT count(*) FROM policies WHERE digest = $1";
const INSERT: &str = "INSERT INTO policies (digest, accepted_at, bytes, files) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (digest) DO NOTHING";
const PRUNE: &str = "DELETE FROM policies WHERE digest IN (SELECT digest FROM (SELECT digest, \
     SUM(length(files)) OVER (ORDER BY accepted_at DESC, digest ROWS UNBOUNDED PRECEDING) AS total FROM policies) AS sized \
     WHERE total > $1) AND digest <> $2";

/// Why a policy was not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepPolicyError {
    /// It is too large.
    #[error(transparent)]
    Files(#[from] InvalidPolicyFiles),
    /// The database failed.
    #[error("the policy could not be written to the database")]
    Database(#[from] sqlx::Error),
    /// The database did not respond in time.
    #[error("the database did not respond in time")]
    TimedOut,
}

/// Why a policy cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadPolicyError {
    /// The database failed.
    #[error("the policies could not be read from the database")]
    Database(#[from] sqlx::Error),
    /// The row was damaged.
    #[error("the kept policy is damaged")]
    Damaged(#[from] InvalidPolicyFiles),
    /// The files are not those with this digest.
    #[error("the kept policy was changed by something other than the gateway: its digest is {0}")]
    Changed(String),
}

/// A policy in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPolicy {
    /// SHA-256 of its files, hexadecimal.
    pub digest: String,
    /// When it was last accepted, UTC, RFC 3339.
    pub accepted_at: String,
    /// Bytes of its files.
    pub bytes: i64,
}

/// Keeps a policy that was accepted at this time, once per digest. If all policies together then have more than
/// `bytes_max` bytes when compressed, the oldest are deleted.
///
/// # Errors
/// [`KeepPolicyError`].
pub async fn keep_policy(
    database: &Database,
    files: PolicyFiles,
    accepted_at: DateTime<Utc>,
    bytes_max: i64,
) -> Result<(), KeepPolicyError> {
    let (files, digest) = blocking(move || {
        let digest = files.digest();
        (files, digest)
    })
    .await?;
    let at = sortable(accepted_at);
    let renewed = database.transact(async |connection| {
        let renew = sqlx::query(RENEW).bind(digest.clone()).bind(at.clone());
        renew.execute(&mut *connection).await?;
        let has = sqlx::query_scalar(HAS).bind(digest.clone());
        let count: i64 = has.fetch_one(connection).await?;
        Ok(count > 0)
    });
    if renewed.await? {
        return Ok(());
    }
    let bytes = i64::try_from(files.bytes()).unwrap_or(i64::MAX);
    let compressed = blocking(move || files.compress()).await??;
    let written = database.transact(async |connection| {
        let insert = sqlx::query(INSERT)
            .bind(digest.clone())
            .bind(at)
            .bind(bytes)
            .bind(compressed);
        insert.execute(&mut *connection).await?;
        let prune = sqlx::query(PRUNE).bind(bytes_max).bind(digest);
        prune.execute(connection).await?;
        Ok(())
    });
    Ok(written.await?)
}

/// The policy with this digest; `None` if it is not kept.
///
/// # Errors
/// [`ReadPolicyError`].
pub async fn policy(
    database: &Database,
    digest: &str,
) -> Result<Option<PolicyFiles>, ReadPolicyError> {
    let found = sqlx::query("SELECT files FROM policies WHERE digest = $1")
        .bind(digest.to_owned())
        .fetch_optional(&database.pool)
        .await?;
    let Some(row) = found else {
        return Ok(None);
    };
    let files = PolicyFiles::decompress(&row.try_get::<Vec<u8>, _>(0)?)?;
    match files.digest() {
        same if same == digest => Ok(Some(files)),
        other => Err(ReadPolicyError::Changed(other)),
    }
}

/// The kept policies, the last accepted first.
///
/// # Errors
/// If the database fails.
pub async fn kept_policies(
    database: &Database,
    limit: u16,
) -> Result<Vec<KeptPolicy>, sqlx::Error> {
    let query = "SELECT digest, accepted_at, bytes FROM policies ORDER BY accepted_at DESC, digest LIMIT $1";
    let rows = sqlx::query(query)
        .bind(i64::from(limit))
        .fetch_all(&database.pool)
        .await?;
    let kept = rows.iter().map(|row| {
        Ok(KeptPolicy {
            digest: row.try_get(0)?,
            accepted_at: row.try_get(1)?,
            bytes: row.try_get(2)?,
        })
    });
    kept.collect()
}

/// The digests that begin with these hexadecimal digits, at most ten.
///
/// # Errors
/// If the database fails.
pub async fn policy_digests(database: &Database, prefix: &str) -> Result<Vec<String>, sqlx::Error> {
    let query = format!(
        "SELECT digest FROM policies WHERE digest >= $1 AND digest < $2 ORDER BY digest LIMIT {SAME_PREFIX_MAX}"
    );
    // `g` follows all hexadecimal digits.
    sqlx::query_scalar(AssertSqlSafe(query))
        .bind(prefix.to_owned())
        .bind(format!("{prefix}g"))
        .fetch_all(&database.pool)
        .await
}

/// Runs work that takes long for a large policy.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, InvalidPolicyFiles> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| InvalidPolicyFiles::Malformed(error.into()))
}
