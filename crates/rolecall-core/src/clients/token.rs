//! Tokens for registered clients: CreateToken of sso-oidc, one method per grant type.

use crate::audit::RequestContext;
use crate::base::secret::{
    AuthorizationCode, ClientSecret, DeviceCode, RefreshToken, SecretDigest, SecretText,
};
use crate::caller::Flow;
use crate::clients::{
    ClientId, Clients, CodeState, DeviceAuthorization, GrantType, IssuedCode, PollResult,
    RegisteredClient, Requester, client_key, is_secret_of,
};
use crate::record::{StoreError, VersionedRecord};
use crate::session::{Approval, CODE_REPLAYED, ClientTokens, NewClientSession, RefreshResult};

/// Number of attempts to refresh while another process refreshes. The second one finds its tokens.
const REFRESH_TRIES: usize = 8;

/// Why a token request failed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The client ID is invalid or expired, or the secret is wrong (RFC 6749 5.2, `invalid_client`).
    #[error("this client is not registered, or its registration has expired")]
    InvalidClient,
    /// The client did not register this grant type (`unauthorized_client`).
    #[error("this client did not register for this grant type")]
    UnauthorizedClient,
    /// The code or token is invalid, expired, used, or was issued to another client (`invalid_grant`).
    #[error("the code or token has expired, was used, or was issued to another client")]
    InvalidGrant,
    /// The refresh token was replaced longer ago than [`crate::base::limits::REFRESH_GRACE`]: two copies are in use,
    /// and it is unknown which of them is the client's (`invalid_grant`, RFC 9700 4.14.2).
    #[error(
        "this refresh token was replaced before, so the session was ended: another copy of it has been used, as when ~/.aws was copied to a second machine. Sign in again on each machine"
    )]
    Reused,
    /// The request is not decided (RFC 8628 3.5, `authorization_pending`).
    #[error("the request has not been approved yet")]
    AuthorizationPending,
    /// The client polls too often (`slow_down`).
    #[error("polling too often: wait longer between two requests")]
    SlowDown,
    /// The request was denied (`access_denied`).
    #[error("the request was refused")]
    AccessDenied,
    /// The request was not decided in time (`expired_token`).
    #[error("the device code has expired: start again")]
    ExpiredToken,
    /// The store or the audit trail is unavailable.
    #[error("tokens are unavailable")]
    Unavailable(#[from] StoreError),
}

/// The parameters of a code redemption (RFC 6749 4.1.3).
#[derive(Clone, Debug)]
pub struct CodeRedemption {
    /// `code` of the redirect.
    pub code: AuthorizationCode,
    /// `redirect_uri`, as in the authorization request.
    pub redirect_uri: String,
    /// `code_verifier` (RFC 7636 4.5)
    pub verifier: SecretText,
}

impl Clients {
    /// The client with this ID and secret, if it may use this grant type.
    ///
    /// # Errors
    /// [`TokenError::InvalidClient`], [`TokenError::UnauthorizedClient`].
    pub fn authenticate_client(
        &self,
        id: &ClientId,
        secret: &ClientSecret,
        grant_type: GrantType,
    ) -> Result<RegisteredClient, TokenError> {
        let keys = self.records.keys();
        let client = RegisteredClient::open(id, keys, self.clock.now());
        match client {
            Some(client) if is_secret_of(id, secret, keys) => match client.may_use(grant_type) {
                true => Ok(client),
                false => Err(TokenError::UnauthorizedClient),
            },
            Some(_) | None => Err(TokenError::InvalidClient),
        }
    }

    /// Refreshes the tokens of a client (RFC 6749 6). Parallel processes with the same refresh token get the same new
    /// tokens for [`crate::base::limits::REFRESH_GRACE`]; after that, its use ends the session (RFC 9700 4.14.2).
    ///
    /// # Errors
    /// [`TokenError::InvalidGrant`], [`TokenError::Reused`], [`TokenError::SlowDown`], [`TokenError::Unavailable`].
    pub async fn refresh(
        &self,
        context: &RequestContext,
        client: &ClientId,
        presented: &RefreshToken,
    ) -> Result<ClientTokens, TokenError> {
        self.rotate(context, client_key(client), presented).await
    }

