//! Refusals of requests that show nothing of ours: counted in memory and summarised, one event for each client address
//! and window, since whoever likes can make any number of them.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::base::limits;
use crate::record::rate_limit::{AddressPrefix, Width, rate_limit_prefix};

use super::AuditEventKind;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusals {
    /// Sign-ins.
    SignIn,
    /// Orders to sign out.
    SignOut,
}

/// What the trail says of the refusals of one address and window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalSummary {
    /// The address, or the network in CIDR notation; none when they are of many networks or of no known address.
    pub from: Option<String>,
    /// The first of them.
    pub since: DateTime<Utc>,
    /// How many.
    pub refusals: u64,
    /// How many of each reason; the reasons are those of [`AuditEventKind::SignInRefused`] and [`AuditEventKind::SignOutRefused`].
    pub reasons: BTreeMap<String, u64>,
}

/// The refusals of one address, or of one network, since the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalRow {
    kind: Refusals,
    from: Option<AddressPrefix>,
    since: DateTime<Utc>,
    reasons: BTreeMap<&'static str, u64>,
}

impl RefusalRow {
    /// The address, where it is a single one.
    pub fn address(&self) -> Option<IpAddr> {
        self.from.and_then(|from| from.single())
    }

    /// The event.
    pub fn audit_event(&self) -> AuditEventKind {
        let reasons = self.reasons.iter();
        let summary = RefusalSummary {
            from: self.from.map(|from| from.to_string()),
            since: self.since,
            refusals: self.reasons.values().sum(),
            reasons: reasons
                .map(|(reason, count)| ((*reason).to_owned(), *count))
                .collect(),
        };
        match self.kind {
            Refusals::SignIn => AuditEventKind::SignInRefusals(summary),
            Refusals::SignOut => AuditEventKind::SignOutRefusals(summary),
        }
    }
}

type Rows = HashMap<(Refusals, Option<AddressPrefix>), RefusalRow>;

/// Events of one window: since when, and how many.
type Events = (DateTime<Utc>, u32);

/// Counts refusals until they are taken.
#[derive(Default)]
pub struct RefusalCounts {
    // Not Tokio mutexes: nothing is awaited while they are held.
    rows: Mutex<Rows>,
    /// Refusals with an event of their own, by who refused: since when, and how many.
    events: Mutex<[Option<Events>; 2]>,
}

impl RefusalCounts {
    /// Counts a refusal.
    pub fn add(
        &self,
        kind: Refusals,
        address: Option<IpAddr>,
        reason: &'static str,
        now: DateTime<Utc>,
    ) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let from = bucket(&rows, kind, address);
        let row = rows.entry((kind, from)).or_insert_with(|| RefusalRow {
            kind,
            from,
            since: now,
            reasons: BTreeMap::new(),
        });
        *row.reasons.entry(reason).or_default() += 1;
    }

    /// Whether one more refusal may have an event of its own, of at most [`limits::REFUSAL_EVENTS_MAX`] in a window.
    /// Those that the provider refused are counted apart: whoever likes can bring them about.
    pub fn allows_event(&self, by_provider: bool, now: DateTime<Utc>) -> bool {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let [others, refused_there] = &mut *events;
        let events = if by_provider { refused_there } else { others };
        let (since, count) = events
            .filter(|(since, _)| now < *since + limits::REFUSALS_WINDOW)
            .unwrap_or((now, 0));
        let allowed = count < limits::REFUSAL_EVENTS_MAX;
        *events = Some((since, count.saturating_add(u32::from(allowed))));
        allowed
    }

    /// Takes the summaries out whose window has ended; all of them where `all`.
    pub fn take(&self, now: DateTime<Utc>, all: bool) -> Vec<RefusalRow> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = rows.extract_if(|_, row| all || row.since + limits::REFUSALS_WINDOW <= now);
        let mut ended: Vec<RefusalRow> = ended.map(|(_, row)| row).collect();
        ended.sort_by_key(|row| (row.since, row.from));
        ended
    }

    /// As [`RefusalCounts::take`]; what is not asked for comes back when this is dropped, as when a write is given up.
    pub fn taken(&self, now: DateTime<Utc>, all: bool) -> TakenRows<'_> {
        TakenRows {
            counts: self,
            rows: self.take(now, all).into_iter(),
        }
    }

    /// Puts a summary back that could not be written.
    pub fn put_back(&self, summary: RefusalRow) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let known = rows.contains_key(&(summary.kind, summary.from));
        // Others may have taken its room.
        let from = match known || rows.len() < limits::REFUSAL_ROWS_MAX - 2 {
            true => summary.from,
            false => None,
        };
        let row = rows
            .entry((summary.kind, from))
            .or_insert_with(|| RefusalRow {
                kind: summary.kind,
                from,
                since: summary.since,
                reasons: BTreeMap::new(),
            });
        row.since = row.since.min(summary.since);
        for (reason, count) in summary.reasons {
            *row.reasons.entry(reason).or_default() += count;
        }
    }
}

