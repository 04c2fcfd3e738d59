//! The console sign-in endpoint: exchanges credentials for a sign-in token, starts a console session with the token or with
//! a SAML response, and signs out.
//!
//! A token can be used once within 15 minutes. A browser has one identity and must sign out before using another.

use std::sync::{Arc, Mutex};

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::{Uri, header};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use url::Url;

use crate::lock;

use super::issued::{IssuedSession, SessionKind};
use super::pages;
use super::recent::Recent;
use super::saml;
use super::state::AwsState;
use super::wire::random_letters;

const COOKIE: &str = "emulated-aws-console";
const TOKEN_LIFETIME: TimeDelta = TimeDelta::minutes(15);
const ENTRIES_MAX: usize = 1_000;

/// An issued sign-in token.
struct SigninToken {
    session: Arc<IssuedSession>,
    expires: DateTime<Utc>,
    console_ends: DateTime<Utc>,
    /// ID of the console session that was started with the token.
    used_for: Option<String>,
}

/// A console session of a browser.
#[derive(Clone)]
pub(super) struct Console {
    pub session: Arc<IssuedSession>,
    pub ends: DateTime<Utc>,
    pub destination: String,
    /// URL of the portal where the user can sign in again.
    pub issuer: Option<String>,
}

/// IssuedSession tokens and active console sessions.
pub(super) struct ConsoleSessions {
    tokens: Mutex<Recent<SigninToken>>,
    consoles: Mutex<Recent<Console>>,
}

impl Default for ConsoleSessions {
    fn default() -> Self {
        ConsoleSessions {
            tokens: Mutex::new(Recent::new(ENTRIES_MAX)),
            consoles: Mutex::new(Recent::new(ENTRIES_MAX)),
        }
    }
}

impl ConsoleSessions {
    fn console(&self, request: &HttpRequest, now: DateTime<Utc>) -> Option<(String, Console)> {
        let id = request.cookie(COOKIE)?.value().to_owned();
        let consoles = lock(&self.consoles);
        let console = consoles
            .get(&id)
            .filter(|console| console.ends > now)?
            .clone();
        Some((id, console))
    }
}

/// `getSigninToken`: issues a token for credentials; `None` is "Invalid credentials parameter".
pub(super) fn signin_token(state: &AwsState, form: &[(String, String)]) -> Option<HttpResponse> {
    #[derive(Deserialize)]
    struct Credentials {
        #[serde(rename = "sessionId")]
        id: String,
        #[serde(rename = "sessionKey")]
        key: String,
        #[serde(rename = "sessionToken")]
        token: String,
    }
    let now = state.now();
    let credentials: Credentials = serde_json::from_str(field(form, "Session")?).ok()?;
    let session = state.session(&credentials.id)?;
    if session.secret_access_key != credentials.key
        || session.session_token != credentials.token
        || session.expiration <= now
        || session.kind == SessionKind::User
    {
        return None;
    }
    let console_ends = match field(form, "SessionDuration") {
        None => session.expiration,
        Some(_) if !session.kind.takes_session_duration() => return None,
        Some(text) => {
            now + TimeDelta::seconds(
                text.parse()
                    .ok()
                    .filter(|seconds| (900..=43_200).contains(seconds))?,
            )
        }
    };
    let token = random_letters::<64>().ok()?;
    let entry = SigninToken {
        session,
        expires: now + TOKEN_LIFETIME,
        console_ends,
        used_for: None,
    };
    lock(&state.console_sessions.tokens).insert(token.clone(), entry);
    Some(
        HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .json(serde_json::json!({ "SigninToken": token })),
    )
}

