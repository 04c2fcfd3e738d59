//! The authorization endpoint (RFC 6749 4.1.1, RFC 7636, RFC 8252) for clients on the person's machine. Every request
//! requires consent; no consent is remembered (RFC 8252 8.6).

use crate::audit::RequestContext;
use crate::base::limits;
use crate::base::secret::{AuthorizationCode, SecretDigest, random_token};
use crate::caller::Flow;
use crate::clients::authorization_code::response;
use crate::clients::decide::PendingDecision;
use crate::clients::{
    AuthorizationParameters, AuthorizationRequest, ClientId, Clients, CodeChallenge, ConsentChoice,
    ConsentDecision, ConsentRequest, GrantType, PendingRequest, RedirectUri, RegisteredClient,
    Requester, client_key,
};
use crate::record::{StoreError, VersionedRecord};
use crate::session::{Approval, ClientName, Session};

/// The parameters of an authorization request, unvalidated.
#[derive(Clone, Debug, Default)]
pub struct AuthorizationForm {
    /// `client_id` (RFC 6749 4.1.1); required.
    pub client_id: Option<String>,
    /// `redirect_uri`; must match a registered one (RFC 8252 7.3).
    pub redirect_uri: Option<String>,
    /// `response_type`; must be `code`.
    pub response_type: Option<String>,
    /// `state`, returned unchanged.
    pub state: Option<String>,
    /// `code_challenge` (RFC 7636 4.3); required.
    pub code_challenge: Option<String>,
    /// `code_challenge_method`; must be `S256`.
    pub code_challenge_method: Option<String>,
    /// `scope`, or `scopes` as the AWS CLI sends it; separated by spaces.
    pub scope: Option<String>,
}

/// A valid authorization request.
#[derive(Clone, Debug)]
pub struct ValidatedAuthorization {
    client: SecretDigest,
    client_name: ClientName,
    parameters: AuthorizationParameters,
}

/// Why an authorization request is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeError {
    /// The client is unknown. The person sees an error; the browser is not redirected (RFC 6749 4.1.2.1).
    #[error("this client is not registered, or its registration has expired")]
    InvalidClient,
    /// The redirect URI is not registered. The browser is not redirected.
    #[error("this client did not register the redirect URI of its request")]
    InvalidRedirectUri,
    /// `state` is too long. The browser is not redirected.
    #[error("the request is too large")]
    TooLarge,
    /// Any other error. The browser is redirected to the client with it.
    #[error("invalid request: {error}")]
    Redirect {
        /// `error` (RFC 6749 4.1.2.1)
        error: &'static str,
        /// Redirect URI of the client, with the error.
        to: String,
    },
}

/// The next step of an authorization request.
#[derive(Debug)]
pub enum AuthorizationStep {
    /// Ask the person for consent.
    RequestConsent(Box<ConsentRequest>),
    /// Redirect the browser to this URL of the client.
    Redirect(String),
    /// Nothing: the response was sent before, or the request has expired.
    Closed,
    /// Nothing: the session of the person has ended.
    SessionEnded,
}

impl Clients {
    /// Validates an authorization request, in the order of RFC 6749 4.1.2.1. The browser is never redirected before
    /// client and redirect URI are known to belong together.
    ///
    /// # Errors
    /// [`AuthorizeError`].
    pub fn read_authorization(
        &self,
        form: AuthorizationForm,
    ) -> Result<ValidatedAuthorization, AuthorizeError> {
        let id = ClientId::parse(form.client_id.as_deref().unwrap_or_default())
            .map_err(|_| AuthorizeError::InvalidClient)?;
        let keys = self.records.keys();
        let client = RegisteredClient::open(&id, keys, self.clock.now())
            .ok_or(AuthorizeError::InvalidClient)?;
        let redirect_uri = RedirectUri::parse(form.redirect_uri.as_deref().unwrap_or_default())
            .map_err(|_| AuthorizeError::InvalidRedirectUri)?;
        let mut registered = client.registration.redirect_uris.iter();
        if !registered.any(|registered| registered.allows(&redirect_uri)) {
            return Err(AuthorizeError::InvalidRedirectUri);
        }
        let state = form.state.as_ref();
        if state.is_some_and(|state| state.len() > limits::CLIENT_STATE_BYTES_MAX) {
            return Err(AuthorizeError::TooLarge);
        }
        let registered = client.registration.issuer_url.as_deref();
        let ours = registered.map_or(Ok(()), |url| self.start_urls.check(url));
        let checked = ours
            .map_err(|foreign| ("invalid_request", foreign.to_string()))
            .and_then(|()| {
                validate_parameters(&form, &client)
                    .map_err(|(error, description)| (error, description.to_owned()))
            });
        match checked {
            Ok(code_challenge) => Ok(ValidatedAuthorization {
                client: client_key(&id),
                client_name: client.registration.name,
                parameters: AuthorizationParameters {
                    redirect_uri,
                    state: form.state,
                    code_challenge,
                },
            }),
            Err((error, description)) => {
                let state = form.state.as_deref();
                let to = response(&redirect_uri, state, ("error", error), Some(&description));
                Err(AuthorizeError::Redirect { error, to })
            }
        }
    }

