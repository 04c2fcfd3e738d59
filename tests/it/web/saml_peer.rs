//! Interoperability with the identity provider of pysaml2, which signs with xmlsec1: all signature variants, encrypted
//! assertions, requests by Redirect and POST, and single logout initiated by either side.

use std::io::Write as _;

use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::oidc::Person;
use rolecall_testkit::python::SamlPeer;
use rolecall_testkit::saml::SignedElements;
use rolecall_testkit::saml::encryption::Content;
use tempfile::NamedTempFile;

use super::saml::key_file;
use super::saml_logout::sign_out;
use super::*;

/// A stack whose second provider, `peer`, is pysaml2.
async fn stack(
    signed: SignedElements,
    content: Option<Content>,
    binding: &str,
) -> Result<(Fixture, SamlPeer)> {
    let peer = SamlPeer::start(Person::samples(), signed, content).await?;
    let mut metadata = NamedTempFile::new()?;
    metadata.write_all(peer.metadata().await?.as_bytes())?;
    let (file, key) = (metadata.path().display(), key_file()?);
    let more = format!(
        "[[provider]]\nid = \"peer\"\ntitle = \"pysaml2\"\ndomains = [\"example.com\"]\n\
         [provider.saml]\nmetadata = {{ file = \"{file}\" }}\nsigning_keys = [{{ file = \"{key}\" }}]\n\
         encryption_keys = [{{ file = \"{key}\" }}]\nrequest_binding = \"{binding}\"\n"
    );
    // Its clock is the machine's.
    let fixture = Fixture::with(|settings| {
        settings.clock = rolecall_testkit::clock::system();
        settings.more = more;
    })
    .await?;
    let ours = fixture.get("/sign-in/peer/metadata").send().await?;
    peer.register(&ours.text().await?).await?;
    Ok((fixture, peer))
}

/// Signs in `alice` at the peer: her page My sessions.
async fn sign_in(fixture: &Fixture, peer: &SamlPeer) -> Result<Browser> {
    let mut browser = Browser::new()?;
    let start = fixture.at("/sign-in/peer?return_to=/sessions");
    let mut page = browser.open(&start).await?;
    if page.text().contains("Redirecting to pysaml2") {
        page = browser.press("Continue", &[]).await?;
    }
    ensure!(
        page.url().as_str().starts_with(&peer.at("/")),
        "{}: {}\n{}",
        page.url(),
        page.text(),
        peer.output()
    );
    let fields = [("username", "alice"), ("password", "any password")];
    let page = browser.submit("form", &fields).await?;
    ensure!(
        page.url().as_str() == fixture.at("/sessions"),
        "{}: {}\n{}",
        page.url(),
        page.text(),
        peer.output()
    );
    ensure!(peer.sessions().await? == ["alice"]);
    Ok(browser)
}

async fn sign_in_and_out(
    signed: SignedElements,
    content: Option<Content>,
    binding: &str,
) -> Result<()> {
    if PYTHON_PEERS.path().is_none() {
        return Ok(());
    }
    let (fixture, peer) = stack(signed, content, binding).await?;
    sign_in(&fixture, &peer).await?;
    let events = fixture.events("signed_in").await?;
    ensure!(events.len() == 1, "{events:?}");
    let event = events[0].to_string();
    for word in ["\"peer\"", "00u-alice", "alice@example.com"] {
        ensure!(event.contains(word), "no {word} in {event}");
    }
    Ok(())
}

#[tokio::test]
async fn signed_response_signs_in() -> Result<()> {
    sign_in_and_out(SignedElements::Response, None, "redirect").await
}

#[tokio::test]
async fn signed_assertion_signs_in() -> Result<()> {
    sign_in_and_out(SignedElements::Assertion, None, "post").await
}

#[tokio::test]
async fn signed_response_and_assertion_sign_in() -> Result<()> {
    sign_in_and_out(SignedElements::Both, None, "redirect").await
}

#[tokio::test]
async fn signed_and_encrypted_assertion_signs_in() -> Result<()> {
    sign_in_and_out(SignedElements::Assertion, Some(Content::Aes256Gcm), "post").await
}

#[tokio::test]
async fn encrypted_assertion_in_signed_response_signs_in() -> Result<()> {
    sign_in_and_out(
        SignedElements::Response,
        Some(Content::Aes128Cbc),
        "redirect",
    )
    .await
}

#[tokio::test]
async fn sign_out_ends_the_provider_session() -> Result<()> {
    if PYTHON_PEERS.path().is_none() {
        return Ok(());
    }
    for binding in ["redirect", "post"] {
        let (fixture, peer) = stack(SignedElements::Both, None, binding).await?;
        let mut browser = sign_in(&fixture, &peer).await?;
        let landed = sign_out(&mut browser).await?;
        ensure!(browser.cookie(SESSION).is_none());
        ensure!(
            peer.sessions().await?.is_empty(),
            "{binding}: {}: {}\n{}",
            landed.url(),
            landed.text(),
            peer.output()
        );
        ensure!(
            landed.url().as_str().starts_with(fixture.stack.url()),
            "left at {}",
            landed.url()
        );
    }
    Ok(())
}

#[tokio::test]
async fn provider_logout_ends_the_session() -> Result<()> {
    if PYTHON_PEERS.path().is_none() {
        return Ok(());
    }
    for binding in ["redirect", "post"] {
        let (fixture, peer) = stack(SignedElements::Assertion, None, "redirect").await?;
        let mut browser = sign_in(&fixture, &peer).await?;
        let page = browser
            .open(&peer.at(&format!("/sign-out?by={binding}")))
            .await?;
        ensure!(
            page.text().contains("You are signed out"),
            "{binding}: {}: {}\n{}",
            page.url(),
            page.text(),
            peer.output()
        );
        ensure!(fixture.events("signed_out").await?.len() == 1);
        let page = browser.open(&fixture.at("/sessions")).await?;
        ensure!(
            page.url().path() != "/sessions",
            "still signed in: {}",
            page.text()
        );
    }
    Ok(())
}
