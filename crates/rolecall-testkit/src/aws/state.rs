//! State of the emulator: accounts, issued sessions, sign-in tokens, console sessions and recorded requests.
//!
//! Collections are bounded: the oldest entry is removed to add a new one.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::lock;

use super::AwsSettings;
use super::fault::Faults;
use super::iam::{IamUser, OidcProvider, SamlProvider, TrustedRole};
use super::issuers::KeyCache;
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

/// An issued role session.
pub struct IssuedSession {
    /// Access key ID, `ASIA…`.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Session token, by which later calls find the session.
    pub session_token: String,
    /// Time at which the session was issued.
    pub issued_at: DateTime<Utc>,
    /// Time of expiry.
    pub expiration: DateTime<Utc>,
    /// The operation that issued it.
    pub kind: SessionKind,
    /// The account of the role.
    pub account_id: String,
    /// `arn:aws:iam::…:role/path/name`; empty for a federated user.
    pub role_arn: String,
    /// `arn:aws:sts::…:assumed-role/name/session`, or `…:federated-user/name`.
    pub assumed_role_arn: String,
    /// `AROA…:session`, or `account:name`.
    pub assumed_role_id: String,
    /// `sub` of the token, or `NameID` of the SAML response.
    pub subject: String,
    /// Source identity, if the token or response has one.
    pub source_identity: Option<String>,
    /// Session tags, in the order of the token or response.
    pub tags: Vec<(String, String)>,
    /// Keys of the transitive tags.
    pub transitive_tag_keys: Vec<String>,
}

/// How a session came about, which decides what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// `AssumeRoleWithWebIdentity` or `AssumeRoleWithSAML`.
    Federated,
    /// `AssumeRole`, called with the keys of an IAM user.
    Assumed,
    /// `AssumeRole`, called with the credentials of a role session.
    Chained,
    /// `GetFederationToken`.
    FederatedUser,
}

impl SessionKind {
    /// Whether the console's sign-in endpoint takes a `SessionDuration` for it.
    pub(super) fn takes_session_duration(self) -> bool {
        match self {
            SessionKind::Federated | SessionKind::Assumed => true,
            SessionKind::Chained | SessionKind::FederatedUser => false,
        }
    }
}

impl fmt::Debug for IssuedSession {
    /// Omits the secret access key and the session token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedSession")
            .field("access_key_id", &self.access_key_id)
            .field("assumed_role_arn", &self.assumed_role_arn)
            .field("expiration", &self.expiration)
            .field("source_identity", &self.source_identity)
            .field("tags", &self.tags)
            .finish_non_exhaustive()
    }
}

/// A bounded map of the newest entries.
pub(super) struct Recent<V> {
    entries: HashMap<String, V>,
    order: VecDeque<String>,
    kept: usize,
}

impl<V> Recent<V> {
    pub fn new(kept: usize) -> Self {
        Recent {
            entries: HashMap::new(),
            order: VecDeque::new(),
            kept,
        }
    }

    /// Adds an entry under a new key.
    pub fn insert(&mut self, key: String, value: V) {
        if self.order.len() == self.kept
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.entries.insert(key, value);
    }

    pub fn get(&self, key: &str) -> Option<&V> {
        self.entries.get(key)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    pub fn remove(&mut self, key: &str) {
        self.entries.remove(key);
    }

    pub fn oldest_first(&self) -> impl Iterator<Item = &V> {
        self.order.iter().filter_map(|key| self.entries.get(key))
    }
}

/// IAM resources of an account.
#[derive(Default)]
pub(super) struct AccountState {
    /// OIDC providers, by issuer.
    pub providers: HashMap<String, Arc<OidcProvider>>,
    /// SAML providers, by ARN.
    pub saml_providers: HashMap<String, Arc<SamlProvider>>,
    /// Roles, by ARN.
    pub roles: HashMap<String, Arc<TrustedRole>>,
    /// By access key id.
    pub users: HashMap<String, Arc<IamUser>>,
}

/// State of the emulator, shared by the server thread and the test.
pub(super) struct AwsState {
    clock: Clock,
    accounts: RwLock<HashMap<String, AccountState>>,
    sessions: Mutex<Recent<Arc<IssuedSession>>>,
    seen: Mutex<VecDeque<RecordedRequest>>,
    requests_kept: usize,
    requests_served: AtomicU64,
    pub faults: Faults,
    pub keys: KeyCache,
    pub console_sessions: ConsoleSessions,
}

impl AwsState {
    pub fn new(settings: AwsSettings) -> anyhow::Result<Self> {
        Ok(AwsState {
            clock: settings.clock,
            accounts: RwLock::default(),
            sessions: Mutex::new(Recent::new(SESSIONS_MAX)),
            seen: Mutex::default(),
            requests_kept: settings.requests_kept,
            requests_served: AtomicU64::new(0),
            faults: Faults::default(),
            keys: KeyCache::new(settings.issuer_authority.as_deref())?,
            console_sessions: ConsoleSessions::default(),
        })
    }

    pub fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    pub fn create_account(&self, id: &str) {
        self.accounts
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(id.to_owned())
            .or_default();
    }

    /// Changes an account.
    pub fn update_account<T>(&self, id: &str, change: impl FnOnce(&mut AccountState) -> T) -> T {
        change(
            self.accounts
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(id.to_owned())
                .or_default(),
        )
    }

    pub fn provider(&self, account: &str, issuer: &str) -> Option<Arc<OidcProvider>> {
        self.accounts
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(account)?
            .providers
            .get(issuer)
            .cloned()
    }

    pub fn saml_provider(&self, account: &str, arn: &str) -> Option<Arc<SamlProvider>> {
        self.accounts
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(account)?
            .saml_providers
            .get(arn)
            .cloned()
    }

    pub fn role(&self, account: &str, arn: &str) -> Option<Arc<TrustedRole>> {
        self.accounts
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(account)?
            .roles
            .get(arn)
            .cloned()
    }

    /// The IAM user of any account with this access key.
    pub fn user(&self, access_key_id: &str) -> Option<Arc<IamUser>> {
        self.accounts
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .find_map(|account| account.users.get(access_key_id))
            .cloned()
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

    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.seen).iter().cloned().collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_entry_is_removed_when_full() {
        let mut recent = Recent::new(2);
        for n in 0..3 {
            recent.insert(n.to_string(), n);
        }
        assert_eq!(recent.get("0"), None);
        assert_eq!(recent.oldest_first().copied().collect::<Vec<_>>(), [1, 2]);
        recent.remove("1");
        assert_eq!(recent.oldest_first().copied().collect::<Vec<_>>(), [2]);
    }
}
