//! Step-up: a role that requires a second factor or a recent sign-in leads to the identity provider and back to its page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::StatusCode;
use rolecall_harness::sample_data::access_policy_for_both_providers;
use rolecall_test_requirements::NODE_PEERS;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::node::OidcPeer;
use rolecall_testkit::oidc::{OidcSettings, Person};
use std::time::Duration;

use super::oidc_peer::stack_of;
use super::saml::SamlFixture;
use super::*;

const ROLE: &str = "/console?account=111122223333&permission_set=Developer";
const FIELDS: [(&str, &str); 2] = [("account", "111122223333"), ("permission_set", "Developer")];
const CONTEXT: &str = "urn:example:mfa";
const REQUESTED: &str = "step_up = { acr = [\"urn:example:mfa\"] }\n";
const STEP_UP: &str = "Sign in again with a second factor";
const RECENT: &str = r#"
[[permission_set]]
name = "Fresh"
[[assignment]]
id = "fresh"
who = { everyone = true }
accounts = ["payments-dev"]
permission_sets = ["Fresh"]
when = { signed_in_within = "1m" }
"#;

/// A stack whose provider honors or ignores `acr_values`.
async fn fixture(honored: bool) -> Result<Fixture> {
    Fixture::with(|settings| {
        settings.provider = OidcSettings {
            contexts: honored.then(|| CONTEXT.to_owned()).into_iter().collect(),
            ..OidcSettings::default()
        };
        settings.more = REQUESTED.to_owned();
        settings.access.push_str(RECENT);
    })
    .await
}

fn parameter(page: &Page, name: &str) -> Option<String> {
    let mut pairs = page.url().query_pairs();
    let found = pairs.find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}

const CONSOLE: Option<&str> = Some("Open console");

/// The console page of the role, with the focus on this button.
fn check_open(page: &Page, at: &str, focus: Option<&str>) -> Result<()> {
    ensure!(page.url().as_str() == at, "{}: {}", page.url(), page.text());
    ensure!(!page.select("form.stack")?.is_empty(), "{}", page.text());
    let focused = page.select("button[autofocus]")?;
    ensure!(
        focused == Vec::from_iter(focus),
        "{focused:?}: {}",
        page.body()
    );
    let expected = Vec::from_iter(focus.map(|_| "stepped-up"));
    let described = page.attributes("button[autofocus]", "aria-describedby")?;
    ensure!(described == expected, "{described:?}: {}", page.body());
    ensure!(page.select("#stepped-up")?.len() == expected.len());
    Ok(())
}

#[tokio::test]
async fn second_factor_leads_back_to_the_role() -> Result<()> {
    let fixture = fixture(true).await?;
    let mut browser = fixture.signed_in("bob").await?;
    let page = browser.click(STEP_UP).await?;
    // What is missing is requested, and nothing else.
    ensure!(parameter(&page, "acr_values").as_deref() == Some(CONTEXT));
    for absent in ["prompt", "max_age"] {
        ensure!(parameter(&page, absent).is_none(), "{}", page.url());
    }
    let page = browser.sign_in_at_provider("bob").await?;
    check_open(&page, &fixture.at(ROLE), CONSOLE)?;
    ensure!(
        fixture.stack.aws.issued().is_empty(),
        "a GET issues nothing"
    );
    let page = browser.press("Get credentials", &[]).await?;
    ensure!(page.text().contains("Valid for"), "{}", page.text());
    ensure!(fixture.stack.aws.issued().len() == 1);

    // The link itself never moves the focus: anyone can send it.
    fixture.clock.advance(Duration::from_secs(180));
    let page = browser.open(&fixture.at(ROLE)).await?;
    check_open(&page, &fixture.at(ROLE), None)
}

