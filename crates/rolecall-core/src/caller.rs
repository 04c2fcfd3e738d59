//! The caller of an operation: the session, client address and flow, and the facts that a policy evaluates.
//!
//! May import [`crate::base`], [`crate::identity`] and [`crate::aws`].

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::aws::{OwnCredentialsState, RoleChaining};
use crate::base::Entropy;
use crate::base::secret::SecretDigest;
use crate::base::user_agent::UserAgent;
use crate::identity::Identity;

/// ID of a session for its owner and for the audit trail. The record of the session cannot be found by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionId(SecretDigest);

impl SessionId {
    /// The ID of the session whose secret has this digest. It is one-way, so an ID in a log finds no record.
    pub fn of(secret: SecretDigest) -> Self {
        Self(SecretDigest::of(
            "rolecall/session-id/v1",
            &[secret.as_bytes()],
        ))
    }

    /// Key of the mark that this session has ended; see [`crate::session::EndedSession`].
    pub fn ended_key(self) -> SecretDigest {
        SecretDigest::of("rolecall/ended-session/v1", &[self.0.as_bytes()])
    }
}

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.abbreviated().fmt(f)
    }
}

/// ID of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochId([u8; 16]);

impl EpochId {
    /// Generates an ID.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        Self(bytes)
    }
}

/// The flow by which a client got its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// Authorization code flow (RFC 6749 4.1, RFC 8252): the browser and the client are on the same machine.
    Code,
    /// Device flow (RFC 8628): they can be on different machines.
    Device,
}

impl Flow {
    /// Stable code for the audit trail and for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Device => "device",
        }
    }
}

/// Address and user agent of a client, for display and for conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInfo {
    /// Address of the client, after trusted proxies.
    pub address: Option<IpAddr>,
    /// `User-Agent`, truncated to 256 characters.
    pub user_agent: Option<String>,
}

impl ClientInfo {
    /// Product and version for the audit trail: `Chrome 131`, `aws-cli/2.31.5`, or `other` for an unknown header.
    /// `None` without a header.
    pub fn program(&self) -> Option<String> {
        let header = self.user_agent.as_deref()?;
        let agent = UserAgent::parse(header);
        Some(agent.map_or_else(|| "other".to_owned(), |agent| agent.to_string()))
    }
}

/// The session on whose behalf roles are listed and issued: that of a browser or of a client.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The signed-in person.
    pub identity: &'a Identity,
    /// ID of the session.
    pub session: SessionId,
    /// Epoch of the person when the session began.
    pub epoch: Option<EpochId>,
    /// End of the session, at the latest.
    pub ends_at: DateTime<Utc>,
    /// Flow of a client session; `None` for a browser session.
    pub flow: Option<Flow>,
}

/// Facts about a request, apart from its caller.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// Time of the gateway.
    pub now: DateTime<Utc>,
    /// Address of the caller, if known.
    pub address: Option<IpAddr>,
    /// Whether the session comes from the device flow (RFC 8628), in which the person at the browser and the one at the
    /// terminal can be different.
    pub device_flow: bool,
}

/// All facts that a policy evaluates. They are collected before, so the evaluation needs no I/O.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    identity: &'a Identity,
    circumstances: Circumstances,
    chaining: RoleChaining,
}

impl<'a> Facts<'a> {
    /// The facts about this person under these circumstances. Nothing is known of the gateway's AWS credentials.
    pub fn new(identity: &'a Identity, circumstances: Circumstances) -> Self {
        Self {
            identity,
            circumstances,
            chaining: RoleChaining::new(Arc::default(), circumstances.now),
        }
    }

    /// The same, with what is known of the gateway's AWS credentials.
    pub fn with_own_credentials(self, own: Arc<OwnCredentialsState>) -> Self {
        Self {
            chaining: RoleChaining::new(own, self.circumstances.now),
            ..self
        }
    }

    /// The person, as asserted by the provider.
    pub fn identity(&self) -> &'a Identity {
        self.identity
    }

    /// The facts about the request.
    pub fn circumstances(&self) -> &Circumstances {
        &self.circumstances
    }

    /// Whether roles that the gateway assumes with its own AWS credentials count as chained.
    pub fn chaining(&self) -> &RoleChaining {
        &self.chaining
    }

    /// The groups of the person, in no order, with possible duplicates.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.identity.groups.iter().map(String::as_str)
    }
}
