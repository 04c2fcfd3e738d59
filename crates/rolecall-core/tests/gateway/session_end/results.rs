//! The results of a flow, and which of them are still valid.

use std::sync::Arc;

use rolecall_core::aws_login::LoginExchange;
use rolecall_core::base::secret::{AuthorizationCode, RefreshToken, SessionSecret};
use rolecall_core::clients::StartedDeviceAuthorization;
use rolecall_core::session::ClientTokens;

use super::flows::Stage;
use crate::clients;
use crate::fixture::context;

/// The results of a flow.
#[derive(Default)]
pub struct FlowResults {
    pub(super) device: Option<Arc<StartedDeviceAuthorization>>,
    pub(super) code: Option<AuthorizationCode>,
    pub(super) tokens: Vec<ClientTokens>,
    pub(super) login: Option<LoginExchange>,
    pub(super) login_tokens: Vec<RefreshToken>,
    pub(super) secrets: Vec<SessionSecret>,
    /// The result for AWS: credentials, a link, or a SAML response.
    pub delivered: Option<String>,
}

impl FlowResults {
    pub(super) fn got<T: std::fmt::Debug, E>(&mut self, outcome: Result<T, E>) {
        self.delivered = outcome.ok().map(|delivered| format!("{delivered:?}"));
    }
}

impl FlowResults {
    /// The results that are still valid.
    pub async fn survivors(&self, stage: &Stage) -> Vec<&'static str> {
        let (fixture, known) = (&stage.fixture, &stage.known);
        let gateway = &fixture.gateway;
        let mut survivors = Vec::new();
        if let Some(started) = &self.device
            && self.tokens.is_empty()
            && clients::poll(fixture, known, started).await.is_ok()
        {
            survivors.push("device code");
        }
        if let Some(code) = &self.code
            && clients::redeem(gateway, known, code).await.is_ok()
        {
            survivors.push("authorization code");
        }
        if let Some(shown) = &self.login
            && stage.program.redeem(fixture, shown).await.is_ok()
        {
            survivors.push("code of aws login");
        }
        for tokens in &self.tokens {
            if clients::opens(fixture, tokens).await {
                survivors.push("access token");
            } else if gateway
                .clients()
                .refresh(&context(), &known.id, &tokens.refresh_token)
                .await
                .is_ok()
            {
                survivors.push("refresh token");
            }
        }
        for token in &self.login_tokens {
            if stage.program.refresh(fixture, token).await.is_ok() {
                survivors.push("refresh token of aws login");
            }
        }
        for secret in &self.secrets {
            if gateway.sessions().session(secret).await.unwrap().is_some() {
                survivors.push("cookie");
            }
        }
        survivors
    }
}
