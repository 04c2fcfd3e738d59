//! Single logout by a SAML provider (SAML Core 3.7, Profiles 4.4): which sessions an order ends.
//!
//! An order is written down before sessions are looked for, and a sign-in lists its session before it looks for orders.
//! One of the two always sees the other, so no assertion from before an order signs anybody in after it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::audit::RequestContext;
use crate::base::limits;
use crate::base::secret::SecretDigest;
use crate::identity::{Evidence, NameId, ProviderId, Subject};
use crate::record::{Record, StoreError, VersionedRecord};
use crate::session::{Owner, Session};
use crate::sign_in::{LogoutOrder, SignIns};

/// The reason in the audit trail.
pub(crate) const REASON: &str = "ended_by_provider";

/// Who a provider means by a `NameID` that is not the person's subject here.
#[derive(Serialize, Deserialize)]
struct Named {
    subject: Subject,
}

impl Record for Named {
    const KIND: &'static str = "name-id";
}

/// The latest order for a name, or for one session of it. It also ends assertions that arrive after it (SAML Core 3.7.3.1).
#[derive(Serialize, Deserialize)]
struct Ordered {
    issued_at: DateTime<Utc>,
}

impl Record for Ordered {
    const KIND: &'static str = "logout-order";
}

impl Ordered {
    /// For one session of the name, or for all of them.
    fn key(provider: &ProviderId, name_id: &NameId, index: Option<&str>) -> SecretDigest {
        let mut parts = vec![provider.as_str().as_bytes(), name_id.value.as_bytes()];
        parts.extend(index.map(str::as_bytes));
        SecretDigest::of("rolecall/logout-order/v1", &parts)
    }

    /// Whether it came after this authentication. Instants may be whole seconds, so the same second counts.
    fn ends(&self, authenticated_at: DateTime<Utc>) -> bool {
        authenticated_at.timestamp() <= self.issued_at.timestamp()
    }
}

impl SignIns {
    /// Writes the order down and ends the sessions that it names. It may be called again after a failure.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: sessions may live on.
    pub(super) async fn end_ordered(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        order: &LogoutOrder,
    ) -> Result<(), StoreError> {
        self.remember_order(provider, order).await?;
        for subject in self.subjects_of(provider, &order.name_id).await? {
            let owner = Owner::of(provider, &subject);
            for entry in self.sessions.entries(owner.person).await? {
                let seen: Option<VersionedRecord<Session>> = self.records.get(entry.key).await?;
                // Where the record is gone, what the session allowed may still be there.
                let evidence = match seen {
                    Some(seen) => Some(seen.record.identity.evidence),
                    None => entry.logout.clone(),
                };
                if evidence.is_some_and(|evidence| means(order, &evidence)) {
                    self.sessions.end(context, &owner, &entry, REASON).await?;
                }
            }
            // What a person allowed a client stands on the same word of the provider's.
            let told = (owner.person, REASON);
            self.sessions
                .end_client_sessions(context, told, |client| {
                    means(order, &client.identity.evidence)
                })
                .await?;
        }
        Ok(())
    }

    async fn remember_order(
        &self,
        provider: &ProviderId,
        order: &LogoutOrder,
    ) -> Result<(), StoreError> {
        let until = self.clock.now() + limits::LOGOUT_REQUEST_LIFE;
        let latest = |old: Option<Ordered>| {
            let issued_at = old.map_or(order.issued_at, |old| old.issued_at.max(order.issued_at));
            (Ordered { issued_at }, until, ())
        };
        let indexes = order
            .session_indexes
            .iter()
            .map(|index| Some(index.as_str()));
        let all = order.session_indexes.is_empty().then_some(None);
        for index in indexes.chain(all) {
            let key = Ordered::key(provider, &order.name_id, index);
            self.records.update(key, latest).await?;
        }
        Ok(())
    }

    /// Whether the provider has ordered to end this session, which is in its person's list already.
    pub(super) async fn was_ordered_to_end(&self, session: &Session) -> Result<bool, StoreError> {
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
            let key = Ordered::key(&identity.provider, name_id, index);
            let ordered: Option<VersionedRecord<Ordered>> = self.records.get(key).await?;
            let ended = |order: &Ordered| {
                identity
                    .authenticated_at()
                    .is_none_or(|authenticated_at| order.ends(authenticated_at))
            };
            if ordered.is_some_and(|seen| ended(&seen.record)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Who the provider may mean: whoever signed in under this name, and whoever is called so here.
    async fn subjects_of(
        &self,
        provider: &ProviderId,
        name: &NameId,
    ) -> Result<Vec<Subject>, StoreError> {
        let named: Option<VersionedRecord<Named>> = self.records.get(name.key(provider)).await?;
        let mut subjects: Vec<Subject> =
            named.map(|seen| seen.record.subject).into_iter().collect();
        subjects.extend(Subject::parse(&name.value));
        subjects.dedup();
        Ok(subjects)
    }

    /// Remembers under which name a person signed in, where it is not their subject.
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
        let named = |_: Option<Named>| {
            let subject = subject.clone();
            (Named { subject }, session.ends_at, ())
        };
        let key = name_id.key(&identity.provider);
        self.records.update(key, named).await
    }
}

/// Whether the order is about a session of this evidence: its name, and its index where some are named.
fn means(order: &LogoutOrder, evidence: &Evidence) -> bool {
    match evidence {
        Evidence::SamlAssertion {
            name_id,
            session_index,
            ..
        } => {
            let named = |index: &String| order.session_indexes.contains(index);
            name_id
                .as_ref()
                .is_some_and(|name_id| order.name_id.matches(name_id))
                && (order.session_indexes.is_empty() || session_index.as_ref().is_some_and(named))
        }
        Evidence::IdToken { .. } => false,
    }
}
