//! Consent, for both flows: what the person is shown, and what their answer does. One answer serves the requests that
//! were listed beside it, and no others.

use crate::audit::{Actor, AuditEventKind, ConsentDetails, RequestContext};
use crate::base::limits;
use crate::base::secret::SecretDigest;
use crate::caller::Flow;
use crate::clients::{
    AuthorizationRequest, Clients, ConsentChoice, ConsentDecision, DeviceAuthorization,
    OtherRequest, PendingRequest, PendingRequests, RequestId, Requester,
};
use crate::record::rate_limit::LimitExceeded;
use crate::record::{StoreError, VersionedRecord};
use crate::session::Session;

/// How often an answer is tried again when the client polls at the same time.
const ANSWER_TRIES: usize = 16;

/// Why a person's answer to a client was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// No client waits with this code: mistyped, expired, or answered already.
    #[error("no program waits with this code")]
    UnknownCode,
    /// The half of the code that no link fills in was not typed, or typed wrong.
    #[error("the code was not typed as the program shows it")]
    NotRetyped,
    /// Too many wrong codes.
    #[error("too many wrong codes")]
    TooManyTries(LimitExceeded),
    /// The sign-in is too old for allowing a device.
    #[error("allowing a device takes a fresh sign-in")]
    NotFresh,
    /// The provider does not say when the person signed in, not even of a sign-in that was demanded.
    #[error("the identity provider does not say when the person signed in")]
    AuthTimeMissing,
    /// The device flow is switched off.
    #[error("the device flow is switched off here")]
    DeviceFlowOff,
    /// The session of the person who answers has ended in the meantime.
    #[error("your session has ended")]
    SessionEnded,
    /// Our own store or audit trail.
    #[error("consent is unavailable")]
    Unavailable(#[from] StoreError),
}

impl ConsentError {
    /// A stable word for metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownCode => "unknown_code",
            Self::NotRetyped => "not_retyped",
            Self::TooManyTries(_) => "too_many_tries",
            Self::NotFresh => "not_fresh",
            Self::AuthTimeMissing => "auth_time_missing",
            Self::DeviceFlowOff => "device_flow_off",
            Self::SessionEnded => "session_ended",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

/// A request and those beside it, on their way to an answer.
pub(super) struct Answering<'a> {
    pub(super) requester: &'a Requester,
    pub(super) pending: PendingRequest,
    pub(super) decision: ConsentChoice,
    /// The names of the other requests that the person was shown.
    pub(super) shown: &'a [String],
}

impl Clients {
    /// Remembers a request for those that may join it. Where that fails it is answered on its own.
    pub(crate) async fn list_pending(
        &self,
        requester: &Requester,
        pending: PendingRequest,
    ) -> Result<(), StoreError> {
        let Some(key) = PendingRequests::key(requester, &pending) else {
            return Ok(());
        };
        let until = pending.begun_at + limits::AUTHORIZATION_LIFE;
        let add = |old: Option<PendingRequests>| {
            let list = old.unwrap_or_default().with(pending.clone());
            (list, until, ())
        };
        match self.records.update(key, add).await {
            Err(StoreError::Conflict | StoreError::Exists) => Ok(()),
            done => done,
        }
    }

    /// The requests beside this one that are still open, oldest first.
    pub(crate) async fn others(
        &self,
        requester: &Requester,
        pending: &PendingRequest,
    ) -> Result<Vec<OtherRequest>, StoreError> {
        let mut others = Vec::new();
        for other in self.joinable_with(requester, pending).await? {
            if self.is_pending(&other).await? {
                others.push(OtherRequest {
                    id: RequestId::of(other.key),
                    begun_at: other.begun_at,
                });
            }
        }
        Ok(others)
    }

    async fn joinable_with(
        &self,
        requester: &Requester,
        pending: &PendingRequest,
    ) -> Result<Vec<PendingRequest>, StoreError> {
        let Some(key) = PendingRequests::key(requester, pending) else {
            return Ok(Vec::new());
        };
        let seen: Option<VersionedRecord<PendingRequests>> = self.records.get(key).await?;
        Ok(seen.map_or_else(Vec::new, |seen| {
            seen.record.joinable_with(pending).cloned().collect()
        }))
    }

