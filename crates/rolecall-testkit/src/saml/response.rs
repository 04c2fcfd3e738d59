//! Responses to sign-in requests.

use actix_web::HttpResponse;
use anyhow::{Context, Result};
use chrono::TimeDelta;
use serde_json::Value;

use super::draft::{Assertion, Attribute, Authentication, Conditions, Confirmation, Draft, NameId};
use super::fault::FaultContext;
use super::names::{PASSWORD, REQUESTER, RESPONDER, SUCCESS, TWO_FACTORS};
use super::plan::Plan;
use super::request::SignInRequest;
use super::state::{ProviderState, Session};
use crate::oidc::Person;
use crate::page;
use crate::xml::Node;

/// Responds with an assertion.
pub(super) fn success(
    idp: &ProviderState,
    requested: &SignInRequest,
    session: &Session,
) -> Result<HttpResponse> {
    let person = idp
        .person(&session.username)
        .context("the user no longer exists")?;
    let context = authn_context(&person);
    if !requested.contexts.is_empty() && !requested.contexts.contains(&context) {
        return failure(idp, requested, "NoAuthnContext");
    }
    idp.change(|state| {
        for known in state.sessions.values_mut() {
            if known.index == session.index {
                known.at = Some(requested.service_provider.entity_id.clone());
            }
        }
    });
    let mut draft = blank(idp, requested, &[SUCCESS])?;
    draft.assertion = Some(assertion(idp, requested, session, &person)?);
    send(idp, requested, draft)
}

/// Responds with an error status. `code` is the second-level status code (Core 3.2.2.2).
pub(super) fn failure(
    idp: &ProviderState,
    requested: &SignInRequest,
    code: &str,
) -> Result<HttpResponse> {
    let top_level = if code == "NoAuthnContext" {
        REQUESTER
    } else {
        RESPONDER
    };
    let second_level = format!("urn:oasis:names:tc:SAML:2.0:status:{code}");
    let draft = blank(idp, requested, &[top_level, &second_level])?;
    send(idp, requested, draft)
}

fn send(idp: &ProviderState, requested: &SignInRequest, draft: Draft) -> Result<HttpResponse> {
    let credential = idp.credential()?;
    let mut plan = Plan::new(idp, requested, draft);
    let unmodified = plan.fields(&credential)?;
    let faults = idp.read(|state| state.faults.clone());
    if faults.is_empty() {
        return Ok(page::auto_post(
            idp.title(),
            &requested.consumer,
            "post",
            &unmodified,
        ));
    }
    let context = FaultContext {
        provider: &credential,
        unknown_key: &idp.unknown_key()?,
        canary: &idp.canary.url(),
        canary_file: &idp.canary_file.path(),
        consumer: &requested.consumer,
        recipient: requested.service_provider.encryption.as_ref(),
    };
    for fault in faults {
        fault.apply(&mut plan, &context)?;
    }
    let fields = plan.fields(&credential)?;
    let method = if plan.by_get { "get" } else { "post" };
    if fields != unmodified || plan.by_get {
        idp.change(|state| state.faulty_responses += 1);
    }
    Ok(page::auto_post(
        idp.title(),
        &requested.consumer,
        method,
        &fields,
    ))
}

fn blank(idp: &ProviderState, requested: &SignInRequest, status: &[&str]) -> Result<Draft> {
    Ok(Draft {
        id: idp.id()?,
        version: "2.0".to_owned(),
        issue_instant: idp.now(),
        destination: Some(recipient(requested)),
        in_response_to: requested.in_response_to.clone(),
        issuer: Some(idp.entity_id()),
        status: status.iter().map(|code| (*code).to_owned()).collect(),
        assertion: None,
    })
}

fn assertion(
    idp: &ProviderState,
    requested: &SignInRequest,
    session: &Session,
    person: &Person,
) -> Result<Assertion> {
    let (now, until) = (idp.now(), idp.now() + idp.lifetime());
    let session_lifetime = idp
        .settings
        .session_lifetime
        .map(TimeDelta::from_std)
        .transpose()?;
    let recipient = recipient(requested);
    Ok(Assertion {
        id: Some(idp.id()?),
        version: "2.0".to_owned(),
        issue_instant: now,
        issuer: Some(idp.entity_id()),
        name_id: Some(NameId {
            format: idp.settings.name_id_format.clone(),
            value: vec![Node::Text(name_id(idp, person))],
        }),
        confirmations: vec![Confirmation::bearer(
            &recipient,
            requested.in_response_to.clone(),
            until,
        )],
        conditions: Some(Conditions {
            not_before: Some(now - TimeDelta::seconds(30)),
            not_on_or_after: Some(until),
            audiences: vec![vec![requested.service_provider.entity_id.clone()]],
            more: Vec::new(),
        }),
        authentication: Some(Authentication {
            instant: session.since,
            session_index: session.index.clone(),
            session_not_on_or_after: session_lifetime.map(|lifetime| session.since + lifetime),
            context: authn_context(person),
        }),
        attributes: attributes(idp, requested, person),
    })
}

/// The `NameID` (Core 8.3): the email address if the format requires it.
pub(super) fn name_id(idp: &ProviderState, person: &Person) -> String {
    match idp.settings.name_id_format.as_str() {
        super::names::EMAIL_ADDRESS => person.email.clone(),
        _ => person.subject.clone(),
    }
}

/// The authentication context class of the user.
fn authn_context(person: &Person) -> String {
    let two_factors = person.amr.iter().any(|method| method == "mfa");
    let by_method = if two_factors { TWO_FACTORS } else { PASSWORD };
    person.acr.clone().unwrap_or_else(|| by_method.to_owned())
}

fn attributes(idp: &ProviderState, requested: &SignInRequest, person: &Person) -> Vec<Attribute> {
    let names = &idp.settings.attributes;
    let mut attributes = vec![
        Attribute::new(&names.email, [person.email.clone()]),
        Attribute::new(&names.name, [person.name.clone()]),
    ];
    if !person.groups.is_empty() {
        attributes.push(Attribute::new(&names.groups, person.groups.clone()));
    }
    for (name, value) in &person.claims {
        attributes.retain(|attribute| attribute.name != *name);
        attributes.push(Attribute::new(name, strings(value)));
    }
    for (name, values) in &requested.service_provider.attributes {
        let values = values.iter();
        let values: Vec<String> = values
            .map(|value| value.replace("{email}", &person.email))
            .collect();
        attributes.push(Attribute::new(name, values));
    }
    attributes
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(strings).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            vec![value.to_string()]
        }
    }
}

fn recipient(requested: &SignInRequest) -> String {
    let fixed = requested.service_provider.recipient.clone();
    fixed.unwrap_or_else(|| requested.consumer.clone())
}
