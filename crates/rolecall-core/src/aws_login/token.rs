//! The token endpoint of `aws login`: a client gets the credentials of its role, and later the next ones, with proofs
//! of one key (RFC 9449).
//!
//! Each request evaluates the current policy. Credentials are issued before a refresh token is replaced, and a code is
//! restored after an outage before anything was issued. An outage therefore invalidates no token.

use super::LoginError;
use super::code::{RedeemedLoginCode, UnusedLoginCode};
use super::proof::{ConsumedProof, VerifiedProof};
use crate::access::{Grant, RoleRequest};
use crate::audit::{CredentialDelivery, RequestContext};
use crate::aws::{Credentials, LoginTokenClaims, RoleSessionDuration, RoleSessionName};
use crate::aws_login::{
    AwsLogins, LoginClient, LoginCode, LoginExchange, LoginTokenRequest, LoginTokens,
};
use crate::base::limits;
use crate::base::secret::{RefreshToken, SecretDigest, SecretText};
use crate::caller::{Caller, SessionId};
use crate::clients::{CodeState, TokenError};
use crate::issue::{IssueError, IssueRequest};
use crate::record::VersionedRecord;
use crate::record::rate_limit::{LimitExceeded, LimitName};
use crate::session::{
    Approval, CODE_REPLAYED, ClientSession, LoginBinding, NewClientSession, RefreshResult,
};

