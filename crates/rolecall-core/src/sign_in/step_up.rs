//! Step-up: a session whose person must authenticate again, or with a second factor, before a role is available.
//!
//! The response must be about the person of the session that requested it. Until it is verified, and if it is not, the
//! session stays as it is.

use serde::{Deserialize, Serialize};

use crate::base::secret::{SecretDigest, SessionSecret};
use crate::identity::ProviderId;
use crate::record::StoreError;
use crate::sign_in::{AuthnRequirements, PendingSignIn, ReturnTo, SignInError, SignIns};

/// The session that requested additional verification.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepUp {
    /// Key of its person; see [`crate::identity::Identity::key`].
    person: SecretDigest,
    /// Whether a second factor was requested.
    second_factor: bool,
}

/// A step-up that failed. The session that requested it continues unchanged.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct StepUpFailed {
    /// The error of the sign-in.
    #[source]
    pub error: SignInError,
    /// The provider.
    pub provider: ProviderId,
    /// Page from which the step-up was requested.
    pub return_to: ReturnTo,
    /// Whether a second factor was requested.
    pub second_factor: bool,
}

impl StepUp {
    /// Key of the person whom the provider must assert.
    pub(super) fn person(&self) -> SecretDigest {
        self.person
    }
}

impl PendingSignIn {
    /// Adds to an error from which page a step-up was requested.
    pub(super) fn explain(self, error: SignInError) -> SignInError {
        let (Some(step_up), false) = (self.step_up, error.is_interaction_required()) else {
            return error;
        };
        SignInError::StepUp(Box::new(StepUpFailed {
            error,
            provider: self.provider,
            return_to: self.return_to,
            second_factor: step_up.second_factor,
        }))
    }
}

impl SignIns {
    /// The step-up that this sign-in is. It is none without a live session of a person of the provider: then it is a
    /// sign-in like any other.
    pub(super) async fn step_up(
        &self,
        provider: &ProviderId,
        session: Option<&SessionSecret>,
        requirements: &AuthnRequirements,
    ) -> Result<Option<StepUp>, StoreError> {
        let Some(secret) = session.filter(|_| requirements.is_step_up()) else {
            return Ok(None);
        };
        let session = self.sessions.session(secret).await?;
        let identity = session.map(|session| session.identity);
        let step_up = identity
            .filter(|identity| identity.provider == *provider)
            .map(|identity| StepUp {
                person: identity.key(),
                second_factor: requirements.second_factor,
            });
        Ok(step_up)
    }
}
