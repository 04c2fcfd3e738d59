//! The SAML provider: an honest flow by hand, and its refusals. Its signatures are checked with its own verifier here, and
//! with other people's where those are installed.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rolecall_testkit::browser::{Browser, Page};
use rolecall_testkit::clock::{Clock, ManualClock};
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::saml::names::{ASSERTION, PROTOCOL};
use rolecall_testkit::saml::signature::{self, Credential};
use rolecall_testkit::saml::{
    OutgoingMessage, SamlProvider, SamlSettings, ServiceProvider, SignedElements,
};
use rolecall_testkit::xml::Element;
use url::form_urlencoded;

/// Not on this machine: the browser stops there, and what it would have posted is in its history.
pub(super) const CONSUMER: &str = "https://sp.example/acs";
pub(super) const ENTITY: &str = "https://sp.example/metadata";

pub(super) fn settings() -> SamlSettings {
    SamlSettings {
        service_providers: vec![ServiceProvider::new(ENTITY, CONSUMER)],
        ..SamlSettings::default()
    }
}

pub(super) fn request(idp: &SamlProvider, clock: &Clock) -> Element {
    Element::new("samlp:AuthnRequest")
        .with("xmlns:samlp", PROTOCOL)
        .with("xmlns:saml", ASSERTION)
        .with("ID", "_0123456789abcdef0123456789abcdef")
        .with("Version", "2.0")
        .with(
            "IssueInstant",
            clock().format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        )
        .with("Destination", format!("{}/sso", idp.url()))
        .with("AssertionConsumerServiceURL", CONSUMER)
        .child(Element::new("saml:Issuer").text(ENTITY))
}

pub(super) fn sending(document: Element, credential: Option<&Credential>) -> OutgoingMessage<'_> {
    OutgoingMessage {
        document,
        is_request: true,
        relay_state: Some("relay & state"),
        credential,
    }
}

/// The fields that arrived at the consumer.
pub(super) fn arrived(browser: &Browser) -> Result<Vec<(String, String)>> {
    let visit = browser.visits().last().context("it went nowhere")?;
    ensure!(visit.url.as_str() == CONSUMER, "it went to {}", visit.url);
    let body = visit.body.as_deref().context("nothing was posted")?;
    Ok(form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect())
}

pub(super) fn response(browser: &Browser) -> Result<Element> {
    let fields = arrived(browser)?;
    ensure!(fields[1] == ("RelayState".to_owned(), "relay & state".to_owned()));
    let document = String::from_utf8(STANDARD.decode(&fields[0].1)?)?;
    Element::parse(&document)
}

pub(super) fn problem(page: &Page) -> String {
    match page.status() {
        Some(status) if status == 400 => page.text(),
        _ => format!("no problem: {}", page.text()),
    }
}

pub(super) async fn sign_in(idp: &SamlProvider, clock: &Clock, username: &str) -> Result<Browser> {
    let mut browser = Browser::new()?;
    let url = sending(request(idp, clock), None).redirect(&format!("{}/sso", idp.url()))?;
    browser.open(&url).await?;
    browser.sign_in_at_provider(username).await?;
    Ok(browser)
}

#[tokio::test]
async fn a_person_is_told_about_and_what_is_said_is_signed() -> Result<()> {
    for (signed, algorithm) in [
        (SignedElements::Response, Algorithm::Rs256),
        (SignedElements::Assertion, Algorithm::Es256),
        (SignedElements::Both, Algorithm::Rs256),
    ] {
        let clock = ManualClock::starting_now().clock();
        let idp = SamlProvider::start(SamlSettings {
            signed,
            keys: vec![algorithm],
            clock: clock.clone(),
            ..settings()
        })?;
        let browser = sign_in(&idp, &clock, "alice").await?;
        let response = response(&browser)?;
        ensure!(response.attribute("Destination") == Some(CONSUMER));
        let asked = Some("_0123456789abcdef0123456789abcdef");
        ensure!(response.attribute("InResponseTo") == asked);
        let assertion = response.find("Assertion").context("an assertion")?;
        let name_id = assertion.at(&["Subject", "NameID"]).context("a name")?;
        ensure!(name_id.own_text() == "00u-alice");
        let groups = assertion.find("AttributeStatement").context("attributes")?;
        let groups = groups
            .elements()
            .find(|one| one.attribute("Name") == Some("groups"));
        let groups: Vec<_> = groups
            .context("groups")?
            .elements()
            .map(Element::own_text)
            .collect();
        ensure!(groups == ["platform", "payments-dev"]);

        let certificates = certificates(&idp)?;
        let outer = signature::verify(&response, &[], &certificates);
        let inner = signature::verify(assertion, &[&response], &certificates);
        ensure!(
            outer.is_ok() == (signed != SignedElements::Assertion),
            "{outer:?}"
        );
        ensure!(
            inner.is_ok() == (signed != SignedElements::Response),
            "{inner:?}"
        );
    }
    Ok(())
}

pub(super) fn certificates(idp: &SamlProvider) -> Result<Vec<openssl::x509::X509>> {
    certificates_of(&idp.metadata()?)
}

pub(super) fn certificates_of(metadata: &str) -> Result<Vec<openssl::x509::X509>> {
    let metadata = Element::parse(metadata)?;
    let role = metadata.find("IDPSSODescriptor").context("a role")?;
    let keys = role
        .elements()
        .filter(|element| element.local_name() == "KeyDescriptor");
    keys.map(|key| {
        let certificate = key.at(&["KeyInfo", "X509Data", "X509Certificate"]);
        let text = certificate.context("a certificate")?.own_text();
        let text: String = text.split_whitespace().collect();
        Ok(openssl::x509::X509::from_der(&STANDARD.decode(text)?)?)
    })
    .collect()
}