    /// Starts or resumes a request in this session: asks for consent, or sends the response if it is decided.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn begin_authorization(
        &self,
        context: &RequestContext,
        session: &Session,
        read: &ValidatedAuthorization,
    ) -> Result<AuthorizationStep, StoreError> {
        let key = AuthorizationRequest::key(session.id, read.client, &read.parameters);
        let found: Option<VersionedRecord<AuthorizationRequest>> = self.records.get(key).await?;
        let requester = match found {
            Some(seen) if seen.record.is_pending() => seen.record.requester().clone(),
            Some(seen) => return self.send_response(key, seen).await,
            None => self.create_request(context, session, read, key).await?,
        };
        let pending = pending_in_session(key, session, &requester);
        let others = self.others(&requester, &pending).await?;
        Ok(AuthorizationStep::RequestConsent(Box::new(
            ConsentRequest {
                requester,
                flow: Flow::Code,
                user_code: None,
                others,
            },
        )))
    }

    /// Decides a request and sends the response. `decided` contains the choice and the IDs of the other requests on the
    /// page.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn decide_authorization(
        &self,
        context: &RequestContext,
        session: &Session,
        read: &ValidatedAuthorization,
        decided: (ConsentChoice, &[String]),
    ) -> Result<AuthorizationStep, StoreError> {
        let key = AuthorizationRequest::key(session.id, read.client, &read.parameters);
        let records = &self.records;
        let Some(seen) = records.get::<AuthorizationRequest>(key).await? else {
            // The page is from another session or too old: ask for consent again.
            return self.begin_authorization(context, session, read).await;
        };
        if seen.record.is_pending() {
            let requester = seen.record.requester();
            let decision = PendingDecision {
                requester,
                pending: pending_in_session(key, session, requester),
                choice: decided.0,
                shown: decided.1,
            };
            let decided = self.decide(context, session, decision).await?;
            if decided.is_none() {
                return Ok(AuthorizationStep::SessionEnded);
            }
        }
        match records.get::<AuthorizationRequest>(key).await? {
            Some(seen) => self.send_response(key, seen).await,
            None => Ok(AuthorizationStep::Closed),
        }
    }

    async fn create_request(
        &self,
        context: &RequestContext,
        session: &Session,
        read: &ValidatedAuthorization,
        key: SecretDigest,
    ) -> Result<Requester, StoreError> {
        let requester = Requester {
            client: read.client,
            client_name: read.client_name.clone(),
            client_info: context.client_info.clone(),
            begun_at: self.clock.now(),
        };
        let request =
            AuthorizationRequest::begin(requester.clone(), read.parameters.clone(), session.id);
        let until = requester.begun_at + limits::AUTHORIZATION_LIFE;
        match self.records.insert(key, &request, until).await {
            // The same page in two tabs, or reloaded at the same time.
            Ok(()) | Err(StoreError::Exists) => {}
            Err(error @ (StoreError::Conflict | StoreError::Unavailable(_))) => return Err(error),
        }
        self.list_pending(&requester, pending_in_session(key, session, &requester))
            .await?;
        Ok(requester)
    }

    /// Sends the response of a request, once.
    async fn send_response(
        &self,
        key: SecretDigest,
        seen: VersionedRecord<AuthorizationRequest>,
    ) -> Result<AuthorizationStep, StoreError> {
        let Ok((request, decision)) = seen.record.clone().sent() else {
            return Ok(AuthorizationStep::Closed);
        };
        let sent = self.records.replace(key, &seen, &request, seen.expires_at);
        match sent.await {
            Ok(()) => {}
            Err(StoreError::Conflict | StoreError::Exists) => return Ok(AuthorizationStep::Closed),
            Err(error @ StoreError::Unavailable(_)) => return Err(error),
        }
        match decision {
            ConsentDecision::Denied => {
                let why = "the request was denied";
                let to = request.response(("error", "access_denied"), Some(why));
                Ok(AuthorizationStep::Redirect(to))
            }
            ConsentDecision::Approved(approval) => self.issue_code(request, *approval).await,
        }
    }

    async fn issue_code(
        &self,
        request: AuthorizationRequest,
        approval: Approval,
    ) -> Result<AuthorizationStep, StoreError> {
        let code = AuthorizationCode::new(random_token(self.entropy.as_ref()));
        let now = self.clock.now();
        let to = request.response(("code", code.expose()), None);
        let issued = request.into_code(approval, now);
        // The record outlives the code, so that a replayed code is recognized.
        let until = now + limits::AUTHORIZATION_LIFE;
        self.records.insert(code.digest(), &issued, until).await?;
        Ok(AuthorizationStep::Redirect(to))
    }
}

fn pending_in_session(
    key: SecretDigest,
    session: &Session,
    requester: &Requester,
) -> PendingRequest {
    PendingRequest {
        key,
        flow: Flow::Code,
        session: Some(session.id),
        begun_at: requester.begun_at,
    }
}

/// Validates a request with valid client and redirect URI. The error contains `error` and a description.
fn validate_parameters(
    form: &AuthorizationForm,
    client: &RegisteredClient,
) -> Result<CodeChallenge, (&'static str, &'static str)> {
    if form.response_type.as_deref() != Some("code") {
        return Err(("unsupported_response_type", "response_type must be code"));
    }
    if !client.may_use(GrantType::AuthorizationCode) {
        return Err((
            "unauthorized_client",
            "the client did not register for authorization_code",
        ));
    }
    let no_pkce = (
        "invalid_request",
        "a code_challenge with the method S256 is required",
    );
    // Neither `plain` nor the default, which is `plain` (RFC 7636 4.3).
    if form.code_challenge_method.as_deref() != Some("S256") {
        return Err(no_pkce);
    }
    let challenge = form.code_challenge.as_deref().unwrap_or_default();
    let challenge = CodeChallenge::parse(challenge).map_err(|_| no_pkce)?;
    let registered = &client.registration.scopes;
    let mut requested = form.scope.as_deref().unwrap_or_default().split(' ');
    let known =
        |scope: &str| scope.is_empty() || registered.iter().any(|known| known.as_str() == scope);
    match requested.all(known) {
        true => Ok(challenge),
        false => Err((
            "invalid_scope",
            "the client did not register the requested scope",
        )),
    }
}
