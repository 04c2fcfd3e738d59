//! Recomputes every chain, and finds events that were edited, deleted, inserted, reordered or cut off.
//!
//! It reads one snapshot, row by row. It cannot detect a trail that was rewritten completely, including the heads. Store the heads
//! that it prints elsewhere to detect that.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::TryStreamExt as _;
use rolecall_core::audit::{AuditEvent, AuditEventKind, ChainHash, WriterHead};
use sqlx::{AnyConnection, Row as _};

use super::finding::Finding;
use super::row::{Columns, NAMES, Row};
use crate::database::Database;

/// Findings that are listed; more are only counted.
const FINDINGS_MAX: usize = 1_000;
/// Open intents that are listed; more are only counted.
const OPEN_INTENTS_MAX: usize = 1_000;

/// An intent without an outcome: credentials are being issued, or the process crashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIntent {
    /// The writer of the chain.
    pub writer: String,
    /// The sequence number of the event.
    pub sequence: i64,
    /// The reference that logs, pages and CloudTrail show.
    pub reference: String,
    /// The time, UTC, RFC 3339.
    pub at: String,
}

/// The result of a verification.
#[derive(Clone, Debug, Default)]
pub struct VerifyReport {
    /// The number of events.
    pub events: u64,
    /// The ends of the chains. Stored elsewhere, they prove later that the trail was not rewritten.
    pub heads: Vec<WriterHead>,
    /// The first thousand findings.
    pub findings: Vec<Finding>,
    /// The number of findings.
    pub findings_count: u64,
    /// The first thousand intents without an outcome, by chain. They are not a sign of tampering.
    pub open_intents: Vec<OpenIntent>,
    /// The number of intents without an outcome.
    pub open_intents_count: u64,
}

impl VerifyReport {
    /// Whether nothing was found.
    pub fn is_intact(&self) -> bool {
        self.findings_count == 0
    }

    fn found(&mut self, finding: Finding) {
        self.findings_count += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }
}

/// Verifies the whole trail. Memory grows with writers and open intents, not with events.
///
/// # Errors
/// If the database fails. Findings are in the report.
pub async fn verify(trail: &Database) -> Result<VerifyReport, sqlx::Error> {
    let mut snapshot = trail.pool.begin().await?;
    if trail.is_postgres() {
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            .execute(&mut *snapshot)
            .await?;
    }
    let mut walk = Walk {
        heads: heads(&mut snapshot).await?,
        ..Walk::default()
    };
    let query = format!("SELECT {NAMES} FROM audit_events ORDER BY writer, sequence");
    let mut rows = sqlx::query(sqlx::AssertSqlSafe(query)).fetch(&mut *snapshot);
    while let Some(row) = rows.try_next().await? {
        walk.event(Row::read(&row)?);
    }
    drop(rows);
    walk.end_of_chain();
    walk.heads_without_events();
    let witnesses = std::mem::take(&mut walk.witnesses);
    let existing = existing(&mut snapshot, &witnesses).await?;
    for Witness { by, seen } in witnesses {
        if !existing.contains(&seen) {
            walk.report.found(Finding::Contradicted {
                writer: seen.writer,
                sequence: seen.sequence,
                by,
            });
        }
    }
    Ok(walk.finish())
}

async fn heads(connection: &mut AnyConnection) -> Result<BTreeMap<String, Recorded>, sqlx::Error> {
    let mut heads = BTreeMap::new();
    let mut rows =
        sqlx::query("SELECT writer, sequence, hash FROM audit_writers").fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let recorded = Recorded {
            sequence: row.try_get(1)?,
            hash: row.try_get(2)?,
        };
        heads.insert(row.try_get(0)?, recorded);
    }
    Ok(heads)
}

/// The events that later writers recorded as ends of chains and that still exist. One query for all, within the snapshot.
async fn existing(
    connection: &mut AnyConnection,
    witnesses: &[Witness],
) -> Result<HashSet<WriterHead>, sqlx::Error> {
    let wanted: HashSet<(&str, u64)> = witnesses
        .iter()
        .map(|witness| (witness.seen.writer.as_str(), witness.seen.sequence))
        .collect();
    let mut existing = HashSet::new();
    if wanted.is_empty() {
        return Ok(existing);
    }
    let mut rows = sqlx::query("SELECT writer, sequence, hash FROM audit_events").fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let writer: &str = row.try_get(0)?;
        if let Ok(sequence) = u64::try_from(row.try_get::<i64, _>(1)?)
            && wanted.contains(&(writer, sequence))
        {
            existing.insert(WriterHead {
                writer: writer.to_owned(),
                sequence,
                hash: row.try_get(2)?,
            });
        }
    }
    Ok(existing)
}

/// A row of `audit_writers`.
struct Recorded {
    sequence: i64,
    hash: String,
}

struct Witness {
    by: String,
    seen: WriterHead,
}

/// The chain that is being verified.
struct Chain {
    writer: String,
    /// The last event so far, 0 before the first.
    sequence: i64,
    /// Its stored hash, so that one edit is one finding; none if it cannot be parsed.
    hash: Option<ChainHash>,
}

