//! Single logout by a SAML provider (SAML Core 3.7, Profiles 4.4): the sessions that a logout request ends.
//!
//! A logout request is stored before sessions are searched, and a sign-in lists its session before it searches logout
//! requests. One of the two always finds the other, so an assertion that was issued before a logout request cannot sign
//! in after it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::audit::RequestContext;
use crate::base::limits;
use crate::base::secret::SecretDigest;
use crate::identity::{Evidence, NameId, ProviderId, Subject};
use crate::record::{Record, StoreError, VersionedRecord};
use crate::session::{Owner, Session};
use crate::sign_in::{SignIns, VerifiedLogoutRequest};

/// Reason in the audit trail.
pub(crate) const REASON: &str = "ended_by_provider";

/// Subject of the person whom the provider calls by another `NameID`.
#[derive(Serialize, Deserialize)]
struct NameIdOwner {
    subject: Subject,
}

impl Record for NameIdOwner {
    const KIND: &'static str = "name-id";
}

/// Latest logout request for a name, or for one session of it. It also ends sessions of assertions that arrive later
/// (SAML Core 3.7.3.1).
#[derive(Serialize, Deserialize)]
struct LogoutRecord {
    issued_at: DateTime<Utc>,
}

impl Record for LogoutRecord {
    const KIND: &'static str = "logout-order";
}

impl LogoutRecord {
    /// Key for one session of the name, or for all sessions.
    fn key(provider: &ProviderId, name_id: &NameId, index: Option<&str>) -> SecretDigest {
        let mut parts = vec![provider.as_str().as_bytes(), name_id.value.as_bytes()];
        parts.extend(index.map(str::as_bytes));
        SecretDigest::of("rolecall/logout-order/v1", &parts)
    }

    /// Returns whether the request is later than this authentication. Timestamps may be whole seconds, so the same
    /// second counts.
    fn ends(&self, authenticated_at: DateTime<Utc>) -> bool {
        authenticated_at.timestamp() <= self.issued_at.timestamp()
    }
}

impl SignIns {
    /// Stores the logout request and ends its sessions. It can be repeated after a failure.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: sessions may still exist.
    pub(super) async fn end_requested_sessions(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        request: &VerifiedLogoutRequest,
    ) -> Result<(), StoreError> {
        self.store_logout_request(provider, request).await?;
        for subject in self.subjects_of(provider, &request.name_id).await? {
            let owner = Owner::of(provider, &subject);
            for entry in self.sessions.entries(owner.person).await? {
                let seen: Option<VersionedRecord<Session>> = self.records.get(entry.key).await?;
                // Even if the record is gone, its client sessions may still exist.
                let evidence = match seen {
                    Some(seen) => Some(seen.record.identity.evidence),
                    None => entry.logout.clone(),
                };
                if evidence.is_some_and(|evidence| covers(request, &evidence)) {
                    self.sessions.end(context, &owner, &entry, REASON).await?;
                }
            }
            // Client sessions are based on the same assertion.
            let cause = (owner.person, REASON);
            self.sessions
                .end_client_sessions(context, cause, |client| {
                    covers(request, &client.identity.evidence)
                })
                .await?;
        }
        Ok(())
    }

    async fn store_logout_request(
        &self,
        provider: &ProviderId,
        request: &VerifiedLogoutRequest,
    ) -> Result<(), StoreError> {
        let until = self.clock.now() + limits::LOGOUT_REQUEST_LIFE;
        let latest = |old: Option<LogoutRecord>| {
            let issued_at = old.map_or(request.issued_at, |old| {
                old.issued_at.max(request.issued_at)
            });
            (LogoutRecord { issued_at }, until, ())
        };
        let indexes = request
            .session_indexes
            .iter()
            .map(|index| Some(index.as_str()));
        let all = request.session_indexes.is_empty().then_some(None);
        for index in indexes.chain(all) {
            let key = LogoutRecord::key(provider, &request.name_id, index);
            self.records.update(key, latest).await?;
        }
        Ok(())
    }

    /// Returns whether the provider has requested the end of this session, which is already in its person's list.
    pub(super) async fn has_logout_request(&self, session: &Session) -> Result<bool, StoreError> {
        let identity = &session.identity;
        let Evidence::SamlAssertion {
            name_id: Some(name_id),
            session_index,
            ..
        } = &identity.evidence
        else {
            return Ok(false);
        };
        let index = session_index.as_deref().map(Some);
        for index in index.into_iter().chain([None]) {
            let key = LogoutRecord::key(&identity.provider, name_id, index);
            let ordered: Option<VersionedRecord<LogoutRecord>> = self.records.get(key).await?;
            let ended = |record: &LogoutRecord| {
                identity
                    .authenticated_at()
                    .is_none_or(|authenticated_at| record.ends(authenticated_at))
            };
            if ordered.is_some_and(|seen| ended(&seen.record)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the subjects that the name can refer to: the person who signed in with it, and the person whose subject
    /// it is.
    async fn subjects_of(
        &self,
        provider: &ProviderId,
        name: &NameId,
    ) -> Result<Vec<Subject>, StoreError> {
        let named: Option<VersionedRecord<NameIdOwner>> =
            self.records.get(name.key(provider)).await?;
        let mut subjects: Vec<Subject> =
            named.map(|seen| seen.record.subject).into_iter().collect();
        subjects.extend(Subject::parse(&name.value));
        subjects.dedup();
        Ok(subjects)
    }

    /// Stores the name with which a person signed in, if it is not their subject.
    pub(super) async fn remember_name_id(&self, session: &Session) -> Result<(), StoreError> {
        let identity = &session.identity;
        let Evidence::SamlAssertion {
            name_id: Some(name_id),
            ..
        } = &identity.evidence
        else {
            return Ok(());
        };
        if name_id.value == identity.subject.as_str() {
            return Ok(());
        }
        let subject = &identity.subject;
        let named = |_: Option<NameIdOwner>| {
            let subject = subject.clone();
            (NameIdOwner { subject }, session.ends_at, ())
        };
        let key = name_id.key(&identity.provider);
        self.records.update(key, named).await
    }
}

/// Returns whether the request covers a session with this evidence: its name, and its index if the request contains
/// indexes.
fn covers(request: &VerifiedLogoutRequest, evidence: &Evidence) -> bool {
    match evidence {
        Evidence::SamlAssertion {
            name_id,
            session_index,
            ..
        } => {
            let named = |index: &String| request.session_indexes.contains(index);
            name_id
                .as_ref()
                .is_some_and(|name_id| request.name_id.matches(name_id))
                && (request.session_indexes.is_empty() || session_index.as_ref().is_some_and(named))
        }
        Evidence::IdToken { .. } => false,
    }
}