/// The row that counts for an address: its own, its network's when there are many rows, one for all when there are too
/// many.
fn bucket(rows: &Rows, kind: Refusals, address: Option<IpAddr>) -> Option<AddressPrefix> {
    let choices = [
        (Width::Address, limits::REFUSAL_ROWS_MAX / 4 * 3),
        (Width::Coarse, limits::REFUSAL_ROWS_MAX - 2),
    ];
    choices.into_iter().find_map(|(width, rows_max)| {
        let prefix = rate_limit_prefix(address?, width)?;
        let known = rows.contains_key(&(kind, Some(prefix)));
        (known || rows.len() < rows_max).then_some(prefix)
    })
}

/// Summaries on their way to the audit trail, see [`RefusalCounts::taken`].
pub struct TakenRows<'a> {
    counts: &'a RefusalCounts,
    rows: std::vec::IntoIter<RefusalRow>,
}

impl Iterator for TakenRows<'_> {
    type Item = RefusalRow;

    fn next(&mut self) -> Option<RefusalRow> {
        self.rows.next()
    }
}

impl Drop for TakenRows<'_> {
    fn drop(&mut self) {
        for row in self.rows.by_ref() {
            self.counts.put_back(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn address(number: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(number.into()))
    }

    #[test]
    fn failed_write_keeps_refusal_counts() {
        let counts = RefusalCounts::default();
        let now = DateTime::UNIX_EPOCH;
        for number in 0..5_u32 {
            let from = address(number.wrapping_mul(0x0001_0000));
            counts.add(Refusals::SignIn, from, "expired_state", now);
        }
        let mut taken = counts.taken(now, true);
        assert!(taken.next().is_some());
        assert!(counts.take(now, true).is_empty());
        drop(taken);
        assert_eq!(counts.take(now, true).len(), 4);
    }

    #[test]
    fn refusal_rows_are_bounded_and_complete() {
        let counts = RefusalCounts::default();
        let now = DateTime::UNIX_EPOCH;
        let many: u32 = 100_000;
        for number in 0..many {
            // As many networks as addresses.
            let from = address(number.wrapping_mul(0x0001_0001));
            counts.add(Refusals::SignIn, from, "expired_state", now);
            counts.add(Refusals::SignOut, from, "unreadable", now);
        }
        counts.add(Refusals::SignIn, None, "expired_state", now);
        let rows = counts.take(now, true);
        assert!(rows.len() <= limits::REFUSAL_ROWS_MAX, "{}", rows.len());
        let total: u64 = rows.iter().flat_map(|row| row.reasons.values()).sum();
        assert_eq!(total, 2 * u64::from(many) + 1);
        assert!(counts.take(now, true).is_empty());
        // Nor does what is put back go beyond the bound.
        for number in 0..1_000_u32 {
            counts.add(
                Refusals::SignIn,
                address((!number).wrapping_mul(0x0001_0001)),
                "unreadable",
                now,
            );
        }
        rows.into_iter().for_each(|row| counts.put_back(row));
        let rows = counts.take(now, true);
        assert!(rows.len() <= limits::REFUSAL_ROWS_MAX, "{}", rows.len());
        let again: u64 = rows.iter().flat_map(|row| row.reasons.values()).sum();
        assert_eq!(again, total + 1_000);
    }

    #[test]
    fn individual_events_are_bounded_per_window() {
        let counts = RefusalCounts::default();
        let start = DateTime::UNIX_EPOCH;
        let of = |by_provider, at| {
            let events = (0..5_000).filter(|_| counts.allows_event(by_provider, at));
            events.count()
        };
        let allowed = |at| of(false, at);
        assert_eq!(of(true, start), limits::REFUSAL_EVENTS_MAX as usize);
        assert_eq!(allowed(start), limits::REFUSAL_EVENTS_MAX as usize);
        let end = start + limits::REFUSALS_WINDOW;
        assert_eq!(allowed(end - TimeDelta::seconds(1)), 0);
        assert_eq!(allowed(end), limits::REFUSAL_EVENTS_MAX as usize);
    }

    #[test]
    fn row_is_taken_after_its_window() {
        let counts = RefusalCounts::default();
        let start = DateTime::UNIX_EPOCH;
        let second = TimeDelta::seconds(1);
        counts.add(Refusals::SignIn, address(1), "unreadable", start);
        counts.add(
            Refusals::SignIn,
            address(1),
            "expired_state",
            start + second,
        );
        counts.add(Refusals::SignIn, address(2), "unreadable", start + second);
        let end = start + limits::REFUSALS_WINDOW;
        assert!(counts.take(end - second, false).is_empty());
        let [row] = counts.take(end, false).try_into().unwrap();
        assert_eq!(row.address(), address(1));
        counts.put_back(row.clone());
        counts.add(Refusals::SignIn, address(1), "unreadable", end);
        let rows = counts.take(end, false);
        assert_eq!(rows[0].since, start);
        assert_eq!(
            rows[0].reasons,
            [("expired_state", 1), ("unreadable", 2)].into()
        );
    }
}
