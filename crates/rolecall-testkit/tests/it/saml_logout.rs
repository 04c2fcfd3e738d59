//! Single logout at the SAML provider, begun by either side.

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

use super::saml::{CONSUMER, ENTITY, certificates, problem, request, response, sending, sign_in};

const LOGOUT: &str = "https://sp.example/slo";

/// A provider with one service provider that signs and wants logout messages by `binding`; somebody is signed in.
async fn parting(
    binding: Binding,
) -> Result<(SamlProvider, Credential, Browser, Element, ManualClock)> {
    let clock = ManualClock::starting_now();
    let ours = Credential::generate(Algorithm::Rs256)?;
    let idp = SamlProvider::start(SamlSettings {
        service_providers: vec![ServiceProvider {
            certificates: vec![ours.certificate().clone()],
            logout: vec![(binding, LOGOUT.to_owned())],
            ..ServiceProvider::new(ENTITY, CONSUMER)
        }],
        clock: clock.clock(),
        ..SamlSettings::default()
    })?;
    let browser = sign_in(&idp, &clock.clock(), "alice").await?;
    let response = response(&browser)?;
    Ok((idp, ours, browser, response, clock))
}

/// The logout message that arrived, checked.
fn message(browser: &Browser, idp: &SamlProvider, binding: Binding) -> Result<Message> {
    let visit = browser.visits().last().context("it went nowhere")?;
    let mut bare = visit.url.clone();
    bare.set_query(None);
    ensure!(bare.as_str() == LOGOUT, "it went to {}", visit.url);
    let encoded = match binding {
        Binding::Redirect => visit.url.query(),
        Binding::Post => visit.body.as_deref(),
    };
    let message = Message::read(binding, encoded.context("nothing came")?)?;
    message.verify(&certificates(idp)?)?;
    Ok(message)
}

#[tokio::test]
async fn a_service_provider_signs_a_person_out() -> Result<()> {
    for binding in [Binding::Redirect, Binding::Post] {
        let (idp, ours, mut browser, response, clock) = parting(binding).await?;
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
        let sending = sending(document, Some(&ours));
        ensure!(idp.is_signed_in("alice"));
        let slo = format!("{}/slo", idp.url());
        match binding {
            Binding::Redirect => drop(browser.open(&sending.redirect(&slo)?).await?),
            Binding::Post => {
                let fields = sending.fields()?;
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
async fn a_person_signs_out_here_and_the_service_provider_is_asked() -> Result<()> {
    for binding in [Binding::Redirect, Binding::Post] {
        let (idp, ours, mut browser, _, clock) = parting(binding).await?;
        browser.open(&idp.sign_out_url()).await?;
        let asked = message(&browser, &idp, binding)?;
        ensure!(asked.is_request && asked.document.find("SessionIndex").is_some());
        let id = asked.document.attribute("ID").context("an ID")?;
        let code = Element::new("samlp:StatusCode").with("Value", SUCCESS);
        let mut document = request(&idp, &clock.clock());
        document.name = "samlp:LogoutResponse".to_owned();
        document.unset("AssertionConsumerServiceURL");
        document.set("Destination", format!("{}/slo", idp.url()));
        document.set("InResponseTo", id);
        document.append(Element::new("samlp:Status").child(code));
        let sending = OutgoingMessage {
            document,
            is_request: false,
            relay_state: None,
            credential: Some(&ours),
        };
        let answer = sending.redirect(&format!("{}/slo", idp.url()))?;
        let page = browser.open(&answer).await?;
        ensure!(page.text().contains("signed out"), "{}", page.text());
        // An answer counts once.
        ensure!(problem(&browser.open(&answer).await?).contains("nothing that we asked"));
    }
    Ok(())
}
