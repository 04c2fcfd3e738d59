//! The single sign-on service (SAML Profiles 4.1): reads the request, shows the sign-in form, sends the answer.

use std::collections::HashMap;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse, web};
use anyhow::Result;

use super::answer;
use super::message::{Binding, Message};
use super::request::Asked;
use super::world::{Session, World};
use crate::keys::random_text;
use crate::page;

type Fields = HashMap<String, String>;

/// `GET /sso`
pub(super) async fn by_redirect(world: web::Data<World>, http: HttpRequest) -> HttpResponse {
    let message = Message::read(Binding::Redirect, http.query_string());
    asked(&world, &http, message)
}

/// `POST /sso`
pub(super) async fn by_post(
    world: web::Data<World>,
    http: HttpRequest,
    body: String,
) -> HttpResponse {
    asked(&world, &http, Message::read(Binding::Post, &body))
}

/// `GET /start?sp=…[&RelayState=…]`: the provider begins.
pub(super) async fn unasked(
    world: web::Data<World>,
    http: HttpRequest,
    query: web::Query<Fields>,
) -> HttpResponse {
    world.hit("/start");
    let name = query.get("sp").map(String::as_str).unwrap_or_default();
    match Asked::unasked(&world, name, query.get("RelayState").cloned()) {
        Ok(asked) => proceed(&world, &http, asked),
        Err(error) => page::problem(world.title(), &format!("{error:#}")),
    }
}

/// `POST /sign-in`: the form comes back.
pub(super) async fn answer(world: web::Data<World>, form: web::Form<Fields>) -> HttpResponse {
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let id = field("request");
    let Some(asked) = world.read(|state| state.requests.get(id).cloned()) else {
        return page::problem(
            world.title(),
            "This sign-in form is used up. Go back to the application and start again.",
        );
    };
    if field("decision") == "cancel" {
        world.change(|state| state.requests.remove(id));
        return shown(&world, answer::refusal(&world, &asked, "RequestDenied"));
    }
    let username = field("username").trim();
    let username = username.strip_suffix("@example.com").unwrap_or(username);
    if world.person(username).is_none() {
        return form_for(&world, id, username, Some("Nobody by that name here."));
    }
    world.change(|state| state.requests.remove(id));
    shown(&world, sign_in(&world, &asked, username))
}

fn asked(world: &World, http: &HttpRequest, message: Result<Message>) -> HttpResponse {
    world.hit("/sso");
    match message.and_then(|message| Asked::parse(world, &message)) {
        Ok(asked) => proceed(world, http, asked),
        Err(error) => page::problem(world.title(), &format!("{error:#}")),
    }
}

/// Answers at once who is signed in already, unless they are to be asked again.
fn proceed(world: &World, http: &HttpRequest, asked: Asked) -> HttpResponse {
    let session = session(world, http).filter(|_| !asked.force);
    match session {
        Some(session) => shown(world, answer::answer(world, &asked, &session)),
        None if asked.passive => shown(world, answer::refusal(world, &asked, "NoPassive")),
        None => match random_text(16) {
            Ok(id) => {
                world.change(|state| state.requests.insert(id.clone(), asked));
                form_for(world, &id, "", None)
            }
            Err(error) => page::problem(world.title(), &error.to_string()),
        },
    }
}

fn sign_in(world: &World, asked: &Asked, username: &str) -> Result<HttpResponse> {
    let session = Session {
        username: username.to_owned(),
        since: world.now(),
        index: world.id()?,
        at: None,
    };
    let value = random_text(32)?;
    world.change(|state| state.sessions.insert(value.clone(), session.clone()));
    let mut response = answer::answer(world, asked, &session)?;
    let cookie = Cookie::build(world.cookie_name(), value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .finish();
    response.add_cookie(&cookie)?;
    Ok(response)
}

fn form_for(world: &World, request: &str, username: &str, trouble: Option<&str>) -> HttpResponse {
    page::SignIn {
        title: world.title(),
        action: &world.at("/sign-in"),
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

/// What came of it, or what went wrong.
pub(super) fn shown(world: &World, response: Result<HttpResponse>) -> HttpResponse {
    response.unwrap_or_else(|error| page::problem(world.title(), &format!("{error:#}")))
}
