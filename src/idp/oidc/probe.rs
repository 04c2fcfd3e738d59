//! The tests of `rolecalld check --online` for a provider: documents, clock and client credentials.

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
use crate::idp::probe::ProbeReport;

/// A larger clock difference causes a warning, before the leeway is exceeded.
const CLOCK_DIFFERENCE_MAX: TimeDelta = TimeDelta::seconds(30);

impl OidcProvider {
    /// Fetches metadata and keys, compares the clock, and sends an invalid code to the token endpoint to test the
    /// client credentials. Returns warnings about the settings.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn probe(&self) -> Result<ProbeReport, ProviderError> {
        let metadata = self.metadata().await?;
        self.provider_keys(&metadata).current().await?;
        let mut report = ProbeReport::default();
        report
            .warnings
            .extend(jws::warning(&self.settings, &metadata));
        report
            .warnings
            .extend(client_authentication::warning(&self.settings, &metadata));
        report
            .warnings
            .extend(auth_time::warning(&self.settings, &metadata));
        let discovery = discovery_url(&self.settings.issuer)?;
        report.warnings.extend(self.clock_warning(&discovery).await);
        self.probe_client(&metadata, &mut report).await?;
        Ok(report)
    }

    async fn clock_warning(&self, url: &Url) -> Option<String> {
        let theirs = self.http.date(url).await.ok()??;
        let difference = theirs - self.clock.now();
        let (seconds, which) = (difference.num_seconds(), difference < TimeDelta::zero());
        let which = if which { "behind" } else { "ahead of" };
        (difference.abs() > CLOCK_DIFFERENCE_MAX).then(|| {
            format!(
                "the clock of the provider is {} s {which} the clock of this host; sign-ins fail if the difference exceeds the leeway: {}",
                seconds.abs(),
                clock_advice(difference)
            )
        })
    }

    async fn probe_client(
        &self,
        metadata: &Metadata,
        report: &mut ProbeReport,
    ) -> Result<(), ProviderError> {
        let settings: &OidcSettings = &self.settings;
        if settings.client_secret.is_none() && settings.client_key.is_none() {
            return Ok(());
        }
        let unclear = |reason: String| {
            format!("could not determine whether the provider accepts the client secret: {reason}")
        };
        match self.ask_about(settings, metadata).await? {
            ProbedClient::Refused(error) => return Err(error),
            ProbedClient::Unclear(error) => {
                report.notes.push(unclear(error_text(&error)));
                return Ok(());
            }
            ProbedClient::Known => {}
        }
        // Some providers check the code before the client. The result is conclusive only if a wrong secret gets another
        // one.
        let wrong = OidcSettings {
            client_secret: Some(SecretText::new(random_token(&*self.entropy))),
            client_key: None,
            ..settings.clone()
        };
        let note = match settings.client_secret {
            None => "the provider accepts the client key, or checks the code before the client"
                .to_owned(),
            Some(_) => match self.ask_about(&wrong, metadata).await? {
                ProbedClient::Refused(_) => "the provider accepts the client secret".to_owned(),
                ProbedClient::Known => {
                    unclear("it returns the same error for a wrong secret".to_owned())
                }
                ProbedClient::Unclear(error) => unclear(error_text(&error)),
            },
        };
        report.notes.push(note);
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
        let response = exchange.probe(&self.http, &credentials).await;
        Ok(response.map_err(|error| FetchError::Document {
            what: "the token endpoint",
            url: metadata.token_endpoint.to_string(),
            error,
        })?)
    }
}

fn error_text(error: &ProviderError) -> String {
    match error {
        ProviderError::Misconfigured(source) | ProviderError::Unavailable(source) => {
            source.to_string()
        }
        ProviderError::Rejected { detail, .. } => detail.clone(),
        ProviderError::Refused { .. } => error.to_string(),
    }
}
