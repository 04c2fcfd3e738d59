//! Sessions of registered clients: a client can list the roles of a person and get credentials until its session ends.
//!
//! The record is found by a handle that is part of each token, so one removal invalidates all tokens everywhere. The
//! handle contains the key of the person, so that everything that decides about a token can be read in one step. The
//! record contains only digests of tokens. New tokens are derived from the refresh token and a random salt in the
//! record: within the grace period, the same refresh token returns the same new tokens, and the record does not grow
//! with the number of parallel processes.

mod handle;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::access::RoleRequest;
use crate::base::secret::{
    AccessToken, RefreshToken, SecretDigest, SecretText, TOKEN_CHARACTERS, random_token,
};
use crate::base::{Entropy, KeyThumbprint, limits};
use crate::caller::{ClientInfo, EpochId, Flow, SessionId};
use crate::identity::Identity;
use crate::record::Record;
use crate::session::{ClientName, Epoch};

pub use handle::TokenHandle;
use handle::{handle_of, key_of};

const ACCESS_PREFIX: &str = "rca_";
const REFRESH_PREFIX: &str = "rcr_";
/// Characters of a handle: 256 random bits and the key of the person.
const HANDLE_CHARACTERS: usize = 2 * TOKEN_CHARACTERS;

/// The binding of an `aws login` session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoginBinding {
    /// The role that the person chose.
    pub role: RoleRequest,
    /// The key that signs the proof of each refresh (RFC 9449 5).
    pub key: KeyThumbprint,
}

/// A session of a registered client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientSession {
    /// Public ID of the session.
    pub id: SessionId,
    /// Key of the client; see [`crate::clients::client_key`].
    pub client: SecretDigest,
    /// Name that the client registered; unverified.
    pub client_name: ClientName,
    /// The person who approved it, as of the browser session.
    pub identity: Identity,
    /// Beginning of the session.
    pub started_at: DateTime<Utc>,
    /// End of the session, at the latest.
    pub ends_at: DateTime<Utc>,
    /// Address and user agent of the client.
    #[serde(rename = "origin")]
    pub client_info: ClientInfo,
    /// Epoch of the person at the approval.
    pub epoch: Option<EpochId>,
    /// Flow of the client.
    pub flow: Flow,
    /// Binding of an `aws login` session. Such a session can only be refreshed; access tokens do not open it.
    pub login: Option<LoginBinding>,
    /// Whether the client can refresh its tokens.
    #[serde(default = "renewing")]
    renews: bool,
    tokens: Tokens,
}

/// Default for records of earlier versions.
fn renewing() -> bool {
    true
}

impl Record for ClientSession {
    const KIND: &'static str = "client-session";
}

/// Digests of the tokens of a session.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tokens {
    access: Vec<LiveAccessToken>,
    refresh: SecretDigest,
    /// Refresh tokens that were replaced, oldest first.
    retired: Vec<RetiredRefreshToken>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct LiveAccessToken {
    digest: SecretDigest,
    expires_at: DateTime<Utc>,
}

/// A replaced refresh token, and the salt of its successors.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct RetiredRefreshToken {
    digest: SecretDigest,
    at: DateTime<Utc>,
    #[serde(with = "crate::base::secret::sealed_text")]
    salt: SecretText,
}

/// The response to a token request (RFC 6749 5.1).
#[derive(Clone, Debug)]
pub struct ClientTokens {
    /// `access_token`, a bearer token of the portal interface.
    pub access_token: AccessToken,
    /// Expiry of the access token.
    pub access_expires_at: DateTime<Utc>,
    /// `refresh_token`; each use replaces it.
    pub refresh_token: RefreshToken,
}

