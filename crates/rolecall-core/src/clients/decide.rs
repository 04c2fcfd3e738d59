//! Consent in both flows: the request that the person sees, and the effect of the decision. A decision applies to the
//! requests that were listed with it, and to no others.

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

/// Number of attempts to save a decision while the client polls.
const DECISION_TRIES: usize = 16;

/// Why a person's decision was rejected.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// No client waits with this code: it is misspelled, expired or already decided.
    #[error("no client is waiting with this code")]
    UnknownCode,
    /// The half of the code that no link fills in is missing or wrong.
    #[error("the entered code differs from the displayed one")]
    NotRetyped,
    /// Too many wrong codes.
    #[error("too many wrong codes")]
    TooManyTries(LimitExceeded),
    /// The sign-in is too old to approve a device.
    #[error("approving a device requires a recent sign-in")]
    NotFresh,
    /// The provider does not report the time of authentication, even for a sign-in that requested it.
    #[error("the identity provider does not report when the person signed in")]
    AuthTimeMissing,
    /// The device flow is disabled.
    #[error("the device flow is disabled")]
    DeviceFlowOff,
    /// The session of the person has ended.
    #[error("your session has ended")]
    SessionEnded,
    /// The store or the audit trail is unavailable.
    #[error("consent is unavailable")]
    Unavailable(#[from] StoreError),
}

impl ConsentError {
    /// Stable code for metrics.
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

/// A request that is being decided, with the requests that are decided together with it.
pub(super) struct PendingDecision<'a> {
    pub(super) requester: &'a Requester,
    pub(super) pending: PendingRequest,
    pub(super) choice: ConsentChoice,
    /// IDs of the other requests that the person saw.
    pub(super) shown: &'a [String],
}

impl Clients {
    /// Lists a request, so that later ones can be decided together with it. If this fails, it is decided alone.
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

    /// The other pending requests that can be decided together with this one, oldest first.
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

    /// Audits a decision, then applies it to the request and to those that were listed with it. Returns how many
    /// accepted it; `None` if the session has ended. An approval is read before the audit event is written, so a
    /// session end in between is later than it.
    pub(super) async fn decide(
        &self,
        context: &RequestContext,
        session: &Session,
        of: PendingDecision<'_>,
    ) -> Result<Option<u32>, StoreError> {
        let PendingDecision {
            requester,
            pending,
            choice,
            shown,
        } = of;
        let mut all = vec![pending.clone()];
        for other in self.joinable_with(requester, &pending).await? {
            if shown.contains(&RequestId::of(other.key).to_string()) {
                all.push(other);
            }
        }
        let details = ConsentDetails {
            client: requester.client_name.to_string(),
            flow: pending.flow,
            from: requester.client_info.address,
            requests: u32::try_from(all.len()).unwrap_or(u32::MAX),
        };
        let Some(approval) = self.sessions.approval(session).await? else {
            return Ok(None);
        };
        let (actor, id) = (Actor::from(&session.identity), session.id.to_string());
        let (kind, decision) = match choice {
            ConsentChoice::Allow => (
                AuditEventKind::ConsentGiven {
                    actor,
                    session: id,
                    asked: details,
                },
                ConsentDecision::Approved(Box::new(approval)),
            ),
            ConsentChoice::Deny => (
                AuditEventKind::ConsentDenied {
                    actor,
                    session: id,
                    asked: details,
                },
                ConsentDecision::Denied,
            ),
        };
        self.journal.append(context, kind).await?;
        let mut decided = 0;
        for one in &all {
            decided += u32::from(self.apply_decision(one, &decision).await?);
        }
        Ok(Some(decided))
    }

    /// Applies the decision to one request. Returns whether it was pending.
    async fn apply_decision(
        &self,
        pending: &PendingRequest,
        decision: &ConsentDecision,
    ) -> Result<bool, StoreError> {
        let (records, now) = (&self.records, self.clock.now());
        for _ in 0..DECISION_TRIES {
            let written = match pending.flow {
                Flow::Device => {
                    let seen = records.get::<DeviceAuthorization>(pending.key).await?;
                    let Some(seen) = seen else { return Ok(false) };
                    let Ok(device) = seen.record.clone().decided(decision.clone(), now) else {
                        return Ok(false);
                    };
                    let until = device.stored_until();
                    records.replace(pending.key, &seen, &device, until).await
                }
                Flow::Code => {
                    let seen = records.get::<AuthorizationRequest>(pending.key).await?;
                    let Some(seen) = seen else { return Ok(false) };
                    let Ok(request) = seen.record.clone().decided(decision.clone()) else {
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

/// The entry of a device authorization in the list of pending requests.
pub(super) fn pending_device(key: SecretDigest, device: &DeviceAuthorization) -> PendingRequest {
    PendingRequest {
        key,
        flow: Flow::Device,
        session: None,
        begun_at: device.requester().begun_at,
    }
}
