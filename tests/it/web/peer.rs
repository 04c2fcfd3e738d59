//! A stack whose people sign in at npm's `oidc-provider`: a provider that was not written to agree with us, all the way
//! from its own pages to the portal and back.

use rolecall_harness::sample_data::{CLIENT_ID, CLIENT_SECRET, PROVIDER_ID};
use rolecall_test_requirements::NODE_PEERS;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::node::OidcPeer;
use rolecall_testkit::oidc::{OidcClient, Person};

use super::*;

/// A stack whose people sign in at the peer, where the gateway is registered.
async fn stack_of(peer: &mut OidcPeer) -> Result<TestStack> {
    let stack = TestStack::start(TestStackSettings {
        issuer: Some(peer.issuer().to_owned()),
        ..TestStackSettings::default()
    })
    .await?;
    let callback = stack.at(&format!("/sign-in/{PROVIDER_ID}/callback"));
    let client = OidcClient::new(CLIENT_ID, CLIENT_SECRET, &callback);
    peer.register(client.landing_at(&stack.at("/signed-out")))?;
    Ok(stack)
}

#[tokio::test]
async fn people_of_somebody_else_s_provider_come_in_and_go() -> Result<()> {
    if NODE_PEERS.path().is_none() {
        return Ok(());
    }
    let mut peer = OidcPeer::start(Person::cast(), Algorithm::Es256).await?;
    let stack = stack_of(&mut peer).await?;

    // The gateway has the provider's keys from now on.
    let mut his = Browser::new()?;
    his.open(&stack.at("/")).await?;
    let page = OidcPeer::sign_in(&mut his, "bob").await?;
    ensure!(page.url().as_str() == stack.at("/"), "{}", page.text());

    let mut hers = Browser::new()?;
    let form = hers.open(&stack.at("/")).await?;
    ensure!(form.url().as_str().starts_with(peer.issuer()));
    peer.rotate_keys()?;
    let page = OidcPeer::sign_in(&mut hers, "alice").await?;
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

    let page = hers.press("Sign out", &[]).await?;
    let at_provider = refresh(&page)?;
    ensure!(at_provider.starts_with(peer.issuer()), "{at_provider}");
    ensure!(hers.cookie(SESSION).is_none());
    hers.open(&at_provider).await?;
    let page = hers.press("Yes, sign me out", &[]).await?;
    ensure!(
        page.url().path() == "/signed-out" && page.url().as_str().starts_with(stack.url()),
        "{} {}",
        page.url(),
        page.text()
    );
    hers.open(&stack.at("/")).await?;
    let page = hers.page()?;
    ensure!(
        page.url().as_str().starts_with(peer.issuer()) && page.text().contains("Sign-in"),
        "the provider still knows her: {}",
        page.text()
    );
    Ok(())
}
