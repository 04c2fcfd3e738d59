//! Signing in: with one provider, with a choice, by e-mail, in several tabs, too late, and during outages.

use std::time::Duration;

use rolecall_testkit::browser::SameSite;
use rolecall_testkit::oidc::{
    EndpointFault, Fault, OidcClient, OidcProvider, OidcSettings, Person,
};

use super::*;
use crate::operate::until;

#[tokio::test]
async fn sign_in_returns_to_the_requested_page() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.browser()?;
    let page = browser.open(&fixture.at("/sessions")).await?;
    ensure!(
        page.url()
            .as_str()
            .starts_with(&fixture.stack.provider.url()),
        "{}",
        page.url()
    );
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(
        page.url().as_str() == fixture.at("/sessions"),
        "{}",
        page.url()
    );
    ensure!(page.text().contains("This session"), "{}", page.text());

    let cookie = browser.cookie(SESSION).context("no session")?;
    ensure!(
        cookie.http_only && cookie.host_only && cookie.path == "/",
        "{cookie:?}"
    );
    ensure!(
        cookie.same_site == SameSite::Lax && cookie.expires_at.is_none(),
        "{cookie:?}"
    );
    for visit in browser.visits() {
        let ours = visit.url.as_str().starts_with(fixture.stack.url());
        let redirect = visit.status.is_some_and(|status| status.is_redirection());
        ensure!(
            !ours || !redirect || visit.status == Some(reqwest::StatusCode::SEE_OTHER),
            "{visit:?}"
        );
    }
    let events = fixture.events("signed_in").await?;
    ensure!(events.len() == 1 && events[0]["mfa"] == true, "{events:?}");
    ensure!(events[0]["actor"]["subject"] == "00u-alice");
    Ok(())
}

/// A stack with a second provider, `second`, titled "Second ID", for users of `second.example`.
async fn two_providers() -> Result<(Fixture, OidcProvider)> {
    let clock = ManualClock::starting_now();
    let second = OidcProvider::start(OidcSettings {
        clock: clock.clock(),
        people: vec![Person::new("dora").claim("email", "dora@second.example")],
        ..OidcSettings::default()
    })?;
    let issuer = second.issuer();
    let mut fixture = Fixture::with(|settings| {
        settings.clock = clock.clock();
        settings.more = format!(
            "[[provider]]\nid = \"second\"\ntitle = \"Second ID\"\noidc = {{ issuer = \"{issuer}\", client_id = \"rolecall\", \
             client_secret = {{ file = \"client.secret\" }} }}\ndomains = [\"second.example\"]\n"
        );
    })
    .await?;
    fixture.clock = clock;
    second.register(OidcClient::new(
        rolecall_harness::sample_data::CLIENT_ID,
        rolecall_harness::sample_data::CLIENT_SECRET,
        &fixture.at("/sign-in/second/callback"),
    ));
    Ok((fixture, second))
}

#[tokio::test]
async fn two_providers_show_a_choice() -> Result<()> {
    let (fixture, _second) = two_providers().await?;
    let mut browser = fixture.browser()?;
    let page = browser.open(&fixture.at("/sessions")).await?;
    ensure!(page.url().path() == "/sign-in", "{}", page.url());
    ensure!(
        page.text().contains("Example ID") && page.text().contains("Second ID"),
        "{}",
        page.text()
    );
    browser.click("Second ID").await?;
    let page = browser.sign_in_at_provider("dora").await?;
    ensure!(
        page.url().as_str() == fixture.at("/sessions"),
        "{}",
        page.url()
    );
    ensure!(page.text().contains("Second ID"), "{}", page.text());
    Ok(())
}

#[tokio::test]
async fn email_domain_selects_the_provider() -> Result<()> {
    let (fixture, second) = two_providers().await?;
    let mut browser = fixture.browser()?;
    browser.open(&fixture.at("/sessions")).await?;
    let page = browser
        .submit("/sign-in", &[("email", "someone@elsewhere.example")])
        .await?;
    ensure!(
        page.text()
            .contains("No identity provider is configured for elsewhere.example"),
        "{}",
        page.text()
    );
    let page = browser
        .submit("/sign-in", &[("email", "not an address")])
        .await?;
    ensure!(
        page.url().path() == "/sign-in" && !page.select("#email-error")?.is_empty(),
        "{} {}",
        page.url(),
        page.text()
    );
    let page = browser
        .submit("/sign-in", &[("email", " Dora@Second.Example ")])
        .await?;
    ensure!(
        page.text().contains("Redirecting to Second ID"),
        "{}",
        page.text()
    );
    let page = browser.open(&fixture.at(&refresh(&page)?)).await?;
    ensure!(
        page.url().as_str().starts_with(&second.url()),
        "{}",
        page.url()
    );
    let hinted = page.attributes("input[name=username]", "value")?;
    ensure!(
        hinted[0].eq_ignore_ascii_case("dora@second.example"),
        "{hinted:?}"
    );
    let page = browser
        .submit("#testkit-sign-in", &[("username", "dora")])
        .await?;
    ensure!(
        page.url().as_str() == fixture.at("/sessions"),
        "{}",
        page.url()
    );
    Ok(())
}

