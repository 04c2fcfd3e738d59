//! What the gateway's operator does to somebody else's sessions.

use crate::identity::{ProviderId, Subject};
use crate::record::StoreError;
use crate::session::{Owner, Sessions};

/// What stands in the trail as the reason.
const REASON: &str = "ended_by_administrator";

impl Sessions {
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
        let (owner, context) = (Owner::of(provider, subject), self.journal.own_context());
        let person = owner.person;
        self.begin_epoch(person, None).await?;
        for entry in self.entries(person).await? {
            self.end(&context, &owner, &entry, REASON).await?;
        }
        self.end_client_sessions(&context, (person, REASON), |_| true)
            .await
    }
}
