//! The authorization endpoint (OpenID Connect Core 3.1.2): validates the request, shows the sign-in form and redirects to the
//! client.
//!
//! PKCE with S256 is required. An invalid client or redirect URI causes an error page, not a redirect (RFC 6749 4.1.2.1).

use std::collections::HashMap;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};
use url::Url;

use super::response::{ResponseDraft, ResponseKind};
use super::state::{ProviderState, Request, Session};
use crate::keys::random_text;
use crate::page;

type Query = web::Query<Vec<(String, String)>>;
type Form = web::Form<HashMap<String, String>>;

/// `GET /authorize`: validates the request and shows the form.
pub(super) async fn show_form(
    idp: web::Data<ProviderState>,
    http: HttpRequest,
    query: Query,
) -> HttpResponse {
    idp.hit("/authorize");
    let requested = match AuthorizationRequest::parse(&idp, query.into_inner()) {
        Ok(requested) => requested,
        Err(RequestError::Page(text)) => return page::error_page(&idp.title, text),
        Err(RequestError::Redirect(request, error)) => {
            return redirect_with_error(&idp, &request, error);
        }
    };
    let session = session(&idp, &http)
        .filter(|session| requested.is_fresh(session, idp.now()))
        .filter(|session| requested.request.acr.is_none() || session.acr == requested.request.acr);
    let silent = requested.prompt.contains(&"none".to_owned());
    let form_wanted = !silent && !requested.prompt.is_empty();
    match session {
        Some(session) if !form_wanted => redirect_with_code(&idp, requested.request, session),
        Some(_) | None if silent => redirect_with_error(&idp, &requested.request, "login_required"),
        Some(_) | None => match random_text(16) {
            Ok(id) => {
                idp.change(|state| state.requests.insert(id.clone(), requested.request));
                sign_in(
                    &idp,
                    &id,
                    requested.login_hint.as_deref().unwrap_or_default(),
                    None,
                )
            }
            Err(error) => page::error_page(&idp.title, &error.to_string()),
        },
    }
}

/// `POST /authorize`: processes the form.
pub(super) async fn submit_form(idp: web::Data<ProviderState>, form: Form) -> HttpResponse {
    idp.hit("/authorize");
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let id = field("request");
    let Some(request) = idp.read(|state| state.requests.get(id).cloned()) else {
        return page::error_page(
            &idp.title,
            "This sign-in form has expired. Return to the application and sign in again.",
        );
    };
    if field("decision") == "cancel" {
        idp.change(|state| state.requests.remove(id));
        return redirect_with_error(&idp, &request, "access_denied");
    }
    let username = field("username").trim();
    let username = username.strip_suffix("@example.com").unwrap_or(username);
    if idp.person(username).is_none() {
        return sign_in(&idp, id, username, Some("Unknown username."));
    }
    idp.change(|state| state.requests.remove(id));
    let session = Session {
        username: username.to_owned(),
        auth_time: idp.now(),
        acr: request.acr.clone(),
    };
    let Ok(value) = random_text(32) else {
        return page::error_page(&idp.title, "The random number generator failed.");
    };
    idp.change(|state| state.sessions.insert(value.clone(), session.clone()));
    let mut response = redirect_with_code(&idp, request, session);
    let cookie = Cookie::build(idp.cookie_name(), value)
        .path(idp.cookie_path())
        .http_only(true)
        .same_site(SameSite::Lax)
        .finish();
    match response.add_cookie(&cookie) {
        Ok(()) => response,
        Err(error) => page::error_page(&idp.title, &error.to_string()),
    }
}

/// The sign-in form. `error` is the error of the previous attempt.
fn sign_in(
    idp: &ProviderState,
    request: &str,
    username: &str,
    error: Option<&str>,
) -> HttpResponse {
    page::SignIn {
        title: &idp.title,
        action: &format!("{}/authorize", idp.issuer()),
        request,
        username,
        people: &idp.usernames(),
        error,
    }
    .show()
}

/// The session of the browser.
pub(super) fn session(idp: &ProviderState, http: &HttpRequest) -> Option<Session> {
    let cookie = http.cookie(&idp.cookie_name())?;
    idp.read(|state| state.sessions.get(cookie.value()).cloned())
}

/// A validated authorization request.
struct AuthorizationRequest {
    request: Request,
    prompt: Vec<String>,
    max_age: Option<i64>,
    login_hint: Option<String>,
}