#[tokio::test]
async fn two_tabs_sign_in_concurrently() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (first, cookie) = fixture
        .begin("/sign-in/example?return_to=/sessions", None)
        .await?;
    let (other, again) = fixture.begin("/sign-in/example", Some(&cookie)).await?;
    ensure!(cookie == again);
    let (first, other) = (
        fixture.approve(&first, "alice").await?,
        fixture.approve(&other, "alice").await?,
    );
    for (callback, place) in [(other, "/"), (first, "/sessions")] {
        let answer = fixture.come_back(&callback, Some(&cookie)).await?;
        ensure!(
            answer.status() == 303 && location(&answer)? == place,
            "{}",
            answer.status()
        );
        ensure!(cookie_set(&answer, SESSION).is_some());
    }
    Ok(())
}

#[tokio::test]
async fn new_sign_in_ends_the_previous_session() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("bob").await?;
    let old = pass_of(&browser)?;
    browser
        .open(&fixture.at("/sign-in/example?fresh=true"))
        .await?;
    browser.sign_in_at_provider("bob").await?;
    let new = pass_of(&browser)?;
    ensure!(old.cookie != new.cookie);
    let answer = fixture.get("/").header(COOKIE, &old.cookie).send().await?;
    ensure!(answer.status() == 303);
    let ended = fixture.events("signed_out").await?;
    ensure!(
        ended.len() == 1 && ended[0]["reason"] == "replaced",
        "{ended:?}"
    );
    Ok(())
}

#[tokio::test]
async fn late_callback_reports_expired_sign_in() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.browser()?;
    browser.open(&fixture.at("/")).await?;
    fixture.clock.advance(Duration::from_secs(11 * 60));
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(page.status().map(u16::from) == Some(400));
    ensure!(page.text().contains("Sign-in expired"), "{}", page.text());
    reference(&page)?;
    ensure!(browser.cookie(SESSION).is_none());
    let page = browser.click("Sign in again").await?;
    ensure!(page.url().as_str() == fixture.at("/"), "{}", page.url());
    ensure!(fixture.refused("sign_in").await? == ["expired_state"]);
    Ok(())
}

#[tokio::test]
async fn provider_outage_returns_502() -> Result<()> {
    let fixture = Fixture::with(|settings| {
        settings.provider.faults = vec![Fault::Discovery(EndpointFault::ServerError)];
    })
    .await?;
    let mut browser = fixture.browser()?;
    let page = browser.open(&fixture.at("/")).await?;
    ensure!(page.status().map(u16::from) == Some(502));
    ensure!(
        page.text().contains("Identity provider unavailable"),
        "{}",
        page.text()
    );
    ensure!(
        page.text().contains("Try again in a minute"),
        "{}",
        page.text()
    );
    reference(&page)?;
    ensure!(fixture.refused("sign_in").await? == ["provider_unavailable"]);

    fixture.stack.provider.clear_faults();
    fixture.clock.advance(Duration::from_secs(120));
    browser.open(&fixture.at("/")).await?;
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(page.url().as_str() == fixture.at("/"), "{}", page.url());
    Ok(())
}

#[tokio::test]
async fn misconfigured_provider_is_not_reported_as_outage() -> Result<()> {
    let fixture = Fixture::with(|settings| {
        settings.provider.faults = vec![Fault::DiscoveryIssuerMismatch];
    })
    .await?;
    let mut browser = fixture.browser()?;
    let page = browser.open(&fixture.at("/")).await?;
    ensure!(page.status().map(u16::from) == Some(502));
    let text = page.text();
    ensure!(
        text.contains("Sign-in is not configured correctly"),
        "{text}"
    );
    ensure!(text.contains("Contact your administrator"), "{text}");
    ensure!(!text.contains("Try again in a minute"), "{text}");
    reference(&page)?;
    ensure!(fixture.refused("sign_in").await? == ["provider_misconfigured"]);
    Ok(())
}

/// The callback is completed even if the browser disconnects.
#[tokio::test]
async fn disconnected_sign_in_is_audited() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (authorize, cookie) = fixture.begin("/sign-in/example", None).await?;
    let callback = fixture.approve(&authorize, "alice").await?;
    let slow = EndpointFault::Slow(Duration::from_millis(1_000));
    fixture
        .stack
        .provider
        .inject_fault(Fault::TokenEndpoint(slow));
    let returned = fixture.client.get(callback).header("cookie", cookie).send();
    let waited = tokio::time::timeout(Duration::from_millis(300), returned).await;
    ensure!(waited.is_err(), "{waited:?}");
    until("the sign-in", async || {
        Ok(fixture.events("signed_in").await?.pop())
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn canceled_sign_in_shows_a_clear_error() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.browser()?;
    browser.open(&fixture.at("/")).await?;
    let page = browser.press("Cancel", &[]).await?;
    ensure!(page.status().map(u16::from) == Some(403));
    ensure!(
        page.text().contains("the sign-in was canceled"),
        "{}",
        page.text()
    );
    ensure!(browser.cookie(SESSION).is_none());
    let refused = fixture.events("sign_in_refused").await?;
    ensure!(
        refused[0]["reason"] == "access_denied" && refused[0]["reference"] == reference(&page)?,
        "{refused:?}"
    );
    browser.click("Sign in again").await?;
    browser.sign_in_at_provider("alice").await?;
    Ok(())
}
