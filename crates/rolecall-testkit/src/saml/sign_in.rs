//! A complete sign-in at the provider, for tests that need only the response.

use anyhow::{Context, Result};
use url::form_urlencoded;

use super::SamlProvider;
use super::message::OutgoingMessage;
use super::names::{ASSERTION, PROTOCOL};
use crate::browser::Browser;
use crate::xml::Element;

impl SamlProvider {
    /// The fields that the user's browser sends to the service provider in response to a request with this ID.
    ///
    /// # Errors
    /// If the service provider or the user is unknown.
    pub async fn response_fields(
        &self,
        service_provider: &str,
        request: &str,
        username: &str,
    ) -> Result<Vec<(String, String)>> {
        let sso = self.idp.at("/sso");
        let now = self.idp.now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let document = Element::new("samlp:AuthnRequest")
            .with("xmlns:samlp", PROTOCOL)
            .with("xmlns:saml", ASSERTION)
            .with("ID", request)
            .with("Version", "2.0")
            .with("IssueInstant", now)
            .with("Destination", &sso)
            .child(Element::new("saml:Issuer").text(service_provider));
        let outgoing = OutgoingMessage {
            document,
            is_request: true,
            relay_state: None,
            credential: None,
        };
        let mut browser = Browser::new()?;
        browser.open(&outgoing.redirect(&sso)?).await?;
        browser.sign_in_at_provider(username).await?;
        let visit = browser
            .visits()
            .last()
            .context("the browser did not send a request")?;
        let sent = visit.body.as_deref().or(visit.url.query());
        Ok(form_urlencoded::parse(sent.unwrap_or_default().as_bytes())
            .into_owned()
            .collect())
    }

    /// The field `SAMLResponse`.
    ///
    /// # Errors
    /// As for [`Self::response_fields`], or if the field is missing.
    pub async fn response_for(
        &self,
        service_provider: &str,
        request: &str,
        username: &str,
    ) -> Result<String> {
        let fields = self
            .response_fields(service_provider, request, username)
            .await?;
        let mut named = fields
            .into_iter()
            .filter(|(name, _)| name == "SAMLResponse");
        named
            .next()
            .map(|(_, value)| value)
            .context("no SAMLResponse")
    }
}