/// How an error of a request is reported.
enum RequestError {
    /// On an error page, because the client is not known.
    Page(&'static str),
    /// To the client.
    Redirect(Box<Request>, &'static str),
}

impl AuthorizationRequest {
    fn parse(idp: &ProviderState, query: Vec<(String, String)>) -> Result<Self, RequestError> {
        let mut fields = HashMap::new();
        for (name, value) in query {
            if fields.insert(name, value).is_some() {
                return Err(RequestError::Page("The request has a duplicate parameter."));
            }
        }
        let claims: &str = fields.get("claims").map_or("", String::as_str);
        let requests_auth_time = fields.contains_key("max_age") || claims.contains("auth_time");
        let mut take = |name: &str| fields.remove(name).filter(|value| !value.is_empty());
        let client = take("client_id").and_then(|id| idp.client(&id));
        let client = client.ok_or(RequestError::Page("This application is not registered."))?;
        let redirect_uri = take("redirect_uri").filter(|uri| client.redirect_uris.contains(uri));
        let redirect_uri = redirect_uri.ok_or(RequestError::Page(
            "The redirect URI is not registered for this application.",
        ))?;
        let acr = take("acr_values").unwrap_or_default();
        let acr = acr
            .split_ascii_whitespace()
            .find(|acr| idp.contexts.iter().any(|known| known == acr));
        let request = Request {
            client_id: client.id,
            redirect_uri,
            state: take("state"),
            nonce: take("nonce"),
            code_challenge: take("code_challenge").unwrap_or_default(),
            requests_auth_time,
            acr: acr.map(str::to_owned),
        };
        let redirect_error = |error| RequestError::Redirect(Box::new(request.clone()), error);
        let words = |text: Option<String>| -> Vec<String> {
            let text = text.unwrap_or_default();
            text.split_ascii_whitespace().map(str::to_owned).collect()
        };
        if take("response_type").as_deref() != Some("code") {
            return Err(redirect_error("unsupported_response_type"));
        }
        if !words(take("scope")).contains(&"openid".to_owned()) {
            return Err(redirect_error("invalid_scope"));
        }
        let method = take("code_challenge_method");
        if request.code_challenge.len() != 43 || method.as_deref() != Some("S256") {
            return Err(redirect_error("invalid_request"));
        }
        let max_age = take("max_age")
            .map(|seconds| seconds.parse::<i64>())
            .transpose();
        let max_age = max_age.map_err(|_| redirect_error("invalid_request"))?;
        let (prompt, login_hint) = (words(take("prompt")), take("login_hint"));
        Ok(Self {
            request,
            prompt,
            max_age,
            login_hint,
        })
    }

    /// Whether the session is recent enough for `max_age` (Core 3.1.2.1).
    fn is_fresh(&self, session: &Session, now: i64) -> bool {
        self.max_age
            .is_none_or(|max_age| now - session.auth_time <= max_age)
    }
}

fn redirect_with_code(idp: &ProviderState, request: Request, session: Session) -> HttpResponse {
    match idp.code(request.clone(), session) {
        Ok(code) => redirect_to_client(
            idp,
            &request,
            Map::from_iter([("code".to_owned(), json!(code))]),
        ),
        Err(error) => page::error_page(&idp.title, &error.to_string()),
    }
}

fn redirect_with_error(idp: &ProviderState, request: &Request, error: &str) -> HttpResponse {
    redirect_to_client(
        idp,
        request,
        Map::from_iter([("error".to_owned(), json!(error))]),
    )
}

/// Redirects to the client with `state` and `iss` (RFC 9207). The status is 303, never 307 (RFC 9700 4.12).
fn redirect_to_client(
    idp: &ProviderState,
    request: &Request,
    mut parameters: Map<String, Value>,
) -> HttpResponse {
    parameters.insert("iss".to_owned(), json!(idp.issuer()));
    if let Some(state) = &request.state {
        parameters.insert("state".to_owned(), json!(state));
    }
    let response = ResponseDraft::new(ResponseKind::Callback, Value::Object(parameters));
    let response = idp.apply_faults(response, &request.client_id);
    match (response, Url::parse(&request.redirect_uri)) {
        (Ok(response), Ok(mut url)) => {
            url.query_pairs_mut().extend_pairs(response.parameters());
            HttpResponse::SeeOther()
                .insert_header((header::LOCATION, url.as_str()))
                .insert_header((header::CACHE_CONTROL, "no-store"))
                .finish()
        }
        (Err(error), Ok(_) | Err(_)) => page::error_page(&idp.title, &error.to_string()),
        (Ok(_), Err(error)) => page::error_page(&idp.title, &error.to_string()),
    }
}
