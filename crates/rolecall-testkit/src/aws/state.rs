//! State of the emulator: accounts, issued sessions, sign-in tokens, console sessions, recorded requests and decisions.
//!
//! Collections are bounded: the oldest entry is removed to add a new one.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::iam::Policy;
use crate::lock;

use super::AwsSettings;
use super::authorization_message::MessageKey;
use super::authorize::RecordedDecision;
use super::fault::Faults;
use super::issued::IssuedSession;
use super::issuers::KeyCache;
use super::organization;
use super::partition::Partition;
use super::recent::Recent;
use super::resources::AccountState;
use super::signin::ConsoleSessions;

const SESSIONS_MAX: usize = 20_000;

/// A request as received.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// Parameter `Action`; empty if absent.
    pub action: String,
    /// HTTP method of the request.
    pub method: String,
    /// Path of the URL.
    pub path: String,
    /// Decoded parameters of the body (POST) or of the query, in order.
    pub form: Vec<(String, String)>,
    /// Headers, with names in lower case.
    pub headers: Vec<(String, String)>,
}

impl RecordedRequest {
    /// The value of the first parameter with this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of the first header with this name, given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// State of the emulator, shared by the server thread and the test.
pub(super) struct AwsState {
    clock: Clock,
    pub partition: Partition,
    pub administrator_access: Arc<Policy>,
    /// Managed policies by ARN.
    pub managed_policies: RwLock<HashMap<String, Arc<Policy>>>,
    pub organization: organization::Policies,
    pub accounts: RwLock<HashMap<String, AccountState>>,
    sessions: Mutex<Recent<Arc<IssuedSession>>>,
    seen: Mutex<VecDeque<RecordedRequest>>,
    decisions: Mutex<VecDeque<RecordedDecision>>,
    requests_kept: usize,
    requests_served: AtomicU64,
    pub faults: Faults,
    pub keys: KeyCache,
    pub console_sessions: ConsoleSessions,
    pub message_key: MessageKey,
}

impl AwsState {
    pub fn new(settings: AwsSettings) -> anyhow::Result<Self> {
        Ok(AwsState {
            clock: settings.clock,
            partition: settings.partition,
            administrator_access: Arc::new(Policy::administrator_access()),
            managed_policies: RwLock::default(),
            organization: organization::Policies::default(),
            accounts: RwLock::default(),
            sessions: Mutex::new(Recent::new(SESSIONS_MAX)),
            seen: Mutex::default(),
            decisions: Mutex::default(),
            requests_kept: settings.requests_kept,
            requests_served: AtomicU64::new(0),
            faults: Faults::default(),
            keys: KeyCache::new(settings.issuer_authority.as_deref())?,
            console_sessions: ConsoleSessions::default(),
            message_key: MessageKey::new()?,
        })
    }

    pub fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// A request ID in the form of a UUID. It is a counter, so that output is reproducible.
    pub fn next_request_id(&self) -> String {
        format!(
            "00000000-0000-4000-8000-{:012x}",
            self.requests_served.fetch_add(1, Ordering::Relaxed)
        )
    }

    /// Records a request. `make` is called only if recording is enabled.
    pub fn record_request(&self, make: impl FnOnce() -> RecordedRequest) {
        if self.requests_kept == 0 {
            return;
        }
        let mut seen = lock(&self.seen);
        if seen.len() == self.requests_kept {
            seen.pop_front();
        }
        seen.push_back(make());
    }

    /// Records a decision. `make` is called only if recording is enabled.
    pub fn record_decision(&self, make: impl FnOnce() -> RecordedDecision) {
        if self.requests_kept == 0 {
            return;
        }
        let mut decisions = lock(&self.decisions);
        if decisions.len() == self.requests_kept {
            decisions.pop_front();
        }
        decisions.push_back(make());
    }

    pub fn decisions(&self) -> Vec<RecordedDecision> {
        lock(&self.decisions).iter().cloned().collect()
    }

    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.requests_after(0)
    }

    pub fn request_count(&self) -> usize {
        lock(&self.seen).len()
    }

    pub fn requests_after(&self, count: usize) -> Vec<RecordedRequest> {
        lock(&self.seen).iter().skip(count).cloned().collect()
    }

    fn sessions(&self) -> MutexGuard<'_, Recent<Arc<IssuedSession>>> {
        lock(&self.sessions)
    }

    pub fn issue(&self, session: Arc<IssuedSession>) {
        self.sessions()
            .insert(session.access_key_id.clone(), session);
    }

    pub fn session(&self, access_key_id: &str) -> Option<Arc<IssuedSession>> {
        self.sessions().get(access_key_id).cloned()
    }

    pub fn issued(&self) -> Vec<Arc<IssuedSession>> {
        self.sessions().oldest_first().cloned().collect()
    }
}
