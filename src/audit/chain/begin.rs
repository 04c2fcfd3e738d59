//! Begins a chain: its first event records the ends of the earlier chains.

use rolecall_core::audit::{AuditEvent, AuditEventKind, ChainHash, ReferenceId, WriterHead};
use rolecall_core::base::{BoxError, Clock, Entropy};
use sqlx::{AssertSqlSafe, Row as _};

use super::{Chain, Head, entry};
use crate::audit::retry_queue::RetryQueue;
use crate::audit::row;
use crate::database::{Database, sortable, values};

impl Chain {
    /// A new chain with its first event.
    pub(in crate::audit) async fn begin(
        trail: Database,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, BoxError> {
        let pool = &trail.pool;
        let writer = ReferenceId::generate(entropy);
        let grown = sqlx::query(
            "SELECT writer, sequence, hash FROM audit_writers WHERE witnessed < sequence ORDER BY writer",
        )
        .fetch_all(pool)
        .await?;
        let earlier = grown
            .iter()
            .map(|row| {
                Ok(WriterHead {
                    writer: row.try_get(0)?,
                    sequence: u64::try_from(row.try_get::<i64, _>(1)?)?,
                    hash: row.try_get(2)?,
                })
            })
            .collect::<Result<Vec<_>, BoxError>>()?;
        let event = AuditEvent {
            at: clock.now(),
            reference: writer.clone(),
            address: None,
            user_agent: None,
            kind: AuditEventKind::WriterStarted {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                earlier: earlier.clone(),
            },
        };
        let writer = writer.as_str().to_owned();
        let mut head = Head {
            sequence: 0,
            hash: ChainHash::genesis(&writer),
        };
        let first = head.push(&writer, entry(&event)?);

        let mut transaction = pool.begin().await?;
        sqlx::query(
            "INSERT INTO audit_writers (writer, started_at, sequence, hash, witnessed) VALUES ($1, $2, $3, $4, 0)",
        )
        .bind(&writer)
        .bind(sortable(event.at))
        .bind(head.sequence)
        .bind(head.hash.to_string())
        .execute(&mut *transaction)
        .await?;
        let insert = format!(
            "INSERT INTO audit_events ({}) VALUES {}",
            row::NAMES,
            values(0, row::COLUMNS, 1)
        );
        row::bind(sqlx::query(AssertSqlSafe(insert)), first)
            .execute(&mut *transaction)
            .await?;
        for seen in &earlier {
            sqlx::query(
                "UPDATE audit_writers SET witnessed = $1 WHERE writer = $2 AND witnessed < $1",
            )
            .bind(i64::try_from(seen.sequence)?)
            .bind(&seen.writer)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(Self {
            trail,
            connection: None,
            writer,
            head,
            fence: 0,
            unknown_commit: None,
            retries: RetryQueue::default(),
        })
    }
}
