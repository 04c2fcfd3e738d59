//! The pages of `aws login`: the choice of a role, and the code to copy to a terminal.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use actix_web::web::Query;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use rolecall_core::access::{Grant, Locked, RoleRequest};
use rolecall_core::aws::AccountId;
use rolecall_core::aws_login::{AllowLoginError, InvalidLogin, LoginForm, LoginRequest};
use rolecall_core::base::secret::AuthorizationCode;
use rolecall_core::sign_in::ReturnTo;
use rolecall_wire::signin::AuthorizationRequest;
use serde::Deserialize;

use super::view::{LoginCodePage, LoginPage};
use crate::web::errors::error_text::Fault;
use crate::web::errors::page::PageError;
use crate::web::http::extract::{CsrfForm, SignedIn};
use crate::web::http::reply;
use crate::web::pages::consent::view::ConsentResultPage;
use crate::web::pages::{device, format, portal};

fn login_form(request: AuthorizationRequest) -> LoginForm {
    LoginForm {
        response_type: request.response_type,
        client_id: request.client_id,
        redirect_uri: request.redirect_uri,
        state: request.state,
        scope: request.scope,
        code_challenge_method: request.code_challenge_method,
        code_challenge: request.code_challenge,
    }
}

/// The query of the page. A repeated parameter makes it invalid (RFC 6749 3.1).
#[derive(Deserialize)]
pub struct AuthorizeQuery {
    #[serde(flatten)]
    request: AuthorizationRequest,
    #[serde(default)]
    q: String,
}

/// `GET /v1/authorize`: the page to choose a role.
///
/// # Errors
/// If the request is invalid, or `aws login --remote` is disabled.
pub async fn authorize(
    signed_in: SignedIn,
    query: Query<AuthorizeQuery>,
) -> Result<HttpResponse, PageError> {
    let AuthorizeQuery { request, q } = query.into_inner();
    let gateway = &signed_in.scope.site.gateway;
    let request = match gateway.aws_logins().read_login(login_form(request)) {
        Err(InvalidLogin::Refused { answer, .. }) => return Ok(redirect(&answer)),
        read => read?,
    };
    let here = login_path(&request);
    let allowed = gateway
        .aws_logins()
        .may_allow_login(&signed_in.session, request.client());
    allowed.map_err(|error| login_error(&signed_in, &here, error))?;
    let client_info = &signed_in.scope.context.client_info;
    let grants = gateway
        .aws_logins()
        .login_grants(&signed_in.session, request.client(), client_info)
        .await?;
    if grants.has_no_roles() {
        return reply::page(StatusCode::OK, &portal::no_access::page(&signed_in));
    }
    let (held, locked): (Vec<Grant>, Vec<Locked>) =
        (grants.iter().collect(), grants.locked().collect());
    let provider = &signed_in.session.identity.provider;
    let left = portal::sign_in_left(&signed_in, held.iter()).await?;
    let listed = (gateway.issuer(), left);
    let back = ReturnTo::parse(&here).ok();
    let mut page = LoginPage {
        viewer: signed_in.viewer(),
        listens_at: request.loopback_uri().map(|uri| uri.authority().to_owned()),
        until: format::moment(gateway.sessions().client_session_end(&signed_in.session)),
        request: request.parameters(),
        query: String::new(),
        accounts: portal::sections(listed, &held, &locked, provider, back.as_ref()),
    };
    page.narrow(&q);
    reply::long_page(StatusCode::OK, &page, page.bytes())
}

/// The path of this page, to return to it after a sign-in.
fn login_path(request: &LoginRequest) -> String {
    let parameters = request.parameters();
    let pairs: Vec<(&str, &str)> = parameters
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    format!("/v1/authorize?{}", reply::query(&pairs))
}

fn redirect(to: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((header::LOCATION, to))
        .finish()
}

/// The form of the page: the request and `ACCOUNT/ROLE`, or an empty role to deny it.
#[derive(Deserialize)]
pub struct RoleChoice {
    #[serde(flatten)]
    request: AuthorizationRequest,
    role: String,
}