#[tokio::test]
async fn old_sign_in_is_renewed_without_a_second_factor() -> Result<()> {
    let fixture = fixture(true).await?;
    let mut browser = fixture.signed_in("bob").await?;
    fixture.clock.advance(Duration::from_secs(90));
    let at = fixture.at("/console?account=444455556666&permission_set=Fresh");
    let page = browser.open(&at).await?;
    ensure!(
        page.text().contains("within the last 1 min"),
        "{}",
        page.text()
    );
    let page = browser.click("Sign in again").await?;
    ensure!(parameter(&page, "prompt").as_deref() == Some("login"));
    ensure!(parameter(&page, "max_age").as_deref() == Some("1"));
    ensure!(parameter(&page, "acr_values").is_none(), "{}", page.url());
    let page = browser.sign_in_at_provider("bob").await?;
    check_open(&page, &at, CONSOLE)
}

#[tokio::test]
async fn unconfirmed_second_factor_is_reported_once() -> Result<()> {
    let fixture = fixture(false).await?;
    let mut browser = fixture.signed_in("bob").await?;
    let before = fixture.stack.provider.hits("/authorize");
    // The provider ignores acr_values and uses its session.
    let page = browser.click(STEP_UP).await?;
    ensure!(page.url().as_str() == fixture.at(ROLE), "{}", page.url());
    ensure!(fixture.stack.provider.hits("/authorize") == before + 1);
    let text = page.text();
    for part in [
        "your identity provider did not confirm one although it was requested",
        "the ID token has amr \"pwd\" and no acr",
        "set mfa of the provider to a value that it sends",
    ] {
        ensure!(text.contains(part), "{part}: {text}");
    }
    ensure!(page.select("form.stack, [autofocus]")?.is_empty(), "{text}");

    // A form from an earlier page says the same.
    let pass = pass_of(&browser)?;
    let (status, json) = fixture.post_json(&pass, "/credentials", &FIELDS).await?;
    let message = json["message"].as_str().unwrap_or_default();
    ensure!(
        status == 403 && message.contains("no acr"),
        "{status} {json}"
    );

    // Another attempt also requests a new authentication.
    let page = browser.click("Try again").await?;
    ensure!(parameter(&page, "prompt").as_deref() == Some("login"));
    ensure!(parameter(&page, "acr_values").as_deref() == Some(CONTEXT));
    let bob = Person::new("bob").groups(["payments-dev"]);
    fixture.stack.provider.put_person(bob.amr(["pwd", "otp"]));
    let page = browser.sign_in_at_provider("bob").await?;
    check_open(&page, &fixture.at(ROLE), CONSOLE)
}

#[tokio::test]
async fn sign_in_of_another_user_is_refused() -> Result<()> {
    let fixture = fixture(true).await?;
    let mut browser = fixture.signed_in("bob").await?;
    let before = pass_of(&browser)?;
    browser.click(STEP_UP).await?;
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(
        page.status() == Some(StatusCode::FORBIDDEN)
            && page
                .text()
                .contains("A different user is signed in at the identity provider"),
        "{}",
        page.text()
    );
    ensure!(fixture.refused("sign_in").await? == ["other_person"]);
    let page = browser.open(&fixture.at(ROLE)).await?;
    ensure!(
        page.text().contains("bob@example.com") && page.select("form.stack")?.is_empty(),
        "{}",
        page.text()
    );
    let answer = fixture
        .post(&before, "/credentials", &FIELDS)
        .send()
        .await?;
    ensure!(answer.status() == 403, "{}", answer.status());
    ensure!(fixture.stack.aws.issued().is_empty());

    // The provider now has a session of the other user, and asks again nevertheless.
    browser
        .open(&fixture.at("/sign-in/example?mfa=true"))
        .await?;
    let page = browser.click("Sign in as the same user").await?;
    ensure!(parameter(&page, "prompt").as_deref() == Some("login"));
    let page = browser.sign_in_at_provider("bob").await?;
    ensure!(page.url().as_str() == fixture.at("/"), "{}", page.url());
    Ok(())
}

