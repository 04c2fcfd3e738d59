//! The token endpoint of `aws login`: a client gets the credentials of its role, and later the next ones, with proofs
//! of one key (RFC 9449).
//!
//! Each request evaluates the current policy. Credentials are issued before a refresh token is replaced, and a code is
//! restored after an outage before anything was issued. An outage therefore invalidates no token.

use chrono::{DateTime, Utc};

use super::LoginError;
use super::code::UnusedLoginCode;
use crate::access::{Grant, RoleRequest};
use crate::audit::{CredentialDelivery, RequestContext};
use crate::aws::{Credentials, LoginTokenClaims, RoleSessionDuration, RoleSessionName};
use crate::aws_login::dpop::{DpopError, DpopProof, UsedProof};
use crate::aws_login::{AwsLogins, LoginClient, LoginCode, LoginExchange, LoginTokens};
use crate::base::limits;
use crate::base::secret::{RefreshToken, SecretDigest};
use crate::caller::{Caller, SessionId};
use crate::clients::{CodeState, TokenError};
use crate::issue::{IssueError, IssueRequest};
use crate::record::rate_limit::{LimitExceeded, LimitName};
use crate::record::{StoreError, VersionedRecord};
use crate::session::{
    Approval, CODE_REPLAYED, ClientSession, LoginBinding, NewClientSession, RefreshResult,
};

impl AwsLogins {
    /// Verifies the `DPoP` headers of a request to the token endpoint. Does not check whether the proof was used.
    ///
    /// # Errors
    /// [`LoginError::Proof`].
    pub fn login_proof(&self, unverified_headers: &[&str]) -> Result<DpopProof, LoginError> {
        let url = self.issuing.own_url("/v1/token");
        let now = self.clock.now();
        Ok(DpopProof::verify(unverified_headers, "POST", &url, now)?)
    }

    /// Redeems a code for the first credentials and a session that is bound to the key of the proof. A code with wrong
    /// parameters is invalidated; a replayed code ends its session (RFC 9700 2.1.1).
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn redeem_login(
        &self,
        context: &RequestContext,
        proof: &DpopProof,
        shown: &LoginExchange,
    ) -> Result<LoginTokens, LoginError> {
        let digest = shown.code.digest();
        let seen: Option<VersionedRecord<LoginCode>> = self.records.get(digest).await?;
        let seen = seen.ok_or(LoginError::CodeSpent)?;
        let code = match seen.record.clone().unused(self.clock.now()) {
            Ok(code) => code,
            Err(CodeState::Unused | CodeState::Invalidated) => return Err(LoginError::CodeSpent),
            Err(CodeState::Redeemed(session)) => return self.code_replayed(context, session).await,
        };
        if !code.matches(shown) {
            self.mark_code(digest, &seen, code.invalidated()).await?;
            return Err(LoginError::OtherRequest);
        }
        self.consume_proof(proof).await?;
        let outcome = self
            .redeem_valid(context, proof, (digest, &seen), code)
            .await;
        self.release_proof_if_transient(proof, &outcome).await;
        outcome
    }

    /// Issues the next credentials for a refresh token and a proof of its key (RFC 9449 5).
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn refresh_login(
        &self,
        context: &RequestContext,
        proof: &DpopProof,
        client: LoginClient,
        presented: &RefreshToken,
    ) -> Result<LoginTokens, LoginError> {
        let handle = presented.handle().ok_or(LoginError::SessionOver)?;
        let seen = self.sessions.live_client_session(handle).await?;
        let session = seen.ok_or(LoginError::SessionOver)?.record;
        let login = session.login.as_ref();
        let login = login.filter(|_| session.client == client.key());
        let login = login.ok_or(LoginError::SessionOver)?;
        proof.check_key(login.key)?;
        let (now, life) = (self.clock.now(), self.rules.access_token);
        let entropy = self.entropy.as_ref();
        let mut foreseen = session.clone();
        match foreseen.refresh(presented, now, life, entropy) {
            RefreshResult::Rotated(_) | RefreshResult::Repeated(_) => {}
            RefreshResult::TooOften => {
                return Err(LoginError::RateLimited(LimitExceeded {
                    limit: LimitName::Credentials,
                    retry_after: limits::REFRESH_GRACE,
                }));
            }
            RefreshResult::Reused => {
                self.sessions
                    .end_client(context, &session, handle.key, "refresh_token_reused")
                    .await?;
                return Err(LoginError::SessionOver);
            }
        }
        self.consume_proof(proof).await?;
        let outcome = self.renew_login(context, &session, login, presented).await;
        self.release_proof_if_transient(proof, &outcome).await;
        outcome
    }

