//! A person's consent to what a client asks for: the part that both flows have in common.
//!
//! Requests of one program from one address that began within a minute are answered together, so that a burst of
//! parallel tools takes one click. Each of them is listed on the page, and only those that were listed are answered.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::base::limits;
use crate::base::secret::SecretDigest;
use crate::caller::{ClientInfo, Flow, SessionId};
use crate::clients::UserCode;
use crate::record::Record;
use crate::session::{Approval, ClientName};

/// Names a request to the person who answers it; it finds no record by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestId(SecretDigest);

impl RequestId {
    /// The name of the request at this key.
    pub fn of(key: SecretDigest) -> Self {
        Self(SecretDigest::of(
            "rolecall/request-id/v1",
            &[key.as_bytes()],
        ))
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.short().fmt(f)
    }
}

/// Who asks, as far as it can be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Requester {
    /// Which client, see [`crate::clients::client_key`].
    pub client: SecretDigest,
    /// What it calls itself; unverified.
    pub client_name: ClientName,
    /// From where.
    pub origin: ClientInfo,
    /// Since when.
    pub begun_at: DateTime<Utc>,
}

/// What a person answered; no also stands for a client that did not behave.
#[derive(Clone, Debug)]
pub enum ConsentDecision {
    /// Yes.
    Approved(Box<Approval>),
    /// No.
    Denied,
}

/// A request is not open: it was answered, or it is too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request is not open any more")]
pub struct NotPending;

/// Whether a stored request has its answer. It is answered once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum ConsentState {
    /// Nobody has answered yet.
    Pending,
    /// Yes.
    Approved(Box<Approval>),
    /// No; or the client did not behave.
    Denied,
}

impl ConsentState {
    /// Nobody has answered yet.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self, Self::Pending)
    }

    /// The answer, if there is one.
    pub(super) fn given(&self) -> Option<ConsentDecision> {
        match self {
            Self::Pending => None,
            Self::Approved(approval) => Some(ConsentDecision::Approved(approval.clone())),
            Self::Denied => Some(ConsentDecision::Denied),
        }
    }
}

impl From<ConsentDecision> for ConsentState {
    fn from(answer: ConsentDecision) -> Self {
        match answer {
            ConsentDecision::Approved(approval) => Self::Approved(approval),
            ConsentDecision::Denied => Self::Denied,
        }
    }
}

/// What the person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentChoice {
    /// Yes.
    Allow,
    /// No.
    Deny,
}

/// A request as the person sees it.
#[derive(Clone, Debug)]
pub struct ConsentRequest {
    /// Who asks.
    pub requester: Requester,
    /// In which flow.
    pub flow: Flow,
    /// The code to compare (device flow).
    pub user_code: Option<UserCode>,
    /// Other requests that the same answer serves, oldest first.
    pub others: Vec<OtherRequest>,
}

/// A request that is answered together with another.
#[derive(Clone, Copy, Debug)]
pub struct OtherRequest {
    /// Its name.
    pub id: RequestId,
    /// Since when.
    pub begun_at: DateTime<Utc>,
}

/// Requests that may be answered together, by [`PendingRequests::key`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PendingRequests {
    /// Oldest first; answered ones may linger.
    entries: Vec<PendingRequest>,
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingRequest {
    /// Finds its record.
    pub key: SecretDigest,
    /// In which flow.
    pub flow: Flow,
    /// In which browser's session (code flow).
    pub session: Option<SessionId>,
    /// Since when.
    pub begun_at: DateTime<Utc>,
}

impl Record for PendingRequests {
    const KIND: &'static str = "waiting";
}

impl PendingRequests {
    /// Where the list is that this request belongs to; none where the address is not known, since nothing is joined then.
    ///
    /// Devices are joined by their client and its address: only who holds the client's secret can ask in its name.
    /// Requests of the code flow are joined within one browser's session by the client's name, since tools that start
    /// together without a registration register one each. Their codes go to that person's machine alone.
    pub fn key(requester: &Requester, pending: &PendingRequest) -> Option<SecretDigest> {
        let address = requester.origin.address?.to_canonical().to_string();
        let name = requester.client_name.to_string();
        Some(match pending.session {
            None => SecretDigest::of(
                "rolecall/waiting/v1",
                &[requester.client.as_bytes(), address.as_bytes()],
            ),
            Some(session) => SecretDigest::of(
                "rolecall/waiting-code/v1",
                &[
                    session.to_string().as_bytes(),
                    name.as_bytes(),
                    address.as_bytes(),
                ],
            ),
        })
    }

    /// The list with another request; without those that are too old to be joined, and the oldest beyond
    /// [`limits::JOINT_CONSENT_REQUESTS_MAX`].
    pub fn with(mut self, pending: PendingRequest) -> Self {
        let now = pending.begun_at;
        self.entries.retain(|old| {
            old.key != pending.key && now < old.begun_at + limits::AUTHORIZATION_LIFE
        });
        self.entries.push(pending);
        let surplus = self
            .entries
            .len()
            .saturating_sub(limits::JOINT_CONSENT_REQUESTS_MAX);
        self.entries.drain(..surplus);
        self
    }

    /// Those that the answer to `one` may serve as well: the same flow, within [`limits::JOINT_CONSENT_WINDOW`] of it, and in
    /// the same browser where they are in one.
    pub fn joinable_with<'a>(
        &'a self,
        one: &'a PendingRequest,
    ) -> impl Iterator<Item = &'a PendingRequest> {
        self.entries.iter().filter(|other| {
            other.key != one.key
                && other.flow == one.flow
                && other.session == one.session
                && (other.begun_at - one.begun_at).abs() <= limits::JOINT_CONSENT_WINDOW
        })
    }
}
