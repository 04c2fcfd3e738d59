//! Signing out of a browser ends that browser's session alone. Where the person's command lines and other clients are still
//! signed in, the browser gets a ticket that counts them and ends them, for a few minutes and without a session.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::audit::RequestContext;
use crate::base::limits;
use crate::base::secret::{SecretDigest, SignOutTicket, random_token};
use crate::record::{Record, StoreError, VersionedRecord};

use super::{ClientSession, Session, Sessions};

/// A person's client sessions that outlived a sign-out.
#[derive(Clone, Debug)]
pub struct RemainingClients {
    /// Ends them: see [`Sessions::end_remaining_clients`].
    pub ticket: SignOutTicket,
    /// How many there are; at least one.
    pub count: usize,
}

/// What a ticket stands for.
#[derive(Serialize, Deserialize)]
struct SignedOutPerson {
    /// See [`crate::identity::Identity::key`].
    person: SecretDigest,
    /// Sessions that began later are of a later sign-in, which the ticket does not end.
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
    /// How many of the client sessions of this ticket are live; none when it was used, has expired or is not ours.
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

    /// Ends the client sessions of this ticket. False, and nothing has ended, when the ticket was used, has expired or is not
    /// ours.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: some may live on, and the ticket can be used again.
    pub async fn end_remaining_clients(
        &self,
        context: &RequestContext,
        ticket: &SignOutTicket,
    ) -> Result<bool, StoreError> {
        let Some(signed_out) = self.signed_out_person(ticket).await? else {
            return Ok(false);
        };
        let told = (signed_out.person, "ended_by_owner");
        self.end_client_sessions(context, told, |client| signed_out.covers(client))
            .await?;
        // Last, so that an outage does not use it up; ending what has ended does nothing.
        self.records
            .take::<SignedOutPerson>(ticket.digest())
            .await?;
        Ok(true)
    }

    /// A ticket for the clients of a session that has just ended; none where there are none.
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
