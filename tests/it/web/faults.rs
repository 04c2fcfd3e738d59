//! All faults of an OIDC provider in a full stack: the sign-in is rejected, the audit event has the reason, the page is clear,
//! and a correct provider is accepted afterwards.

use std::time::Duration;

use rolecall_testkit::oidc::{
    EndpointFault, ExpectedOutcome, Fault, OidcClient, OidcProvider, OidcSettings,
};

use super::*;

/// A stack whose second provider, `second`, has this fault.
async fn stack_with(fault: Fault) -> Result<(Fixture, OidcProvider)> {
    let clock = ManualClock::starting_now();
    let mut settings = OidcSettings {
        clock: clock.clock(),
        ..OidcSettings::default()
    };
    fault.prepare(&mut settings);
    let second = OidcProvider::start(settings)?;
    let (issuer, domain) = (second.issuer(), Fault::HOSTED_DOMAIN);
    let mut fixture = Fixture::with(|settings| {
        settings.clock = clock.clock();
        settings.more = format!(
            "[[provider]]\nid = \"second\"\noidc = {{ issuer = \"{issuer}\", client_id = \"rolecall\", client_secret = {{ file = \"client.secret\" }}, \
             hosted_domain = \"{domain}\" }}\n"
        );
    })
    .await?;
    fixture.clock = clock;
    let callback = fixture.at("/sign-in/second/callback");
    second.register(OidcClient::new(
        "rolecall",
        rolecall_harness::sample_data::CLIENT_SECRET,
        &callback,
    ));
    Ok((fixture, second))
}

/// Signs in as far as possible.
async fn sign_in(fixture: &Fixture, browser: &mut Browser) -> Result<Page> {
    let page = browser
        .open(&fixture.at("/sign-in/second?fresh=true"))
        .await?;
    if page.url().as_str().starts_with(fixture.stack.url()) {
        return Ok(page);
    }
    browser.sign_in_at_provider("alice").await
}

async fn check(fault: Fault, outcome: ExpectedOutcome) -> Result<()> {
    let (fixture, second) = stack_with(fault).await?;
    let mut browser = fixture.browser()?;
    let page = sign_in(&fixture, &mut browser).await?;
    ensure!(second.faulty_responses() > 0, "{fault:?} had no effect");
    ensure!(
        second.canary().hits() == 0,
        "{fault:?} made the gateway open a URL"
    );
    let signed_in = browser.cookie(SESSION).is_some();
    ensure!(
        outcome != ExpectedOutcome::Accepted || signed_in,
        "{fault:?}: {}",
        page.text()
    );
    if !signed_in {
        refused(&fixture, &page).await?;
    }
    ensure!(
        outcome != ExpectedOutcome::Rejected || !signed_in,
        "{fault:?} was accepted"
    );
    ensure!(
        !page.body().contains("<script>alert"),
        "{fault:?}: the page contains a script"
    );

    second.clear_faults();
    fixture.clock.advance(Duration::from_secs(600));
    let mut browser = fixture.browser()?;
    let page = sign_in(&fixture, &mut browser).await?;
    ensure!(
        browser.cookie(SESSION).is_some(),
        "{fault:?} has a lasting effect: {}",
        page.text()
    );
    Ok(())
}

/// Asserts an error page whose reference ID matches the only audit event, and that there is no session.
async fn refused(fixture: &Fixture, page: &Page) -> Result<()> {
    let text = page.text();
    ensure!(
        page.url().as_str().starts_with(fixture.stack.url()),
        "the browser is at {}",
        page.url()
    );
    ensure!(
        page.status()
            .is_some_and(|status| status.is_client_error() || status == 502),
        "{text}"
    );
    ensure!(
        !page.select("p.hint")?.is_empty()
            && page
                .headers("set-cookie")
                .all(|line| !line.starts_with(SESSION)),
        "{text}"
    );
    let reasons = fixture.refused("sign_in").await?;
    ensure!(
        reasons.len() == 1 && !reasons[0].is_empty(),
        "{reasons:?}: {text}"
    );
    // A sign-in that was not started has no state and is part of a summary event.
    for event in fixture.events("sign_in_refused").await? {
        ensure!(
            event["provider"] == "second" && event["reference"] == reference(page)?,
            "{event}: {text}"
        );
    }
    ensure!(fixture.events("signed_in").await?.is_empty());
    for secret in [rolecall_harness::sample_data::CLIENT_SECRET, "eyJ"] {
        ensure!(!page.body().contains(secret), "{secret} on the page");
    }
    Ok(())
}

macro_rules! tests {
    ($($name:ident: $fault:expr => $outcome:ident,)*) => {
        $(
            #[tokio::test]
            async fn $name() -> Result<()> {
                check($fault, ExpectedOutcome::$outcome).await
            }
        )*
    };
}
rolecall_testkit::for_each_oidc_fault!(tests);
