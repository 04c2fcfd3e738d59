//! Strict validation of authentication requests (SAML Core 3.4.1).

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};

use super::ServiceProvider;
use super::message::Message;
use super::names::{POST, PROTOCOL};
use super::state::ProviderState;

/// Maximum difference between the time of a request and the clock.
const AGE_MAX: TimeDelta = TimeDelta::minutes(5);

/// A requested sign-in.
#[derive(Clone, Debug)]
pub(super) struct SignInRequest {
    pub(super) service_provider: ServiceProvider,
    /// URL of the assertion consumer service.
    pub(super) consumer: String,
    /// ID of the request; `None` for an IdP-initiated sign-in.
    pub(super) in_response_to: Option<String>,
    pub(super) relay_state: Option<String>,
    pub(super) force: bool,
    pub(super) passive: bool,
    /// `RequestedAuthnContext` with `Comparison="exact"`: accepted classes; empty for any.
    pub(super) contexts: Vec<String>,
}

impl SignInRequest {
    /// Parses an `AuthnRequest`.
    ///
    /// # Errors
    /// If a part of the request is not valid.
    pub(super) fn parse(idp: &ProviderState, message: &Message) -> Result<Self> {
        let request = &message.document;
        ensure!(
            message.is_request && request.local_name() == "AuthnRequest",
            "not an AuthnRequest"
        );
        let service_provider = sender(idp, message, "/sso")?;
        let id = request.attribute("ID").context("the request has no ID")?;
        ensure!(id.len() >= 17, "the ID has less than 128 bits: `{id}`");
        let consumer = match request.attribute("AssertionConsumerServiceURL") {
            None => service_provider.consumers.first(),
            Some(requested) => {
                let mut known = service_provider.consumers.iter();
                Some(
                    known
                        .find(|known| known.as_str() == requested)
                        .with_context(|| {
                            format!(
                                "`{requested}` is not an assertion consumer service of `{}`",
                                service_provider.entity_id
                            )
                        })?,
                )
            }
        };
        let consumer = consumer
            .context("the service provider has no assertion consumer service")?
            .clone();
        if let Some(binding) = request.attribute("ProtocolBinding") {
            ensure!(
                binding == POST,
                "responses are sent by POST, not by {binding}"
            );
        }
        let is_true = |name| matches!(request.attribute(name), Some("true" | "1"));
        let contexts = request.find("RequestedAuthnContext");
        let contexts =
            contexts.map(|contexts| contexts.elements().map(|element| element.own_text()));
        Ok(Self {
            consumer,
            in_response_to: Some(id.to_owned()),
            relay_state: message.relay_state.clone(),
            force: is_true("ForceAuthn"),
            passive: is_true("IsPassive"),
            contexts: contexts.into_iter().flatten().collect(),
            service_provider,
        })
    }

    /// An IdP-initiated sign-in (Profiles 4.1.5).
    pub(super) fn idp_initiated(
        idp: &ProviderState,
        entity_id: &str,
        relay_state: Option<String>,
    ) -> Result<Self> {
        let service_provider = idp
            .service_provider(entity_id)
            .context("this application is not registered")?;
        let consumer = service_provider.consumers.first();
        Ok(Self {
            consumer: consumer
                .context("the service provider has no assertion consumer service")?
                .clone(),
            in_response_to: None,
            relay_state,
            force: false,
            passive: false,
            contexts: Vec::new(),
            service_provider,
        })
    }
}

/// Validates the parts common to all requests (Core 3.2.1), including the signature, and returns the sender.
pub(super) fn sender(
    idp: &ProviderState,
    message: &Message,
    path: &str,
) -> Result<ServiceProvider> {
    let request = &message.document;
    let declared = request
        .attributes
        .iter()
        .any(|(name, value)| name.starts_with("xmlns") && value == PROTOCOL);
    ensure!(declared, "not a message of the SAML protocol");
    ensure!(
        request.attribute("Version") == Some("2.0"),
        "the Version is not 2.0"
    );
    let issuer = request
        .find("Issuer")
        .context("the message has no Issuer")?
        .own_text();
    let Some(service_provider) = idp.service_provider(&issuer) else {
        bail!("`{issuer}` is not registered");
    };
    if message.is_signed() {
        message.verify(&service_provider.certificates)?;
    } else {
        ensure!(
            !idp.settings.wants_requests_signed,
            "requests must be signed"
        );
    }
    // Bindings 3.4.5.2 and 3.5.5.2: a signed message must have a Destination.
    match request.attribute("Destination") {
        Some(destination) => ensure!(
            destination == idp.at(path),
            "the Destination `{destination}` is not this endpoint"
        ),
        None => ensure!(
            !message.is_signed(),
            "the message is signed, but has no Destination"
        ),
    }
    let instant = request
        .attribute("IssueInstant")
        .context("no IssueInstant")?;
    ensure!(instant.ends_with('Z'), "`{instant}` is not UTC");
    let age = idp.now() - instant.parse::<DateTime<Utc>>()?;
    ensure!(
        age.abs() <= AGE_MAX,
        "the IssueInstant {instant} is too far from the current time"
    );
    if let Some(relay_state) = &message.relay_state {
        ensure!(
            relay_state.len() <= 80,
            "the RelayState has more than 80 bytes"
        );
    }
    Ok(service_provider)
}