#[tokio::test]
async fn requests_are_read_strictly_by_either_binding() -> Result<()> {
    let clock = ManualClock::starting_now().clock();
    let ours = Credential::generate(Algorithm::Rs256)?;
    let theirs = Credential::generate(Algorithm::Rs256)?;
    let mut sp = ServiceProvider::new(ENTITY, CONSUMER);
    sp.certificates = vec![ours.certificate().clone()];
    let idp = SamlProvider::start(SamlSettings {
        service_providers: vec![sp],
        clock: clock.clone(),
        wants_requests_signed: true,
        ..settings()
    })?;
    let sso = format!("{}/sso", idp.url());
    let other = |name: &str, value: &str| {
        let mut request = request(&idp, &clock);
        request.set(name, value);
        request
    };
    let cases = [
        (request(&idp, &clock), Some(&ours), None),
        (request(&idp, &clock), None, Some("signed")),
        (
            request(&idp, &clock),
            Some(&theirs),
            Some("certificates made this"),
        ),
        (
            other("Destination", CONSUMER),
            Some(&ours),
            Some("not for us"),
        ),
        (
            other("IssueInstant", "2020-01-01T00:00:00Z"),
            Some(&ours),
            Some("another time"),
        ),
        (
            other("AssertionConsumerServiceURL", "https://evil.example/"),
            Some(&ours),
            Some("no consumer"),
        ),
        (other("Version", "1.1"), Some(&ours), Some("2.0")),
        (other("ID", "_1"), Some(&ours), Some("128")),
    ];
    for (document, credential, trouble) in cases {
        let sending = sending(document, credential);
        let fields = sending.fields()?;
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let by_redirect = Browser::new()?.open(&sending.redirect(&sso)?).await?;
        let by_post = Browser::new()?
            .submit_cross_site_form("https://sp.example/", &sso, &fields)
            .await?;
        for page in [by_redirect, by_post] {
            match trouble {
                None => ensure!(
                    !page.select("#testkit-sign-in")?.is_empty(),
                    "{}",
                    page.text()
                ),
                Some(trouble) => ensure!(
                    problem(&page).contains(trouble),
                    "{trouble}: {}",
                    problem(&page)
                ),
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_person_is_asked_once_unless_the_request_says_again() -> Result<()> {
    let clock = ManualClock::starting_now();
    let idp = SamlProvider::start(SamlSettings {
        clock: clock.clock(),
        ..settings()
    })?;
    let sso = format!("{}/sso", idp.url());
    let mut browser = sign_in(&idp, &clock.clock(), "bob").await?;
    let instant = |browser: &Browser| -> Result<String> {
        let response = response(browser)?;
        let statement = response
            .at(&["Assertion", "AuthnStatement"])
            .context("a statement")?;
        Ok(statement
            .attribute("AuthnInstant")
            .context("an instant")?
            .to_owned())
    };
    let first = instant(&browser)?;
    clock.advance(std::time::Duration::from_secs(60));
    let again = request(&idp, &clock.clock());
    browser
        .open(&sending(again.clone(), None).redirect(&sso)?)
        .await?;
    ensure!(instant(&browser)? == first);
    let forced = again.clone().with("ForceAuthn", "true");
    browser.open(&sending(forced, None).redirect(&sso)?).await?;
    browser.sign_in_at_provider("bob").await?;
    ensure!(instant(&browser)? != first);
    // What cannot be done is said.
    let context = Element::new("saml:AuthnContextClassRef").text("urn:example:blood");
    let stronger = again.child(Element::new("samlp:RequestedAuthnContext").child(context));
    browser
        .open(&sending(stronger, None).redirect(&sso)?)
        .await?;
    let refused = response(&browser)?;
    ensure!(refused.find("Assertion").is_none());
    let code = refused
        .at(&["Status", "StatusCode", "StatusCode"])
        .context("a code")?;
    ensure!(
        code.attribute("Value")
            .is_some_and(|code| code.ends_with(":NoAuthnContext"))
    );
    ensure!(signature::verify(&refused, &[], &certificates(&idp)?).is_ok());
    Ok(())
}

#[tokio::test]
async fn the_provider_can_begin() -> Result<()> {
    let idp = SamlProvider::start(settings())?;
    let mut browser = Browser::new()?;
    browser
        .open(&idp.idp_initiated_url(ENTITY, Some("relay & state")))
        .await?;
    browser.sign_in_at_provider("carol").await?;
    ensure!(response(&browser)?.attribute("InResponseTo").is_none());
    Ok(())
}

#[tokio::test]
async fn a_new_key_signs_and_the_old_one_is_announced_or_gone() -> Result<()> {
    let clock = ManualClock::starting_now().clock();
    let idp = SamlProvider::start(SamlSettings {
        clock: clock.clone(),
        ..settings()
    })?;
    let old = certificates(&idp)?;
    for (announce, left) in [(true, 2), (false, 1)] {
        idp.rotate_keys(announce)?;
        ensure!(certificates(&idp)?.len() == left);
        let response = response(&sign_in(&idp, &clock, "alice").await?)?;
        let assertion = response.find("Assertion").context("an assertion")?;
        ensure!(signature::verify(assertion, &[&response], &old).is_err());
        ensure!(signature::verify(assertion, &[&response], &certificates(&idp)?).is_ok());
    }
    Ok(())
}
