//! The SAML-specific part of the provider port: metadata, held and unsolicited responses, single logout.

use std::sync::Arc;

use async_trait::async_trait;
use rolecall_core::base::secret::SamlResponse;
use rolecall_core::sign_in::{
    BrowserDelivery, Challenge, Correlation, LogoutMessage, PackedResponse, ProviderError,
    QueuePosition, RejectReason, ResponseForAws, SamlServiceProvider, VerifiedLogoutRequest,
    VerifiedSignIn,
};
use url::Url;

use super::super::checks;
use super::super::guard::decoded;
use super::super::logout::{self, ResponseState};
use super::super::message::{IncomingMessage, OutgoingMessage, response_url};
use super::super::redirect::Message;
use super::super::request::{self, LogoutResponse, fresh_id, moment};
use super::super::trust::{Binding, SamlTrust};
use super::super::{for_aws, held, identity};
use super::threads::Threads;
use super::{LogoutBegun, SamlProvider};

impl SamlProvider {
    /// Verifies the signature of a logout message.
    async fn incoming(
        &self,
        threads: &Threads,
        position: &QueuePosition,
        message: LogoutMessage,
    ) -> Result<(IncomingMessage, Arc<SamlTrust>), ProviderError> {
        let incoming = self
            .with_trust(threads, position, Arc::new(message), |message, trust, _| {
                IncomingMessage::verified(message, trust.keys())
            })
            .await?;
        Ok((incoming, self.metadata.trust().await?))
    }
}

#[async_trait]
impl SamlServiceProvider for SamlProvider {
    fn metadata(&self) -> Result<String, ProviderError> {
        request::metadata(&self.settings, self.clock.now())
    }

    async fn verify_and_pack(
        &self,
        correlation: &Correlation,
        response: SamlResponse,
        position: &QueuePosition,
    ) -> Result<PackedResponse, ProviderError> {
        let expected = self.expected_of(correlation)?;
        self.verified(&self.solicited, position, response.clone(), expected)
            .await?;
        self.pack(&response)
    }

    fn pack(&self, response: &SamlResponse) -> Result<PackedResponse, ProviderError> {
        held::packed(&decoded(response.expose())?)
    }

    fn unpack(&self, packed: &PackedResponse) -> Result<SamlResponse, ProviderError> {
        held::unpacked(packed)
    }

    async fn complete_unsolicited(
        &self,
        response: SamlResponse,
        position: &QueuePosition,
    ) -> Result<VerifiedSignIn, ProviderError> {
        if !self.settings.allow_idp_initiated {
            let reason = match has_in_response_to(&response) {
                true => checks::NO_RELAY_STATE,
                false => "unsolicited response: saml.allow_idp_initiated is not set",
            };
            return Err(ProviderError::rejected(RejectReason::Unsolicited, reason));
        }
        let expected = self.for_us(None);
        let verified = self
            .verified(&self.unsolicited, position, response, expected)
            .await?;
        identity::verified_sign_in(&self.settings, verified)
    }

    fn aws_application_url(&self) -> Option<Url> {
        let application = self.settings.aws.as_ref()?;
        Some(application.start.clone())
    }

    async fn verify_for_aws(
        &self,
        response: SamlResponse,
        position: &QueuePosition,
    ) -> Result<ResponseForAws, ProviderError> {
        let Some(application) = &self.settings.aws else {
            return Err(ProviderError::rejected(
                RejectReason::Unsolicited,
                "no application for AWS: saml.aws is not set for this provider",
            ));
        };
        let expected = for_aws::expectation(application);
        for_aws::read(
            self.verified(&self.unsolicited, position, response, expected)
                .await?,
        )
    }

    async fn verify_logout_request(
        &self,
        message: LogoutMessage,
        position: &QueuePosition,
    ) -> Result<VerifiedLogoutRequest, ProviderError> {
        let (incoming, trust) = self.incoming(&self.unsolicited, position, message).await?;
        logout::read_request(incoming, &self.parties(&trust))
    }

    async fn logout_response(
        &self,
        request: &VerifiedLogoutRequest,
        by: BrowserDelivery,
    ) -> Option<Challenge> {
        let trust = self.metadata.trust().await.ok()?;
        let in_frame = match by {
            BrowserDelivery::Navigation => None,
            BrowserDelivery::Frame => trust.single_logout(Binding::Redirect),
        };
        let (endpoint, key) = match in_frame {
            Some(endpoint) => (endpoint, self.logout_key()?),
            None => self.logout_endpoint(&trust)?,
        };
        let to = response_url(endpoint);
        let response_state: ResponseState =
            serde_json::from_value(request.response_state.0.clone()).ok()?;
        let response = LogoutResponse {
            id: fresh_id(&*self.entropy),
            in_response_to: &response_state.id,
            issued_at: moment(self.clock.now()),
            destination: to.to_string(),
            issuer: self.settings.addresses.entity_id.clone(),
        };
        let outgoing = OutgoingMessage {
            message: Message::Response,
            relay_state: response_state.relay_state.as_deref(),
            key: Some(key),
        };
        let challenge = outgoing.to(endpoint.binding, to, |key| response.written(key));
        challenge.ok()
    }

    async fn verify_logout_response(
        &self,
        correlation: Correlation,
        message: LogoutMessage,
        position: &QueuePosition,
    ) -> Result<(), ProviderError> {
        let begun: LogoutBegun = serde_json::from_value(correlation.0).map_err(|_| {
            ProviderError::rejected(
                RejectReason::InResponseTo,
                "the sign-out was not started by this gateway",
            )
        })?;
        let (incoming, trust) = self.incoming(&self.solicited, position, message).await?;
        logout::read_response(&incoming, &begun.id, &self.parties(&trust))
    }
}

/// Whether an unverified response has `InResponseTo`. Only for the log, never for a decision.
fn has_in_response_to(response: &SamlResponse) -> bool {
    decoded(response.expose()).is_ok_and(|text| text.contains("InResponseTo="))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn solicited_and_unsolicited_responses_are_distinguished() {
        let names = |xml: &str| has_in_response_to(&SamlResponse::new(STANDARD.encode(xml)));
        assert!(names("<Response InResponseTo=\"_1\"/>"));
        assert!(!names("<Response/>"));
        assert!(!has_in_response_to(&SamlResponse::new("InResponseTo=")));
    }
}
