//! What the gateway's operator does to somebody else's sessions.

use crate::identity::{ProviderId, Subject, person_key};
use crate::port::StoreError;
use crate::record::Seen;
use crate::session::Session;

use super::Gateway;

/// What stands in the trail as the reason.
const REASON: &str = "ended_by_administrator";

impl Gateway {
    /// Ends everything a person is signed in with, browsers and clients, those that fell out of the lists included, and
    /// what was allowed and not yet redeemed. The next request of each, at any replica, finds it over; a new sign-in is
    /// for the provider to refuse.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]. Once the epoch has begun all is over; what is missing then is in the trail only.
    pub async fn end_person(
        &self,
        provider: &ProviderId,
        subject: &Subject,
    ) -> Result<(), StoreError> {
        let (person, context) = (person_key(provider, subject), self.own_context());
        self.begin_epoch(person, None).await?;
        for entry in self.entries(person).await? {
            let seen: Option<Seen<Session>> = self.world.records.get(entry.key).await?;
            if let Some(Seen { record, .. }) = seen {
                self.end(&context, &record.identity, entry.id, entry.key, REASON)
                    .await?;
            }
        }
        self.end_client_sessions(&context, (person, REASON), |_| true)
            .await
    }
}
