//! Signing in as a person does it: straight on, by choice, by e-mail, in several tabs, too late, and when nobody answers.

use std::time::Duration;

use rolecall_testkit::browser::SameSite;
use rolecall_testkit::oidc::{Conduct, Fault, OidcClient, OidcProvider, OidcSettings, Person};

use super::*;
use crate::operate::until;

#[tokio::test]
async fn a_person_signs_in_and_is_where_they_wanted_to_be() -> Result<()> {
    let scene = Scene::new().await?;
    let mut browser = scene.browser()?;
    let page = browser.open(&scene.at("/sessions")).await?;
    ensure!(page.url().as_str().starts_with(&scene.house.provider.url()));
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(
        page.url().as_str() == scene.at("/sessions"),
        "{}",
        page.url()
    );
    ensure!(page.text().contains("This one"));

    let cookie = browser.cookie(SESSION).context("no session")?;
    ensure!(cookie.http_only && cookie.host_only && cookie.path == "/");
    ensure!(cookie.same_site == SameSite::Lax && cookie.expires_at.is_none());
    for visit in browser.visits() {
        let ours = visit.url.as_str().starts_with(scene.house.url());
        let redirect = visit.status.is_some_and(|status| status.is_redirection());
        ensure!(!ours || !redirect || visit.status == Some(reqwest::StatusCode::SEE_OTHER));
    }
    let events = scene.events("signed_in").await?;
    ensure!(events.len() == 1 && events[0]["mfa"] == true, "{events:?}");
    ensure!(events[0]["actor"]["subject"] == "00u-alice");
    Ok(())
}

/// A house with a second provider, `second`, titled "Second ID", for people of `second.example`.
async fn two_doors() -> Result<(Scene, OidcProvider)> {
    let clock = ManualClock::starting_now();
    let second = OidcProvider::start(OidcSettings {
        clock: clock.clock(),
        people: vec![Person::new("dora").claim("email", "dora@second.example")],
        ..OidcSettings::default()
    })?;
    let issuer = second.issuer();
    let mut scene = Scene::with(|settings| {
        settings.clock = clock.clock();
        settings.more = format!(
            "[[provider]]\nid = \"second\"\ntitle = \"Second ID\"\noidc = {{ issuer = \"{issuer}\", client_id = \"rolecall\", \
             client_secret = {{ file = \"client.secret\" }} }}\ndomains = [\"second.example\"]\n"
        );
    })
    .await?;
    scene.clock = clock;
    second.register(OidcClient::new(
        rolecall_demo::CLIENT_ID,
        rolecall_demo::CLIENT_SECRET,
        &scene.at("/sign-in/second/callback"),
    ));
    Ok((scene, second))
}

#[tokio::test]
async fn with_two_providers_people_choose() -> Result<()> {
    let (scene, _second) = two_doors().await?;
    let mut browser = scene.browser()?;
    let page = browser.open(&scene.at("/sessions")).await?;
    ensure!(page.url().path() == "/sign-in", "{}", page.url());
    ensure!(page.text().contains("Example ID") && page.text().contains("Second ID"));
    browser.click("Second ID").await?;
    let page = browser.sign_in_at_provider("dora").await?;
    ensure!(
        page.url().as_str() == scene.at("/sessions"),
        "{}",
        page.url()
    );
    ensure!(page.text().contains("Second ID"));
    Ok(())
}

#[tokio::test]
async fn an_address_leads_to_its_provider() -> Result<()> {
    let (scene, second) = two_doors().await?;
    let mut browser = scene.browser()?;
    browser.open(&scene.at("/sessions")).await?;
    let page = browser
        .submit("/sign-in", &[("email", "someone@elsewhere.example")])
        .await?;
    ensure!(
        page.text()
            .contains("No identity provider is set up for elsewhere.example")
    );
    let page = browser
        .submit("/sign-in", &[("email", "not an address")])
        .await?;
    ensure!(page.url().path() == "/sign-in" && !page.select("#email-error")?.is_empty());
    let page = browser
        .submit("/sign-in", &[("email", " Dora@Second.Example ")])
        .await?;
    ensure!(page.text().contains("On to Second ID"), "{}", page.text());
    let page = browser.open(&scene.at(&refresh(&page)?)).await?;
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
        page.url().as_str() == scene.at("/sessions"),
        "{}",
        page.url()
    );
    Ok(())
}

#[tokio::test]
async fn two_tabs_sign_in_at_once() -> Result<()> {
    let scene = Scene::new().await?;
    let (first, cookie) = scene
        .begin("/sign-in/example?return_to=/sessions", None)
        .await?;
    let (other, again) = scene.begin("/sign-in/example", Some(&cookie)).await?;
    ensure!(cookie == again, "both tabs hold one secret");
    let (first, other) = (
        scene.approve(&first, "alice").await?,
        scene.approve(&other, "alice").await?,
    );
    for (callback, place) in [(other, "/"), (first, "/sessions")] {
        let answer = scene.come_back(&callback, Some(&cookie)).await?;
        ensure!(answer.status() == 303 && location(&answer)? == place);
        ensure!(cookie_set(&answer, SESSION).is_some());
    }
    Ok(())
}