    async fn renew_login(
        &self,
        context: &RequestContext,
        session: &ClientSession,
        login: &LoginBinding,
        presented: &RefreshToken,
    ) -> Result<LoginTokens, LoginError> {
        let (_, credentials) = self
            .login_credentials(context, session.into(), &login.role)
            .await?;
        match self
            .clients
            .rotate(context, session.client, presented)
            .await
        {
            Ok(tokens) => Ok(self.login_tokens(credentials, tokens.refresh_token)),
            Err(TokenError::Unavailable(error)) => Err(error.into()),
            // The session has ended during the call to AWS.
            Err(_) => Err(LoginError::SessionOver),
        }
    }

    /// Of concurrent requests with one code, only one succeeds.
    async fn redeem_valid(
        &self,
        context: &RequestContext,
        proof: &DpopProof,
        (digest, seen): (SecretDigest, &VersionedRecord<LoginCode>),
        code: UnusedLoginCode,
    ) -> Result<LoginTokens, LoginError> {
        let new = new_session(context, proof, &code);
        let Some(prepared) = self.sessions.prepare_client_session(new).await? else {
            return Err(LoginError::CodeSpent);
        };
        let key = prepared.key;
        let redeemed = code.clone().redeemed(key);
        if let Err(error) = self.mark_code(digest, seen, redeemed).await {
            self.sessions.discard_client_session(prepared).await?;
            return Err(error);
        }
        let begun = self
            .sessions
            .confirm_client_session(context, prepared)
            .await;
        let outcome = match begun {
            Ok(Some(tokens)) => {
                self.first_credentials(context, key, &code, tokens.refresh_token)
                    .await
            }
            Ok(None) => Err(LoginError::CodeSpent),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = &outcome {
            self.sessions
                .end_client_at(context, key, "no_credentials")
                .await?;
            if error.is_transient() {
                self.restore_code(digest, seen.expires_at, &code).await?;
            }
        }
        outcome
    }

    async fn first_credentials(
        &self,
        context: &RequestContext,
        key: SecretDigest,
        code: &UnusedLoginCode,
        refresh_token: RefreshToken,
    ) -> Result<LoginTokens, LoginError> {
        let approval = code.approval();
        let identity = &approval.identity;
        let caller = Caller {
            identity,
            session: SessionId::of(key),
            epoch: approval.epoch,
            ends_at: approval.ends_at,
            flow: Some(code.client().flow()),
        };
        let (grant, credentials) = self.login_credentials(context, caller, code.role()).await?;
        // The client caches credentials under this name. It differs per role and is the same at each sign-in.
        let session_arn = format!(
            "arn:{}:sts::{}:assumed-role/{}/{}",
            self.partition,
            grant.account().id,
            grant.role_name(),
            RoleSessionName::of(identity).as_str()
        );
        let claims = LoginTokenClaims {
            session_arn,
            client_id: code.client().id(),
            expires_at: approval.ends_at,
        };
        let id_token = self.web_identity.mint_login_token(&claims).await;
        if self
            .sessions
            .withdraw_if_ended(context, approval.session, key)
            .await?
        {
            return Err(LoginError::CodeSpent);
        }
        let tokens = self.login_tokens(credentials, refresh_token);
        Ok(LoginTokens {
            id_token: Some(id_token.map_err(IssueError::Token)?),
            ..tokens
        })
    }

    async fn login_credentials(
        &self,
        context: &RequestContext,
        caller: Caller<'_>,
        role: &RoleRequest,
    ) -> Result<(Grant, Credentials), LoginError> {
        let issue = IssueRequest::new(role, CredentialDelivery::AwsLogin);
        let prepared = self.issuing.prepare(context, caller, issue).await?;
        let grant = prepared.grant.clone();
        match self.issuing.assume(context, caller, prepared).await {
            Ok(issued) => Ok((grant, issued.credentials)),
            Err(IssueError::SessionEnded) => Err(LoginError::SessionOver),
            Err(error) => Err(error.into()),
        }
    }

    fn login_tokens(&self, credentials: Credentials, refresh_token: RefreshToken) -> LoginTokens {
        let left = credentials.expires_at - self.clock.now();
        let longest = i64::from(RoleSessionDuration::MIN.seconds());
        LoginTokens {
            expires_in: left.num_seconds().clamp(1, longest),
            credentials,
            refresh_token,
            id_token: None,
        }
    }

    async fn code_replayed(
        &self,
        context: &RequestContext,
        session: SecretDigest,
    ) -> Result<LoginTokens, LoginError> {
        self.sessions
            .end_client_at(context, session, CODE_REPLAYED)
            .await?;
        Err(LoginError::CodeSpent)
    }

    /// Saves the state of a code, unless another request did.
    async fn mark_code(
        &self,
        digest: SecretDigest,
        seen: &VersionedRecord<LoginCode>,
        marked: LoginCode,
    ) -> Result<(), LoginError> {
        let records = &self.records;
        match records
            .replace(digest, seen, &marked, seen.expires_at)
            .await
        {
            Ok(()) => Ok(()),
            Err(StoreError::Conflict | StoreError::Exists) => Err(LoginError::CodeSpent),
            Err(error @ StoreError::Unavailable(_)) => Err(error.into()),
        }
    }

    async fn restore_code(
        &self,
        digest: SecretDigest,
        until: DateTime<Utc>,
        code: &UnusedLoginCode,
    ) -> Result<(), StoreError> {
        let unused = |_: Option<LoginCode>| (code.clone().restored(), until, ());
        self.records.update(digest, unused).await
    }

    /// Marks a proof as used (RFC 9449 11.1).
    async fn consume_proof(&self, proof: &DpopProof) -> Result<(), LoginError> {
        let mark = UsedProof {};
        let until = proof.replay_until();
        let records = &self.records;
        match records.insert(proof.replay_key(), &mark, until).await {
            Ok(()) => Ok(()),
            Err(StoreError::Exists | StoreError::Conflict) => Err(DpopError::Replayed.into()),
            Err(error @ StoreError::Unavailable(_)) => Err(error.into()),
        }
    }

    /// AWS's clients retry with the same proof after an outage.
    async fn release_proof_if_transient<T>(
        &self,
        proof: &DpopProof,
        outcome: &Result<T, LoginError>,
    ) {
        if outcome.as_ref().is_err_and(LoginError::is_transient) {
            let records = &self.records;
            match records.take::<UsedProof>(proof.replay_key()).await {
                // If this fails, the next attempt fails as well, and the one after it has a new proof.
                Ok(_) | Err(_) => {}
            }
        }
    }
}

fn new_session(
    context: &RequestContext,
    proof: &DpopProof,
    code: &UnusedLoginCode,
) -> NewClientSession {
    let Approval {
        identity,
        session,
        epoch,
        ends_at,
    } = code.approval().clone();
    NewClientSession {
        client: code.client().key(),
        client_name: code.client().name(),
        identity,
        ends_at,
        origin: context.origin.clone(),
        allowed_in: session,
        epoch,
        flow: code.client().flow(),
        login: Some(LoginBinding {
            role: code.role().clone(),
            key: proof.key,
        }),
        renews: true,
    }
}