/// The data of a new session.
#[derive(Clone, Debug)]
pub struct NewClientSession {
    /// Key of the client.
    pub client: SecretDigest,
    /// Name that the client registered.
    pub client_name: ClientName,
    /// The person who approved it.
    pub identity: Identity,
    /// End of the session, at the latest.
    pub ends_at: DateTime<Utc>,
    /// Address and user agent of the client.
    pub client_info: ClientInfo,
    /// The browser session in which it was approved.
    pub allowed_in: SessionId,
    /// Epoch of the person at the approval.
    pub epoch: Option<EpochId>,
    /// Flow of the client.
    pub flow: Flow,
    /// Binding of an `aws login` session.
    pub login: Option<LoginBinding>,
    /// Whether the client can refresh its tokens; see [`crate::clients::RegisteredClient::renews`].
    pub renews: bool,
}

/// The result of a refresh.
#[derive(Debug)]
pub enum RefreshResult {
    /// The token was current. The session has changed and must be saved.
    Rotated(ClientTokens),
    /// The token was replaced within the grace period. The same tokens are returned; nothing has changed.
    Repeated(ClientTokens),
    /// The token is current, and [`limits::REFRESH_TOKENS_RETIRED_MAX`] tokens were replaced within the grace period.
    TooOften,
    /// The token was replaced before the grace period or is unknown: there may be a copy.
    Reused,
}

impl ClientSession {
    /// Creates a session. Returns the key of its record, the session and its first tokens.
    pub fn begin(
        new: NewClientSession,
        now: DateTime<Utc>,
        access_life: TimeDelta,
        entropy: &dyn Entropy,
    ) -> (SecretDigest, Self, ClientTokens) {
        let handle = format!("{}{}", random_token(entropy), new.identity.key());
        let access = AccessToken::new(format!("{ACCESS_PREFIX}{handle}{}", random_token(entropy)));
        let refresh =
            RefreshToken::new(format!("{REFRESH_PREFIX}{handle}{}", random_token(entropy)));
        let key = key_of(&handle);
        let mut session = Self {
            id: SessionId::of(key),
            client: new.client,
            client_name: new.client_name,
            identity: new.identity,
            started_at: now,
            ends_at: new.ends_at,
            client_info: new.client_info,
            epoch: new.epoch,
            flow: new.flow,
            login: new.login,
            renews: new.renews,
            tokens: Tokens {
                access: Vec::new(),
                refresh: refresh.digest(),
                retired: Vec::new(),
            },
        };
        let access_expires_at = session.add_access_token(&access, now, access_life);
        let tokens = ClientTokens {
            access_token: access,
            access_expires_at,
            refresh_token: refresh,
        };
        (key, session, tokens)
    }

    /// Whether this access token is valid at `now`.
    pub fn is_opened_by(&self, token: &AccessToken, now: DateTime<Utc>) -> bool {
        let digest = token.digest();
        let mut tokens = self.tokens.access.iter();
        let portal = self.login.is_none() && now < self.ends_at;
        portal && tokens.any(|one| one.digest == digest && now < one.expires_at)
    }

    /// Whether the epoch ended it.
    pub fn is_ended_by(&self, epoch: &Epoch) -> bool {
        epoch.ends(self.id, self.epoch)
    }

    /// Refreshes the tokens (RFC 6749 6, RFC 9700 4.14.2).
    pub fn refresh(
        &mut self,
        presented: &RefreshToken,
        now: DateTime<Utc>,
        access_life: TimeDelta,
        entropy: &dyn Entropy,
    ) -> RefreshResult {
        let digest = presented.digest();
        let old = &mut self.tokens.retired;
        old.retain(|one| now < one.at + limits::REFRESH_GRACE);
        if digest == self.tokens.refresh {
            if old.len() >= limits::REFRESH_TOKENS_RETIRED_MAX {
                return RefreshResult::TooOften;
            }
            return RefreshResult::Rotated(self.rotate(presented, now, access_life, entropy));
        }
        let recent = old.iter().position(|one| one.digest == digest);
        match recent.and_then(|at| self.successors(presented, at)) {
            Some(tokens) => RefreshResult::Repeated(tokens),
            None => RefreshResult::Reused,
        }
    }

