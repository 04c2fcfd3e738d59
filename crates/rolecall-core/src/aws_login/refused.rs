//! Rate limit for refusals at the token endpoint of `aws login`.

use crate::audit::RequestContext;
use crate::record::rate_limit::LimitName;
use crate::record::{StoreError, VersionedRecord};

use super::{AwsLogins, LoginCode, LoginError, LoginTokenRequest};

/// A request to the token endpoint whose address may have it evaluated.
pub(super) struct AdmittedRequest<'r>(&'r LoginTokenRequest);

impl<'r> AdmittedRequest<'r> {
    /// Returns the request, which has passed the limit on refusals.
    pub(super) fn into_request(self) -> &'r LoginTokenRequest {
        self.0
    }
}

impl AwsLogins {
    /// Admits a request to the token endpoint of `aws login`, before its proof is verified, unless its address has exceeded
    /// the limit of refusals and its secret is not valid.
    ///
    /// # Errors
    /// [`LoginError::RateLimited`], [`LoginError::Unavailable`].
    pub(super) async fn admit_request<'r>(
        &self,
        context: &RequestContext,
        request: &'r LoginTokenRequest,
    ) -> Result<AdmittedRequest<'r>, LoginError> {
        match self
            .rates
            .known_refusals(context.client_info.address, LimitName::Failures)
        {
            Some(exceeded) if !self.is_live_login(request).await? => Err(exceeded.into()),
            Some(_) | None => Ok(AdmittedRequest(request)),
        }
    }

    /// Counts a refusal at the token endpoint of `aws login` if the secret is not valid. Returns the error for the
    /// response.
    pub(super) async fn count_login_refusal(
        &self,
        context: &RequestContext,
        request: &LoginTokenRequest,
        error: LoginError,
    ) -> LoginError {
        let counts = match &error {
            LoginError::Proof(_)
            | LoginError::CodeUsed
            | LoginError::OtherRequest
            | LoginError::SessionOver => self.is_live_login(request).await.is_ok_and(|live| !live),
            LoginError::Issue(_) | LoginError::RateLimited(_) | LoginError::Unavailable(_) => false,
        };
        match counts {
            true => self
                .rates
                .count_refusal(context.client_info.address, LimitName::Failures)
                .await
                .map_or(error, LoginError::RateLimited),
            false => error,
        }
    }

    async fn is_live_login(&self, request: &LoginTokenRequest) -> Result<bool, StoreError> {
        match request {
            LoginTokenRequest::Code(exchange) => {
                let seen: Option<VersionedRecord<LoginCode>> =
                    self.records.get(exchange.code.digest()).await?;
                Ok(seen.is_some())
            }
            LoginTokenRequest::Refresh(_, token) => match token.handle() {
                Some(handle) => Ok(self.sessions.live_client_session(handle).await?.is_some()),
                None => Ok(false),
            },
        }
    }
}
