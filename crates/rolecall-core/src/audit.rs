//! What happened, as a closed set of events, and the hash chain that shows when somebody changed the story.
//!
//! An event names people, roles and reasons; it never holds a secret. Events are written by a writer (one run of one
//! process) as `h_n = SHA-256(h_{n-1} || canonical(event_n))`; the adapter keeps the chain, this module defines it.

mod abandoned;
mod about;
mod access_changes;
mod chain;
mod context;
mod journal;
mod log;
mod reader;
mod reference;
mod refusals;

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::caller::Flow;

pub use about::{About, Outcome};
pub use access_changes::AccessChanges;
pub use chain::{ChainHash, InvalidChainHash};
pub use context::RequestContext;
pub use journal::Journal;
pub use log::AuditLog;
pub use reader::{
    AuditPage, AuditQuery, AuditReader, EventKey, FoundEvent, InvalidEventKey, PersonQuery,
};
pub use reference::ReferenceId;
pub use refusals::{RefusalCounts, RefusalRow, RefusalSummary, Refusals};

/// An intent, the longest of the events that are written all day, seldom takes more.
const CANONICAL_BYTES: usize = 1024;

/// Who acted: a person of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The provider's id.
    pub provider: String,
    /// `sub` or `NameID`.
    pub subject: String,
    /// The believed address.
    pub email: Option<String>,
}

impl From<&crate::identity::Identity> for Actor {
    fn from(identity: &crate::identity::Identity) -> Self {
        Self {
            provider: identity.provider.as_str().to_owned(),
            subject: identity.subject.as_str().to_owned(),
            email: identity.email.as_ref().map(ToString::to_string),
        }
    }
}

/// Which role was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The 12 digits.
    pub account: String,
    /// The permission set.
    pub permission_set: String,
    /// The variant.
    pub variant: Option<String>,
}

/// What credentials were asked for as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialDelivery {
    /// A console link.
    Console,
    /// Credentials in the browser.
    Credentials,
    /// Credentials for a registered client.
    Client,
    /// Credentials of a quarter of an hour for `aws login`.
    AwsLogin,
}

/// What a registered client asked a person for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentDetails {
    /// What the client calls itself; unverified.
    pub client: String,
    /// In which flow.
    pub flow: Flow,
    /// From which address; the event's own address is the browser's.
    pub from: Option<IpAddr>,
    /// How many requests one answer served.
    pub requests: u32,
}

