//! What `rolecalld check --online` asks a provider: its documents, its clock, and whether it takes the client's secret.

use chrono::TimeDelta;
use rolecall_core::base::secret::{SecretText, random_token};
use rolecall_core::sign_in::ProviderError;
use url::Url;

use super::client_authentication::{self, Credentials};
use super::metadata::{Metadata, discovery_url};
use super::token::{CodeExchange, ProbedClient};
use super::{OidcProvider, OidcSettings, auth_time, jws};
use crate::idp::cache::FetchError;
use crate::idp::clock_advice::clock_advice;
use crate::idp::probe::Probed;

/// A provider's clock that differs by more than this is told of, before the leeway is used up.
const CLOCK_DIFFERENCE_MAX: TimeDelta = TimeDelta::seconds(30);

impl OidcProvider {
    /// Fetches the provider's metadata and its keys, looks at its clock, and shows its token endpoint the client with a code
    /// that is none. Says what will not fit the settings.
    ///
    /// # Errors
    /// [`ProviderError`]
    pub async fn probe(&self) -> Result<Probed, ProviderError> {
        let metadata = self.metadata().await?;
        self.provider_keys(&metadata).current().await?;
        let mut probed = Probed::default();
        probed
            .warnings
            .extend(jws::remark(&self.settings, &metadata));
        probed
            .warnings
            .extend(client_authentication::remark(&self.settings, &metadata));
        probed
            .warnings
            .extend(auth_time::remark(&self.settings, &metadata));
        let discovery = discovery_url(&self.settings.issuer)?;
        probed.warnings.extend(self.clock_remark(&discovery).await);
        self.probe_client(&metadata, &mut probed).await?;
        Ok(probed)
    }

    async fn clock_remark(&self, url: &Url) -> Option<String> {
        let theirs = self.http.date(url).await.ok()??;
        let difference = theirs - self.clock.now();
        let (seconds, which) = (difference.num_seconds(), difference < TimeDelta::zero());
        let which = if which { "behind" } else { "ahead of" };
        (difference.abs() > CLOCK_DIFFERENCE_MAX).then(|| {
            format!(
                "the provider's clock is {} s {which} this machine's, and beyond the leeway nobody can sign in: {}",
                seconds.abs(),
                clock_advice(difference)
            )
        })
    }

    async fn probe_client(
        &self,
        metadata: &Metadata,
        probed: &mut Probed,
    ) -> Result<(), ProviderError> {
        let settings: &OidcSettings = &self.settings;
        if settings.client_secret.is_none() && settings.client_key.is_none() {
            return Ok(());
        }
        let unclear = |why: String| {
            format!("whether the provider takes the client's secret cannot be told: {why}")
        };
        match self.ask_about(settings, metadata).await? {
            ProbedClient::Refused(error) => return Err(error),
            ProbedClient::Unclear(error) => {
                probed.notes.push(unclear(told(&error)));
                return Ok(());
            }
            ProbedClient::Known => {}
        }
        // Some look at the code before the client: an answer says something only if a wrong secret gets another one.
        let wrong = OidcSettings {
            client_secret: Some(SecretText::new(random_token(&*self.entropy))),
            client_key: None,
            ..settings.clone()
        };
        let note = match settings.client_secret {
            None => "the provider takes the client's key, or looks at the code first".to_owned(),
            Some(_) => match self.ask_about(&wrong, metadata).await? {
                ProbedClient::Refused(_) => "the provider takes the client's secret".to_owned(),
                ProbedClient::Known => unclear("it says the same of a wrong one".to_owned()),
                ProbedClient::Unclear(error) => unclear(told(&error)),
            },
        };
        probed.notes.push(note);
        Ok(())
    }

    async fn ask_about(
        &self,
        settings: &OidcSettings,
        metadata: &Metadata,
    ) -> Result<ProbedClient, ProviderError> {
        let now = self.clock.now();
        let credentials = Credentials::for_request(settings, metadata, now, &*self.entropy)?;
        let made_up = || SecretText::new(random_token(&*self.entropy));
        let exchange = CodeExchange {
            endpoint: &metadata.token_endpoint,
            redirect_uri: &settings.redirect_uri,
            code: &made_up(),
            code_verifier: &made_up(),
            client_secret: settings.client_secret.as_ref(),
        };
        let asked = exchange.probe(&self.http, &credentials).await;
        Ok(asked.map_err(|error| FetchError::Document {
            what: "the token endpoint",
            url: metadata.token_endpoint.to_string(),
            error,
        })?)
    }
}

fn told(error: &ProviderError) -> String {
    match error {
        ProviderError::Misconfigured(source) | ProviderError::Unavailable(source) => {
            source.to_string()
        }
        ProviderError::Rejected { detail, .. } => detail.clone(),
        ProviderError::Refused { .. } => error.to_string(),
    }
}
