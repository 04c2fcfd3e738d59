//! `aws login` in the browser: the choice of a role, and the code to carry to a terminal.

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
use rolecall_wire::signin::AuthorizationRequest;
use serde::Deserialize;

use super::view::{LoginCodePage, LoginPage};
use crate::web::errors::explanation::Fault;
use crate::web::errors::page::PageError;
use crate::web::http::extract::{CsrfForm, SignedIn};
use crate::web::http::reply;
use crate::web::pages::consent::view::AnsweredPage;
use crate::web::pages::{device, format, portal};

fn form(asked: AuthorizationRequest) -> LoginForm {
    LoginForm {
        response_type: asked.response_type,
        client_id: asked.client_id,
        redirect_uri: asked.redirect_uri,
        state: asked.state,
        scope: asked.scope,
        code_challenge_method: asked.code_challenge_method,
        code_challenge: asked.code_challenge,
    }
}

/// The page's query. A parameter that is there twice makes it unreadable (RFC 6749 3.1).
#[derive(Deserialize)]
pub struct AuthorizeQuery {
    #[serde(flatten)]
    asked: AuthorizationRequest,
    #[serde(default)]
    q: String,
}

/// `GET /v1/authorize`: who asks, and which of my roles shall it have?
///
/// # Errors
/// When the request is nobody's, or `aws login --remote` may not be used.
pub async fn authorize(
    signed_in: SignedIn,
    query: Query<AuthorizeQuery>,
) -> Result<HttpResponse, PageError> {
    let AuthorizeQuery { asked, q } = query.into_inner();
    let gateway = &signed_in.scope.site.gateway;
    let request = match gateway.aws_logins().read_login(form(asked)) {
        Err(InvalidLogin::Refused { answer, .. }) => return Ok(found(&answer)),
        read => read?,
    };
    let here = place(&request);
    let allowed = gateway
        .aws_logins()
        .may_allow_login(&signed_in.session, request.client());
    allowed.map_err(|error| refusal(&signed_in, &here, error))?;
    let origin = &signed_in.scope.context.origin;
    let grants = gateway
        .aws_logins()
        .login_grants(&signed_in.session, request.client(), origin)
        .await?;
    if grants.has_no_roles() {
        return reply::page(StatusCode::OK, &portal::no_access::page(&signed_in));
    }
    let (held, locked): (Vec<Grant>, Vec<Locked>) =
        (grants.iter().collect(), grants.locked().collect());
    let provider = &signed_in.session.identity.provider;
    let mut page = LoginPage {
        viewer: signed_in.viewer(),
        answered_at: request.loopback_uri().map(|uri| uri.authority().to_owned()),
        until: format::moment(gateway.sessions().client_session_end(&signed_in.session)),
        request: request.parameters(),
        query: String::new(),
        accounts: portal::sections(&held, &locked, provider, &here),
    };
    page.narrow(&q);
    reply::long_page(StatusCode::OK, &page, page.bytes())
}

/// The page itself, for who leaves it and comes back.
fn place(request: &LoginRequest) -> String {
    let parameters = request.parameters();
    let pairs: Vec<(&str, &str)> = parameters
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    format!("/v1/authorize?{}", reply::query(&pairs))
}

fn found(to: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((header::LOCATION, to))
        .finish()
}

/// The page's form: the request, and `ACCOUNT/ROLE` or nothing for no role at all.
#[derive(Deserialize)]
pub struct RoleChoice {
    #[serde(flatten)]
    asked: AuthorizationRequest,
    role: String,
}

/// `POST /v1/authorize`: gives the program the role, or nothing.
///
/// # Errors
/// When today's policy does not grant the role, or the form cannot be read.
pub async fn choose(posted: CsrfForm<RoleChoice>) -> Result<HttpResponse, PageError> {
    let CsrfForm { signed_in, form } = posted;
    let (gateway, context) = (&signed_in.scope.site.gateway, &signed_in.scope.context);
    let request = gateway.aws_logins().read_login(self::form(form.asked))?;
    if form.role.is_empty() {
        let to = gateway
            .aws_logins()
            .deny_login(context, &signed_in.session, &request)
            .await;
        return onward(&signed_in, &to?.unwrap_or_else(|| "/".to_owned()));
    }
    let role = role(&form.role)?;
    let allowed = gateway
        .aws_logins()
        .allow_login(context, &signed_in.session, &request, role)
        .await;
    let to = allowed.map_err(|error| refusal(&signed_in, &place(&request), error))?;
    onward(&signed_in, &to)
}

fn role(text: &str) -> Result<RoleRequest, PageError> {
    let (account, role_name) = text.split_once('/').unwrap_or((text, ""));
    let account =
        AccountId::parse(account).map_err(|error| PageError::bad_request(error.to_string()))?;
    Ok(RoleRequest::named(account, role_name))
}

/// To our own page by a redirect; to the program by a page, since `form-action` holds redirects of forms back.
fn onward(signed_in: &SignedIn, to: &str) -> Result<HttpResponse, PageError> {
    if to.starts_with('/') {
        return Ok(reply::see_other(to));
    }
    let page = AnsweredPage {
        viewer: signed_in.viewer(),
        allowed: None,
        to: to.to_owned(),
    };
    Ok(reply::then(reply::page(StatusCode::OK, &page)?, to))
}

/// What a browser brings to the confirmation page.
#[derive(Deserialize)]
pub struct ConfirmationQuery {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
}

/// `GET /v1/sessions/confirmation`: the code that `aws login --remote` waits for, if this session allowed it.
///
/// # Errors
/// When there is no such code.
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
    let until = until.ok_or_else(no_code)?;
    let pairs = [("state", query.state.as_str()), ("code", code.expose())];
    let page = LoginCodePage {
        viewer: signed_in.viewer(),
        code: STANDARD.encode(reply::query(&pairs)),
        // Up to the minute: nobody reads a code that works for five minutes as one of four.
        left: format::span(until - gateway.now() + TimeDelta::seconds(59)),
    };
    reply::page(StatusCode::OK, &page)
}

fn no_code() -> PageError {
    PageError::bad_request(
        "There is no such code: it was used, has expired, or was allowed in another browser.",
    )
    .hint("Type `aws login --remote` again.")
}

impl From<InvalidLogin> for PageError {
    fn from(error: InvalidLogin) -> Self {
        let hint = "Type `aws login` again and use the address it opens. If somebody sent you the link, do not follow it.";
        Self::bad_request("This is not a request of `aws login` as the AWS CLI makes it, so nobody was given anything.")
            .hint(hint)
            .detail(error.to_string())
    }
}

fn refusal(signed_in: &SignedIn, here: &str, error: AllowLoginError) -> PageError {
    match error {
        AllowLoginError::NotFresh => device::sign_in_again(signed_in, here),
        AllowLoginError::AuthTimeMissing => device::auth_time_missing(signed_in, here),
        AllowLoginError::RemoteOff => PageError::new(
            StatusCode::FORBIDDEN,
            Fault::Caller,
            "device_flow_off",
            "Not from another machine",
            "This company does not let in programs on other machines than the browser's.",
        )
        .hint("Run `aws login` without --remote, on a machine with a browser."),
        AllowLoginError::SessionEnded => PageError::sign_in_first(here, false),
        AllowLoginError::Role(error) => error.into(),
        AllowLoginError::Unavailable(error) => error.into(),
    }
}
