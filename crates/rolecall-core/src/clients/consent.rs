//! Consent of a person to the request of a client: the part that both flows share.
//!
//! Requests of one client from one address that start within a minute are decided together, so a burst of parallel
//! tools needs one decision. The page lists them, and the decision applies only to the listed ones.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::base::limits;
use crate::base::secret::SecretDigest;
use crate::caller::{ClientInfo, Flow, SessionId};
use crate::clients::UserCode;
use crate::record::Record;
use crate::session::{Approval, ClientName};

/// ID of a request on the consent page. It does not give access to the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestId(SecretDigest);

impl RequestId {
    /// The ID of the request at this key.
    pub fn of(key: SecretDigest) -> Self {
        Self(SecretDigest::of(
            "rolecall/request-id/v1",
            &[key.as_bytes()],
        ))
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.abbreviated().fmt(f)
    }
}

/// The client that requests access.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Requester {
    /// Key of the client; see [`crate::clients::client_key`].
    pub client: SecretDigest,
    /// Name that the client registered; unverified.
    pub client_name: ClientName,
    /// Address and user agent of the client.
    #[serde(rename = "origin")]
    pub client_info: ClientInfo,
    /// Time of the request.
    pub begun_at: DateTime<Utc>,
}

/// The decision about a request. A client that polls too often is denied as well.
#[derive(Clone, Debug)]
pub enum ConsentDecision {
    /// The person approved the request.
    Approved(Box<Approval>),
    /// The request was denied.
    Denied,
}

/// The request is not pending: it was decided, or has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request is not pending")]
pub struct NotPending;

/// The state of a stored request. It is decided once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum ConsentState {
    /// No person has decided yet.
    Pending,
    /// Approved by a person.
    Approved(Box<Approval>),
    /// Denied by a person, or because the client polled too often.
    Denied,
}

impl ConsentState {
    /// Whether the request is not decided.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self, Self::Pending)
    }

    /// The decision, if there is one.
    pub(super) fn decision(&self) -> Option<ConsentDecision> {
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

/// The choice of a person on the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentChoice {
    /// The program may act as the person.
    Allow,
    /// The program gets no access.
    Deny,
}

/// A request for the consent page.
#[derive(Clone, Debug)]
pub struct ConsentRequest {
    /// The client that requests access.
    pub requester: Requester,
    /// The flow of the request.
    pub flow: Flow,
    /// The user code to compare (device flow).
    pub user_code: Option<UserCode>,
    /// Other requests to which the same decision applies, oldest first.
    pub others: Vec<OtherRequest>,
}

/// A request that is decided together with another one.
#[derive(Clone, Copy, Debug)]
pub struct OtherRequest {
    /// ID of the request.
    pub id: RequestId,
    /// Time of the request.
    pub begun_at: DateTime<Utc>,
}

/// Requests that can be decided together, stored under [`PendingRequests::key`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PendingRequests {
    /// Oldest first; may contain decided requests.
    entries: Vec<PendingRequest>,
}

/// An entry of the list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingRequest {
    /// Key of the record of the request.
    pub key: SecretDigest,
    /// The flow of the request.
    pub flow: Flow,
    /// The browser session of the request (code flow).
    pub session: Option<SessionId>,
    /// Time of the request.
    pub begun_at: DateTime<Utc>,
}

impl Record for PendingRequests {
    const KIND: &'static str = "waiting";
}

impl PendingRequests {
    /// The store key of the list for this request; `None` if the address is unknown, because such requests are decided
    /// alone.
    ///
    /// Device requests are grouped by client and address: only the holder of the client secret can send them. Requests
    /// of the code flow are grouped by the name of the client within one browser session, because tools that start
    /// together register separately. Their codes are sent only to the person's machine.
    pub fn key(requester: &Requester, pending: &PendingRequest) -> Option<SecretDigest> {
        let address = requester.client_info.address?.to_canonical().to_string();
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

    /// The list with another request, without expired ones, and without the oldest beyond
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

    /// The requests to which the decision about `one` can apply: those of the same flow and browser session within
    /// [`limits::JOINT_CONSENT_WINDOW`].
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