#[tokio::test]
async fn canceled_step_up_keeps_the_session() -> Result<()> {
    let fixture = fixture(true).await?;
    let mut browser = fixture.signed_in("bob").await?;
    browser.click(STEP_UP).await?;
    let page = browser.press("Cancel", &[]).await?;
    ensure!(
        page.text()
            .contains("Your earlier session continues unchanged."),
        "{}",
        page.text()
    );
    let page = browser.click("Back to the previous page").await?;
    ensure!(page.url().as_str() == fixture.at(ROLE), "{}", page.url());
    Ok(())
}

#[tokio::test]
async fn forged_return_path_leads_to_the_portal() -> Result<()> {
    let fixture = fixture(true).await?;
    let packed = |text: &str| format!("~{}", URL_SAFE_NO_PAD.encode(text));
    for forged in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "/%2f%2fevil.example",
        &packed("https://evil.example/"),
        &packed("//evil.example/"),
        "~!",
    ] {
        let mut browser = fixture.signed_in("bob").await?;
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("mfa", "true"), ("return_to", forged)])
            .finish();
        let start = fixture.at(&format!("/sign-in/example?{query}"));
        browser.open(&start).await?;
        let page = browser.sign_in_at_provider("bob").await?;
        ensure!(
            page.url().as_str() == fixture.at("/"),
            "{forged}: {}",
            page.url()
        );
    }
    Ok(())
}

#[tokio::test]
async fn replayed_response_is_refused() -> Result<()> {
    let fixture = fixture(true).await?;
    let pass = fixture.pass("bob").await?;
    let start = "/sign-in/example?mfa=true&return_to=/sessions";
    let (authorize, browser) = fixture.begin(start, Some(&pass.cookie)).await?;
    let callback = fixture.approve(&authorize, "bob").await?;
    let cookies = format!("{}; {browser}", pass.cookie);
    let answer = fixture.come_back(&callback, Some(&cookies)).await?;
    ensure!(answer.status() == 303 && location(&answer)? == "/sessions");
    let answer = fixture.come_back(&callback, Some(&cookies)).await?;
    ensure!(answer.status() == 400, "{}", answer.status());
    ensure!(cookie_set(&answer, SESSION).is_none());
    // The session that requested it is no longer valid.
    let answer = fixture.get("/").header(COOKIE, &pass.cookie).send().await?;
    ensure!(answer.status() == 303, "{}", answer.status());
    Ok(())
}

/// The focus returns to the button that was pressed.
#[tokio::test]
async fn form_for_a_locked_role_leads_to_step_up() -> Result<()> {
    let fixture = fixture(true).await?;
    let role = [("account", "444455556666"), ("permission_set", "Fresh")];
    for (button, action, focus) in [
        ("Credentials", "&action=credentials", "Get credentials"),
        ("Console", "", "Open console"),
    ] {
        let mut browser = fixture.signed_in("bob").await?;
        // The portal is open until the sign-in is too old for the role.
        fixture.clock.advance(Duration::from_secs(90));
        let page = browser.press(button, &role).await?;
        ensure!(
            page.status() == Some(StatusCode::FORBIDDEN)
                && page
                    .text()
                    .contains("The conditions of this role are not met"),
            "{}",
            page.text()
        );
        browser.click("Sign in again").await?;
        let page = browser.sign_in_at_provider("bob").await?;
        let at = format!("/console?account=444455556666&permission_set=Fresh{action}");
        check_open(&page, &fixture.at(&at), Some(focus))?;
        let shared = page.select("#share")?;
        ensure!(!shared[0].contains("action"), "{shared:?}");
        // The page keeps it while the role is locked again.
        fixture.clock.advance(Duration::from_secs(90));
        let page = browser.reload().await?;
        ensure!(page.select("form.stack")?.is_empty(), "{}", page.text());
        browser.click("Sign in again").await?;
        let page = browser.sign_in_at_provider("bob").await?;
        check_open(&page, &fixture.at(&at), Some(focus))?;
    }
    ensure!(fixture.stack.aws.issued().is_empty());
    Ok(())
}

