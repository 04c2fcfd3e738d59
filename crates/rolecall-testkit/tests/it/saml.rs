//! The SAML provider without faults: sign-in and errors. Signatures are verified with the testkit; `saml_peer` uses a
//! third-party implementation.

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

/// Not on this machine, so that the browser stops there with the form in its history.
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

pub(super) fn outgoing(document: Element, credential: Option<&Credential>) -> OutgoingMessage<'_> {
    OutgoingMessage {
        document,
        is_request: true,
        relay_state: Some("relay & state"),
        credential,
    }
}

/// The form fields that the browser posted to the assertion consumer service.
pub(super) fn posted_fields(browser: &Browser) -> Result<Vec<(String, String)>> {
    let visit = browser
        .visits()
        .last()
        .context("the browser did not send a request")?;
    ensure!(
        visit.url.as_str() == CONSUMER,
        "the browser sent a request to {}",
        visit.url
    );
    let body = visit.body.as_deref().context("the request has no form")?;
    Ok(form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect())
}

pub(super) fn response(browser: &Browser) -> Result<Element> {
    let fields = posted_fields(browser)?;
    ensure!(fields[1] == ("RelayState".to_owned(), "relay & state".to_owned()));
    let document = String::from_utf8(STANDARD.decode(&fields[0].1)?)?;
    Element::parse(&document)
}

pub(super) fn error_page(page: &Page) -> String {
    match page.status() {
        Some(status) if status == 400 => page.text(),
        _ => format!("no error page: {}", page.text()),
    }
}

pub(super) async fn sign_in(idp: &SamlProvider, clock: &Clock, username: &str) -> Result<Browser> {
    let mut browser = Browser::new()?;
    let url = outgoing(request(idp, clock), None).redirect(&format!("{}/sso", idp.url()))?;
    browser.open(&url).await?;
    browser.sign_in_at_provider(username).await?;
    Ok(browser)
}

#[tokio::test]
async fn assertion_has_claims_and_valid_signature() -> Result<()> {
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
        let request_id = Some("_0123456789abcdef0123456789abcdef");
        ensure!(response.attribute("InResponseTo") == request_id);
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
async fn invalid_requests_are_rejected_by_both_bindings() -> Result<()> {
    let clock = ManualClock::starting_now().clock();
    let registered = Credential::generate(Algorithm::Rs256)?;
    let unknown = Credential::generate(Algorithm::Rs256)?;
    let mut sp = ServiceProvider::new(ENTITY, CONSUMER);
    sp.certificates = vec![registered.certificate().clone()];
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
        (request(&idp, &clock), Some(&registered), None),
        (request(&idp, &clock), None, Some("signed")),
        (
            request(&idp, &clock),
            Some(&unknown),
            Some("does not match any of"),
        ),
        (
            other("Destination", CONSUMER),
            Some(&registered),
            Some("is not this endpoint"),
        ),
        (
            other("IssueInstant", "2020-01-01T00:00:00Z"),
            Some(&registered),
            Some("too far from the current time"),
        ),
        (
            other("AssertionConsumerServiceURL", "https://evil.example/"),
            Some(&registered),
            Some("is not an assertion consumer service"),
        ),
        (other("Version", "1.1"), Some(&registered), Some("2.0")),
        (other("ID", "_1"), Some(&registered), Some("128")),
    ];
    for (document, credential, expected) in cases {
        let outgoing = outgoing(document, credential);
        let fields = outgoing.fields()?;
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let by_redirect = Browser::new()?.open(&outgoing.redirect(&sso)?).await?;
        let by_post = Browser::new()?
            .submit_cross_site_form("https://sp.example/", &sso, &fields)
            .await?;
        for page in [by_redirect, by_post] {
            match expected {
                None => ensure!(
                    !page.select("#testkit-sign-in")?.is_empty(),
                    "{}",
                    page.text()
                ),
                Some(expected) => ensure!(
                    error_page(&page).contains(expected),
                    "{expected}: {}",
                    error_page(&page)
                ),
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn session_is_reused_unless_authentication_is_forced() -> Result<()> {
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
        .open(&outgoing(again.clone(), None).redirect(&sso)?)
        .await?;
    ensure!(instant(&browser)? == first);
    let forced = again.clone().with("ForceAuthn", "true");
    browser
        .open(&outgoing(forced, None).redirect(&sso)?)
        .await?;
    browser.sign_in_at_provider("bob").await?;
    ensure!(instant(&browser)? != first);
    // An unsupported authentication context is an error.
    let context = Element::new("saml:AuthnContextClassRef").text("urn:example:blood");
    let stronger = again.child(Element::new("samlp:RequestedAuthnContext").child(context));
    browser
        .open(&outgoing(stronger, None).redirect(&sso)?)
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
async fn idp_initiated_sign_in_posts_response() -> Result<()> {
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
async fn rotated_key_is_announced_or_removed() -> Result<()> {
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
