//! Interoperability of the testkit's canonicalization, signatures and encryption with pysaml2 and xmlsec1.

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

use super::saml::{CONSUMER, ENTITY, certificates_of, outgoing, request, response, settings};

/// Metadata of a service provider with this key.
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
async fn pysaml2_and_testkit_interoperate() -> Result<()> {
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
        let key = Credential::generate(Algorithm::Rs256)?;
        let peer = SamlPeer::start(Person::samples(), signed, content).await?;
        peer.register(&metadata(&key)?).await?;
        let idp = SamlProvider::start(settings())?;
        let mut document = request(&idp, &clock::system());
        document.set("Destination", peer.at("/sso"));
        let outgoing = outgoing(document, Some(&key));
        let mut browser = Browser::new()?;
        // By Redirect, then by POST: pysaml2 verifies the signature and shows the same form.
        let by_redirect = browser.open(&outgoing.redirect(&peer.at("/sso"))?).await?;
        ensure!(!by_redirect.select("form")?.is_empty(), "{}", peer.output());
        let fields = outgoing.fields()?;
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
        let decrypted = match content {
            None => None,
            Some(content) => {
                let encrypted = response
                    .find("EncryptedAssertion")
                    .context("the response has no encrypted assertion")?;
                let plain =
                    Encryption::with(content).decrypt(encrypted, key.key().private_key())?;
                Some(Element::parse(&plain)?)
            }
        };
        let assertion = decrypted
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
