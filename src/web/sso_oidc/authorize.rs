//! `GET /authorize`: a client on the person's machine asks through the browser (RFC 6749 4.1.1), and the person's answer.
//! The same address shows the question, and later the answer: a page that is reloaded goes on where it is.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use rolecall_core::clients::{
    AuthorizationForm, AuthorizationStep, AuthorizeError, ConsentRequest, ValidatedAuthorization,
};
use rolecall_core::sign_in::ReturnTo;
use rolecall_wire::sso_oidc::AuthorizationRequest;

use crate::web::errors::code::ErrorCode;
use crate::web::errors::explanation::Fault;
use crate::web::errors::page::PageError;
use crate::web::http::extract::{CsrfForm, RequestScope, SignedIn};
use crate::web::http::reply;
use crate::web::pages::consent;
use crate::web::pages::consent::ConsentForm;

/// Longer than any parameter of a client's.
const PARAMETER_BYTES_MAX: usize = 4 * 1024;

/// `GET /authorize?…`.
///
/// # Errors
/// When the request is not in order, or the store is down.
pub async fn authorize(
    scope: RequestScope,
    request: HttpRequest,
    signed_in: Result<SignedIn, PageError>,
) -> Result<HttpResponse, PageError> {
    let gateway = &scope.site.gateway;
    let read = match read(&scope, &request)? {
        Ok(read) => read,
        Err(answer) => return Ok(reply::see_other(&answer)),
    };
    let signed_in = signed_in?;
    let step = gateway
        .clients()
        .begin_authorization(&scope.context, &signed_in.session, &read)
        .await?;
    match step {
        AuthorizationStep::RequestConsent(asked) => ask(&signed_in, &request, &asked).await,
        AuthorizationStep::Redirect(to) => Ok(reply::see_other(&to)),
        AuthorizationStep::Closed => Err(spent()),
        AuthorizationStep::SessionEnded => Err(ended(&scope, &request)),
    }
}

/// `POST /authorize?…`: the person's answer to the request of the same address.
///
/// # Errors
/// When the request is not in order, or the store or the audit trail is down.
pub async fn decide(
    posted: CsrfForm<ConsentForm>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let CsrfForm { signed_in, form } = posted;
    let scope = &signed_in.scope;
    let read = match read(scope, &request)? {
        Ok(read) => read,
        Err(answer) => return consent::return_to_client(&signed_in, &answer),
    };
    let decision = form.decision()?;
    let shown = form.shown();
    let step = scope
        .site
        .gateway
        .clients()
        .decide_authorization(
            &scope.context,
            &signed_in.session,
            &read,
            (decision, &shown),
        )
        .await?;
    match step {
        AuthorizationStep::Redirect(to) => {
            scope.site.metrics.consent("code", decision.into());
            consent::return_to_client(&signed_in, &to)
        }
        AuthorizationStep::RequestConsent(asked) => ask(&signed_in, &request, &asked).await,
        AuthorizationStep::Closed => Err(spent()),
        AuthorizationStep::SessionEnded => Err(ended(scope, &request)),
    }
}

/// The session has ended meanwhile: the person signs in, and comes back to the request.
fn ended(scope: &RequestScope, request: &HttpRequest) -> PageError {
    scope
        .site
        .metrics
        .consent("code", ErrorCode::new("session_ended").into());
    let here = request.uri().path_and_query();
    let here = here.and_then(|here| ReturnTo::parse(here.as_str()).ok());
    let here = here.unwrap_or_else(ReturnTo::portal);
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    PageError::sign_in_first(here.as_str(), reading)
}

/// The question, whose answer goes to the same address.
async fn ask(
    signed_in: &SignedIn,
    request: &HttpRequest,
    asked: &ConsentRequest,
) -> Result<HttpResponse, PageError> {
    let here = request.uri().path_and_query();
    let here = here.map_or("/authorize", |place| place.as_str());
    consent::page(signed_in, asked, consent::Form::at(here)).await
}

/// The request, or where the browser goes to tell the client what is wrong with it.
fn read(
    scope: &RequestScope,
    request: &HttpRequest,
) -> Result<Result<ValidatedAuthorization, String>, PageError> {
    let form = parse(request.query_string()).ok_or_else(|| {
        PageError::bad_request("A parameter of the request is there twice, or is too long.")
    })?;
    match scope.site.gateway.clients().read_authorization(form) {
        Ok(read) => Ok(Ok(read)),
        Err(AuthorizeError::Redirect { to, .. }) => Ok(Err(to)),
        Err(
            error @ (AuthorizeError::InvalidClient
            | AuthorizeError::InvalidRedirectUri
            | AuthorizeError::TooLarge),
        ) => Err(not_in_order(&error)),
    }
}

/// Reads the query; a parameter that is there twice makes it none (RFC 6749 3.1).
fn parse(query: &str) -> Option<AuthorizationForm> {
    let request: AuthorizationRequest = serde_urlencoded::from_str(query).ok()?;
    let parameters = [
        &request.response_type,
        &request.client_id,
        &request.redirect_uri,
        &request.state,
        &request.code_challenge_method,
        &request.scopes,
        &request.code_challenge,
    ];
    let is_long = |value: &String| value.len() > PARAMETER_BYTES_MAX;
    if parameters.into_iter().flatten().any(is_long) {
        return None;
    }
    Some(AuthorizationForm {
        client_id: request.client_id,
        redirect_uri: request.redirect_uri,
        response_type: request.response_type,
        state: request.state,
        code_challenge: request.code_challenge,
        code_challenge_method: request.code_challenge_method,
        scope: request.scopes,
    })
}

fn not_in_order(error: &AuthorizeError) -> PageError {
    let hint = match error {
        AuthorizeError::InvalidClient => {
            "Close this page and start again in your terminal. If it stays like this, remove the files in ~/.aws/sso/cache and start once more."
        }
        AuthorizeError::InvalidRedirectUri
        | AuthorizeError::TooLarge
        | AuthorizeError::Redirect { .. } => {
            "Close this page. If you did not start a program that signs in, somebody may have sent you here."
        }
    };
    let message = format!("Nothing was allowed: {error}.");
    PageError::new(
        StatusCode::BAD_REQUEST,
        Fault::Caller,
        "authorization_refused",
        "This program cannot be let in",
        message,
    )
    .hint(hint)
}

fn spent() -> PageError {
    PageError::new(
        StatusCode::GONE,
        Fault::Caller,
        "authorization_spent",
        "This was answered already",
        "The program has its answer, or waited for too long.",
    )
    .hint("Close this page. If the program still waits, start it again.")
}