    /// Same as [`Clients::refresh`], for the client with this key.
    pub(crate) async fn rotate(
        &self,
        context: &RequestContext,
        client: SecretDigest,
        presented: &RefreshToken,
    ) -> Result<ClientTokens, TokenError> {
        let handle = presented.handle().ok_or(TokenError::InvalidGrant)?;
        let key = handle.key;
        for _ in 0..REFRESH_TRIES {
            let seen = self.sessions.live_client_session(handle).await?;
            let seen = seen.ok_or(TokenError::InvalidGrant)?;
            if seen.record.client != client {
                return Err(TokenError::InvalidGrant);
            }
            let mut session = seen.record.clone();
            let now = self.clock.now();
            let life = self.rules.access_token;
            let entropy = self.entropy.as_ref();
            match session.refresh(presented, now, life, entropy) {
                RefreshResult::Repeated(tokens) => return Ok(tokens),
                RefreshResult::TooOften => return Err(TokenError::SlowDown),
                RefreshResult::Reused => {
                    self.sessions
                        .end_client(context, &session, key, "refresh_token_reused")
                        .await?;
                    return Err(TokenError::Reused);
                }
                RefreshResult::Rotated(tokens) => {
                    let until = session.ends_at;
                    let written = self.records.replace(key, &seen, &session, until);
                    match written.await {
                        Ok(()) => return Ok(tokens),
                        // Another process was faster. Its tokens are used.
                        Err(StoreError::Conflict | StoreError::Exists) => {}
                        Err(error @ StoreError::Unavailable(_)) => return Err(error.into()),
                    }
                }
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Redeems a device code, once (RFC 8628 3.4).
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn redeem_device_code(
        &self,
        context: &RequestContext,
        (id, client): (&ClientId, &RegisteredClient),
        code: &DeviceCode,
    ) -> Result<ClientTokens, TokenError> {
        if !self.rules.device_flow {
            return Err(TokenError::UnauthorizedClient);
        }
        let (key, records) = (code.digest(), &self.records);
        let seen: Option<VersionedRecord<DeviceAuthorization>> = records.get(key).await?;
        let seen = seen.ok_or(TokenError::InvalidGrant)?;
        if seen.record.requester().client != client_key(id) {
            return Err(TokenError::InvalidGrant);
        }
        let (device, found) = seen.record.clone().poll(self.clock.now());
        let error = match found {
            PollResult::Expired => return Err(TokenError::ExpiredToken),
            PollResult::Approved(approval) => {
                let renews = client.renews();
                return self
                    .consume_device_code(context, key, (*approval, renews))
                    .await;
            }
            PollResult::Pending => TokenError::AuthorizationPending,
            PollResult::SlowDown => TokenError::SlowDown,
            PollResult::Denied => TokenError::AccessDenied,
        };
        // A denied client can poll without causing writes.
        if seen.record.is_denied() {
            return Err(error);
        }
        let until = device.stored_until();
        match records.replace(key, &seen, &device, until).await {
            // It was decided or polled at the same time: the next poll gets the result.
            Ok(()) | Err(StoreError::Conflict | StoreError::Exists) => Err(error),
            Err(error @ StoreError::Unavailable(_)) => Err(error.into()),
        }
    }

    async fn consume_device_code(
        &self,
        context: &RequestContext,
        key: SecretDigest,
        (approval, renews): (Approval, bool),
    ) -> Result<ClientTokens, TokenError> {
        let taken: Option<DeviceAuthorization> = self.records.take(key).await?;
        let requester = taken.ok_or(TokenError::InvalidGrant)?.into_requester();
        let new = new_session(context, requester, approval, (Flow::Device, renews));
        let prepared = self.sessions.prepare_client_session(new).await?;
        let prepared = prepared.ok_or(TokenError::AccessDenied)?;
        let confirmed = self
            .sessions
            .confirm_client_session(context, prepared)
            .await?;
        confirmed.ok_or(TokenError::AccessDenied)
    }

    /// Redeems an authorization code, once. A code with wrong parameters is invalidated; a replayed code ends its
    /// session.
    ///
    /// # Errors
    /// [`TokenError::InvalidGrant`], [`TokenError::Unavailable`].
    pub async fn redeem_code(
        &self,
        context: &RequestContext,
        client: &ClientId,
        redemption: &CodeRedemption,
    ) -> Result<ClientTokens, TokenError> {
        let (key, records) = (redemption.code.digest(), &self.records);
        let seen: Option<VersionedRecord<IssuedCode>> = records.get(key).await?;
        let seen = seen.ok_or(TokenError::InvalidGrant)?;
        let code = match seen.record.clone().unused() {
            Ok(code) => code,
            Err(used) => return self.end_replayed(context, used).await,
        };
        let right = code.matches(client, redemption, self.clock.now());
        let (requester, approval) = (code.requester().clone(), code.approval().clone());
        let new = new_session(context, requester, approval, (Flow::Code, true));
        let prepared = match right {
            true => self.sessions.prepare_client_session(new).await?,
            false => None,
        };
        // The session is stored before the code is marked, so that a replay finds the session to end.
        let spent = match &prepared {
            Some(prepared) => code.redeemed(prepared.key),
            None => code.invalidated(),
        };
        let written = records.replace(key, &seen, &spent, seen.expires_at).await;
        match (written, prepared) {
            (Ok(()), Some(prepared)) => {
                let confirmed = self
                    .sessions
                    .confirm_client_session(context, prepared)
                    .await?;
                confirmed.ok_or(TokenError::InvalidGrant)
            }
            (Ok(()), None) => Err(TokenError::InvalidGrant),
            (Err(error), prepared) => {
                if let Some(prepared) = prepared {
                    self.sessions.discard_client_session(prepared).await?;
                }
                match error {
                    StoreError::Conflict | StoreError::Exists => {
                        self.end_after_race(context, key).await
                    }
                    StoreError::Unavailable(_) => Err(error.into()),
                }
            }
        }
    }

    /// Another redemption of the same code was faster.
    async fn end_after_race(
        &self,
        context: &RequestContext,
        key: SecretDigest,
    ) -> Result<ClientTokens, TokenError> {
        let seen: Option<VersionedRecord<IssuedCode>> = self.records.get(key).await?;
        match seen {
            Some(seen) => self.end_replayed(context, seen.record.outcome()).await,
            None => Err(TokenError::InvalidGrant),
        }
    }

    /// Ends the session of the code.
    async fn end_replayed(
        &self,
        context: &RequestContext,
        used: CodeState,
    ) -> Result<ClientTokens, TokenError> {
        match used {
            CodeState::Redeemed(session) => {
                self.sessions
                    .end_client_at(context, session, CODE_REPLAYED)
                    .await?;
            }
            CodeState::Unused | CodeState::Invalidated => {}
        }
        Err(TokenError::InvalidGrant)
    }
}

fn new_session(
    context: &RequestContext,
    requester: Requester,
    approval: Approval,
    (flow, renews): (Flow, bool),
) -> NewClientSession {
    NewClientSession {
        client: requester.client,
        client_name: requester.client_name,
        identity: approval.identity,
        ends_at: approval.ends_at,
        client_info: context.client_info.clone(),
        allowed_in: approval.session,
        epoch: approval.epoch,
        flow,
        login: None,
        renews,
    }
}