    async fn is_pending(&self, pending: &PendingRequest) -> Result<bool, StoreError> {
        let records = &self.records;
        Ok(match pending.flow {
            Flow::Device => {
                let seen = records.get::<DeviceAuthorization>(pending.key).await?;
                seen.is_some_and(|seen| seen.record.is_pending(self.clock.now()))
            }
            Flow::Code => {
                let seen = records.get::<AuthorizationRequest>(pending.key).await?;
                seen.is_some_and(|seen| seen.record.is_pending())
            }
        })
    }

    /// Audits an answer, then gives it to the request and to those that were shown beside it; how many took it. None
    /// when the session has ended since it was found: it says neither yes nor no. A yes is dated before the audit trail is waited for: an end that falls
    /// in between is later than it.
    pub(super) async fn answer(
        &self,
        context: &RequestContext,
        session: &Session,
        answering: Answering<'_>,
    ) -> Result<Option<u32>, StoreError> {
        let Answering {
            requester,
            pending,
            decision,
            shown,
        } = answering;
        let mut all = vec![pending.clone()];
        for other in self.joinable_with(requester, &pending).await? {
            if shown.contains(&RequestId::of(other.key).to_string()) {
                all.push(other);
            }
        }
        let asked = ConsentDetails {
            client: requester.client_name.to_string(),
            flow: pending.flow,
            from: requester.origin.address,
            requests: u32::try_from(all.len()).unwrap_or(u32::MAX),
        };
        let Some(approval) = self.sessions.approval(session).await? else {
            return Ok(None);
        };
        let (actor, id) = (Actor::from(&session.identity), session.id.to_string());
        let (kind, answer) = match decision {
            ConsentChoice::Allow => (
                AuditEventKind::ConsentGiven {
                    actor,
                    session: id,
                    asked,
                },
                ConsentDecision::Approved(Box::new(approval)),
            ),
            ConsentChoice::Deny => (
                AuditEventKind::ConsentDenied {
                    actor,
                    session: id,
                    asked,
                },
                ConsentDecision::Denied,
            ),
        };
        self.journal.append(context, kind).await?;
        let mut answered = 0;
        for one in &all {
            answered += u32::from(self.answer_one(one, &answer).await?);
        }
        Ok(Some(answered))
    }

    /// Whether the request was still open and took the answer.
    async fn answer_one(
        &self,
        pending: &PendingRequest,
        answer: &ConsentDecision,
    ) -> Result<bool, StoreError> {
        let (records, now) = (&self.records, self.clock.now());
        for _ in 0..ANSWER_TRIES {
            let written = match pending.flow {
                Flow::Device => {
                    let seen = records.get::<DeviceAuthorization>(pending.key).await?;
                    let Some(seen) = seen else { return Ok(false) };
                    let Ok(device) = seen.record.clone().answered(answer.clone(), now) else {
                        return Ok(false);
                    };
                    let until = device.stored_until();
                    records.replace(pending.key, &seen, &device, until).await
                }
                Flow::Code => {
                    let seen = records.get::<AuthorizationRequest>(pending.key).await?;
                    let Some(seen) = seen else { return Ok(false) };
                    let Ok(request) = seen.record.clone().answered(answer.clone()) else {
                        return Ok(false);
                    };
                    let until = seen.expires_at;
                    records.replace(pending.key, &seen, &request, until).await
                }
            };
            match written {
                Ok(()) => return Ok(true),
                Err(StoreError::Conflict | StoreError::Exists) => {}
                Err(error @ StoreError::Unavailable(_)) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }
}

/// How a device authorization stands in the list of those that wait.
pub(super) fn pending_device(key: SecretDigest, device: &DeviceAuthorization) -> PendingRequest {
    PendingRequest {
        key,
        flow: Flow::Device,
        session: None,
        begun_at: device.requester().begun_at,
    }
}
