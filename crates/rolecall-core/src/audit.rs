//! The closed set of audit events, and the hash chain that makes tampering with the trail evident.
//!
//! An event names people, roles and reasons, never a secret. A writer (one run of one process) appends events as
//! `h_n = SHA-256(h_{n-1} || canonical(event_n))`. The adapter stores the chain; this module defines it.

mod abandoned;
mod access_changes;
mod chain;
mod context;
mod journal;
mod log;
mod properties;
mod reader;
mod reference;
mod refusals;

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::caller::Flow;

pub use access_changes::AccessChanges;
pub use chain::{ChainHash, InvalidChainHash};
pub use context::RequestContext;
pub use journal::Journal;
pub use log::AuditLog;
pub use properties::{EventProperties, Outcome};
pub use reader::{
    AuditPage, AuditQuery, AuditReader, EventKey, FoundEvent, InvalidEventKey, PersonQuery,
};
pub use reference::ReferenceId;
pub use refusals::{RefusalCounts, RefusalKind, RefusalRow, RefusalSummary};

/// Initial capacity: enough for almost every intent, the longest of the frequent events.
const CANONICAL_BYTES: usize = 1024;

/// Person who acted, as identified by their provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Id of the identity provider.
    pub provider: String,
    /// `sub` of the ID token or `NameID` of the assertion.
    pub subject: String,
    /// E-mail address, if it is trusted.
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

/// Requested role, by the names of the access policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Account id, 12 digits.
    pub account: String,
    /// Name of the permission set.
    pub permission_set: String,
    /// Name of the variant, if the role is one.
    pub variant: Option<String>,
}

/// How issued credentials reach the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialDelivery {
    /// A sign-in link to the AWS Management Console.
    Console,
    /// Shown in the browser.
    Credentials,
    /// `GetRoleCredentials` of a registered client.
    Client,
    /// `aws login`: credentials that are valid for 15 minutes.
    AwsLogin,
    /// Credentials that decode one authorization message in the gateway and are handed to nobody.
    Decode,
}

/// Consent request of a registered client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentDetails {
    /// Name with which the client registered; unverified.
    pub client: String,
    /// Flow of the authorization.
    pub flow: Flow,
    /// Client address of the device; the address of the event is that of the browser.
    pub from: Option<IpAddr>,
    /// Number of requests that the decision applies to.
    pub requests: u32,
}

/// Session of an intermediate role (role chaining). Its credentials signed the next request and were discarded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViaSession {
    /// ARN of the role.
    pub role: String,
    /// `AccessKeyId`
    pub access_key_id: String,
    /// Request id of STS.
    pub request_id: Option<String>,
}

impl From<&crate::aws::IntermediateSession> for ViaSession {
    fn from(session: &crate::aws::IntermediateSession) -> Self {
        Self {
            role: session.role.to_string(),
            access_key_id: session.access_key_id.clone(),
            request_id: session.request_id.clone(),
        }
    }
}

/// Head of a writer's chain, as seen by another writer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WriterHead {
    /// Id of the writer.
    pub writer: String,
    /// Sequence number of its last event.
    pub sequence: u64,
    /// Hash of its last event, hexadecimal.
    pub hash: String,
}