#[tokio::test]
async fn a_new_sign_in_ends_the_old_session() -> Result<()> {
    let scene = Scene::new().await?;
    let mut browser = scene.signed_in("bob").await?;
    let old = pass_of(&browser)?;
    browser
        .open(&scene.at("/sign-in/example?fresh=true"))
        .await?;
    browser.sign_in_at_provider("alice").await?;
    let new = pass_of(&browser)?;
    ensure!(old.cookie != new.cookie);
    let answer = scene.get("/").header(COOKIE, &old.cookie).send().await?;
    ensure!(answer.status() == 303, "the old session lives");
    let ended = scene.events("signed_out").await?;
    ensure!(
        ended.len() == 1 && ended[0]["reason"] == "replaced",
        "{ended:?}"
    );
    Ok(())
}

#[tokio::test]
async fn who_comes_back_too_late_begins_again() -> Result<()> {
    let scene = Scene::new().await?;
    let mut browser = scene.browser()?;
    browser.open(&scene.at("/")).await?;
    scene.clock.advance(Duration::from_secs(11 * 60));
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(page.status().is_some_and(|status| status == 400));
    ensure!(
        page.text().contains("That took too long"),
        "{}",
        page.text()
    );
    reference(&page)?;
    ensure!(browser.cookie(SESSION).is_none());
    let page = browser.click("Sign in again").await?;
    ensure!(page.url().as_str() == scene.at("/"), "{}", page.url());
    ensure!(scene.refused("sign_in").await? == ["expired_state"]);
    Ok(())
}

#[tokio::test]
async fn a_provider_that_is_down_is_no_fault_of_the_persons() -> Result<()> {
    let scene = Scene::with(|settings| {
        settings.provider.faults = vec![Fault::Discovery(Conduct::ServerError)];
    })
    .await?;
    let mut browser = scene.browser()?;
    let page = browser.open(&scene.at("/")).await?;
    ensure!(page.status().is_some_and(|status| status == 502));
    ensure!(
        page.text()
            .contains("Your identity provider does not answer"),
        "{}",
        page.text()
    );
    ensure!(page.text().contains("Try again in a minute"));
    reference(&page)?;
    ensure!(scene.refused("sign_in").await? == ["provider_unavailable"]);

    scene.house.provider.clear_faults();
    scene.clock.advance(Duration::from_secs(120));
    browser.open(&scene.at("/")).await?;
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(page.url().as_str() == scene.at("/"), "{}", page.url());
    Ok(())
}

#[tokio::test]
async fn a_provider_that_is_set_up_wrongly_is_not_called_down() -> Result<()> {
    let scene = Scene::with(|settings| {
        settings.provider.faults = vec![Fault::DiscoveryIssuerMismatch];
    })
    .await?;
    let mut browser = scene.browser()?;
    let page = browser.open(&scene.at("/")).await?;
    ensure!(page.status().is_some_and(|status| status == 502));
    let text = page.text();
    ensure!(text.contains("Sign-in is not set up correctly"), "{text}");
    ensure!(text.contains("Tell your administrator"), "{text}");
    ensure!(!text.contains("Try again in a minute"), "{text}");
    reference(&page)?;
    ensure!(scene.refused("sign_in").await? == ["provider_misconfigured"]);
    Ok(())
}

/// What the provider says takes effect whether or not the browser still waits for it.
#[tokio::test]
async fn a_sign_in_whose_browser_hangs_up_is_in_the_trail() -> Result<()> {
    let scene = Scene::new().await?;
    let (authorize, cookie) = scene.begin("/sign-in/example", None).await?;
    let callback = scene.approve(&authorize, "alice").await?;
    let slow = Conduct::Slow(Duration::from_millis(1_000));
    scene.house.provider.fault(Fault::TokenEndpoint(slow));
    let returned = scene.client.get(callback).header("cookie", cookie).send();
    let waited = tokio::time::timeout(Duration::from_millis(300), returned).await;
    ensure!(waited.is_err(), "{waited:?}");
    until("the sign-in", async || {
        Ok(scene.events("signed_in").await?.pop())
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn who_cancels_at_the_provider_is_told_so_kindly() -> Result<()> {
    let scene = Scene::new().await?;
    let mut browser = scene.browser()?;
    browser.open(&scene.at("/")).await?;
    let page = browser.press("Cancel", &[]).await?;
    ensure!(page.status().is_some_and(|status| status == 403));
    ensure!(
        page.text().contains("the sign-in was cancelled"),
        "{}",
        page.text()
    );
    ensure!(browser.cookie(SESSION).is_none());
    let refused = scene.events("sign_in_refused").await?;
    ensure!(
        refused[0]["reason"] == "access_denied" && refused[0]["reference"] == reference(&page)?
    );
    browser.click("Sign in again").await?;
    browser.sign_in_at_provider("alice").await?;
    Ok(())
}
