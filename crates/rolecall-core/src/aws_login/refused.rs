//! Rate limit for refusals at the token endpoint of `aws login`.

use crate::audit::RequestContext;
use crate::base::secret::{AuthorizationCode, RefreshToken};
use crate::record::rate_limit::LimitName;
use crate::record::{StoreError, VersionedRecord};

use super::{AwsLogins, LoginCode, LoginError};

/// The secret in a request to the token endpoint of `aws login`.
#[derive(Clone, Copy, Debug)]
pub enum LoginGrant<'a> {
    /// `code`
    Code(&'a AuthorizationCode),
    /// `refreshToken`
    Refresh(&'a RefreshToken),
}

impl AwsLogins {
    /// Rejects a request to the token endpoint of `aws login`, before its proof is verified, if its address has
    /// exceeded the limit of refusals and its secret is not valid.
    ///
    /// # Errors
    /// [`LoginError::RateLimited`], [`LoginError::Unavailable`].
    pub async fn check_login(
        &self,
        context: &RequestContext,
        shown: LoginGrant<'_>,
    ) -> Result<(), LoginError> {
        match self
            .rates
            .known_refusals(context.origin.address, LimitName::Failures)
        {
            Some(exceeded) if !self.is_live_login(shown).await? => Err(exceeded.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// Counts a refusal at the token endpoint of `aws login` if the secret is not valid. Returns the error for the
    /// response.
    pub async fn count_login_refusal(
        &self,
        context: &RequestContext,
        shown: LoginGrant<'_>,
        error: LoginError,
    ) -> LoginError {
        let counts = match &error {
            LoginError::Proof(_)
            | LoginError::CodeSpent
            | LoginError::OtherRequest
            | LoginError::SessionOver => self.is_live_login(shown).await.is_ok_and(|live| !live),
            LoginError::Issue(_) | LoginError::RateLimited(_) | LoginError::Unavailable(_) => false,
        };
        match counts {
            true => self
                .rates
                .count_refusal(context.origin.address, LimitName::Failures)
                .await
                .map_or(error, LoginError::RateLimited),
            false => error,
        }
    }

    async fn is_live_login(&self, shown: LoginGrant<'_>) -> Result<bool, StoreError> {
        match shown {
            LoginGrant::Code(code) => {
                let seen: Option<VersionedRecord<LoginCode>> =
                    self.records.get(code.digest()).await?;
                Ok(seen.is_some())
            }
            LoginGrant::Refresh(token) => match token.handle() {
                Some(handle) => Ok(self.sessions.live_client_session(handle).await?.is_some()),
                None => Ok(false),
            },
        }
    }
}
