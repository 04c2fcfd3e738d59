//! The answer to a sign-in: what an honest provider would say.

use actix_web::HttpResponse;
use anyhow::{Context, Result};
use chrono::TimeDelta;
use serde_json::Value;

use super::draft::{Assertion, Attribute, Authentication, Conditions, Confirmation, Draft, NameId};
use super::fault::Facts;
use super::names::{PASSWORD, REQUESTER, RESPONDER, SUCCESS, TWO_FACTORS};
use super::plan::Plan;
use super::request::Asked;
use super::world::{Session, World};
use crate::oidc::Person;
use crate::page;
use crate::xml::Node;

/// Sends the person back, signed in.
pub(super) fn answer(world: &World, asked: &Asked, session: &Session) -> Result<HttpResponse> {
    let person = world
        .person(&session.username)
        .context("the person is gone")?;
    let context = context(&person);
    if !asked.contexts.is_empty() && !asked.contexts.contains(&context) {
        return refusal(world, asked, "NoAuthnContext");
    }
    world.change(|state| {
        for known in state.sessions.values_mut() {
            if known.index == session.index {
                known.at = Some(asked.service_provider.entity_id.clone());
            }
        }
    });
    let mut draft = blank(world, asked, &[SUCCESS])?;
    draft.assertion = Some(assertion(world, asked, session, &person)?);
    send(world, asked, draft)
}

/// Sends the person back with a status that is no success: its second-level code (Core 3.2.2.2).
pub(super) fn refusal(world: &World, asked: &Asked, code: &str) -> Result<HttpResponse> {
    let first = if code == "NoAuthnContext" {
        REQUESTER
    } else {
        RESPONDER
    };
    let second = format!("urn:oasis:names:tc:SAML:2.0:status:{code}");
    let draft = blank(world, asked, &[first, &second])?;
    send(world, asked, draft)
}

fn send(world: &World, asked: &Asked, draft: Draft) -> Result<HttpResponse> {
    let credential = world.credential()?;
    let mut plan = Plan::new(world, asked, draft);
    let honest = plan.fields(&credential)?;
    let faults = world.read(|state| state.faults.clone());
    if faults.is_empty() {
        return Ok(page::passing_on(
            world.title(),
            &asked.consumer,
            "post",
            &honest,
        ));
    }
    let facts = Facts {
        honest: &credential,
        stranger: &world.stranger()?,
        canary: &world.canary.url(),
        trap: &world.trap.path(),
        consumer: &asked.consumer,
        recipient: asked.service_provider.encryption.as_ref(),
    };
    for fault in faults {
        fault.apply(&mut plan, &facts)?;
    }
    let fields = plan.fields(&credential)?;
    let method = if plan.by_get { "get" } else { "post" };
    if fields != honest || plan.by_get {
        world.change(|state| state.faulty_answers += 1);
    }
    Ok(page::passing_on(
        world.title(),
        &asked.consumer,
        method,
        &fields,
    ))
}

fn blank(world: &World, asked: &Asked, status: &[&str]) -> Result<Draft> {
    Ok(Draft {
        id: world.id()?,
        version: "2.0".to_owned(),
        issue_instant: world.now(),
        destination: Some(recipient(asked)),
        in_response_to: asked.in_response_to.clone(),
        issuer: Some(world.entity_id()),
        status: status.iter().map(|code| (*code).to_owned()).collect(),
        assertion: None,
    })
}

fn assertion(
    world: &World,
    asked: &Asked,
    session: &Session,
    person: &Person,
) -> Result<Assertion> {
    let (now, until) = (world.now(), world.now() + world.lifetime());
    let session_lifetime = world
        .settings
        .session_lifetime
        .map(TimeDelta::from_std)
        .transpose()?;
    let recipient = recipient(asked);
    Ok(Assertion {
        id: Some(world.id()?),
        version: "2.0".to_owned(),
        issue_instant: now,
        issuer: Some(world.entity_id()),
        name_id: Some(NameId {
            format: world.settings.name_id_format.clone(),
            value: vec![Node::Text(name_id(world, person))],
        }),
        confirmations: vec![Confirmation::bearer(
            &recipient,
            asked.in_response_to.clone(),
            until,
        )],
        conditions: Some(Conditions {
            not_before: Some(now - TimeDelta::seconds(30)),
            not_on_or_after: Some(until),
            audiences: vec![vec![asked.service_provider.entity_id.clone()]],
            more: Vec::new(),
        }),
        authentication: Some(Authentication {
            instant: session.since,
            session_index: session.index.clone(),
            session_not_on_or_after: session_lifetime.map(|lifetime| session.since + lifetime),
            context: context(person),
        }),
        attributes: attributes(world, asked, person),
    })
}

/// What the person is called (Core 8.3): the address where the format asks for one.
pub(super) fn name_id(world: &World, person: &Person) -> String {
    match world.settings.name_id_format.as_str() {
        super::names::EMAIL_ADDRESS => person.email.clone(),
        _ => person.subject.clone(),
    }
}

/// How the person proved who they are.
fn context(person: &Person) -> String {
    let two_factors = person.amr.iter().any(|method| method == "mfa");
    let by_method = if two_factors { TWO_FACTORS } else { PASSWORD };
    person.acr.clone().unwrap_or_else(|| by_method.to_owned())
}

fn attributes(world: &World, asked: &Asked, person: &Person) -> Vec<Attribute> {
    let names = &world.settings.attributes;
    let mut attributes = vec![
        Attribute::new(&names.email, [person.email.clone()]),
        Attribute::new(&names.name, [person.name.clone()]),
    ];
    if !person.groups.is_empty() {
        attributes.push(Attribute::new(&names.groups, person.groups.clone()));
    }
    for (name, value) in &person.claims {
        attributes.retain(|attribute| attribute.name != *name);
        attributes.push(Attribute::new(name, texts(value)));
    }
    for (name, values) in &asked.service_provider.attributes {
        attributes.push(Attribute::new(name, values.clone()));
    }
    attributes
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            vec![value.to_string()]
        }
    }
}

fn recipient(asked: &Asked) -> String {
    let elsewhere = asked.service_provider.recipient.clone();
    elsewhere.unwrap_or_else(|| asked.consumer.clone())
}
