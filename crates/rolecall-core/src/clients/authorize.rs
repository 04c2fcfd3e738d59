//! The authorization endpoint (RFC 6749 4.1.1, RFC 7636, RFC 8252): a client on the person's machine asks through the
//! browser. Every request is shown and answered; nothing is remembered as allowed for the next time (RFC 8252 8.6).

use crate::audit::RequestContext;
use crate::base::limits;
use crate::base::secret::{AuthorizationCode, SecretDigest, random_token};
use crate::caller::Flow;
use crate::clients::answer::Answering;
use crate::clients::authorization_code::response;
use crate::clients::{
    AuthorizationParameters, AuthorizationRequest, ClientId, Clients, CodeChallenge, ConsentChoice,
    ConsentDecision, ConsentRequest, GrantType, PendingRequest, RedirectUri, RegisteredClient,
    Requester, client_key,
};
use crate::record::{StoreError, VersionedRecord};
use crate::session::{Approval, ClientName, Session};

/// An authorization request as it arrived.
#[derive(Clone, Debug, Default)]
pub struct AuthorizationForm {
    /// `client_id`
    pub client_id: Option<String>,
    /// `redirect_uri`
    pub redirect_uri: Option<String>,
    /// `response_type`
    pub response_type: Option<String>,
    /// `state`
    pub state: Option<String>,
    /// `code_challenge`
    pub code_challenge: Option<String>,
    /// `code_challenge_method`
    pub code_challenge_method: Option<String>,
    /// `scope`, or `scopes` as AWS's CLI calls it; separated by spaces.
    pub scope: Option<String>,
}

/// An authorization request that is in order.
#[derive(Clone, Debug)]
pub struct ValidatedAuthorization {
    client: SecretDigest,
    client_name: ClientName,
    parameters: AuthorizationParameters,
}

/// Why an authorization request is not in order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeError {
    /// The client is unknown: the person is told, nobody is redirected (RFC 6749 4.1.2.1).
    #[error("this program is not registered here, or its registration has expired")]
    InvalidClient,
    /// The redirect URI is not the client's: as above.
    #[error("this program asks to be answered at an address that it did not register")]
    InvalidRedirectUri,
    /// `state` is too long to be sent back: as above.
    #[error("the request is too large")]
    TooLarge,
    /// The client is told, at its redirect URI.
    #[error("the request is not in order: {error}")]
    Redirect {
        /// `error` (RFC 6749 4.1.2.1)
        error: &'static str,
        /// Where the browser goes.
        to: String,
    },
}

/// What comes next for a browser with an authorization request.
#[derive(Debug)]
pub enum AuthorizationStep {
    /// The person is asked.
    RequestConsent(Box<ConsentRequest>),
    /// The browser goes there, with the answer.
    Redirect(String),
    /// The answer was sent already, or the request has expired.
    Closed,
    /// The session of the person who answers has ended in the meantime.
    SessionEnded,
}

impl Clients {
    /// Reads an authorization request, in the order of RFC 6749 4.1.2.1: until client and redirect URI are known to
    /// belong together, nobody is redirected anywhere.
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
                in_order(&form, &client)
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

    /// What the browser of this session sees of a request: the question, or an answer that was given meanwhile.
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
            Some(seen) => return self.send_answer(key, seen).await,
            None => self.remember(context, session, read, key).await?,
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

    /// Takes the person's answer to what they have seen, and sends it; `shown` are the names of the other requests on the page.
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
            // The page is from another session, or too old: whoever looks now is asked now.
            return self.begin_authorization(context, session, read).await;
        };
        if seen.record.is_pending() {
            let requester = seen.record.requester();
            let answering = Answering {
                requester,
                pending: pending_in_session(key, session, requester),
                decision: decided.0,
                shown: decided.1,
            };
            let answered = self.answer(context, session, answering).await?;
            if answered.is_none() {
                return Ok(AuthorizationStep::SessionEnded);
            }
        }
        match records.get::<AuthorizationRequest>(key).await? {
            Some(seen) => self.send_answer(key, seen).await,
            None => Ok(AuthorizationStep::Closed),
        }
    }

    async fn remember(
        &self,
        context: &RequestContext,
        session: &Session,
        read: &ValidatedAuthorization,
        key: SecretDigest,
    ) -> Result<Requester, StoreError> {
        let requester = Requester {
            client: read.client,
            client_name: read.client_name.clone(),
            origin: context.origin.clone(),
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

    /// Sends the answer of a request, once.
    async fn send_answer(
        &self,
        key: SecretDigest,
        seen: VersionedRecord<AuthorizationRequest>,
    ) -> Result<AuthorizationStep, StoreError> {
        let Ok((request, answer)) = seen.record.clone().sent() else {
            return Ok(AuthorizationStep::Closed);
        };
        let sent = self.records.replace(key, &seen, &request, seen.expires_at);
        match sent.await {
            Ok(()) => {}
            Err(StoreError::Conflict | StoreError::Exists) => return Ok(AuthorizationStep::Closed),
            Err(error @ StoreError::Unavailable(_)) => return Err(error),
        }
        match answer {
            ConsentDecision::Denied => {
                let why = "the person said no";
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
        // Longer than the code works, so that a code shown again is known.
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

/// Checks a request whose client and redirect URI are in order; `error` and a description when something else is not.
fn in_order(
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
    // No `plain`, and no default, which would be `plain` (RFC 7636 4.3).
    if form.code_challenge_method.as_deref() != Some("S256") {
        return Err(no_pkce);
    }
    let challenge = form.code_challenge.as_deref().unwrap_or_default();
    let challenge = CodeChallenge::parse(challenge).map_err(|_| no_pkce)?;
    let registered = &client.registration.scopes;
    let mut asked = form.scope.as_deref().unwrap_or_default().split(' ');
    let known =
        |scope: &str| scope.is_empty() || registered.iter().any(|known| known.as_str() == scope);
    match asked.all(known) {
        true => Ok(challenge),
        false => Err((
            "invalid_scope",
            "the client asks for a scope that it did not register",
        )),
    }
}
