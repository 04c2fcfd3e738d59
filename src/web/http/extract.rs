//! Extractors for handlers: the client, the session and the form of a request. Handlers do not read headers themselves.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{Data, Form};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use rolecall_core::audit::{ReferenceId, RequestContext};
use rolecall_core::base::secret::{SessionSecret, SignOutTicket};
use rolecall_core::caller::ClientInfo;
use rolecall_core::session::Session;
use rolecall_core::sign_in::ReturnTo;
use serde::de::DeserializeOwned;

use super::{address, csrf};
use crate::web::errors::page::PageError;
use crate::web::errors::request::RequestError;
use crate::web::site::Site;

/// Time to receive a form of a few hundred bytes. A slower client would only occupy memory.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const USER_AGENT_CHARS_MAX: usize = 256;

/// The context of any request, with or without a session.
pub struct RequestScope {
    /// The gateway and its settings.
    pub site: Data<Site>,
    /// The reference ID and the client.
    pub context: RequestContext,
}

impl RequestScope {
    /// Both parts, for a task that continues after the request.
    pub fn parts(&self) -> (Data<Site>, RequestContext) {
        (self.site.clone(), self.context.clone())
    }
}

impl FromRequest for RequestScope {
    type Error = RequestError;
    type Future = std::future::Ready<Result<Self, RequestError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(scope(request))
    }
}

fn scope(request: &HttpRequest) -> Result<RequestScope, RequestError> {
    let no_site = || RequestError::internal("The server is not initialized.");
    let site = request
        .app_data::<Data<Site>>()
        .cloned()
        .ok_or_else(no_site)?;
    let reference = request
        .extensions()
        .get::<ReferenceId>()
        .cloned()
        .ok_or_else(no_site)?;
    let user_agent = request
        .headers()
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .map(|agent| agent.chars().take(USER_AGENT_CHARS_MAX).collect());
    let client_info = ClientInfo {
        address: address::known(request),
        user_agent,
    };
    Ok(RequestScope {
        site,
        context: RequestContext {
            reference,
            client_info,
        },
    })
}

/// A user who is signed in. Other browsers are redirected to sign in and return to the page.
pub struct SignedIn {
    /// The context of the request.
    pub scope: RequestScope,
    /// The session of the user.
    pub session: Session,
    /// The session secret from the cookie.
    pub secret: SessionSecret,
}

/// A session cookie that has not been verified.
struct UnverifiedSession {
    scope: RequestScope,
    secret: SessionSecret,
    /// The page to return to after signing in; none for a form, which is not sent again.
    here: Option<String>,
    renewed: RenewedSecret,
}

impl UnverifiedSession {
    fn of(request: &HttpRequest) -> Result<Self, PageError> {
        let scope = scope(request)?;
        let reading = matches!(*request.method(), Method::GET | Method::HEAD);
        let here = reading.then(|| {
            let here = request.uri().path_and_query();
            here.map_or("/", |place| place.as_str()).to_owned()
        });
        let Some(secret) = scope.site.cookies.session(request) else {
            return Err(sign_in_first(here.as_deref()));
        };
        let renewed = RenewedSecret::default();
        request.extensions_mut().insert(renewed.clone());
        Ok(Self {
            scope,
            secret,
            here,
            renewed,
        })
    }

    /// Looks up the session.
    ///
    /// # Errors
    /// `sign_in_first` without an active session, `unavailable` if the store is unavailable.
    async fn verify(self) -> Result<SignedIn, PageError> {
        let Self {
            scope,
            secret,
            here,
            renewed,
        } = self;
        let gateway = &scope.site.gateway;
        let Some(resumed) = gateway.sessions().resume(&secret).await? else {
            return Err(sign_in_first(here.as_deref()));
        };
        match resumed.renewed {
            Ok(Some(secret)) => {
                // A request has one session, so the cell is empty.
                let _ = renewed.0.set(secret);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the secret of a session could not be renewed; the current secret remains valid"
            ),
        }
        Ok(SignedIn {
            scope,
            session: resumed.session,
            secret,
        })
    }
}