/// `POST /v1/authorize`: allows the program to use the role, or denies the request.
///
/// # Errors
/// If the current policy does not grant the role, or the form is invalid.
pub async fn choose(posted: CsrfForm<RoleChoice>) -> Result<HttpResponse, PageError> {
    let CsrfForm { signed_in, form } = posted;
    let (gateway, context) = (&signed_in.scope.site.gateway, &signed_in.scope.context);
    let request = gateway.aws_logins().read_login(login_form(form.request))?;
    if form.role.is_empty() {
        let to = gateway
            .aws_logins()
            .deny_login(context, &signed_in.session, &request)
            .await;
        return forward(&signed_in, &to?.unwrap_or_else(|| "/".to_owned()));
    }
    let role = role(&form.role)?;
    let allowed = gateway
        .aws_logins()
        .allow_login(context, &signed_in.session, &request, role)
        .await;
    let to = allowed.map_err(|error| login_error(&signed_in, &login_path(&request), error))?;
    forward(&signed_in, &to)
}

fn role(text: &str) -> Result<RoleRequest, PageError> {
    let (account, role_name) = text.split_once('/').unwrap_or((text, ""));
    let account =
        AccountId::parse(account).map_err(|error| PageError::bad_request(error.to_string()))?;
    Ok(RoleRequest::named(account, role_name))
}

/// Redirects to a page of the gateway, or sends the browser to the program with a page, because `form-action` blocks redirects
/// of forms.
fn forward(signed_in: &SignedIn, to: &str) -> Result<HttpResponse, PageError> {
    if to.starts_with('/') {
        return Ok(reply::see_other(to));
    }
    let page = ConsentResultPage {
        viewer: signed_in.viewer(),
        allowed: None,
        to: to.to_owned(),
    };
    Ok(reply::refresh(reply::page(StatusCode::OK, &page)?, to))
}

/// The query of the confirmation page.
#[derive(Deserialize)]
pub struct ConfirmationQuery {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
}

/// `GET /v1/sessions/confirmation`: the code for `aws login --remote`, if it was created in this session.
///
/// # Errors
/// If the code is not valid.
pub async fn confirmation(
    signed_in: SignedIn,
    query: Query<ConfirmationQuery>,
) -> Result<HttpResponse, PageError> {
    let gateway = &signed_in.scope.site.gateway;
    let code = AuthorizationCode::new(query.code.as_str());
    let until = gateway
        .aws_logins()
        .login_code(&signed_in.session, &code)
        .await?;
    let until = until.ok_or_else(invalid_code)?;
    let pairs = [("state", query.state.as_str()), ("code", code.expose())];
    let page = LoginCodePage {
        viewer: signed_in.viewer(),
        code: STANDARD.encode(reply::query(&pairs)),
        // Rounded up to the minute, so that a new code is shown with its full lifetime.
        left: format::span(until - gateway.now() + TimeDelta::seconds(59)),
    };
    reply::page(StatusCode::OK, &page)
}

fn invalid_code() -> PageError {
    PageError::bad_request(
        "This code is not valid: it was used, has expired, or was created in another browser.",
    )
    .hint("Run aws login --remote again.")
}

impl From<InvalidLogin> for PageError {
    fn from(error: InvalidLogin) -> Self {
        let hint = "Run aws login again and use the address that it opens. If someone sent you the link, do not open it.";
        Self::bad_request("This is not a valid request of aws login. No access was granted.")
            .hint(hint)
            .detail(error.to_string())
    }
}

fn login_error(signed_in: &SignedIn, here: &str, error: AllowLoginError) -> PageError {
    match error {
        AllowLoginError::NotFresh => device::sign_in_again(signed_in, here),
        AllowLoginError::AuthTimeMissing => device::auth_time_missing(signed_in, here),
        AllowLoginError::RemoteOff => PageError::new(
            StatusCode::FORBIDDEN,
            Fault::Caller,
            "device_flow_off",
            "Remote sign-in is disabled",
            "Your organization does not allow programs on other machines to sign in.",
        )
        .hint("Run aws login without --remote, on a machine with a browser."),
        AllowLoginError::SessionEnded => PageError::sign_in_first(here, false),
        AllowLoginError::Role(error) => error.into(),
        AllowLoginError::Unavailable(error) => error.into(),
    }
}
