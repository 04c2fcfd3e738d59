//! Single logout (SAML Profiles 4.4), started by either side, by Redirect and POST, for one service provider per session.

use actix_web::cookie::Cookie;
use actix_web::{HttpRequest, HttpResponse, web};
use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;

use super::ServiceProvider;
use super::draft::{format_time, issuer, message as blank};
use super::fault::LogoutMessage;
use super::message::{Binding, Message, OutgoingMessage};
use super::names::SUCCESS;
use super::request::sender;
use super::response::name_id;
use super::sso::page_or_error;
use super::state::ProviderState;
use crate::page;
use crate::xml::Element;

/// `GET /slo`.
pub(super) async fn by_redirect(idp: web::Data<ProviderState>, http: HttpRequest) -> HttpResponse {
    let message = Message::read(Binding::Redirect, http.query_string());
    page_or_error(&idp, handle_message(&idp, Binding::Redirect, message))
}

/// `POST /slo`.
pub(super) async fn by_post(idp: web::Data<ProviderState>, body: String) -> HttpResponse {
    let message = Message::read(Binding::Post, &body);
    page_or_error(&idp, handle_message(&idp, Binding::Post, message))
}

/// `GET /sign-out`: signs the user out and sends a logout request to the service provider.
pub(super) async fn sign_out(idp: web::Data<ProviderState>, http: HttpRequest) -> HttpResponse {
    idp.hit("/sign-out");
    let mut response = page_or_error(&idp, request_logout(&idp, &http));
    let mut removal = Cookie::build(idp.cookie_name(), "").path("/").finish();
    removal.make_removal();
    match response.add_cookie(&removal) {
        Ok(()) => response,
        Err(error) => page::error_page(idp.title(), &error.to_string()),
    }
}

/// Processes a message of a service provider.
fn handle_message(
    idp: &ProviderState,
    binding: Binding,
    message: Result<Message>,
) -> Result<HttpResponse> {
    idp.hit("/slo");
    let message = message?;
    let service_provider = sender(idp, &message, "/slo")?;
    let name = message.document.local_name().to_owned();
    if message.is_request && name == "LogoutRequest" {
        return respond(idp, binding, &message, &service_provider);
    }
    ensure!(
        !message.is_request && name == "LogoutResponse",
        "`{name}` is not a logout message"
    );
    let requested = message
        .document
        .attribute("InResponseTo")
        .unwrap_or_default();
    let known = idp.change(|state| {
        let index = state.pending_logouts.iter().position(|id| id == requested);
        index.map(|index| state.pending_logouts.remove(index))
    });
    ensure!(
        known.is_some(),
        "no pending logout request has the ID `{requested}`"
    );
    let status = message.document.at(&["Status", "StatusCode"]);
    let status = status
        .and_then(|code| code.attribute("Value"))
        .unwrap_or_default();
    ensure!(
        status == SUCCESS,
        "the service provider returned the status {status}"
    );
    Ok(page::signed_out(idp.title()))
}

/// Ends the sessions in a request and responds.
fn respond(
    idp: &ProviderState,
    binding: Binding,
    message: &Message,
    service_provider: &ServiceProvider,
) -> Result<HttpResponse> {
    let request = &message.document;
    let subject = request
        .find("NameID")
        .context("the request has no NameID")?
        .own_text();
    let indexes: Vec<_> = request
        .elements()
        .filter(|element| element.local_name() == "SessionIndex")
        .map(Element::own_text)
        .collect();
    let people = idp.read(|state| state.people.clone());
    let person = people.iter().find(|person| name_id(idp, person) == subject);
    let person = person.with_context(|| format!("unknown user `{subject}`"))?;
    idp.change(|state| {
        state.sessions.retain(|_, session| {
            session.username != person.username
                || !(indexes.is_empty() || indexes.contains(&session.index))
        });
    });
    let status = Element::new("samlp:StatusCode").with("Value", SUCCESS);
    let response = blank("samlp:LogoutResponse", &idp.id()?, idp.now())
        .with_some("InResponseTo", request.attribute("ID"))
        .child(issuer(&idp.entity_id()))
        .child(Element::new("samlp:Status").child(status));
    send(
        idp,
        service_provider,
        Some(binding),
        LogoutParts {
            document: response,
            is_request: false,
            relay_state: message.relay_state.as_deref(),
        },
    )
}

/// Sends a logout request to the service provider of the browser's session.
fn request_logout(idp: &ProviderState, http: &HttpRequest) -> Result<HttpResponse> {
    let cookie = http
        .cookie(&idp.cookie_name())
        .context("this browser has no session")?;
    let session = idp.change(|state| state.sessions.remove(cookie.value()));
    let session = session.context("this browser has no session")?;
    let Some(service_provider) = session.at.and_then(|name| idp.service_provider(&name)) else {
        return Ok(page::signed_out(idp.title()));
    };
    let person = idp
        .person(&session.username)
        .context("the user no longer exists")?;
    let id = idp.id()?;
    idp.change(|state| state.pending_logouts.push(id.clone()));
    let until = idp.now() + TimeDelta::minutes(5);
    let name = Element::new("saml:NameID")
        .with("Format", &idp.settings.name_id_format)
        .text(name_id(idp, &person));
    let request = blank("samlp:LogoutRequest", &id, idp.now())
        .with("NotOnOrAfter", format_time(until))
        .child(issuer(&idp.entity_id()))
        .child(name)
        .child(Element::new("samlp:SessionIndex").text(session.index));
    send(
        idp,
        &service_provider,
        idp.settings.logout_binding,
        LogoutParts {
            document: request,
            is_request: true,
            relay_state: None,
        },
    )
}

/// The parts of a message that differ between requests and responses.
struct LogoutParts<'a> {
    document: Element,
    is_request: bool,
    relay_state: Option<&'a str>,
}

/// Sends a message by the preferred binding if the service provider supports it.
fn send(
    idp: &ProviderState,
    service_provider: &ServiceProvider,
    preferred: Option<Binding>,
    parts: LogoutParts<'_>,
) -> Result<HttpResponse> {
    let mut services = service_provider.logout.iter();
    let service = services
        .clone()
        .find(|(binding, _)| Some(*binding) == preferred);
    let (binding, endpoint) = service
        .or(services.next())
        .context("the service provider does not support single logout")?;
    let mut document = parts.document;
    document.set("Destination", endpoint);
    let mut message = LogoutMessage {
        document,
        credential: Some(idp.credential()?),
        altered: false,
    };
    for fault in idp.read(|state| state.faults.clone()) {
        message = fault.apply_to_logout(message, idp)?;
    }
    if message.altered {
        idp.change(|state| state.faulty_responses += 1);
    }
    let outgoing = OutgoingMessage {
        document: message.document,
        is_request: parts.is_request,
        relay_state: parts.relay_state,
        credential: message.credential.as_ref(),
    };
    outgoing.send(*binding, endpoint, idp.title())
}