/// Kind of an event, with its details.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AuditEventKind {
    /// A process started to write: the first event of each chain.
    WriterStarted {
        /// Version of the program.
        version: String,
        /// Chains that grew since the last such event here. Truncating one of them requires changing this event, too.
        earlier: Vec<WriterHead>,
    },
    /// A person signed in.
    SignedIn {
        /// Person who signed in.
        actor: Actor,
        /// Public id of the session.
        session: String,
        /// Whether a second factor was used.
        mfa: bool,
        /// Whether the response was unsolicited (SAML Profiles 4.1.5).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unsolicited: bool,
    },
    /// A sign-in was refused.
    SignInRefused {
        /// Id of the identity provider, if known.
        provider: Option<String>,
        /// Stable code: one of [`crate::sign_in::RejectReason::code`] or [`crate::sign_in::SignInError::code`].
        reason: String,
    },
    /// Refused sign-ins without a live `state`, summarized by client address and window.
    SignInRefusals(RefusalSummary),
    /// A session was ended.
    SignedOut {
        /// Owner of the session.
        actor: Actor,
        /// Public id of the session.
        session: String,
        /// `sign_out`, `client_sign_out`, `ended_by_owner`, `ended_by_administrator`, `ended_by_provider`, `replaced`, `too_many`, `refresh_token_reused`, `code_replayed`
        reason: String,
    },
    /// A logout request of an identity provider was refused.
    SignOutRefused {
        /// Id of the identity provider, if known.
        provider: Option<String>,
        /// Stable code: one of [`crate::sign_in::RejectReason::code`] or [`crate::sign_in::SignOutError::code`].
        reason: String,
    },
    /// Refused logout requests, summarized by client address and window.
    SignOutRefusals(RefusalSummary),
    /// A registered client redeemed an authorization for its first tokens.
    ClientSessionBegun {
        /// Person who gave consent.
        actor: Actor,
        /// Public id of the client session.
        session: String,
        /// Name with which the client registered; unverified.
        client: String,
        /// Flow of the authorization.
        flow: Flow,
        /// Public id of the browser session in which the person gave consent.
        allowed_in: String,
    },
    /// A person granted a registered client access.
    ConsentGiven {
        /// Person who decided.
        actor: Actor,
        /// Public id of the browser session.
        session: String,
        /// Details of the request.
        asked: ConsentDetails,
    },
    /// A person denied a registered client access.
    ConsentDenied {
        /// Person who decided.
        actor: Actor,
        /// Public id of the browser session.
        session: String,
        /// Details of the request.
        asked: ConsentDetails,
    },
    /// Credentials are about to be requested. Durable before the request is sent.
    IssueIntended {
        /// Person for whom they are issued.
        actor: Actor,
        /// Public id of the session.
        session: String,
        /// Requested role.
        target: Target,
        /// ARN of the role.
        role: String,
        /// Ids of the assignments that grant the role.
        assignments: Vec<String>,
        /// Duration in seconds.
        duration: u32,
        /// `RoleSessionName`, which CloudTrail shows.
        role_session_name: String,
        /// `SourceIdentity`, if configured.
        source_identity: Option<String>,
        /// Keys of the session tags.
        tag_keys: Vec<String>,
        /// Keys of the optional session tags that were left out: the person has no valid value, or there was no space.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        omitted_tag_keys: Vec<String>,
        /// How the credentials reach the caller.
        delivery: CredentialDelivery,
        /// `jti` of the token for AWS, if the gateway signs one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_id: Option<String>,
    },
    /// Credentials were issued. Completes the intent with the same reference.
    IssueDone {
        /// `AccessKeyId` of the issued credentials. CloudTrail records it for each call.
        access_key_id: String,
        /// `AssumedRoleUser.Arn`
        assumed_role: String,
        /// Expiration of the credentials.
        expires_at: DateTime<Utc>,
        /// Region of the STS endpoint.
        region: String,
        /// Request id of STS.
        request_id: Option<String>,
        /// Earlier attempts without a response; STS may have issued credentials for them.
        #[serde(default, skip_serializing_if = "is_zero")]
        unanswered: u32,
        /// The intermediate roles that were assumed, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        via: Vec<ViaSession>,
    },
    /// A SAML response was created for the browser to post to AWS's sign-in endpoint; the gateway receives no
    /// credentials. Completes the intent with the same reference.
    IssuePosted {
        /// `ID` of the assertion.
        assertion: String,
        /// `Recipient`, the URL of the sign-in endpoint.
        recipient: String,
        /// Time after which AWS rejects the response.
        expires_at: DateTime<Utc>,
    },
    /// No credentials were issued. Completes the intent with the same reference.
    IssueFailed {
        /// Stable code: `audit_timeout` or one of [`crate::issue::IssueError::code`].
        reason: String,
        /// Error code of AWS.
        aws_code: Option<String>,
        /// Request id of STS.
        request_id: Option<String>,
        /// Attempts without a response; STS may have issued credentials for them.
        #[serde(default, skip_serializing_if = "is_zero")]
        unanswered: u32,
        /// The intermediate roles that were assumed before a later call failed, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        via: Vec<ViaSession>,
    },
    /// The caller disconnected before the issue with the same reference was complete, its session ended meanwhile, or a later
    /// step failed, such as the sign-in to the console. The credentials were discarded.
    IssueUndelivered {},
    /// Credentials were issued, but `GetCallerIdentity` did not confirm that they belong to the role. They were discarded, unless
    /// `on_request`. Follows the `issue_done` of the same reference.
    IssueUnverified {
        /// A stable code: `other_identity`, `sts_unavailable` or one of [`crate::aws::StsRefusal::code`].
        reason: String,
        /// `Arn` of the principal that they belong to, if it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<String>,
        /// Whether STS did not answer a check that only the person had asked for: they received the credentials with this result.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        on_request: bool,
    },
    /// A person requested a role that the current policy does not grant.
    IssueRefused {
        /// Person who requested the role.
        actor: Actor,
        /// Requested role.
        target: Target,
        /// Stable code: one of [`crate::issue::IssueError::code`].
        reason: String,
    },
    /// A configuration was loaded and is in use.
    ConfigurationLoaded {
        /// SHA-256 of all files that were read, hexadecimal.
        digest: String,
        /// SHA-256 of the files of the access policy, hexadecimal; absent if it was not read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<String>,
        /// Changes to the access policy, if the configuration replaced another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        changes: Option<AccessChanges>,
    },
    /// A configuration was rejected; the previous one stays in use.
    ConfigurationRefused {
        /// Number of errors.
        mistakes: u64,
    },
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One event of the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// Time of the event.
    pub at: DateTime<Utc>,
    /// Id of the request, or of the issuance.
    pub reference: ReferenceId,
    /// Client address; `None` if unknown, or if no client caused the event.
    pub address: Option<IpAddr>,
    /// Program from the `User-Agent` header: see [`crate::caller::ClientInfo::program`]. Events of earlier versions
    /// contain a short digest of the header.
    pub user_agent: Option<String>,
    /// Kind and details.
    #[serde(flatten)]
    pub kind: AuditEventKind,
}

impl AuditEvent {
    /// The canonical form that is hashed and stored: JSON in declaration order, without spaces.
    ///
    /// # Errors
    /// None for the types above; serde's signature requires the `Result`.
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
