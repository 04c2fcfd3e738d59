//! Refusals of requests without valid gateway data. An unauthenticated client can cause any number of them, so they are
//! counted in memory and written as one event for each client address and window.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::base::limits;
use crate::record::rate_limit::{AddressPrefix, Width, rate_limit_prefix};

use super::AuditEventKind;

/// Kind of refused request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// Refused sign-ins: `sign_in_refusals`.
    SignIn,
    /// Refused logout messages of providers: `sign_out_refusals`.
    SignOut,
}

/// Content of the event that summarizes the refusals of one address and window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalSummary {
    /// Address, or network in CIDR notation; none if they are from many networks or if the address is unknown.
    pub from: Option<String>,
    /// Time of the first refusal.
    pub since: DateTime<Utc>,
    /// Number of refusals.
    pub refusals: u64,
    /// Number of refusals by reason; the reasons are those of [`AuditEventKind::SignInRefused`] and
    /// [`AuditEventKind::SignOutRefused`].
    pub reasons: BTreeMap<String, u64>,
}

/// Refusals of one address or network, since the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalRow {
    kind: RefusalKind,
    from: Option<AddressPrefix>,
    since: DateTime<Utc>,
    reasons: BTreeMap<&'static str, u64>,
}

impl RefusalRow {
    /// Returns the address, if it is a single one.
    pub fn address(&self) -> Option<IpAddr> {
        self.from.and_then(|from| from.single())
    }

    /// Returns the summary as an audit event.
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
            RefusalKind::SignIn => AuditEventKind::SignInRefusals(summary),
            RefusalKind::SignOut => AuditEventKind::SignOutRefusals(summary),
        }
    }
}

type Rows = HashMap<(RefusalKind, Option<AddressPrefix>), RefusalRow>;

/// Events of one window: its start and their number.
type Events = (DateTime<Utc>, u32);

/// Counts refusals until they are taken.
#[derive(Default)]
pub struct RefusalCounts {
    // Not Tokio mutexes: they are not held across an await.
    rows: Mutex<Rows>,
    /// Refusals with their own event, by gateway and provider: start of the window and number.
    events: Mutex<[Option<Events>; 2]>,
}

impl RefusalCounts {
    /// Counts a refusal.
    pub fn add(
        &self,
        kind: RefusalKind,
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

    /// Returns whether another refusal may have its own event: at most [`limits::REFUSAL_EVENTS_MAX`] in a window.
    /// Refusals by the provider are counted separately, because anyone can cause them.
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

    /// Removes and returns the summaries of windows that have ended, or of all windows if `all`.
    pub fn take(&self, now: DateTime<Utc>, all: bool) -> Vec<RefusalRow> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = rows.extract_if(|_, row| all || row.since + limits::REFUSALS_WINDOW <= now);
        let mut ended: Vec<RefusalRow> = ended.map(|(_, row)| row).collect();
        ended.sort_by_key(|row| (row.since, row.from));
        ended
    }

    /// As [`RefusalCounts::take`]. Summaries that are not consumed are restored on drop, for example if a write is
    /// canceled.
    pub fn taken(&self, now: DateTime<Utc>, all: bool) -> TakenRows<'_> {
        TakenRows {
            counts: self,
            rows: self.take(now, all).into_iter(),
        }
    }

    /// Restores a summary that could not be written.
    pub fn put_back(&self, summary: RefusalRow) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let known = rows.contains_key(&(summary.kind, summary.from));
        // Other rows may have been added meanwhile.
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

/// Returns the row of an address: its own, that of its network if there are many rows, or a common one if there are too
/// many.
fn bucket(rows: &Rows, kind: RefusalKind, address: Option<IpAddr>) -> Option<AddressPrefix> {
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

/// Summaries that are being written to the audit trail, see [`RefusalCounts::taken`].
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
            counts.add(RefusalKind::SignIn, from, "expired_state", now);
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
            counts.add(RefusalKind::SignIn, from, "expired_state", now);
            counts.add(RefusalKind::SignOut, from, "unreadable", now);
        }
        counts.add(RefusalKind::SignIn, None, "expired_state", now);
        let rows = counts.take(now, true);
        assert!(rows.len() <= limits::REFUSAL_ROWS_MAX, "{}", rows.len());
        let total: u64 = rows.iter().flat_map(|row| row.reasons.values()).sum();
        assert_eq!(total, 2 * u64::from(many) + 1);
        assert!(counts.take(now, true).is_empty());
        // Restored summaries do not exceed the bound either.
        for number in 0..1_000_u32 {
            counts.add(
                RefusalKind::SignIn,
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
        counts.add(RefusalKind::SignIn, address(1), "unreadable", start);
        counts.add(
            RefusalKind::SignIn,
            address(1),
            "expired_state",
            start + second,
        );
        counts.add(
            RefusalKind::SignIn,
            address(2),
            "unreadable",
            start + second,
        );
        let end = start + limits::REFUSALS_WINDOW;
        assert!(counts.take(end - second, false).is_empty());
        let [row] = counts.take(end, false).try_into().unwrap();
        assert_eq!(row.address(), address(1));
        counts.put_back(row.clone());
        counts.add(RefusalKind::SignIn, address(1), "unreadable", end);
        let rows = counts.take(end, false);
        assert_eq!(rows[0].since, start);
        assert_eq!(
            rows[0].reasons,
            [("expired_state", 1), ("unreadable", 2)].into()
        );
    }
}
