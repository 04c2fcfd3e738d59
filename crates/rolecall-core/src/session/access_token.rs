//! The session that an access token of a client opens, and why one opens none.

use crate::base::secret::AccessToken;
use crate::record::StoreError;
use crate::session::{ClientSession, Sessions, TokenHandle};

/// How access tokens of AWS IAM Identity Center begin (CreateToken, example response).
const AWS_TOKEN_PREFIX: &str = "aoa";

/// Why an access token has no session.
#[derive(Debug, thiserror::Error)]
pub enum AccessTokenError {
    /// The token does not have the format of this gateway.
    #[error("the access token was not issued here")]
    NotIssuedHere {
        /// Whether it has the format of AWS IAM Identity Center.
        of_aws: bool,
    },
    /// The session has ended, or the token has expired, was replaced or never existed.
    #[error("the session has ended")]
    SessionEnded,
    /// The store is unavailable. The token remains valid.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

impl Sessions {
    /// The live session of this access token. One trip to the store.
    ///
    /// # Errors
    /// [`AccessTokenError`].
    pub async fn verify_access_token(
        &self,
        token: &AccessToken,
    ) -> Result<ClientSession, AccessTokenError> {
        let (_, session) = self.client_session_of_token(token).await?;
        Ok(session)
    }

    /// The live session of this access token; none where [`Sessions::verify_access_token`] says why there is none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn client_session(
        &self,
        token: &AccessToken,
    ) -> Result<Option<ClientSession>, StoreError> {
        match self.client_session_of_token(token).await {
            Ok((_, session)) => Ok(Some(session)),
            Err(AccessTokenError::NotIssuedHere { .. } | AccessTokenError::SessionEnded) => {
                Ok(None)
            }
            Err(AccessTokenError::Unavailable(error)) => Err(error),
        }
    }

    /// The session, and where its record is.
    ///
    /// # Errors
    /// [`AccessTokenError`].
    pub(super) async fn client_session_of_token(
        &self,
        token: &AccessToken,
    ) -> Result<(TokenHandle, ClientSession), AccessTokenError> {
        let of_aws = token.expose().starts_with(AWS_TOKEN_PREFIX);
        let handle = token.handle();
        let handle = handle.ok_or(AccessTokenError::NotIssuedHere { of_aws })?;
        let found = self.live_client_session(handle).await?;
        let session = found.ok_or(AccessTokenError::SessionEnded)?.record;
        match session.is_opened_by(token, self.clock.now()) {
            true => Ok((handle, session)),
            false => Err(AccessTokenError::SessionEnded),
        }
    }
}
