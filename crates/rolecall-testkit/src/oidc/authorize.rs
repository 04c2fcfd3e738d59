//! The authorization endpoint (OpenID Connect Core 3.1.2): checks the request, shows the sign-in form, sends the browser back.
//!
//! PKCE with S256 is required. What is wrong with the client or its redirect URI is shown here and never redirected
//! (RFC 6749 4.1.2.1).

use std::collections::HashMap;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};
use url::Url;

use super::answer::{Answer, Place};
use super::world::{Request, Session, World};
use crate::keys::random_text;
use crate::page;

type Query = web::Query<Vec<(String, String)>>;
type Form = web::Form<HashMap<String, String>>;

/// `GET /authorize`
pub(super) async fn ask(world: web::Data<World>, http: HttpRequest, query: Query) -> HttpResponse {
    world.hit("/authorize");
    let asked = match Asked::parse(&world, query.into_inner()) {
        Ok(asked) => asked,
        Err(Refusal::Shown(text)) => return page::problem(&world.title, text),
        Err(Refusal::Sent(request, error)) => return back_with_error(&world, &request, error),
    };
    let session = session(&world, &http).filter(|session| asked.is_fresh(session, world.now()));
    let silent = asked.prompt.contains(&"none".to_owned());
    let form_wanted = !silent && !asked.prompt.is_empty();
    match session {
        Some(session) if !form_wanted => back_with_code(&world, asked.request, session),
        Some(_) | None if silent => back_with_error(&world, &asked.request, "login_required"),
        Some(_) | None => match random_text(16) {
            Ok(id) => {
                world.change(|state| state.requests.insert(id.clone(), asked.request));
                sign_in(
                    &world,
                    &id,
                    asked.login_hint.as_deref().unwrap_or_default(),
                    None,
                )
            }
            Err(error) => page::problem(&world.title, &error.to_string()),
        },
    }
}

/// `POST /authorize`: the form comes back.
pub(super) async fn answer(world: web::Data<World>, form: Form) -> HttpResponse {
    world.hit("/authorize");
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let id = field("request");
    let Some(request) = world.read(|state| state.requests.get(id).cloned()) else {
        return page::problem(
            &world.title,
            "This sign-in form is used up. Go back to the application and start again.",
        );
    };
    if field("decision") == "cancel" {
        world.change(|state| state.requests.remove(id));
        return back_with_error(&world, &request, "access_denied");
    }
    let username = field("username").trim();
    let username = username.strip_suffix("@example.com").unwrap_or(username);
    if world.person(username).is_none() {
        return sign_in(&world, id, username, Some("Nobody by that name here."));
    }
    world.change(|state| state.requests.remove(id));
    let session = Session {
        username: username.to_owned(),
        auth_time: world.now(),
    };
    let Ok(value) = random_text(32) else {
        return page::problem(&world.title, "No randomness.");
    };
    world.change(|state| state.sessions.insert(value.clone(), session.clone()));
    let mut response = back_with_code(&world, request, session);
    let cookie = Cookie::build(world.cookie_name(), value)
        .path(world.cookie_path())
        .http_only(true)
        .same_site(SameSite::Lax)
        .finish();
    match response.add_cookie(&cookie) {
        Ok(()) => response,
        Err(error) => page::problem(&world.title, &error.to_string()),
    }
}

/// The form. `username` is filled in; `trouble` says what was wrong with the last try.
fn sign_in(world: &World, request: &str, username: &str, trouble: Option<&str>) -> HttpResponse {
    page::SignIn {
        title: &world.title,
        action: &format!("{}/authorize", world.issuer()),
        request,
        username,
        people: &world.usernames(),
        trouble,
    }
    .show()
}

/// Whose cookie this is.
pub(super) fn session(world: &World, http: &HttpRequest) -> Option<Session> {
    let cookie = http.cookie(&world.cookie_name())?;
    world.read(|state| state.sessions.get(cookie.value()).cloned())
}

/// An authorization request as it came.
struct Asked {
    request: Request,
    prompt: Vec<String>,
    max_age: Option<i64>,
    login_hint: Option<String>,
}