/// `login`: starts a console session with a token and shows the console.
pub(super) fn login(
    state: &AwsState,
    request: &HttpRequest,
    form: &[(String, String)],
) -> HttpResponse {
    let Some(destination) = field(form, "Destination").filter(|url| is_web(url)) else {
        return pages::notice("Invalid destination", "Destination must be an http(s) URL.");
    };
    let now = state.now();
    let open = state.console_sessions.console(request, now);
    let mut tokens = lock(&state.console_sessions.tokens);
    let Some(entry) = field(form, "SigninToken")
        .and_then(|token| tokens.get_mut(token))
        .filter(|entry| entry.expires > now)
    else {
        return pages::notice(
            "Invalid sign-in token",
            "The sign-in token is unknown or older than 15 minutes. Request a new link.",
        );
    };
    match (&open, &entry.used_for) {
        (Some((id, console)), Some(used)) if id == used => return pages::console(console),
        (_, Some(_)) => {
            return pages::notice(
                "Sign-in link already used",
                "A sign-in link can be used once. Request a new link.",
            );
        }
        (Some((_, console)), None)
            if console.session.assumed_role_arn != entry.session.assumed_role_arn =>
        {
            return pages::log_out_first(console, request.uri());
        }
        (Some(_) | None, None) => {}
    }
    let Ok(id) = random_letters::<32>() else {
        return HttpResponse::InternalServerError().finish();
    };
    entry.used_for = Some(id.clone());
    let console = Console {
        session: Arc::clone(&entry.session),
        ends: entry.console_ends,
        destination: destination.to_owned(),
        issuer: field(form, "Issuer")
            .filter(|url| is_web(url))
            .map(str::to_owned),
    };
    drop(tokens);
    console_with_cookie(state, id, console)
}

/// Starts a console session with the SAML response that a browser posts.
pub(super) fn saml(
    state: &AwsState,
    request: &HttpRequest,
    form: &[(String, String)],
) -> HttpResponse {
    let host = request.connection_info().host().to_owned();
    let response = field(form, "SAMLResponse").unwrap_or_default();
    let (session, seconds) = match saml::sign_in(state, response, &host) {
        Ok(signed_in) => signed_in,
        Err(error) => {
            tracing::debug!(code = ?error.code, message = error.message, "SAML response rejected");
            return pages::notice("Your request could not be signed in", &error.message);
        }
    };
    let now = state.now();
    let open = state.console_sessions.console(request, now);
    if let Some((_, console)) = &open
        && console.session.assumed_role_arn != session.assumed_role_arn
    {
        return pages::log_out_first(console, &Uri::from_static("/console"));
    }
    let Ok(id) = random_letters::<32>() else {
        return HttpResponse::InternalServerError().finish();
    };
    let destination = field(form, "RelayState").filter(|url| is_web(url));
    let console = Console {
        session,
        ends: now + TimeDelta::seconds(i64::try_from(seconds).unwrap_or(0)),
        destination: destination.unwrap_or(state.partition.console()).to_owned(),
        issuer: None,
    };
    console_with_cookie(state, id, console)
}

/// The console page with the session cookie.
fn console_with_cookie(state: &AwsState, id: String, console: Console) -> HttpResponse {
    let mut response = pages::console(&console);
    lock(&state.console_sessions.consoles).insert(id.clone(), console);
    let cookie = Cookie::build(COOKIE, id)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .finish();
    if response.add_cookie(&cookie).is_err() {
        return HttpResponse::InternalServerError().finish();
    }
    response
}

/// The console page of the browser's session.
pub(super) fn console(state: &AwsState, request: &HttpRequest) -> HttpResponse {
    match state.console_sessions.console(request, state.now()) {
        Some((_, console)) => pages::console(&console),
        None => pages::notice(
            "You are signed out",
            "There is no console session in this browser. Sign in through your organization's access portal.",
        ),
    }
}

/// `logout`: ends the console session and redirects to `redirect_uri`.
pub(super) fn logout(
    state: &AwsState,
    request: &HttpRequest,
    form: &[(String, String)],
) -> HttpResponse {
    if let Some(cookie) = request.cookie(COOKIE) {
        lock(&state.console_sessions.consoles).remove(cookie.value());
    }
    let mut response = match field(form, "redirect_uri") {
        Some(target) if is_web(target) => HttpResponse::Found()
            .insert_header((header::LOCATION, target))
            .finish(),
        Some(_) => {
            return pages::notice(
                "Invalid redirect_uri",
                "You are signed out. redirect_uri must be an http(s) URL.",
            );
        }
        None => pages::signed_out(),
    };
    let mut removal = Cookie::build(COOKIE, "").path("/").finish();
    removal.make_removal();
    if response.add_cookie(&removal).is_err() {
        return HttpResponse::InternalServerError().finish();
    }
    response
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

fn is_web(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}
