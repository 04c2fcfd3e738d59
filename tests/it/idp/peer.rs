//! Interoperability with npm's certified `oidc-provider`, an independent implementation.

use anyhow::{Context, Result, ensure};
use rolecall_core::identity::EmailAddress;
use rolecall_core::sign_in::{AuthnRequirements, IdentityProvider as _};
use rolecall_test_requirements::NODE_PEERS;
use rolecall_testkit::browser::Browser;
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::keys::{self, Algorithm, SigningKey};
use rolecall_testkit::node::OidcPeer;
use rolecall_testkit::oidc::{ClientMethod, OidcClient, Person};
use rolecalld::idp::oidc::{AssertionAudience, ClientAuthentication, OidcProvider, OidcSettings};

use super::client_authentication::client_key;
use super::{
    CALLBACK, CLIENT_ID, CLIENT_SECRET, ReturnedBrowser, callback, new_adapter, new_state,
    redirect, settings_for,
};

async fn visit(
    adapter: &OidcProvider,
    browser: &mut Browser,
    username: &str,
) -> Result<ReturnedBrowser> {
    let state = new_state();
    let (challenge, correlation) = adapter.begin(&state, &AuthnRequirements::default()).await?;
    let url = redirect(challenge)?;
    browser.open(url.as_str()).await?;
    let page = OidcPeer::sign_in(browser, username).await?;
    let callback = callback(page.url(), &state)
        .with_context(|| format!("the callback has no code: {}", page.url()))?;
    Ok(ReturnedBrowser {
        correlation,
        callback,
    })
}

async fn story(
    algorithm: Algorithm,
    method: ClientMethod,
    ours: impl FnOnce(&mut OidcSettings),
) -> Result<()> {
    let mut peer = OidcPeer::start(Person::samples(), algorithm).await?;
    peer.register(
        OidcClient::new(CLIENT_ID, CLIENT_SECRET, CALLBACK)
            .by(method)
            .with_post_logout_redirect_uri("https://sso.example/"),
    )?;
    let mut settings = settings_for(peer.issuer())?;
    ours(&mut settings);
    settings.scopes.retain(|scope| scope != "groups");
    let adapter = new_adapter(settings, &ManualClock::starting_now())?;

    let mut browser = Browser::new()?;
    let returned = visit(&adapter, &mut browser, "alice").await?;
    let alice = adapter
        .complete(returned.correlation, returned.callback)
        .await
        .with_context(|| peer.output())?
        .identity;
    ensure!(alice.subject.as_str() == "alice");
    ensure!(alice.groups == ["platform", "payments-dev"]);
    ensure!(alice.email.as_ref().map(EmailAddress::as_str) == Some("alice@example.com"));

    let mut other = Browser::new()?;
    let returned = visit(&adapter, &mut other, "bob").await?;
    peer.rotate_keys()?;
    let bob = adapter
        .complete(returned.correlation, returned.callback)
        .await
        .with_context(|| peer.output())?
        .identity;
    ensure!(bob.groups == ["payments-dev"]);

    // A token of bob, because the provider no longer has the key that signed the one of alice.
    let state = new_state();
    let (challenge, _) = adapter
        .begin_sign_out(&bob, &state)
        .await
        .context("no sign-out URL")?;
    let url = redirect(challenge)?;
    let page = other.open(url.as_str()).await?;
    ensure!(
        page.status().is_some_and(|status| status.is_success()),
        "{}: {}",
        page.url(),
        page.text()
    );
    let landed = other.press("Yes, sign me out", &[]).await?;
    ensure!(
        landed.url().as_str().starts_with("https://sso.example/"),
        "{}",
        landed.url()
    );
    Ok(())
}

#[tokio::test]
async fn es256_with_key_rotation_and_sign_out() -> Result<()> {
    if NODE_PEERS.path().is_none() {
        return Ok(());
    }
    story(Algorithm::Es256, ClientMethod::Secret, |_| ()).await
}

#[tokio::test]
async fn rs256_with_key_rotation_and_sign_out() -> Result<()> {
    if NODE_PEERS.path().is_none() {
        return Ok(());
    }
    story(Algorithm::Rs256, ClientMethod::Secret, |_| ()).await
}

#[tokio::test]
async fn each_client_authentication_method() -> Result<()> {
    if NODE_PEERS.path().is_none() {
        return Ok(());
    }
    story(Algorithm::Es256, ClientMethod::SecretPost, |settings| {
        settings.client_authentication = Some(ClientAuthentication::SecretPost);
    })
    .await?;
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        let key = SigningKey::generate(algorithm)?;
        let method = ClientMethod::PrivateKeyJwt {
            jwks: keys::jwks([&key])?,
            for_issuer: true,
        };
        let ours = client_key(&key, Some(key.kid()))?;
        story(algorithm, method, |settings| {
            settings.client_secret = None;
            settings.client_key = Some(ours);
            settings.client_assertion_audience = AssertionAudience::Issuer;
        })
        .await?;
    }
    Ok(())
}
