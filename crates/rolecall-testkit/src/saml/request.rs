//! The authentication request (SAML Core 3.4.1): checked as a strict provider checks it.

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};

use super::ServiceProvider;
use super::message::Message;
use super::names::{POST, PROTOCOL};
use super::state::ProviderState;

/// How far a request's time may be from ours, either way.
const AGE_MAX: TimeDelta = TimeDelta::minutes(5);

/// A sign-in that is wanted.
#[derive(Clone, Debug)]
pub(super) struct SignInRequest {
    pub(super) service_provider: ServiceProvider,
    /// Where the answer goes.
    pub(super) consumer: String,
    /// `None` where nobody requested.
    pub(super) in_response_to: Option<String>,
    pub(super) relay_state: Option<String>,
    pub(super) force: bool,
    pub(super) passive: bool,
    /// `RequestedAuthnContext` with `Comparison="exact"`: one of these, or any where it is empty.
    pub(super) contexts: Vec<String>,
}

impl SignInRequest {
    /// What a message asks for.
    ///
    /// # Errors
    /// Says which part of the request is not as it must be.
    pub(super) fn parse(idp: &ProviderState, message: &Message) -> Result<Self> {
        let request = &message.document;
        ensure!(
            message.is_request && request.local_name() == "AuthnRequest",
            "no authentication request"
        );
        let service_provider = sender(idp, message, "/sso")?;
        let id = request.attribute("ID").context("a request has an ID")?;
        ensure!(id.len() >= 17, "an ID of less than 128 bits: `{id}`");
        let consumer = match request.attribute("AssertionConsumerServiceURL") {
            None => service_provider.consumers.first(),
            Some(requested) => {
                let mut known = service_provider.consumers.iter();
                Some(
                    known
                        .find(|known| known.as_str() == requested)
                        .with_context(|| {
                            format!(
                                "`{requested}` is no consumer of `{}`",
                                service_provider.entity_id
                            )
                        })?,
                )
            }
        };
        let consumer = consumer
            .context("a service provider without a consumer")?
            .clone();
        if let Some(binding) = request.attribute("ProtocolBinding") {
            ensure!(binding == POST, "answers go by POST, not by {binding}");
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

    /// A sign-in that the provider begins (Profiles 4.1.5).
    pub(super) fn idp_initiated(
        idp: &ProviderState,
        entity_id: &str,
        relay_state: Option<String>,
    ) -> Result<Self> {
        let service_provider = idp
            .service_provider(entity_id)
            .context("this application is not registered here")?;
        let consumer = service_provider.consumers.first();
        Ok(Self {
            consumer: consumer
                .context("a service provider without a consumer")?
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

/// Who sent a request, after what every request has is as it must be (Core 3.2.1), its signature included.
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
    ensure!(declared, "no message of the SAML protocol");
    ensure!(request.attribute("Version") == Some("2.0"), "not SAML 2.0");
    let issuer = request.find("Issuer").context("nobody sent it")?.own_text();
    let Some(service_provider) = idp.service_provider(&issuer) else {
        bail!("`{issuer}` is not registered here");
    };
    if message.is_signed() {
        message.verify(&service_provider.certificates)?;
    } else {
        ensure!(
            !idp.settings.wants_requests_signed,
            "requests are to be signed here"
        );
    }
    // Bindings 3.4.5.2 and 3.5.5.2: what is signed says where it goes.
    match request.attribute("Destination") {
        Some(destination) => ensure!(
            destination == idp.at(path),
            "it is for `{destination}`, not for us"
        ),
        None => ensure!(!message.is_signed(), "signed, and for nobody"),
    }
    let instant = request
        .attribute("IssueInstant")
        .context("no IssueInstant")?;
    ensure!(instant.ends_with('Z'), "`{instant}` is not UTC");
    let age = idp.now() - instant.parse::<DateTime<Utc>>()?;
    ensure!(age.abs() <= AGE_MAX, "it is from another time: {instant}");
    if let Some(relay_state) = &message.relay_state {
        ensure!(
            relay_state.len() <= 80,
            "a RelayState of more than 80 bytes"
        );
    }
    Ok(service_provider)
}