/// Why a request is not answered with a form.
enum Refusal {
    /// Told to the person, who came from we know not where.
    Shown(&'static str),
    /// Told to the client.
    Sent(Box<Request>, &'static str),
}

impl Asked {
    fn parse(world: &World, query: Vec<(String, String)>) -> Result<Self, Refusal> {
        let mut fields = HashMap::new();
        for (name, value) in query {
            if fields.insert(name, value).is_some() {
                return Err(Refusal::Shown("A parameter was sent twice."));
            }
        }
        let claims: &str = fields.get("claims").map_or("", String::as_str);
        let asks_for_auth_time = fields.contains_key("max_age") || claims.contains("auth_time");
        let mut take = |name: &str| fields.remove(name).filter(|value| !value.is_empty());
        let client = take("client_id").and_then(|id| world.client(&id));
        let client = client.ok_or(Refusal::Shown("This application is not registered here."))?;
        let redirect_uri = take("redirect_uri").filter(|uri| client.redirect_uris.contains(uri));
        let redirect_uri = redirect_uri.ok_or(Refusal::Shown(
            "The redirect URI is not one of the application's.",
        ))?;
        let request = Request {
            client_id: client.id,
            redirect_uri,
            state: take("state"),
            nonce: take("nonce"),
            code_challenge: take("code_challenge").unwrap_or_default(),
            asks_for_auth_time,
        };
        let refuse = |error| Refusal::Sent(Box::new(request.clone()), error);
        let words = |text: Option<String>| -> Vec<String> {
            let text = text.unwrap_or_default();
            text.split_ascii_whitespace().map(str::to_owned).collect()
        };
        if take("response_type").as_deref() != Some("code") {
            return Err(refuse("unsupported_response_type"));
        }
        if !words(take("scope")).contains(&"openid".to_owned()) {
            return Err(refuse("invalid_scope"));
        }
        let method = take("code_challenge_method");
        if request.code_challenge.len() != 43 || method.as_deref() != Some("S256") {
            return Err(refuse("invalid_request"));
        }
        let max_age = take("max_age")
            .map(|seconds| seconds.parse::<i64>())
            .transpose();
        let max_age = max_age.map_err(|_| refuse("invalid_request"))?;
        let (prompt, login_hint) = (words(take("prompt")), take("login_hint"));
        Ok(Self {
            request,
            prompt,
            max_age,
            login_hint,
        })
    }

    /// Recent enough for `max_age` (Core 3.1.2.1).
    fn is_fresh(&self, session: &Session, now: i64) -> bool {
        self.max_age
            .is_none_or(|max_age| now - session.auth_time <= max_age)
    }
}

fn back_with_code(world: &World, request: Request, session: Session) -> HttpResponse {
    match world.code(request.clone(), session) {
        Ok(code) => back(
            world,
            &request,
            Map::from_iter([("code".to_owned(), json!(code))]),
        ),
        Err(error) => page::problem(&world.title, &error.to_string()),
    }
}

fn back_with_error(world: &World, request: &Request, error: &str) -> HttpResponse {
    back(
        world,
        request,
        Map::from_iter([("error".to_owned(), json!(error))]),
    )
}

/// 303 to the client, with `state` and `iss` (RFC 9207), and never 307 (RFC 9700 4.12).
fn back(world: &World, request: &Request, mut parameters: Map<String, Value>) -> HttpResponse {
    parameters.insert("iss".to_owned(), json!(world.issuer()));
    if let Some(state) = &request.state {
        parameters.insert("state".to_owned(), json!(state));
    }
    let answer = Answer::new(Place::Callback, Value::Object(parameters));
    let answer = world.bend(answer, &request.client_id);
    match (answer, Url::parse(&request.redirect_uri)) {
        (Ok(answer), Ok(mut url)) => {
            url.query_pairs_mut().extend_pairs(answer.parameters());
            HttpResponse::SeeOther()
                .insert_header((header::LOCATION, url.as_str()))
                .insert_header((header::CACHE_CONTROL, "no-store"))
                .finish()
        }
        (Err(error), Ok(_) | Err(_)) => page::problem(&world.title, &error.to_string()),
        (Ok(_), Err(error)) => page::problem(&world.title, &error.to_string()),
    }
}
