//! The audit trail on SQLite and PostgreSQL: durability, hash chains, exports, tamper detection.

mod disk;
mod events;
mod exports;
mod index;
mod live;
mod outages;
mod search;
mod stalls;
mod tampering;

pub use disk::unshare;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use rolecall_core::audit::{
    Actor, AuditEvent, AuditEventKind, AuditLog as _, CredentialDelivery, ReferenceId, Target,
    WriterHead,
};
use rolecall_core::base::{Clock, Entropy};
use rolecall_testkit::postgres::Postgres;
use rolecalld::audit::{SqlAudit, VerifyReport, verify};
use rolecalld::database::{Database, DatabaseUrl};
use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

/// An entropy source that never repeats.
struct Counting(AtomicU64);

static ENTROPY: Counting = Counting(AtomicU64::new(0));

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let block = Sha256::digest(self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        for (byte, random) in bytes.iter_mut().zip(block.iter().cycle()) {
            *byte = *random;
        }
    }
}

/// A fixed clock.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_268_800, 0).unwrap_or_default()
    }
}

enum Kind {
    Sqlite {
        file: PathBuf,
        _folder: TempDir,
    },
    Postgres(Postgres),
    /// A database of a server that several fixtures share.
    Shared {
        server: Arc<Postgres>,
        name: String,
    },
}

/// A database for one test.
pub struct TestDatabase(Kind);

impl TestDatabase {
    pub fn sqlite() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("the trail.db");
        Ok(Self(Kind::Sqlite {
            file,
            _folder: folder,
        }))
    }

    pub async fn postgres() -> Result<Self> {
        Ok(Self(Kind::Postgres(Postgres::start().await?)))
    }

    pub fn url(&self) -> Result<DatabaseUrl> {
        Ok(match &self.0 {
            Kind::Sqlite { file, .. } => DatabaseUrl::Sqlite(file.clone()),
            Kind::Postgres(server) => server.url().parse()?,
            Kind::Shared { server, name } => shared_url(server, name).parse()?,
        })
    }

    pub async fn writer(&self) -> Result<Arc<SqlAudit>> {
        Ok(Arc::new(
            SqlAudit::open(&self.url()?, &Noon, &ENTROPY).await?,
        ))
    }

    async fn verify(&self) -> Result<VerifyReport> {
        Ok(verify(&Database::open(&self.url()?).await?).await?)
    }

    /// Executes SQL with all permissions.
    pub async fn store_sql(&self, statement: &str) -> Result<()> {
        match &self.0 {
            Kind::Sqlite { .. } => {
                let mut intruder = self.store_connection().await?;
                let statement = sqlx::AssertSqlSafe(statement.to_owned());
                sqlx::raw_sql(statement).execute(&mut intruder).await?;
                intruder.close().await?;
            }
            Kind::Postgres(server) => {
                server.sql(statement)?;
            }
            Kind::Shared { server, name } => {
                let mut intruder = PgConnection::connect(&shared_url(server, name)).await?;
                let statement = sqlx::AssertSqlSafe(statement.to_owned());
                sqlx::raw_sql(statement).execute(&mut intruder).await?;
                intruder.close().await?;
            }
        }
        Ok(())
    }

    /// The URL of a PostgreSQL server.
    fn server_url(&self) -> Result<String> {
        match &self.0 {
            Kind::Postgres(server) => Ok(server.url()),
            Kind::Sqlite { .. } | Kind::Shared { .. } => {
                anyhow::bail!("a PostgreSQL server is required")
            }
        }
    }

    /// Runs SQL on a PostgreSQL server and returns its output.
    pub fn server_sql(&self, statement: &str) -> Result<String> {
        match &self.0 {
            Kind::Postgres(server) => server.sql(statement),
            Kind::Sqlite { .. } | Kind::Shared { .. } => {
                anyhow::bail!("a PostgreSQL server is required")
            }
        }
    }

    /// A separate connection to the SQLite file.
    pub async fn store_connection(&self) -> Result<SqliteConnection> {
        match &self.0 {
            Kind::Sqlite { file, .. } => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
                Ok(SqliteConnection::connect_with(&options).await?)
            }
            Kind::Postgres(_) | Kind::Shared { .. } => anyhow::bail!("a SQLite file is required"),
        }
    }
}

fn shared_url(server: &Postgres, name: &str) -> String {
    let url = server.url();
    let (before, _) = url.rsplit_once('/').unwrap_or((&url, ""));
    format!("{before}/{name}")
}

fn actor(subject: &str) -> Actor {
    Actor {
        provider: "okta".to_owned(),
        subject: subject.to_owned(),
        email: Some(format!("{subject}@example.com")),
    }
}

fn event(kind: AuditEventKind) -> AuditEvent {
    AuditEvent {
        at: Noon.now(),
        reference: ReferenceId::generate(&ENTROPY),
        address: Some([192, 0, 2, 1].into()),
        user_agent: None,
        kind,
    }
}

fn signed_in(subject: &str) -> AuditEvent {
    event(AuditEventKind::SignedIn {
        actor: actor(subject),
        session: "S".to_owned(),
        mfa: true,
        unsolicited: false,
    })
}

fn intended() -> AuditEvent {
    event(AuditEventKind::IssueIntended {
        actor: actor("alice"),
        session: "S".to_owned(),
        target: Target {
            account: "111122223333".to_owned(),
            permission_set: "Developer".to_owned(),
            variant: None,
        },
        role: "arn:aws:iam::111122223333:role/Developer".to_owned(),
        assignments: vec!["payments".to_owned()],
        duration: 3_600,
        role_session_name: "alice".to_owned(),
        source_identity: None,
        tag_keys: vec![],
        omitted_tag_keys: vec![],
        delivery: CredentialDelivery::Console,
        token_id: None,
    })
}

/// The outcome of an intent.
fn failed(intent: &AuditEvent) -> AuditEvent {
    AuditEvent {
        reference: intent.reference.clone(),
        ..event(AuditEventKind::IssueFailed {
            reason: "unavailable".to_owned(),
            aws_code: None,
            request_id: None,
            unanswered: 0,
            via: vec![],
        })
    }
}

/// Writes the events and closes the writer.
async fn write(database: &TestDatabase, events: &[AuditEvent]) -> Result<()> {
    let writer = database.writer().await?;
    for event in events {
        writer.append(event).await?;
    }
    writer.close().await;
    Ok(())
}

fn head_of(report: &VerifyReport, sequence: u64) -> Result<WriterHead> {
    let mut found = report.heads.iter().filter(|head| head.sequence == sequence);
    let head = found.next().cloned();
    ensure!(found.next().is_none());
    head.ok_or_else(|| anyhow::anyhow!("no chain of {sequence} events"))
}
