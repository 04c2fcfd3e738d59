//! Conformance and failure tests of all stores, with real servers and files.

mod conformance;
mod files;
mod outages;
mod servers;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::base::Clock;
use rolecall_core::base::secret::SecretDigest;
use rolecall_core::record::{Key, RecordStore, StoreError};
use rolecall_harness::TestClock;
use rolecall_testkit::clock::{self, ManualClock};
use rolecalld::store::{OPERATION_MAX, StoreSettings, open};

pub fn system_clock() -> Arc<TestClock> {
    Arc::new(TestClock::from(clock::system()))
}

pub fn manual_clock() -> (ManualClock, Arc<TestClock>) {
    let manual = ManualClock::starting_now();
    let clock = Arc::new(TestClock::from(&manual));
    (manual, clock)
}

pub fn key(name: &str) -> Key {
    Key::new("test", SecretDigest::of("test", &[name.as_bytes()]))
}

/// Time limit of an operation in tests of what a store does, not of how long it takes: on a busy machine, a connection with TLS and a
/// hundred operations at once need longer than page requests wait.
pub const PATIENT: Duration = Duration::from_secs(20);

/// A store at this URL with its own prefix and the system clock.
pub async fn store_at(url: &str) -> Result<Arc<dyn RecordStore>> {
    store_with(url, OPERATION_MAX).await
}

/// As [`store_at`], with the time limit [`PATIENT`].
pub async fn patient_store_at(url: &str) -> Result<Arc<dyn RecordStore>> {
    store_with(url, PATIENT).await
}

async fn store_with(url: &str, operation_max: Duration) -> Result<Arc<dyn RecordStore>> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let settings = StoreSettings {
        url: url.parse().with_context(|| url.to_owned())?,
        prefix: format!("t{}:", NEXT.fetch_add(1, Ordering::Relaxed)),
        operation_max,
    };
    Ok(open(&settings, system_clock()).await?)
}

pub fn in_a_minute() -> DateTime<Utc> {
    system_clock().now() + TimeDelta::minutes(1)
}

pub fn is_unavailable<T>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Unavailable(_)))
}

/// The messages of an error and all its causes.
pub fn messages_of(error: &dyn std::error::Error) -> String {
    let mut messages_of = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        messages_of += &format!(": {error}");
        source = error.source();
    }
    messages_of
}