    fn rotate(
        &mut self,
        presented: &RefreshToken,
        now: DateTime<Utc>,
        access_life: TimeDelta,
        entropy: &dyn Entropy,
    ) -> ClientTokens {
        let salt = SecretText::new(random_token(entropy));
        let (access_token, refresh_token) = following(presented, &salt);
        let retired = RetiredRefreshToken {
            digest: presented.digest(),
            at: now,
            salt,
        };
        self.tokens.retired.push(retired);
        self.tokens.refresh = refresh_token.digest();
        let access_expires_at = self.add_access_token(&access_token, now, access_life);
        ClientTokens {
            access_token,
            access_expires_at,
            refresh_token,
        }
    }

    /// The current tokens, derived through all replacements since the retired token at `from`.
    fn successors(&self, presented: &RefreshToken, from: usize) -> Option<ClientTokens> {
        let mut refresh_token = presented.clone();
        let mut access_token = None;
        for step in &self.tokens.retired[from..] {
            let (access, refresh) = following(&refresh_token, &step.salt);
            access_token = Some(access);
            refresh_token = refresh;
        }
        let access_token = access_token?;
        let digest = access_token.digest();
        let live = self.tokens.access.iter().find(|one| one.digest == digest)?;
        Some(ClientTokens {
            access_expires_at: live.expires_at,
            access_token,
            refresh_token,
        })
    }

    fn add_access_token(
        &mut self,
        token: &AccessToken,
        now: DateTime<Utc>,
        access_life: TimeDelta,
    ) -> DateTime<Utc> {
        let life = match self.flow {
            Flow::Device if self.renews => access_life.min(limits::DEVICE_ACCESS_TOKEN_LIFE_MAX),
            Flow::Device | Flow::Code => access_life,
        };
        let expires_at = self.ends_at.min(now + life);
        let live = &mut self.tokens.access;
        live.retain(|one| now < one.expires_at);
        live.push(LiveAccessToken {
            digest: token.digest(),
            expires_at,
        });
        let surplus = live.len().saturating_sub(limits::ACCESS_TOKENS_MAX);
        live.drain(..surplus);
        expires_at
    }
}

/// Derives the tokens that follow a refresh token. They can be derived only with both token and salt.
fn following(token: &RefreshToken, salt: &SecretText) -> (AccessToken, RefreshToken) {
    let handle = handle_of(token.expose(), REFRESH_PREFIX).unwrap_or_default();
    let derive = |purpose| {
        let parts = [token.expose().as_bytes(), salt.expose().as_bytes()];
        SecretDigest::of(purpose, &parts)
    };
    let access = derive("rolecall/next-access-token/v1");
    let refresh = derive("rolecall/next-refresh-token/v1");
    (
        AccessToken::new(format!("{ACCESS_PREFIX}{handle}{access}")),
        RefreshToken::new(format!("{REFRESH_PREFIX}{handle}{refresh}")),
    )
}

/// An entry in the index of client sessions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientSessionEntry {
    /// Public ID of the session.
    pub id: SessionId,
    /// Key of its record.
    pub key: SecretDigest,
    /// End of the session, at the latest.
    pub ends_at: DateTime<Utc>,
}

/// The client sessions of a person, stored under [`Identity::key`]. Separate from the index of browser sessions, so
/// that many client sessions do not displace a browser session.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ClientSessionIndex {
    /// Oldest first; may contain ended sessions.
    pub entries: Vec<ClientSessionEntry>,
}

impl Record for ClientSessionIndex {
    const KIND: &'static str = "client-session-index";
}

impl ClientSessionIndex {
    /// Adds a session, removes expired ones, and returns those beyond [`limits::CLIENT_SESSIONS_PER_SUBJECT_MAX`],
    /// oldest first.
    pub fn add(
        &mut self,
        entry: ClientSessionEntry,
        now: DateTime<Utc>,
    ) -> Vec<ClientSessionEntry> {
        self.entries.retain(|old| old.ends_at > now);
        self.entries.push(entry);
        let surplus = self
            .entries
            .len()
            .saturating_sub(limits::CLIENT_SESSIONS_PER_SUBJECT_MAX);
        self.entries.drain(..surplus).collect()
    }
}
