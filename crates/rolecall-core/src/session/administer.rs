//! Administration of sessions by an operator.

use crate::identity::{ProviderId, Subject};
use crate::record::StoreError;
use crate::session::{Owner, Sessions};

/// Reason in the audit trail.
const REASON: &str = "ended_by_administrator";

impl Sessions {
    /// Ends all sessions of a person, of browsers and clients, whether or not they are in the index, and all approvals
    /// that are not redeemed. All replicas reject them from the next request on. The provider must reject a new
    /// sign-in.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]. Once the epoch has begun, all sessions have ended; events may be missing in the
    /// audit trail.
    pub async fn end_person(
        &self,
        provider: &ProviderId,
        subject: &Subject,
    ) -> Result<(), StoreError> {
        let (owner, context) = (
            Owner::of(provider, subject),
            self.journal.internal_context(),
        );
        let person = owner.person;
        self.begin_epoch(person, None).await?;
        for entry in self.entries(person).await? {
            self.end(&context, &owner, &entry, REASON).await?;
        }
        self.forget_id_tokens(person, None).await?;
        self.end_client_sessions(&context, (person, REASON), |_| true)
            .await
    }
}
