//! A configured SAML provider: sign-in by the web browser profile (SAML Profiles 4.1), single logout (4.4), and our
//! metadata.

mod fair_queue;
mod service;
mod threads;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::base::secret::{SamlResponse, State};
use rolecall_core::base::{Clock, Entropy};
use rolecall_core::identity::{EmailDomain, Evidence, Identity, ProviderId};
use rolecall_core::sign_in::{
    AuthnRequirements, Callback, Challenge, Correlation, IdentityProvider, ProviderError,
    QueuePosition, RejectReason, SamlServiceProvider, VerifiedSignIn,
};
use serde::{Deserialize, Serialize};

use super::assertion::VerifiedAssertion;
use super::expectation::OwnedExpected;
use super::identity;
use super::identity_from_claims::identity_from_claims;
use super::logout::ExpectedParties;
use super::message::{OutgoingMessage, unavailable};
use super::own_keys::OwnKey;
use super::redirect::Message;
use super::request::{AuthnRequest, LogoutRequest, fresh_id, moment};
use super::settings::SamlSettings;
use super::source::ProviderMetadata;
use super::trust::{Binding, Endpoint, SamlTrust};
use super::verify;
use crate::idp::http::HttpClient;
use threads::Threads;

/// Lifetime of our logout requests.
const LOGOUT_REQUEST_LIFE: TimeDelta = TimeDelta::minutes(5);

/// A configured SAML provider.
pub struct SamlProvider {
    settings: SamlSettings,
    metadata: ProviderMetadata,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// Threads for responses to sign-ins and sign-outs that were started here.
    solicited: Threads,
    /// Threads for unsolicited messages, which must not block the others.
    unsolicited: Threads,
}

/// State that is kept during the redirect to the provider.
#[derive(Serialize, Deserialize)]
struct PendingSignIn {
    id: String,
    fresh: bool,
    #[serde(default)]
    second_factor: bool,
    at: DateTime<Utc>,
}

impl PendingSignIn {
    fn read(correlation: &Correlation) -> Result<Self, ProviderError> {
        Self::deserialize(&correlation.0).map_err(|_| {
            ProviderError::rejected(
                RejectReason::InResponseTo,
                "the sign-in was not started by this gateway",
            )
        })
    }
}

/// State that is kept until the provider responds to a logout request.
#[derive(Serialize, Deserialize)]
struct LogoutBegun {
    id: String,
}

impl SamlProvider {
    /// Builds the adapter; nothing is fetched yet.
    pub fn new(
        settings: SamlSettings,
        http: HttpClient,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            metadata: ProviderMetadata::new(&settings, http, Arc::clone(&clock)),
            settings,
            clock,
            entropy,
            solicited: Threads::all(),
            unsolicited: Threads::half(),
        }
    }

    /// The identity that these attributes would result in, if this provider had signed them. Only to explain the access
    /// policy.
    ///
    /// # Errors
    /// [`ProviderError::Rejected`], as at a sign-in.
    pub fn identity_from_claims(
        settings: &SamlSettings,
        attributes: &serde_json::Map<String, serde_json::Value>,
        now: DateTime<Utc>,
    ) -> Result<Identity, ProviderError> {
        identity_from_claims(settings, attributes, now)
    }

    /// Fetches the metadata as for a sign-in; returns warnings.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`].
    pub async fn probe(&self) -> Result<Vec<String>, ProviderError> {
        let trust = self.metadata.trust().await?;
        Ok(trust.warnings(self.clock.now()))
    }

    /// Verifies a response.
    async fn verified(
        &self,
        threads: &Threads,
        position: &QueuePosition,
        response: SamlResponse,
        expected: OwnedExpected,
    ) -> Result<VerifiedAssertion, ProviderError> {
        self.with_trust(
            threads,
            position,
            Arc::new((response, expected)),
            |work, trust, now| {
                let (response, expected) = work;
                expected.borrow_for(|expected| verify(response.expose(), trust, now, expected))
            },
        )
        .await
    }

    /// Runs CPU-bound work on a separate thread. If the provider signed with an unknown key, its metadata is fetched
    /// again once.
    async fn with_trust<W, T>(
        &self,
        threads: &Threads,
        position: &QueuePosition,
        work: Arc<W>,
        verify: fn(&W, &SamlTrust, DateTime<Utc>) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError>
    where
        W: Send + Sync + 'static,
        T: Send + 'static,
    {
        let now = self.clock.now();
        let attempt = async |trust: Arc<SamlTrust>| {
            let work = Arc::clone(&work);
            threads
                .run(position, move || verify(&work, &trust, now))
                .await?
        };
        let trust = self.metadata.trust().await?;
        let first = attempt(Arc::clone(&trust)).await;
        if !first.as_ref().is_err_and(is_of_signature) {
            return first;
        }
        match self.metadata.newer_than(&trust).await {
            Ok(Some(newer)) => attempt(newer).await,
            // The signature does not match the keys in the current metadata.
            Ok(None) | Err(_) => first,
        }
    }

    /// The expected values of a response for this gateway.
    fn for_us(&self, in_response_to: Option<String>) -> OwnedExpected {
        OwnedExpected {
            recipients: vec![self.settings.addresses.consumer.to_string()],
            audiences: vec![self.settings.addresses.entity_id.clone()],
            in_response_to,
            fresh_since: None,
        }
    }

    /// The expected values of a response to this sign-in.
    fn expected_of(&self, correlation: &Correlation) -> Result<OwnedExpected, ProviderError> {
        let begun = PendingSignIn::read(correlation)?;
        Ok(OwnedExpected {
            fresh_since: begun.fresh.then_some(begun.at),
            ..self.for_us(Some(begun.id))
        })
    }

    fn parties<'a>(&'a self, trust: &'a SamlTrust) -> ExpectedParties<'a> {
        ExpectedParties {
            provider: trust.entity_id(),
            destination: self.settings.addresses.logout.as_str(),
            now: self.clock.now(),
            leeway: trust.policy().leeway,
        }
    }

    /// The single logout endpoint of the provider. `None` if the gateway has no signing key, because all logout messages must be
    /// signed (Profiles 4.4.3.1).
    fn logout_endpoint<'a>(&'a self, trust: &'a SamlTrust) -> Option<(&'a Endpoint, &'a OwnKey)> {
        let endpoint = self.preferred(|binding| trust.single_logout(binding))?;
        Some((endpoint, self.logout_key()?))
    }

    fn logout_key(&self) -> Option<&OwnKey> {
        self.settings.signing_keys.first()
    }

    /// Chooses the configured binding, or otherwise HTTP-Redirect, if available, which needs neither a script nor a
    /// button.
    fn preferred<'a>(
        &self,
        place: impl Fn(Binding) -> Option<&'a Endpoint>,
    ) -> Option<&'a Endpoint> {
        match self.settings.request_binding {
            Some(binding) => place(binding),
            None => place(Binding::Redirect).or_else(|| place(Binding::Post)),
        }
    }

    /// The endpoint for sign-in requests.
    fn sign_in_endpoint<'a>(&self, trust: &'a SamlTrust) -> Result<&'a Endpoint, ProviderError> {
        let found = self.preferred(|binding| trust.single_sign_on(binding));
        found.ok_or_else(|| {
            let none = "the metadata of the provider has no SingleSignOnService with the configured saml.request_binding";
            ProviderError::Misconfigured(none.into())
        })
    }
}