impl FromRequest for SignedIn {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let session = UnverifiedSession::of(request);
        Box::pin(async move { session?.verify().await })
    }
}

/// The new session secret that the response sets as a cookie, if the secret was renewed.
#[derive(Clone, Default)]
pub struct RenewedSecret(Arc<OnceLock<SessionSecret>>);

impl RenewedSecret {
    /// The new secret; none if it was not renewed.
    pub fn secret(&self) -> Option<&SessionSecret> {
        self.0.get()
    }
}

fn sign_in_first(here: Option<&str>) -> PageError {
    match here.map(ReturnTo::parse) {
        Some(Ok(return_to)) => PageError::sign_in_first(&return_to.packed(), true),
        // The page says why the browser does not return to the link.
        Some(Err(_)) => PageError::sign_in_first("/", false)
            .hint("This link cannot be preserved during sign-in because it is too long or does not belong to this site. Sign in, then open the link again."),
        None => PageError::sign_in_first("/", false),
    }
}

/// A form with a valid CSRF token, sent by a user who is signed in.
pub struct CsrfForm<T> {
    /// The user who sent it.
    pub signed_in: SignedIn,
    /// The fields, without the token.
    pub form: T,
}

#[derive(serde::Deserialize)]
struct WithToken<T> {
    #[serde(default)]
    csrf: String,
    #[serde(flatten)]
    form: T,
}

impl<T: DeserializeOwned + 'static> FromRequest for CsrfForm<T> {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let session = UnverifiedSession::of(request);
        let form = read_form(request, payload);
        Box::pin(async move {
            let session = session?;
            let form = form.await;
            let signed_in = session.verify().await?;
            let WithToken { csrf: token, form } = form?;
            if csrf::verify(&signed_in.session.form_key, &token) {
                Ok(Self { signed_in, form })
            } else {
                Err(RequestError::CrossSite.into())
            }
        })
    }
}

/// Reads a form within [`BODY_TIMEOUT`].
fn read_form<T: DeserializeOwned + 'static>(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<WithToken<T>, RequestError>> + 'static {
    let form = Form::<WithToken<T>>::from_request(request, payload);
    async move {
        match actix_web::rt::time::timeout(BODY_TIMEOUT, form).await {
            Ok(form) => form.map(Form::into_inner).map_err(|e| form_error(&e)),
            Err(_) => Err(RequestError::Status(StatusCode::REQUEST_TIMEOUT)),
        }
    }
}

/// The form of the page after a sign-out. Its CSRF token belongs to the sign-out ticket.
pub struct TicketForm {
    /// The context of the request.
    pub scope: RequestScope,
    /// The ticket from the cookie.
    pub ticket: SignOutTicket,
}

impl FromRequest for TicketForm {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let scope = scope(request);
        let request = request.clone();
        let form = read_form::<EmptyForm>(&request, payload);
        Box::pin(async move {
            let scope = scope?;
            let form = form.await?;
            let ticket = scope.site.cookies.sign_out_ticket(&request);
            let ticket = ticket.ok_or_else(PageError::ticket_expired)?;
            match csrf::verify(&ticket.form_key(), &form.csrf) {
                true => Ok(Self { scope, ticket }),
                false => Err(RequestError::CrossSite.into()),
            }
        })
    }
}

/// A form without fields other than the CSRF token.
#[derive(serde::Deserialize)]
pub struct EmptyForm {}

fn form_error(error: &actix_web::Error) -> RequestError {
    match error.as_response_error().status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => RequestError::Status(StatusCode::PAYLOAD_TOO_LARGE),
        _ => RequestError::Malformed(
            "The form could not be read: a field is missing or invalid.".into(),
        ),
    }
}