/// A link on another site chooses the role: the focus stays where it is.
#[tokio::test]
async fn step_up_from_elsewhere_does_not_move_the_focus() -> Result<()> {
    let fixture = fixture(true).await?;
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("mfa", "true"), ("return_to", ROLE)])
        .finish();
    let start = fixture.at(&format!("/sign-in/example?{query}"));
    let mut browser = fixture.signed_in("bob").await?;
    browser.open(&start).await?;
    let page = browser.sign_in_at_provider("bob").await?;
    check_open(&page, &fixture.at(ROLE), None)
}

#[tokio::test]
async fn saml_requests_the_configured_context() -> Result<()> {
    let access = access_policy_for_both_providers();
    let keys = "[provider.mfa]\nacr = [\"https://refeds.org/profile/mfa\"]";
    let fixture = SamlFixture::under(&access, keys, |_| ()).await?;
    let mut browser = fixture.by_saml("bob").await?;
    browser.open(&fixture.at(ROLE)).await?;
    // The provider has a session, and cannot provide the context.
    let page = browser.click(STEP_UP).await?;
    ensure!(
        page.text().contains("Second factor not available") && page.text().contains("step_up.acr"),
        "{}",
        page.text()
    );
    let page = browser.click("Back to the previous page").await?;
    ensure!(page.url().as_str() == fixture.at(ROLE), "{}", page.url());
    let bob = Person::new("bob").groups(["payments-dev"]);
    fixture.upstream.put_person(bob.amr(["pwd", "mfa"]));
    // Without ForceAuthn, its session is sufficient.
    let page = browser.click(STEP_UP).await?;
    check_open(&page, &fixture.at(ROLE), CONSOLE)
}

#[tokio::test]
async fn saml_without_a_context_forces_authentication() -> Result<()> {
    let access = access_policy_for_both_providers();
    let fixture = SamlFixture::under(&access, "", |_| ()).await?;
    let mut browser = fixture.by_saml("bob").await?;
    browser.open(&fixture.at(ROLE)).await?;
    browser.click(STEP_UP).await?;
    let page = browser.sign_in_at_provider("bob").await?;
    let text = page.text();
    ensure!(page.url().as_str() == fixture.at(ROLE), "{}", page.url());
    for part in [
        "the assertion has AuthnContextClassRef \"urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport\"",
        "set mfa of the provider to a value that it sends",
    ] {
        ensure!(text.contains(part), "{part}: {text}");
    }
    let bob = Person::new("bob").groups(["payments-dev"]);
    fixture.upstream.put_person(bob.amr(["pwd", "mfa"]));
    browser.click("Try again").await?;
    let page = browser.sign_in_at_provider("bob").await?;
    check_open(&page, &fixture.at(ROLE), CONSOLE)
}

#[tokio::test]
async fn step_up_works_with_oidc_provider() -> Result<()> {
    if NODE_PEERS.path().is_none() {
        return Ok(());
    }
    let mut peer = OidcPeer::start(Person::samples(), Algorithm::Es256).await?;
    peer.set_context(CONTEXT)?;
    let stack = stack_of(&mut peer, REQUESTED).await?;
    let mut browser = Browser::new()?;
    browser.open(&stack.at(ROLE)).await?;
    let page = OidcPeer::sign_in(&mut browser, "bob").await?;
    ensure!(page.url().as_str() == stack.at(ROLE), "{}", page.text());
    ensure!(page.select("form.stack")?.is_empty(), "{}", page.text());
    // The provider has a session, and asks again because of acr_values alone.
    let page = browser.click(STEP_UP).await?;
    ensure!(
        page.url().as_str().starts_with(peer.issuer()),
        "{} {}\n{}",
        page.url(),
        page.text(),
        peer.output()
    );
    let page = OidcPeer::sign_in(&mut browser, "bob").await?;
    check_open(&page, &stack.at(ROLE), CONSOLE).with_context(|| peer.output())
}