fn is_of_signature(error: &ProviderError) -> bool {
    matches!(
        error,
        ProviderError::Rejected {
            reason: RejectReason::Signature,
            ..
        }
    )
}

#[async_trait]
impl IdentityProvider for SamlProvider {
    fn id(&self) -> &ProviderId {
        &self.settings.id
    }

    fn title(&self) -> &str {
        &self.settings.title
    }

    fn domains(&self) -> &[EmailDomain] {
        &self.settings.domains
    }

    async fn begin(
        &self,
        state: &State,
        requirements: &AuthnRequirements,
    ) -> Result<(Challenge, Correlation), ProviderError> {
        let trust = self.metadata.trust().await?;
        let endpoint = self.sign_in_endpoint(&trust)?;
        let now = self.clock.now();
        let step_up = &self.settings.step_up;
        let request = AuthnRequest {
            id: fresh_id(&*self.entropy),
            issued_at: moment(now),
            destination: endpoint.location.to_string(),
            consumer: self.settings.addresses.consumer.to_string(),
            issuer: self.settings.addresses.entity_id.clone(),
            force_authn: step_up.reauthenticates(requirements),
            name_id_format: self.settings.name_id_format.clone(),
            contexts: step_up.contexts(requirements).to_vec(),
        };
        let signs = self.settings.sign_requests || trust.wants_signed_requests();
        let outgoing = OutgoingMessage {
            message: Message::Request,
            relay_state: Some(state.expose()),
            key: self.settings.signing_keys.first().filter(|_| signs),
        };
        let challenge = outgoing.to(endpoint.binding, &endpoint.location, |key| {
            request.written(key)
        })?;
        let begun = PendingSignIn {
            id: request.id,
            fresh: request.force_authn,
            second_factor: requirements.second_factor,
            at: now,
        };
        let correlation = serde_json::to_value(&begun).map_err(unavailable)?;
        Ok((challenge, Correlation(correlation)))
    }

    async fn complete(
        &self,
        correlation: Correlation,
        callback: Callback,
    ) -> Result<VerifiedSignIn, ProviderError> {
        let Callback::Saml(response) = callback else {
            return Err(ProviderError::rejected(
                RejectReason::Malformed,
                "SAMLResponse is missing",
            ));
        };
        let expected = self.expected_of(&correlation)?;
        let verified = self
            .verified(
                &self.solicited,
                &QueuePosition::Priority,
                response,
                expected,
            )
            .await?;
        let context = verified.authn_context.clone();
        let mut signed_in = identity::verified_sign_in(&self.settings, verified)?;
        if PendingSignIn::read(&correlation)?.second_factor {
            identity::record_unconfirmed_mfa(&mut signed_in.identity, context);
        }
        Ok(signed_in)
    }

    async fn begin_sign_out(
        &self,
        identity: &Identity,
        state: &State,
    ) -> Option<(Challenge, Option<Correlation>)> {
        let Evidence::SamlAssertion {
            name_id: Some(name_id),
            session_index,
            ..
        } = &identity.evidence
        else {
            return None;
        };
        let trust = self.metadata.trust().await.ok()?;
        let (endpoint, key) = self.logout_endpoint(&trust)?;
        let now = self.clock.now();
        let request = LogoutRequest {
            id: fresh_id(&*self.entropy),
            issued_at: moment(now),
            expires_at: moment(now + LOGOUT_REQUEST_LIFE),
            destination: endpoint.location.to_string(),
            issuer: self.settings.addresses.entity_id.clone(),
            name_id,
            session_index: session_index.as_deref(),
        };
        let outgoing = OutgoingMessage {
            message: Message::Request,
            relay_state: Some(state.expose()),
            key: Some(key),
        };
        let challenge = outgoing.to(endpoint.binding, &endpoint.location, |key| {
            request.written(key)
        });
        let begun = serde_json::to_value(LogoutBegun { id: request.id });
        Some((challenge.ok()?, Some(Correlation(begun.ok()?))))
    }

    fn saml(&self) -> Option<&dyn SamlServiceProvider> {
        Some(self)
    }
}