impl AwsLogins {
    /// Issues credentials for a request to the token endpoint (`CreateOAuth2Token`). `unverified_headers` are the values of
    /// all its `DPoP` headers. A refusal counts against the address where the code or token of the request is not valid.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn create_token(
        &self,
        context: &RequestContext,
        unverified_headers: &[&str],
        request: &LoginTokenRequest,
    ) -> Result<LoginTokens, LoginError> {
        let outcome = async {
            let admitted = self.admit_request(context, request).await?;
            match self.verify_proof(admitted, unverified_headers)? {
                (LoginTokenRequest::Code(exchange), proof) => {
                    self.redeem_login(context, proof, exchange).await
                }
                (LoginTokenRequest::Refresh(client, token), proof) => {
                    self.refresh_login(context, proof, *client, token).await
                }
            }
        };
        match outcome.await {
            Ok(tokens) => Ok(tokens),
            Err(error) => Err(self.count_login_refusal(context, request, error).await),
        }
    }

    /// Redeems a code for the first credentials and a session that is bound to the key of the proof. A code with wrong
    /// parameters is invalidated; a replayed code ends its session (RFC 9700 2.1.1).
    async fn redeem_login(
        &self,
        context: &RequestContext,
        proof: VerifiedProof,
        shown: &LoginExchange,
    ) -> Result<LoginTokens, LoginError> {
        let digest = shown.code.digest();
        let seen: Option<VersionedRecord<LoginCode>> = self.records.get(digest).await?;
        let seen = seen.ok_or(LoginError::CodeUsed)?;
        let code = match seen.record.clone().unused(self.clock.now()) {
            Ok(code) => code,
            Err(CodeState::Unused | CodeState::Invalidated) => return Err(LoginError::CodeUsed),
            Err(CodeState::Redeemed(session)) => return self.code_replayed(context, session).await,
        };
        if !code.matches(shown) {
            self.invalidate_code(digest, &seen, code).await?;
            return Err(LoginError::OtherRequest);
        }
        let proof = self.consume_proof(proof.bound_to_new_session()).await?;
        let outcome = self
            .redeem_valid(context, &proof, (digest, &seen), code)
            .await;
        self.release_after_outage(proof, &outcome).await;
        outcome
    }

    /// Issues the next credentials for a refresh token and a proof of its key (RFC 9449 5).
    async fn refresh_login(
        &self,
        context: &RequestContext,
        proof: VerifiedProof,
        client: LoginClient,
        presented: &RefreshToken,
    ) -> Result<LoginTokens, LoginError> {
        let handle = presented.handle().ok_or(LoginError::SessionOver)?;
        let seen = self.sessions.live_client_session(handle).await?;
        let session = seen.ok_or(LoginError::SessionOver)?.record;
        let login = session.login.as_ref();
        let login = login.filter(|_| session.client == client.key());
        let login = login.ok_or(LoginError::SessionOver)?;
        let proof = proof.bound_to(login.key)?;
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
        let proof = self.consume_proof(proof).await?;
        let outcome = self
            .renew_login(context, &proof, &session, login, presented)
            .await;
        self.release_after_outage(proof, &outcome).await;
        outcome
    }

    async fn renew_login(
        &self,
        context: &RequestContext,
        proof: &ConsumedProof,
        session: &ClientSession,
        login: &LoginBinding,
        presented: &RefreshToken,
    ) -> Result<LoginTokens, LoginError> {
        let (_, credentials) = self
            .login_credentials(context, proof, session.into(), &login.role)
            .await?;
        let rotated = self
            .clients
            .rotate(context, session.client, presented)
            .await;
        let rotated = rotated.map_err(|error| {
            if let TokenError::Unavailable(error) = error {
                return error.into();
            }
            // The session has ended during the call to AWS.
            LoginError::SessionOver
        });
        let tokens = self.issuing.audit_if_withheld(context, rotated).await?;
        Ok(self.login_tokens(credentials, tokens.refresh_token))
    }

    /// Of concurrent requests with one code, only one succeeds.
    async fn redeem_valid(
        &self,
        context: &RequestContext,
        proof: &ConsumedProof,
        (digest, seen): (SecretDigest, &VersionedRecord<LoginCode>),
        code: UnusedLoginCode,
    ) -> Result<LoginTokens, LoginError> {
        let new = new_session(context, proof, &code);
        let Some(prepared) = self.sessions.prepare_client_session(new).await? else {
            return Err(LoginError::CodeUsed);
        };
        let key = prepared.key;
        let code = match self.redeem_code(digest, seen, code, key).await {
            Ok(code) => code,
            Err(error) => {
                self.sessions.discard_client_session(prepared).await?;
                return Err(error);
            }
        };
        let begun = self
            .sessions
            .confirm_client_session(context, prepared)
            .await;
        let outcome = match begun {
            Ok(Some(tokens)) => {
                self.first_credentials(context, proof, &code, tokens.refresh_token)
                    .await
            }
            Ok(None) => Err(LoginError::CodeUsed),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = &outcome {
            self.sessions
                .end_client_at(context, key, "no_credentials")
                .await?;
            if error.is_transient() {
                self.restore_code(digest, seen.expires_at, code).await?;
            }
        }
        outcome
    }

    async fn first_credentials(
        &self,
        context: &RequestContext,
        proof: &ConsumedProof,
        redeemed: &RedeemedLoginCode,
        refresh_token: RefreshToken,
    ) -> Result<LoginTokens, LoginError> {
        let (code, key) = (redeemed.code(), redeemed.session());
        let approval = code.approval();
        let identity = &approval.identity;
        let caller = Caller {
            identity,
            session: SessionId::of(key),
            epoch: approval.epoch,
            ends_at: approval.ends_at,
            flow: Some(code.client().flow()),
        };
        let (grant, credentials) = self
            .login_credentials(context, proof, caller, code.role())
            .await?;
        let id_token = self.login_token(context, redeemed, &grant).await;
        let id_token = self.issuing.audit_if_withheld(context, id_token).await?;
        let tokens = self.login_tokens(credentials, refresh_token);
        Ok(LoginTokens {
            id_token: Some(id_token),
            ..tokens
        })
    }

    /// The ID token of a new login. The browser session in which the person approved it must not have ended meanwhile.
    async fn login_token(
        &self,
        context: &RequestContext,
        redeemed: &RedeemedLoginCode,
        grant: &Grant,
    ) -> Result<SecretText, LoginError> {
        let (code, key) = (redeemed.code(), redeemed.session());
        let approval = code.approval();
        // The client caches credentials under this name. It differs per role and is the same at each sign-in.
        let session_arn = format!(
            "arn:{}:sts::{}:assumed-role/{}/{}",
            self.partition,
            grant.account().id,
            grant.role_name(),
            RoleSessionName::of(&approval.identity).as_str()
        );
        let claims = LoginTokenClaims {
            session_arn,
            client_id: code.client().id(),
            expires_at: approval.ends_at,
        };
        let id_token = self.web_identity.mint_login_token(&claims).await;
        if self
            .sessions
            .end_client_if_session_ended(context, approval.session, key)
            .await?
        {
            return Err(LoginError::CodeUsed);
        }
        Ok(id_token.map_err(IssueError::Token)?)
    }

    /// Credentials of the role. The proof is required to be consumed by then.
    async fn login_credentials(
        &self,
        context: &RequestContext,
        _: &ConsumedProof,
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
        Err(LoginError::CodeUsed)
    }
}

fn new_session(
    context: &RequestContext,
    proof: &ConsumedProof,
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
        client_info: context.client_info.clone(),
        allowed_in: session,
        epoch,
        flow: code.client().flow(),
        login: Some(LoginBinding {
            role: code.role().clone(),
            key: proof.key(),
        }),
        renews: true,
    }
}
