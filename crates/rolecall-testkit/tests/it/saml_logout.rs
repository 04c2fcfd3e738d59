//! Single logout at the SAML provider, started by either side.

use anyhow::{Context, Result, ensure};
use rolecall_testkit::browser::Browser;
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::saml::names::SUCCESS;
use rolecall_testkit::saml::signature::Credential;
use rolecall_testkit::saml::{
    Binding, Message, OutgoingMessage, SamlProvider, SamlSettings, ServiceProvider,
};
use rolecall_testkit::xml::Element;

use super::saml::{
    CONSUMER, ENTITY, certificates, error_page, outgoing, request, response, sign_in,
};

const LOGOUT: &str = "https://sp.example/slo";

/// A provider with a signed-in user and one service provider that signs and receives logout messages by `binding`.
async fn signed_in(
    binding: Binding,
) -> Result<(SamlProvider, Credential, Browser, Element, ManualClock)> {
    let clock = ManualClock::starting_now();
    let key = Credential::generate(Algorithm::Rs256)?;
    let idp = SamlProvider::start(SamlSettings {
        service_providers: vec![ServiceProvider {
            certificates: vec![key.certificate().clone()],
            logout: vec![(binding, LOGOUT.to_owned())],
            ..ServiceProvider::new(ENTITY, CONSUMER)
        }],
        clock: clock.clock(),
        ..SamlSettings::default()
    })?;
    let browser = sign_in(&idp, &clock.clock(), "alice").await?;
    let response = response(&browser)?;
    Ok((idp, key, browser, response, clock))
}

/// The verified logout message that the browser sent.
fn message(browser: &Browser, idp: &SamlProvider, binding: Binding) -> Result<Message> {
    let visit = browser
        .visits()
        .last()
        .context("the browser did not send a request")?;
    let mut bare = visit.url.clone();
    bare.set_query(None);
    ensure!(
        bare.as_str() == LOGOUT,
        "the browser sent a request to {}",
        visit.url
    );
    let encoded = match binding {
        Binding::Redirect => visit.url.query(),
        Binding::Post => visit.body.as_deref(),
    };
    let message = Message::read(binding, encoded.context("the request has no message")?)?;
    message.verify(&certificates(idp)?)?;
    Ok(message)
}

#[tokio::test]
async fn service_provider_signs_user_out() -> Result<()> {
    for binding in [Binding::Redirect, Binding::Post] {
        let (idp, key, mut browser, response, clock) = signed_in(binding).await?;
        let assertion = response.find("Assertion").context("an assertion")?;
        let name = assertion
            .at(&["Subject", "NameID"])
            .context("a name")?
            .clone();
        let index = assertion
            .find("AuthnStatement")
            .and_then(|one| one.attribute("SessionIndex"));
        let mut document = request(&idp, &clock.clock());
        document.name = "samlp:LogoutRequest".to_owned();
        document.unset("AssertionConsumerServiceURL");
        document.set("Destination", format!("{}/slo", idp.url()));
        document.append(name);
        document.append(Element::new("samlp:SessionIndex").text(index.context("an index")?));
        let outgoing = outgoing(document, Some(&key));
        ensure!(idp.is_signed_in("alice"));
        let slo = format!("{}/slo", idp.url());
        match binding {
            Binding::Redirect => drop(browser.open(&outgoing.redirect(&slo)?).await?),
            Binding::Post => {
                let fields = outgoing.fields()?;
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                browser
                    .submit_cross_site_form("https://sp.example/", &slo, &fields)
                    .await?;
            }
        }
        ensure!(!idp.is_signed_in("alice"));
        let answer = message(&browser, &idp, binding)?;
        ensure!(!answer.is_request && answer.relay_state.as_deref() == Some("relay & state"));
        ensure!(
            answer.document.attribute("InResponseTo") == Some("_0123456789abcdef0123456789abcdef")
        );
    }
    Ok(())
}

#[tokio::test]
async fn provider_sends_logout_request() -> Result<()> {
    for binding in [Binding::Redirect, Binding::Post] {
        let (idp, key, mut browser, _, clock) = signed_in(binding).await?;
        browser.open(&idp.sign_out_url()).await?;
        let received = message(&browser, &idp, binding)?;
        ensure!(received.is_request && received.document.find("SessionIndex").is_some());
        let id = received.document.attribute("ID").context("an ID")?;
        let code = Element::new("samlp:StatusCode").with("Value", SUCCESS);
        let mut document = request(&idp, &clock.clock());
        document.name = "samlp:LogoutResponse".to_owned();
        document.unset("AssertionConsumerServiceURL");
        document.set("Destination", format!("{}/slo", idp.url()));
        document.set("InResponseTo", id);
        document.append(Element::new("samlp:Status").child(code));
        let outgoing = OutgoingMessage {
            document,
            is_request: false,
            relay_state: None,
            credential: Some(&key),
        };
        let answer = outgoing.redirect(&format!("{}/slo", idp.url()))?;
        let page = browser.open(&answer).await?;
        ensure!(page.text().contains("signed out"), "{}", page.text());
        // A response is accepted once.
        ensure!(error_page(&browser.open(&answer).await?).contains("no pending logout request"));
    }
    Ok(())
}
