//! `/authorize`: the authorization request of a client on the machine of the user (RFC 6749 4.1.1), and the decision of the
//! user. The same URL shows the consent page first and redirects after the decision, so that a page can be reloaded.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use rolecall_core::clients::{
    AuthorizationForm, AuthorizationStep, AuthorizeError, ConsentRequest, ValidatedAuthorization,
};
use rolecall_core::sign_in::ReturnTo;
use rolecall_wire::sso_oidc::AuthorizationRequest;

use crate::web::errors::code::ErrorCode;
use crate::web::errors::error_text::Fault;
use crate::web::errors::page::PageError;
use crate::web::http::extract::{CsrfForm, RequestScope, SignedIn};
use crate::web::http::reply;
use crate::web::pages::consent;
use crate::web::pages::consent::ConsentForm;

/// Longer than any parameter of a client.
const PARAMETER_BYTES_MAX: usize = 4 * 1024;

/// `GET /authorize?…`.
///
/// # Errors
/// If the request is invalid, or the store is unavailable.
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
        AuthorizationStep::RequestConsent(asked) => {
            consent_page(&signed_in, &request, &asked).await
        }
        AuthorizationStep::Redirect(to) => Ok(reply::see_other(&to)),
        AuthorizationStep::Closed => Err(already_completed()),
        AuthorizationStep::SessionEnded => Err(session_ended(&scope, &request)),
    }
}

/// `POST /authorize?…`: the decision about the request of the same URL.
///
/// # Errors
/// If the request is invalid, or the store or the audit log is unavailable.
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
        AuthorizationStep::RequestConsent(asked) => {
            consent_page(&signed_in, &request, &asked).await
        }
        AuthorizationStep::Closed => Err(already_completed()),
        AuthorizationStep::SessionEnded => Err(session_ended(scope, &request)),
    }
}

/// The session has ended meanwhile. The user signs in again and returns to the request.
fn session_ended(scope: &RequestScope, request: &HttpRequest) -> PageError {
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

/// The consent page, whose form is posted to the same URL.
async fn consent_page(
    signed_in: &SignedIn,
    request: &HttpRequest,
    asked: &ConsentRequest,
) -> Result<HttpResponse, PageError> {
    let here = request.uri().path_and_query();
    let here = here.map_or("/authorize", |place| place.as_str());
    consent::page(signed_in, asked, consent::Form::at(here)).await
}

/// The request, or the redirect URI with an error for the client.
fn read(
    scope: &RequestScope,
    request: &HttpRequest,
) -> Result<Result<ValidatedAuthorization, String>, PageError> {
    let form = parse(request.query_string())
        .ok_or_else(|| PageError::bad_request("A request parameter is repeated or too long."))?;
    match scope.site.gateway.clients().read_authorization(form) {
        Ok(read) => Ok(Ok(read)),
        Err(AuthorizeError::Redirect { to, .. }) => Ok(Err(to)),
        Err(
            error @ (AuthorizeError::InvalidClient
            | AuthorizeError::InvalidRedirectUri
            | AuthorizeError::TooLarge),
        ) => Err(invalid_request(&error)),
    }
}

/// Parses the query; none if a parameter is repeated (RFC 6749 3.1) or too long.
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

fn invalid_request(error: &AuthorizeError) -> PageError {
    let hint = match error {
        AuthorizeError::InvalidClient => {
            "Close this page and start again in your terminal. If the problem persists, delete the files in ~/.aws/sso/cache and start again."
        }
        AuthorizeError::InvalidRedirectUri
        | AuthorizeError::TooLarge
        | AuthorizeError::Redirect { .. } => {
            "Close this page. If you did not start a program that signs in, someone may be trying to get your access."
        }
    };
    let message = format!("No access was granted: {error}.");
    PageError::new(
        StatusCode::BAD_REQUEST,
        Fault::Caller,
        "authorization_refused",
        "Program cannot be authorized",
        message,
    )
    .hint(hint)
}

fn already_completed() -> PageError {
    PageError::new(
        StatusCode::GONE,
        Fault::Caller,
        "authorization_spent",
        "Request already completed",
        "The program already received a response, or the request has expired.",
    )
    .hint("Close this page. If the program is still waiting, start it again.")
}