#[derive(Default)]
struct Walk {
    heads: BTreeMap<String, Recorded>,
    chain: Option<Chain>,
    witnesses: Vec<Witness>,
    open: HashMap<String, OpenIntent>,
    report: VerifyReport,
}

impl Walk {
    fn event(&mut self, row: Row) {
        self.report.events += 1;
        if self
            .chain
            .as_ref()
            .is_none_or(|chain| chain.writer != row.writer)
        {
            self.end_of_chain();
        }
        let chain = self.chain.take().unwrap_or_else(|| Chain {
            writer: row.writer.clone(),
            sequence: 0,
            hash: Some(ChainHash::genesis(&row.writer)),
        });
        self.link(&row, &chain);
        match Columns::read(&row.canonical) {
            Ok(columns) if columns == row.columns => {}
            Ok(_) | Err(_) => self.report.found(Finding::Relabelled {
                writer: row.writer.clone(),
                sequence: row.sequence,
            }),
        }
        self.chain = Some(Chain {
            writer: row.writer.clone(),
            sequence: row.sequence.max(chain.sequence),
            hash: row.hash.parse().ok(),
        });
        self.references(row);
    }

    /// Checks that an event follows the one before.
    fn link(&mut self, row: &Row, before: &Chain) {
        let writer = row.writer.clone();
        let sequence = row.sequence;
        let recorded = self.heads.get(&writer).map_or(0, |head| head.sequence);
        let next = before.sequence.saturating_add(1);
        if sequence < 1 || sequence > recorded {
            self.report.found(Finding::Inserted { writer, sequence });
        } else if sequence > next {
            self.report.found(Finding::Missing {
                writer,
                from: next,
                to: sequence - 1,
            });
        } else if !before.hash.is_some_and(|hash| row.follows(&hash)) {
            self.report.found(Finding::Altered { writer, sequence });
        }
    }

    fn end_of_chain(&mut self) {
        let Some(chain) = self.chain.take() else {
            return;
        };
        let Some(recorded) = self.heads.remove(&chain.writer) else {
            return; // Each of its events is reported as inserted.
        };
        let hash = chain.hash.map(|hash| hash.to_string());
        if chain.sequence < recorded.sequence {
            self.report.found(Finding::CutOff {
                writer: chain.writer.clone(),
                last: chain.sequence,
                recorded: recorded.sequence,
            });
        } else if chain.sequence == recorded.sequence && hash.as_ref() != Some(&recorded.hash) {
            self.report.found(Finding::HeadAltered {
                writer: chain.writer.clone(),
            });
        }
        self.report.heads.push(WriterHead {
            writer: chain.writer,
            sequence: recorded.sequence.unsigned_abs(),
            hash: recorded.hash,
        });
    }

    /// Reports recorded heads of chains without events.
    fn heads_without_events(&mut self) {
        for (writer, recorded) in std::mem::take(&mut self.heads) {
            self.report.found(Finding::CutOff {
                writer,
                last: 0,
                recorded: recorded.sequence,
            });
        }
    }

    /// Collects what an event contains about other events. Unknown events contain nothing.
    fn references(&mut self, row: Row) {
        let Ok(event) = serde_json::from_str::<AuditEvent>(&row.canonical) else {
            return;
        };
        let reference = event.reference.as_str().to_owned();
        match event.kind {
            AuditEventKind::WriterStarted { earlier, .. } => {
                let by = row.writer;
                self.witnesses
                    .extend(earlier.into_iter().map(|seen| Witness {
                        by: by.clone(),
                        seen,
                    }));
            }
            AuditEventKind::IssueIntended { .. } => {
                let intent = OpenIntent {
                    writer: row.writer,
                    sequence: row.sequence,
                    reference: reference.clone(),
                    at: row.columns.at,
                };
                self.open.insert(reference, intent);
            }
            AuditEventKind::IssueDone { .. }
            | AuditEventKind::IssuePosted { .. }
            | AuditEventKind::IssueFailed { .. } => {
                self.open.remove(&reference);
            }
            AuditEventKind::SignedIn { .. }
            | AuditEventKind::SignOutRefused { .. }
            | AuditEventKind::SignInRefused { .. }
            | AuditEventKind::SignInRefusals { .. }
            | AuditEventKind::SignOutRefusals { .. }
            | AuditEventKind::SignedOut { .. }
            | AuditEventKind::ClientSessionBegun { .. }
            | AuditEventKind::ConsentGiven { .. }
            | AuditEventKind::ConsentDenied { .. }
            | AuditEventKind::IssueRefused { .. }
            | AuditEventKind::IssueUndelivered {}
            | AuditEventKind::IssueUnverified { .. }
            | AuditEventKind::ConfigurationLoaded { .. }
            | AuditEventKind::ConfigurationRefused { .. } => {}
        }
    }

    fn finish(self) -> VerifyReport {
        let mut report = self.report;
        report.open_intents_count = u64::try_from(self.open.len()).unwrap_or(u64::MAX);
        let mut open: Vec<OpenIntent> = self.open.into_values().collect();
        open.sort_by(|a, b| (&a.writer, a.sequence).cmp(&(&b.writer, b.sequence)));
        open.truncate(OPEN_INTENTS_MAX);
        report.open_intents = open;
        report
    }
}
