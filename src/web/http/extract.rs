//! What handlers ask for: who is calling, in which session, with which form. Parsed here, so that a handler never
//! reads a header.

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

/// A form is a few hundred bytes; whoever sends one slower than this holds a worker's memory for nothing.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const USER_AGENT_CHARS_MAX: usize = 256;

/// Anybody: where the request comes from.
pub struct RequestScope {
    /// The site.
    pub site: Data<Site>,
    /// Reference and origin.
    pub context: RequestContext,
}

impl RequestScope {
    /// Both, for work that outlives the request.
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
    let no_site = || RequestError::internal("the site is not set up");
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
    let origin = ClientInfo {
        address: address::known(request),
        user_agent,
    };
    Ok(RequestScope {
        site,
        context: RequestContext { reference, origin },
    })
}

/// Somebody who is signed in. Anybody else is sent to sign in and comes back.
pub struct SignedIn {
    /// Where the request comes from.
    pub scope: RequestScope,
    /// Their session.
    pub session: Session,
    /// What their browser holds.
    pub secret: SessionSecret,
}

/// A session's cookie that has not been looked up.
struct UnverifiedSession {
    scope: RequestScope,
    secret: SessionSecret,
    /// Where a reader comes back to after signing in; a form is not sent again on their behalf.
    here: Option<String>,
    renewed: Renewed,
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
        let renewed = Renewed::default();
        request.extensions_mut().insert(renewed.clone());
        Ok(Self {
            scope,
            secret,
            here,
            renewed,
        })
    }

    /// Looks the session up.
    ///
    /// # Errors
    /// When there is none, and when the store does not answer.
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
                // One request, one session: nothing is there yet.
                let _ = renewed.0.set(secret);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a session's secret could not be renewed; the old one works on"
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

/// The secret that the browser shall hold from this answer on, if it is another one.
#[derive(Clone, Default)]
pub struct Renewed(Arc<OnceLock<SessionSecret>>);

impl Renewed {
    /// See the type.
    pub fn secret(&self) -> Option<&SessionSecret> {
        self.0.get()
    }
}

fn sign_in_first(here: Option<&str>) -> PageError {
    match here.map(ReturnTo::parse) {
        Some(Ok(return_to)) => PageError::sign_in_first(&return_to.packed(), true),
        // Nobody who follows a link shall wonder where it led.
        Some(Err(_)) => PageError::sign_in_first("/", false)
            .hint("This link cannot be kept while you sign in: it is too long, or not a link of this site. Sign in, then open it again."),
        None => PageError::sign_in_first("/", false),
    }
}

/// A form of ours: sent by somebody who is signed in, from a page of their own session.
pub struct CsrfForm<T> {
    /// Who sent it.
    pub signed_in: SignedIn,
    /// Its fields, without the token.
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

/// The form of a browser that has signed out: sent from the page that its ticket was shown on.
pub struct TicketForm {
    /// Where the request comes from.
    pub scope: RequestScope,
    /// What the browser holds.
    pub ticket: SignOutTicket,
}

impl FromRequest for TicketForm {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let scope = scope(request);
        let request = request.clone();
        let form = read_form::<NoFields>(&request, payload);
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

/// No field but the token.
#[derive(serde::Deserialize)]
pub struct NoFields {}

fn form_error(error: &actix_web::Error) -> RequestError {
    match error.as_response_error().status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => RequestError::Status(StatusCode::PAYLOAD_TOO_LARGE),
        _ => RequestError::Malformed(
            "The form could not be read: a field is missing or has the wrong form.".into(),
        ),
    }
}
