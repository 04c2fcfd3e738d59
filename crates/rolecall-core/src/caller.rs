//! Who asks: a browser's session or a client's, from where, in which flow, and what the policy may look at.
//!
//! May import [`crate::base`] and [`crate::identity`].

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::base::Entropy;
use crate::base::secret::SecretDigest;
use crate::base::user_agent::UserAgent;
use crate::identity::Identity;

/// Names a session to its owner and in the audit trail; finding the session's record takes the secret's digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionId(SecretDigest);

impl SessionId {
    /// The id of the session whose cookie has this digest. One-way, so an id in a log finds no record.
    pub fn of(secret: SecretDigest) -> Self {
        Self(SecretDigest::of(
            "rolecall/session-id/v1",
            &[secret.as_bytes()],
        ))
    }

    /// Where it is written down that this session was ended, see [`crate::session::EndedSession`].
    pub fn ended_key(self) -> SecretDigest {
        SecretDigest::of("rolecall/ended-session/v1", &[self.0.as_bytes()])
    }
}

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.short().fmt(f)
    }
}

/// Names an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochId([u8; 16]);

impl EpochId {
    /// A new one.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        Self(bytes)
    }
}

/// How a client came by its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// The authorization code flow (RFC 6749 4.1, RFC 8252): the browser and the client share a machine.
    Code,
    /// The device flow (RFC 8628): they may not.
    Device,
}

impl Flow {
    /// A stable word for the audit trail and for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Device => "device",
        }
    }
}

/// Where a browser speaks from, for the person to recognise and for conditions to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInfo {
    /// The client's address, after trusted proxies.
    pub address: Option<IpAddr>,
    /// `User-Agent`, cut to 256 characters.
    pub user_agent: Option<String>,
}

impl ClientInfo {
    /// The program and its version, for the audit trail: `Chrome 131`, `aws-cli/2.31.5`, or `other` for a header that names
    /// no program we can read. None without a header.
    pub fn program(&self) -> Option<String> {
        let header = self.user_agent.as_deref()?;
        let agent = UserAgent::parse(header);
        Some(agent.map_or_else(|| "other".to_owned(), |agent| agent.to_string()))
    }
}

/// On whose behalf roles are listed and issued: a browser's session or a client's.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// Who.
    pub identity: &'a Identity,
    /// The session's public name.
    pub session: SessionId,
    /// The person's epoch when the session began.
    pub epoch: Option<EpochId>,
    /// When the session ends, whatever happens.
    pub ends_at: DateTime<Utc>,
    /// How a client came by its session; none for a browser's.
    pub flow: Option<Flow>,
}

/// What is true of a request besides who makes it.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// The gateway's clock.
    pub now: DateTime<Utc>,
    /// The caller's address, where it is known.
    pub address: Option<IpAddr>,
    /// Whether the request's session came from the device flow (RFC 8628), where the person at the browser and the
    /// one at the terminal may not be the same.
    pub device_flow: bool,
}

/// Everything that the policy may look at when it is asked what a person may use. Facts are gathered before; evaluating a
/// policy over them asks nobody.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    identity: &'a Identity,
    circumstances: Circumstances,
}

impl<'a> Facts<'a> {
    /// What is known of this person in these circumstances.
    pub fn new(identity: &'a Identity, circumstances: Circumstances) -> Self {
        Self {
            identity,
            circumstances,
        }
    }

    /// The person, as their provider vouched for them.
    pub fn identity(&self) -> &'a Identity {
        self.identity
    }

    /// What is true of the request.
    pub fn circumstances(&self) -> &Circumstances {
        &self.circumstances
    }

    /// The groups that count as the person's, in no order; one may be there twice.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.identity.groups.iter().map(String::as_str)
    }
}