/// How far a writer's chain reached when another writer looked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WriterHead {
    /// The writer.
    pub writer: String,
    /// The sequence number of its last event.
    pub sequence: u64,
    /// The last link of its chain, hexadecimal.
    pub hash: String,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AuditEventKind {
    /// A process began to write: the first event of each chain.
    WriterStarted {
        /// The program's version.
        version: String,
        /// Chains that grew since a writer last said so here; whoever cuts the end off one of them must change this too.
        earlier: Vec<WriterHead>,
    },
    /// Somebody signed in.
    SignedIn {
        /// Who.
        actor: Actor,
        /// The session's public id.
        session: String,
        /// Whether with a second factor.
        mfa: bool,
        /// Whether the provider began it and nobody here (SAML Profiles 4.1.5).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unsolicited: bool,
    },
    /// A sign-in was refused.
    SignInRefused {
        /// At which provider, as far as known.
        provider: Option<String>,
        /// A stable word: one of [`crate::sign_in::RejectReason::code`] or of [`crate::sign_in::SignInError::code`].
        reason: String,
    },
    /// Sign-ins were refused that showed no live `state`: all of one address and window.
    SignInRefusals(RefusalSummary),
    /// Somebody ended a session.
    SignedOut {
        /// Who.
        actor: Actor,
        /// The session's public id.
        session: String,
        /// `sign_out`, `client_sign_out`, `ended_by_owner`, `ended_by_administrator`, `ended_by_provider`, `replaced`, `too_many`, `refresh_token_reused`, `code_replayed`
        reason: String,
    },
    /// A provider's order to end sessions was refused.
    SignOutRefused {
        /// At which provider, as far as known.
        provider: Option<String>,
        /// A stable word: one of [`crate::sign_in::RejectReason::code`] or of [`crate::sign_in::SignOutError::code`].
        reason: String,
    },
    /// Orders of providers to end sessions were refused: all of one address and window.
    SignOutRefusals(RefusalSummary),
    /// A registered client got its first tokens, by a person's consent.
    ClientSessionBegun {
        /// Who allowed it.
        actor: Actor,
        /// The client session's public id.
        session: String,
        /// What the client calls itself; unverified.
        client: String,
        /// How it came.
        flow: Flow,
        /// The public id of the browser's session in which it was allowed.
        allowed_in: String,
    },
    /// Somebody allowed a registered client to act for them.
    ConsentGiven {
        /// Who.
        actor: Actor,
        /// The public id of the browser's session.
        session: String,
        /// What is known of who asked.
        asked: ConsentDetails,
    },
    /// Somebody refused a registered client.
    ConsentDenied {
        /// Who.
        actor: Actor,
        /// The public id of the browser's session.
        session: String,
        /// What is known of who asked.
        asked: ConsentDetails,
    },
    /// Credentials are about to be asked for. Durable before they leave.
    IssueIntended {
        /// Who.
        actor: Actor,
        /// The session's public id.
        session: String,
        /// Which role.
        target: Target,
        /// The role's ARN.
        role: String,
        /// The assignments that grant it.
        assignments: Vec<String>,
        /// Seconds.
        duration: u32,
        /// The session name AWS will show.
        role_session_name: String,
        /// The source identity, where one is set.
        source_identity: Option<String>,
        /// The keys of the session tags.
        tag_keys: Vec<String>,
        /// What it is for.
        delivery: CredentialDelivery,
        /// `jti` of the token that convinces AWS, where the gateway signs one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_id: Option<String>,
    },
    /// Credentials were issued; ends the intent of the same reference.
    IssueDone {
        /// `AccessKeyId`
        access_key_id: String,
        /// `AssumedRoleUser.Arn`
        assumed_role: String,
        /// When they end.
        expires_at: DateTime<Utc>,
        /// Which Region's STS.
        region: String,
        /// STS's request id.
        request_id: Option<String>,
        /// Earlier tries that STS may have answered too, with credentials which never arrived.
        #[serde(default, skip_serializing_if = "is_zero")]
        unanswered: u32,
    },
    /// A SAML response was made for the browser to post to AWS's sign-in endpoint: no credentials passed the gateway. Ends
    /// the intent of the same reference.
    IssuePosted {
        /// `ID` of the assertion.
        assertion: String,
        /// `Recipient`: which sign-in endpoint.
        recipient: String,
        /// Until when AWS takes it.
        expires_at: DateTime<Utc>,
    },
    /// No credentials were issued; ends the intent of the same reference.
    IssueFailed {
        /// A stable word: `token`, `sts_unavailable`, `audit_timeout` or one of [`crate::aws::StsRefusal::code`].
        reason: String,
        /// AWS's error code.
        aws_code: Option<String>,
        /// STS's request id.
        request_id: Option<String>,
        /// Tries that STS may have answered, with credentials which never arrived.
        #[serde(default, skip_serializing_if = "is_zero")]
        unanswered: u32,
    },
    /// The caller hung up before the issue of the same reference had ended, or its session ended meanwhile: nobody has its
    /// credentials.
    IssueUndelivered {},
    /// Somebody asked for a role that today's policy does not grant them.
    IssueRefused {
        /// Who.
        actor: Actor,
        /// Which role.
        target: Target,
        /// A stable word: `not_granted`, `condition`, `template`
        reason: String,
    },
    /// A configuration was loaded and serves.
    ConfigurationLoaded {
        /// SHA-256 of everything that was read, hexadecimal.
        digest: String,
        /// How much of the access policy changed, where a new one took the place of another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        changes: Option<AccessChanges>,
    },
    /// A configuration was refused; the old one serves on.
    ConfigurationRefused {
        /// How many mistakes.
        mistakes: u64,
    },
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One event of the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// When.
    pub at: DateTime<Utc>,
    /// Which request, or which issue.
    pub reference: ReferenceId,
    /// From where.
    pub address: Option<IpAddr>,
    /// Which program asked, of its `User-Agent`: see [`crate::caller::ClientInfo::program`]. Events of earlier versions have a
    /// short digest of the header.
    pub user_agent: Option<String>,
    /// What.
    #[serde(flatten)]
    pub kind: AuditEventKind,
}

impl AuditEvent {
    /// The canonical form that is hashed and stored: JSON in declaration order, without spaces.
    ///
    /// # Errors
    /// Never for the types above; the signature is serde's.
    pub fn canonical(&self) -> Result<String, serde_json::Error> {
        let mut text = Vec::with_capacity(CANONICAL_BYTES);
        serde_json::to_writer(&mut text, self)?;
        String::from_utf8(text).map_err(serde::ser::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_hash_round_trips() {
        let hash = ChainHash::genesis("w");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for text in ["", "0", &"0".repeat(63), &"0".repeat(65), &"A".repeat(64)] {
            assert_eq!(text.parse::<ChainHash>(), Err(InvalidChainHash), "{text}");
        }
    }

    /// Its `user_agent` is a digest.
    #[test]
    fn canonical_form_of_earlier_events_is_unchanged() {
        let written = r#"{"at":"2026-03-01T09:00:00.123456Z","reference":"0123456789abcdef","address":"192.0.2.7","user_agent":"q83vEjRWeJCrze8S","event":"configuration_refused","mistakes":1}"#;
        let event: AuditEvent = serde_json::from_str(written).unwrap();
        assert_eq!(event.user_agent.as_deref(), Some("q83vEjRWeJCrze8S"));
        assert_eq!(event.canonical().unwrap(), written);
    }

    #[test]
    fn hash_depends_on_order_content_and_writer() {
        let start = ChainHash::genesis("w1");
        assert_ne!(start, ChainHash::genesis("w2"));
        assert_ne!(
            start.next(1, "a").next(2, "b"),
            start.next(1, "b").next(2, "a")
        );
        assert_ne!(start.next(1, "a"), start.next(2, "a"));
    }
}
