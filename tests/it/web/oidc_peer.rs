//! Sign-in and sign-out with `oidc-provider` from npm, an independent implementation of OpenID Connect.

use rolecall_harness::sample_data::{CLIENT_ID, CLIENT_SECRET, PROVIDER_ID};
use rolecall_test_requirements::NODE_PEERS;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::node::OidcPeer;
use rolecall_testkit::oidc::{OidcClient, Person};

use super::*;

/// A stack with the peer as its identity provider, and further keys of it.
pub(super) async fn stack_of(peer: &mut OidcPeer, more: &str) -> Result<TestStack> {
    let stack = TestStack::start(TestStackSettings {
        issuer: Some(peer.issuer().to_owned()),
        more: more.to_owned(),
        ..TestStackSettings::default()
    })
    .await?;
    let callback = stack.at(&format!("/sign-in/{PROVIDER_ID}/callback"));
    let client = OidcClient::new(CLIENT_ID, CLIENT_SECRET, &callback);
    peer.register(client.with_post_logout_redirect_uri(&stack.at("/signed-out")))?;
    Ok(stack)
}

#[tokio::test]
async fn sign_in_works_with_oidc_provider() -> Result<()> {
    if NODE_PEERS.path().is_none() {
        return Ok(());
    }
    let mut peer = OidcPeer::start(Person::samples(), Algorithm::Es256).await?;
    let stack = stack_of(&mut peer, "").await?;

    // The gateway has now loaded the keys of the provider.
    let mut his = Browser::new()?;
    his.open(&stack.at("/")).await?;
    let page = OidcPeer::sign_in(&mut his, "bob").await?;
    ensure!(page.url().as_str() == stack.at("/"), "{}", page.text());

    let mut browser = Browser::new()?;
    let form = browser.open(&stack.at("/")).await?;
    ensure!(
        form.url().as_str().starts_with(peer.issuer()),
        "{}",
        form.url()
    );
    peer.rotate_keys()?;
    let page = OidcPeer::sign_in(&mut browser, "alice").await?;
    ensure!(
        page.url().as_str() == stack.at("/"),
        "{} {}\n{}",
        page.url(),
        page.text(),
        peer.output()
    );
    for part in ["alice@example.com", "payments-prod", "Developer"] {
        ensure!(page.text().contains(part), "no {part}: {}", page.text());
    }

    let page = browser.press("Sign out", &[]).await?;
    let at_provider = refresh(&page)?;
    ensure!(at_provider.starts_with(peer.issuer()), "{at_provider}");
    ensure!(browser.cookie(SESSION).is_none());
    browser.open(&at_provider).await?;
    let page = browser.press("Yes, sign me out", &[]).await?;
    ensure!(
        page.url().path() == "/signed-out" && page.url().as_str().starts_with(stack.url()),
        "{} {}",
        page.url(),
        page.text()
    );
    browser.open(&stack.at("/")).await?;
    let page = browser.page()?;
    ensure!(
        page.url().as_str().starts_with(peer.issuer()) && page.text().contains("Sign-in"),
        "the provider session is still active: {}",
        page.text()
    );
    Ok(())
}
