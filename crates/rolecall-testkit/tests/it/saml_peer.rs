//! pysaml2 and xmlsec1, which nobody here wrote, and the testkit's own idea of canonical XML, signatures and encryption:
//! what one of them writes, the other reads.

use anyhow::{Context, Result, ensure};
use openssl::x509::X509;
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::browser::Browser;
use rolecall_testkit::clock;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::oidc::Person;
use rolecall_testkit::python::SamlPeer;
use rolecall_testkit::saml::encryption::{Content, Encryption};
use rolecall_testkit::saml::names::{DSIG, METADATA, POST, PROTOCOL};
use rolecall_testkit::saml::signature::{self, Credential};
use rolecall_testkit::saml::{SamlProvider, SignedElements};
use rolecall_testkit::xml::Element;

use super::saml::{CONSUMER, ENTITY, certificates_of, request, response, sending, settings};

/// What a service provider with this key would publish.
fn metadata(credential: &Credential) -> Result<String> {
    let key = |usage: &str| {
        let key_info = credential.key_info()?.with("xmlns:ds", DSIG);
        Ok::<_, anyhow::Error>(
            Element::new("md:KeyDescriptor")
                .with("use", usage)
                .child(key_info),
        )
    };
    let consumer = Element::new("md:AssertionConsumerService")
        .with("Binding", POST)
        .with("Location", CONSUMER)
        .with("index", "0");
    let role = Element::new("md:SPSSODescriptor")
        .with("AuthnRequestsSigned", "true")
        .with("protocolSupportEnumeration", PROTOCOL)
        .child(key("signing")?)
        .child(key("encryption")?)
        .child(consumer);
    let entity = Element::new("md:EntityDescriptor").with("xmlns:md", METADATA);
    Ok(entity.with("entityID", ENTITY).child(role).write())
}

#[tokio::test]
async fn each_reads_what_the_other_signs_and_encrypts() -> Result<()> {
    if PYTHON_PEERS.path().is_none() {
        return Ok(());
    }
    for (signed, content) in [
        (SignedElements::Response, None),
        (SignedElements::Assertion, None),
        (SignedElements::Both, None),
        (SignedElements::Assertion, Some(Content::Aes256Gcm)),
        (SignedElements::Response, Some(Content::Aes128Cbc)),
    ] {
        let ours = Credential::generate(Algorithm::Rs256)?;
        let peer = SamlPeer::start(Person::samples(), signed, content).await?;
        peer.register(&metadata(&ours)?).await?;
        let idp = SamlProvider::start(settings())?;
        let mut document = request(&idp, &clock::system());
        document.set("Destination", peer.at("/sso"));
        let sending = sending(document, Some(&ours));
        let mut browser = Browser::new()?;
        // By Redirect, then by POST: the same form, and either signature is one that pysaml2 has to verify.
        let by_redirect = browser.open(&sending.redirect(&peer.at("/sso"))?).await?;
        ensure!(!by_redirect.select("form")?.is_empty(), "{}", peer.output());
        let fields = sending.fields()?;
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let page = browser
            .submit_cross_site_form("https://sp.example/", &peer.at("/sso"), &fields)
            .await?;
        ensure!(!page.select("form")?.is_empty(), "{}", peer.output());
        browser
            .submit("form", &[("username", "alice"), ("password", "any")])
            .await?;
        let response = response(&browser).with_context(|| peer.output())?;
        let certificates: Vec<X509> = certificates_of(&peer.metadata().await?)?;
        let opened = match content {
            None => None,
            Some(content) => {
                let hidden = response
                    .find("EncryptedAssertion")
                    .context("nothing is encrypted")?;
                let plain = Encryption::with(content).decrypt(hidden, ours.key().private_key())?;
                Some(Element::parse(&plain)?)
            }
        };
        let assertion = opened
            .as_ref()
            .or(response.find("Assertion"))
            .context("an assertion")?;
        let name = assertion.at(&["Subject", "NameID"]).context("a name")?;
        ensure!(name.own_text() == "00u-alice");
        let outer = signature::verify(&response, &[], &certificates);
        let inner = signature::verify(assertion, &[&response], &certificates);
        ensure!(
            outer.is_ok() == (signed != SignedElements::Assertion),
            "{signed:?} {content:?}: {outer:?}"
        );
        ensure!(
            inner.is_ok() == (signed != SignedElements::Response),
            "{signed:?} {content:?}: {inner:?}"
        );
    }
    Ok(())
}
