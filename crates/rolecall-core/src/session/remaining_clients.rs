//! Client sessions that remain after a sign-out. Signing out of a browser ends only its own session. If client sessions
//! of the person remain, the browser gets a ticket that counts and ends them, for a few minutes and without a session.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::audit::RequestContext;
use crate::base::limits;
use crate::base::secret::{SecretDigest, SignOutTicket, random_token};
use crate::record::{Record, StoreError, VersionedRecord};

use super::{ClientSession, Session, Sessions};

/// The client sessions that remain after a sign-out.
#[derive(Clone, Debug)]
pub struct RemainingClients {
    /// Ticket that ends them; see [`Sessions::end_remaining_clients`].
    pub ticket: SignOutTicket,
    /// Number of sessions; at least one.
    pub count: usize,
}

/// The record of a ticket.
#[derive(Serialize, Deserialize)]
struct SignedOutPerson {
    /// Key of the person; see [`crate::identity::Identity::key`].
    person: SecretDigest,
    /// Later client sessions belong to a later sign-in and are not ended.
    signed_out_at: DateTime<Utc>,
}

impl SignedOutPerson {
    fn covers(&self, client: &ClientSession) -> bool {
        client.started_at <= self.signed_out_at
    }
}

impl Record for SignedOutPerson {
    const KIND: &'static str = "sign-out-clients";
}

impl Sessions {
    /// Number of live client sessions of this ticket; `None` if the ticket is used, expired or unknown.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn remaining_clients(
        &self,
        ticket: &SignOutTicket,
    ) -> Result<Option<usize>, StoreError> {
        match self.signed_out_person(ticket).await? {
            Some(signed_out) => self.count_clients(&signed_out).await.map(Some),
            None => Ok(None),
        }
    }

    /// Ends the client sessions of this ticket. Returns false, and ends nothing, if the ticket is used, expired or
    /// unknown.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: some sessions may remain, and the ticket can be used again.
    pub async fn end_remaining_clients(
        &self,
        context: &RequestContext,
        ticket: &SignOutTicket,
    ) -> Result<bool, StoreError> {
        let Some(signed_out) = self.signed_out_person(ticket).await? else {
            return Ok(false);
        };
        let target = (signed_out.person, "ended_by_owner");
        self.end_client_sessions(context, target, |client| signed_out.covers(client))
            .await?;
        // Last, so that an outage does not consume the ticket. Ended sessions are not affected by a second attempt.
        self.records
            .take::<SignedOutPerson>(ticket.digest())
            .await?;
        Ok(true)
    }

    /// Issues a ticket for the clients of a session that has just ended; `None` if there are none.
    pub(crate) async fn offer_remaining_clients(
        &self,
        session: &Session,
    ) -> Result<Option<RemainingClients>, StoreError> {
        let now = self.clock.now();
        let signed_out = SignedOutPerson {
            person: session.identity.key(),
            signed_out_at: now,
        };
        let count = self.count_clients(&signed_out).await?;
        if count == 0 {
            return Ok(None);
        }
        let ticket = SignOutTicket::new(random_token(self.entropy.as_ref()));
        let until = now + limits::SIGN_OUT_TICKET_LIFE;
        self.records
            .insert(ticket.digest(), &signed_out, until)
            .await?;
        Ok(Some(RemainingClients { ticket, count }))
    }

    async fn signed_out_person(
        &self,
        ticket: &SignOutTicket,
    ) -> Result<Option<SignedOutPerson>, StoreError> {
        let seen: Option<VersionedRecord<SignedOutPerson>> =
            self.records.get(ticket.digest()).await?;
        Ok(seen.map(|seen| seen.record))
    }

    async fn count_clients(&self, signed_out: &SignedOutPerson) -> Result<usize, StoreError> {
        let live = self.live_clients_of(signed_out.person).await?;
        Ok(live
            .iter()
            .filter(|client| signed_out.covers(client))
            .count())
    }
}
