//! Tokens for registered clients: CreateToken of sso-oidc, one verb for each grant type.

use crate::client::{ClientId, GrantType, RegisteredClient, client_key, is_secret_of};
use crate::client_session::{ClientTokens, Refreshed};
use crate::port::StoreError;
use crate::secret::{ClientSecret, RefreshToken};

use super::{Gateway, RequestContext};

/// How often a refresh is tried again when another process refreshes at the same time; the second try finds its work.
const REFRESH_TRIES: usize = 8;

/// Why a client got no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The id is not one of ours, has expired, or the secret is another's (RFC 6749 5.2, `invalid_client`).
    #[error("this client is not registered here, or its registration has expired")]
    InvalidClient,
    /// The client did not register for this grant type (`unauthorized_client`).
    #[error("this client did not register for this grant type")]
    UnauthorizedClient,
    /// The code or token opens nothing: expired, spent, ended or somebody else's (`invalid_grant`).
    #[error("the code or token has expired, was used, or was issued to another client")]
    InvalidGrant,
    /// Our own store or audit trail.
    #[error("tokens are unavailable")]
    Unavailable(#[from] StoreError),
}

impl Gateway {
    /// The client of this id and secret, if it may use this grant type.
    ///
    /// # Errors
    /// [`TokenError::InvalidClient`], [`TokenError::UnauthorizedClient`].
    pub fn authenticate_client(
        &self,
        id: &ClientId,
        secret: &ClientSecret,
        grant_type: GrantType,
    ) -> Result<RegisteredClient, TokenError> {
        let keys = self.world.records.keys();
        let client = RegisteredClient::open(id, keys, self.world.clock.now());
        match client {
            Some(client) if is_secret_of(id, secret, keys) => match client.may_use(grant_type) {
                true => Ok(client),
                false => Err(TokenError::UnauthorizedClient),
            },
            Some(_) | None => Err(TokenError::InvalidClient),
        }
    }

    /// The tokens that follow a refresh token (RFC 6749 6). Parallel processes that present the same one get the same
    /// successors for [`crate::limits::REFRESH_GRACE`]; after that its use ends the whole session (RFC 9700 4.14.2).
    ///
    /// # Errors
    /// [`TokenError::InvalidGrant`], [`TokenError::Unavailable`].
    pub async fn refresh(
        &self,
        context: &RequestContext,
        client: &ClientId,
        presented: &RefreshToken,
    ) -> Result<ClientTokens, TokenError> {
        let key = presented.session_key().ok_or(TokenError::InvalidGrant)?;
        for _ in 0..REFRESH_TRIES {
            let seen = self.live_client_session(key).await?;
            let seen = seen.ok_or(TokenError::InvalidGrant)?;
            if seen.record.client != client_key(client) {
                return Err(TokenError::InvalidGrant);
            }
            let mut session = seen.record.clone();
            let now = self.world.clock.now();
            let life = self.world.clients.access_token;
            let entropy = self.world.entropy.as_ref();
            match session.refresh(presented, now, life, entropy) {
                Refreshed::Repeated(tokens) => return Ok(tokens),
                Refreshed::Reused => {
                    self.end_client(context, &session, key, "refresh_token_reused")
                        .await?;
                    return Err(TokenError::InvalidGrant);
                }
                Refreshed::Rotated(tokens) => {
                    let until = session.ends_at;
                    let written = self.world.records.replace(key, &seen, &session, until);
                    match written.await {
                        Ok(()) => return Ok(tokens),
                        // Another process was faster; its successors are ours.
                        Err(StoreError::Conflict | StoreError::Exists) => {}
                        Err(error @ StoreError::Unavailable(_)) => return Err(error.into()),
                    }
                }
            }
        }
        Err(StoreError::Conflict.into())
    }
}
