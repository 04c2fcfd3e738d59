//! What a person allowed a registered client: to list their roles and to get credentials, until it ends.
//!
//! The record is found by a handle that is part of each of its tokens, so that one removal ends them all, at once and
//! everywhere. The handle names its person, too, so that all that decides over a token can be asked for at once. The
//! record holds digests of tokens only. The tokens that follow a refresh token are derived from it and a random
//! salt in the record: whoever presents the same one again within the grace gets the same successors, and the record
//! does not grow with the number of parallel processes.

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
/// Characters of a handle: 256 random bits and the key of its person.
const HANDLE_CHARACTERS: usize = 2 * TOKEN_CHARACTERS;

/// What a session of `aws login` is bound to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoginBinding {
    /// The one role that the person chose.
    pub role: RoleRequest,
    /// The key that each refresh is proved with (RFC 9449 5).
    pub key: KeyThumbprint,
}

/// What a person allowed a registered client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientSession {
    /// Its public name.
    pub id: SessionId,
    /// Which client, see [`crate::clients::client_key`].
    pub client: SecretDigest,
    /// What the client calls itself; unverified.
    pub client_name: ClientName,
    /// Who allowed it, as of the browser's session in which they did.
    pub identity: Identity,
    /// Since when.
    pub started_at: DateTime<Utc>,
    /// The end whatever happens.
    pub ends_at: DateTime<Utc>,
    /// Where the client asked from.
    pub origin: ClientInfo,
    /// The person's epoch when they allowed it.
    pub epoch: Option<EpochId>,
    /// How it came.
    pub flow: Flow,
    /// What it is bound to, if it is one of `aws login`: then it is for refreshing alone, and no access token opens it.
    pub login: Option<LoginBinding>,
    /// Whether the client gets new tokens by itself.
    #[serde(default = "renewing")]
    renews: bool,
    tokens: Tokens,
}

/// Sessions that were written before clients were told apart.
fn renewing() -> bool {
    true
}

impl Record for ClientSession {
    const KIND: &'static str = "client-session";
}

/// The tokens of a session, by their digests.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tokens {
    access: Vec<LiveAccessToken>,
    refresh: SecretDigest,
    /// Oldest first.
    retired: Vec<RetiredRefreshToken>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct LiveAccessToken {
    digest: SecretDigest,
    expires_at: DateTime<Utc>,
}

/// A refresh token that was replaced, and what makes its successors of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct RetiredRefreshToken {
    digest: SecretDigest,
    at: DateTime<Utc>,
    #[serde(with = "crate::base::secret::sealed_text")]
    salt: SecretText,
}

/// What a client gets (RFC 6749 5.1).
#[derive(Clone, Debug)]
pub struct ClientTokens {
    /// `access_token`
    pub access_token: AccessToken,
    /// Until when it works.
    pub access_expires_at: DateTime<Utc>,
    /// `refresh_token`
    pub refresh_token: RefreshToken,
}

/// What a session begins with.
#[derive(Clone, Debug)]
pub struct NewClientSession {
    /// Which client.
    pub client: SecretDigest,
    /// What it calls itself.
    pub client_name: ClientName,
    /// Who allowed it.
    pub identity: Identity,
    /// The end whatever happens.
    pub ends_at: DateTime<Utc>,
    /// Where the client asked from.
    pub origin: ClientInfo,
    /// The browser's session in which it was allowed.
    pub allowed_in: SessionId,
    /// The person's epoch when they allowed it.
    pub epoch: Option<EpochId>,
    /// How it came.
    pub flow: Flow,
    /// What it is bound to, if it is one of `aws login`.
    pub login: Option<LoginBinding>,
    /// Whether the client gets new tokens by itself, see [`crate::clients::RegisteredClient::renews`].
    pub renews: bool,
}

/// What became of a refresh token that was presented.
#[derive(Debug)]
pub enum RefreshResult {
    /// It was the newest: the session has changed and has to be written back.
    Rotated(ClientTokens),
    /// It was replaced a moment ago: its successors once more, nothing has changed.
    Repeated(ClientTokens),
    /// It is the newest, and has had [`limits::REFRESH_TOKENS_RETIRED_MAX`] predecessors within the grace.
    TooOften,
    /// It was replaced long ago, or never was one of this session's: somebody has a copy.
    Reused,
}

impl ClientSession {
    /// A new session, the digest that finds its record, and its first tokens.
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
            origin: new.origin,
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
        let access_expires_at = session.admit(&access, now, access_life);
        let tokens = ClientTokens {
            access_token: access,
            access_expires_at,
            refresh_token: refresh,
        };
        (key, session, tokens)
    }

    /// Whether this access token works at `now`.
    pub fn is_opened_by(&self, token: &AccessToken, now: DateTime<Utc>) -> bool {
        let digest = token.digest();
        let mut tokens = self.tokens.access.iter();
        let portal = self.login.is_none() && now < self.ends_at;
        portal && tokens.any(|one| one.digest == digest && now < one.expires_at)
    }

    /// Whether the person ended it together with others.
    pub fn is_ended_by(&self, epoch: &Epoch) -> bool {
        epoch.ends(self.id, self.epoch)
    }

    /// The tokens that follow this one (RFC 6749 6, RFC 9700 4.14.2).
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
        let access_expires_at = self.admit(&access_token, now, access_life);
        ClientTokens {
            access_token,
            access_expires_at,
            refresh_token,
        }
    }

    /// The newest tokens, by way of every replacement since the retired token at `from`.
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

    fn admit(
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

/// What follows a refresh token, by this salt. Neither the token nor the salt alone tells.
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

/// One line of the list of a person's client sessions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientSessionEntry {
    /// Its public name.
    pub id: SessionId,
    /// Finds its record.
    pub key: SecretDigest,
    /// The end whatever happens.
    pub ends_at: DateTime<Utc>,
}

/// A person's client sessions, by [`Identity::key`]. Beside the list of their browsers' sessions, so that a morning of
/// tools does not push a browser out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ClientSessionIndex {
    /// Oldest first; ended ones may linger.
    pub entries: Vec<ClientSessionEntry>,
}

impl Record for ClientSessionIndex {
    const KIND: &'static str = "client-session-index";
}

impl ClientSessionIndex {
    /// Adds a session, drops those that are over, and returns those pushed out by
    /// [`limits::CLIENT_SESSIONS_PER_SUBJECT_MAX`], oldest first.
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
