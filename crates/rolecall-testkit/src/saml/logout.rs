//! Single logout (SAML Profiles 4.4), begun by either side, by Redirect and POST. One service provider per session is told.

use actix_web::cookie::Cookie;
use actix_web::{HttpRequest, HttpResponse, web};
use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;

use super::ServiceProvider;
use super::answer::name_id;
use super::draft::{issuer, message as blank, written};
use super::fault::Parting;
use super::message::{Binding, Message, Sending};
use super::names::SUCCESS;
use super::request::sender;
use super::sso::shown;
use super::world::World;
use crate::page;
use crate::xml::Element;

/// `GET /slo`
pub(super) async fn by_redirect(world: web::Data<World>, http: HttpRequest) -> HttpResponse {
    let message = Message::read(Binding::Redirect, http.query_string());
    shown(&world, came(&world, Binding::Redirect, message))
}

/// `POST /slo`
pub(super) async fn by_post(world: web::Data<World>, body: String) -> HttpResponse {
    let message = Message::read(Binding::Post, &body);
    shown(&world, came(&world, Binding::Post, message))
}

/// `GET /sign-out`: the person signs out here, and the service provider is told.
pub(super) async fn begin(world: web::Data<World>, http: HttpRequest) -> HttpResponse {
    world.hit("/sign-out");
    let mut response = shown(&world, ask(&world, &http));
    let mut gone = Cookie::build(world.cookie_name(), "").path("/").finish();
    gone.make_removal();
    match response.add_cookie(&gone) {
        Ok(()) => response,
        Err(error) => page::problem(world.title(), &error.to_string()),
    }
}

/// A message of a service provider's.
fn came(world: &World, binding: Binding, message: Result<Message>) -> Result<HttpResponse> {
    world.hit("/slo");
    let message = message?;
    let service_provider = sender(world, &message, "/slo")?;
    let name = message.document.local_name().to_owned();
    if message.is_request && name == "LogoutRequest" {
        return answer(world, binding, &message, &service_provider);
    }
    ensure!(
        !message.is_request && name == "LogoutResponse",
        "`{name}` is no logout message"
    );
    let asked = message
        .document
        .attribute("InResponseTo")
        .unwrap_or_default();
    let known = world.change(|state| {
        let place = state.partings.iter().position(|id| id == asked);
        place.map(|place| state.partings.remove(place))
    });
    ensure!(
        known.is_some(),
        "it answers nothing that we asked: `{asked}`"
    );
    let status = message.document.at(&["Status", "StatusCode"]);
    let status = status
        .and_then(|code| code.attribute("Value"))
        .unwrap_or_default();
    ensure!(
        status == SUCCESS,
        "the application could not sign out: {status}"
    );
    Ok(page::signed_out(world.title()))
}

/// Ends the sessions that a request names, and says so.
fn answer(
    world: &World,
    binding: Binding,
    message: &Message,
    service_provider: &ServiceProvider,
) -> Result<HttpResponse> {
    let request = &message.document;
    let named = request
        .find("NameID")
        .context("nobody is named")?
        .own_text();
    let indexes: Vec<_> = request
        .elements()
        .filter(|element| element.local_name() == "SessionIndex")
        .map(Element::own_text)
        .collect();
    let people = world.read(|state| state.people.clone());
    let person = people.iter().find(|person| name_id(world, person) == named);
    let person = person.with_context(|| format!("`{named}` is nobody"))?;
    world.change(|state| {
        state.sessions.retain(|_, session| {
            session.username != person.username
                || !(indexes.is_empty() || indexes.contains(&session.index))
        });
    });
    let status = Element::new("samlp:StatusCode").with("Value", SUCCESS);
    let response = blank("samlp:LogoutResponse", &world.id()?, world.now())
        .with_some("InResponseTo", request.attribute("ID"))
        .child(issuer(&world.entity_id()))
        .child(Element::new("samlp:Status").child(status));
    send(
        world,
        service_provider,
        Some(binding),
        Leaving {
            document: response,
            is_request: false,
            relay_state: message.relay_state.as_deref(),
        },
    )
}

/// Asks the service provider of this browser's session to end its own.
fn ask(world: &World, http: &HttpRequest) -> Result<HttpResponse> {
    let cookie = http
        .cookie(&world.cookie_name())
        .context("nobody is signed in here")?;
    let session = world.change(|state| state.sessions.remove(cookie.value()));
    let session = session.context("nobody is signed in here")?;
    let Some(service_provider) = session.at.and_then(|name| world.service_provider(&name)) else {
        return Ok(page::signed_out(world.title()));
    };
    let person = world
        .person(&session.username)
        .context("the person is gone")?;
    let id = world.id()?;
    world.change(|state| state.partings.push(id.clone()));
    let until = world.now() + TimeDelta::minutes(5);
    let name = Element::new("saml:NameID")
        .with("Format", &world.settings.name_id_format)
        .text(name_id(world, &person));
    let request = blank("samlp:LogoutRequest", &id, world.now())
        .with("NotOnOrAfter", written(until))
        .child(issuer(&world.entity_id()))
        .child(name)
        .child(Element::new("samlp:SessionIndex").text(session.index));
    send(
        world,
        &service_provider,
        world.settings.logout_binding,
        Leaving {
            document: request,
            is_request: true,
            relay_state: None,
        },
    )
}

/// A message about to be sent.
struct Leaving<'a> {
    document: Element,
    is_request: bool,
    relay_state: Option<&'a str>,
}

/// Sends it where the service provider wants it, by the binding that is wished for, where it has that one.
fn send(
    world: &World,
    service_provider: &ServiceProvider,
    wished: Option<Binding>,
    leaving: Leaving<'_>,
) -> Result<HttpResponse> {
    let mut services = service_provider.logout.iter();
    let service = services
        .clone()
        .find(|(binding, _)| Some(*binding) == wished);
    let (binding, endpoint) = service
        .or(services.next())
        .context("it wants no logout messages")?;
    let mut document = leaving.document;
    document.set("Destination", endpoint);
    let mut parting = Parting {
        document,
        credential: Some(world.credential()?),
        altered: false,
    };
    for fault in world.read(|state| state.faults.clone()) {
        parting = fault.part(parting, world)?;
    }
    if parting.altered {
        world.change(|state| state.faulty_answers += 1);
    }
    let sending = Sending {
        document: parting.document,
        is_request: leaving.is_request,
        relay_state: leaving.relay_state,
        credential: parting.credential.as_ref(),
    };
    sending.send(*binding, endpoint, world.title())
}
