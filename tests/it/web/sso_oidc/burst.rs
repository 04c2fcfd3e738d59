//! One decision for a burst of requests of one client from one address within a minute. The page lists all of them, and no
//! others.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn one_decision_applies_to_a_burst_of_devices() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let mut burst = Vec::new();
    for _ in 0..12 {
        burst.push(fixture.start_device(&client).await?);
    }
    let code = burst[4].user_code()?;
    let mut browser = fixture.signed_in("alice").await?;
    let page = browser
        .open(&fixture.at(&format!("/device?user_code={code}")))
        .await?;
    ensure!(
        page.text().contains("12 requests from 127.0.0.1"),
        "{}",
        page.text()
    );
    ensure!(
        page.select("li")?
            .iter()
            .filter(|line| line.contains("Another request with this name"))
            .count()
            == 11
    );
    // A request that started after the page was shown is not included.
    let late = fixture.start_device(&client).await?;
    browser.press("Allow", &[("retyped", &code[5..])]).await?;
    for one in &burst {
        fixture
            .poll(&client, &one.device_code()?)
            .await?
            .granted()?;
    }
    let answer = fixture.poll(&client, &late.device_code()?).await?;
    answer.refused(
        400,
        "AuthorizationPendingException",
        "authorization_pending",
    )?;
    let given = fixture.events("consent_given").await?;
    ensure!(
        given.len() == 1 && given[0]["asked"]["requests"] == 12,
        "{given:?}"
    );
    Ok(())
}

/// Programs that start at the same time with an empty cache register one client each.
#[tokio::test]
async fn one_decision_applies_to_concurrent_registrations() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut clients = Vec::new();
    for _ in 0..12 {
        clients.push(fixture.register().await?);
    }
    let (mut alice, mut bob) = (
        fixture.signed_in("alice").await?,
        fixture.signed_in("bob").await?,
    );
    let asks: Vec<String> = clients
        .iter()
        .map(|client| fixture.authorize(client, "s"))
        .collect();
    bob.open(&asks[0]).await?;
    for ask in &asks {
        alice.open(ask).await?;
    }
    let page = alice.open(&asks[4]).await?;
    ensure!(page.text().contains("12 requests from"), "{}", page.text());
    alice.press("Allow", &[]).await.ok();
    let given = fixture.events("consent_given").await?;
    ensure!(
        given.len() == 1 && given[0]["asked"]["requests"] == 12,
        "{given:?}"
    );
    // Requests of another user's browser and of another program are not included.
    let other = fixture
        .register_as(RegisterClientRequest {
            redirect_uris: Some(vec![REGISTERED.to_owned()]),
            scopes: Some(vec![ACCOUNT_ACCESS.to_owned()]),
            ..named("another")
        })
        .await?;
    for (browser, ask) in [
        (&mut bob, &asks[0]),
        (&mut alice, &fixture.authorize(&other, "s")),
    ] {
        let page = browser.open(ask).await?;
        ensure!(page.text().contains("Allow"), "{}", page.text());
    }
    Ok(())
}

#[tokio::test]
async fn denial_applies_to_the_whole_burst() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let burst = [
        fixture.start_device(&client).await?,
        fixture.start_device(&client).await?,
    ];
    let mut browser = fixture.signed_in("alice").await?;
    browser.open(&burst[0].complete_uri()?).await?;
    browser.press("Deny", &[]).await?;
    for one in &burst {
        let answer = fixture.poll(&client, &one.device_code()?).await?;
        answer.refused(400, "AccessDeniedException", "access_denied")?;
    }
    Ok(())
}

/// A stack behind a proxy that sends the client addresses.
async fn proxied() -> Result<Fixture> {
    Fixture::with(|settings| settings.trusted_proxies = vec!["127.0.0.0/8".to_owned()]).await
}

#[tokio::test]
async fn unrelated_requests_are_not_grouped() -> Result<()> {
    let fixture = proxied().await?;
    let (client, namesake) = (fixture.register().await?, fixture.register().await?);
    let start = |client: &Client, address: &'static str| {
        let body = client.start_device_authorization(&fixture.at("/start"));
        let request = fixture.client.post(fixture.at("/device_authorization"));
        JsonResponse::of(request.header("x-forwarded-for", address).json(&body))
    };
    let early = start(&client, "192.0.2.1").await?;
    fixture.clock.advance(Duration::from_secs(61));
    let one = start(&client, "192.0.2.1").await?;
    let elsewhere = start(&client, "192.0.2.2").await?;
    let other = start(&namesake, "192.0.2.1").await?;
    fixture.clock.advance(Duration::from_secs(60));
    let joined = start(&client, "192.0.2.1").await?;
    fixture.clock.advance(Duration::from_secs(1));
    let late = start(&client, "192.0.2.1").await?;
    let mut browser = fixture.signed_in("alice").await?;
    let page = browser.open(&one.complete_uri()?).await?;
    ensure!(
        page.text().contains("2 requests from 192.0.2.1"),
        "{}",
        page.text()
    );
    // IDs of other requests in the form have no effect.
    let forged = page.attributes("input[name=others]", "value")?.remove(0);
    let pass = pass_of(&browser)?;
    let others = fixture.device_names(&[&early, &elsewhere, &other, &late])?;
    let (code, others) = (one.user_code()?, format!("{forged} {others}"));
    let mut fields = allow_fields(&code, &code[5..]).to_vec();
    fields.push(("others", &others));
    ensure!(
        fixture
            .post(&pass, "/device", &fields)
            .send()
            .await?
            .status()
            == 200
    );
    for device in [&one, &joined] {
        fixture
            .poll(&client, &device.device_code()?)
            .await?
            .granted()?;
    }
    for (client, device) in [
        (&client, &early),
        (&client, &elsewhere),
        (&namesake, &other),
        (&client, &late),
    ] {
        let answer = fixture.poll(client, &device.device_code()?).await?;
        answer.refused(
            400,
            "AuthorizationPendingException",
            "authorization_pending",
        )?;
    }
    Ok(())
}

impl Fixture {
    /// The IDs of these requests on a page.
    fn device_names(&self, devices: &[&JsonResponse]) -> Result<String> {
        let mut names = Vec::new();
        for device in devices {
            let code = rolecall_core::base::secret::DeviceCode::new(device.device_code()?);
            names.push(rolecall_core::clients::RequestId::of(code.digest()).to_string());
        }
        Ok(names.join(" "))
    }
}

#[tokio::test]
async fn one_decision_applies_to_other_tabs() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let pass = fixture.pass("alice").await?;
    let other_session = fixture.pass("alice").await?;
    let get = |url: &str, pass: &Pass| fixture.client.get(url).header(COOKIE, &pass.cookie).send();
    let tabs: Vec<String> = (0..12)
        .map(|tab| fixture.authorize(&client, &format!("state-{tab}")))
        .collect();
    for tab in &tabs {
        ensure!(get(tab, &pass).await?.status() == 200);
    }
    let elsewhere = fixture.authorize(&client, "another-browser");
    ensure!(get(&elsewhere, &other_session).await?.status() == 200);

    let page = get(&tabs[0], &pass).await?.text().await?;
    ensure!(page.contains("<b>12 requests</b> from 127.0.0.1"), "{page}");
    let others = page
        .split_once("name=\"others\" value=\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .context("no others")?
        .0;
    let path = tabs[0]
        .strip_prefix(fixture.stack.url())
        .context("URL of another origin")?;
    let answer = fixture
        .post(&pass, path, &[("decision", "allow"), ("others", others)])
        .send()
        .await?;
    ensure!(
        answer.headers().contains_key("refresh"),
        "{:?}",
        answer.headers()
    );
    for (number, tab) in tabs.iter().enumerate().skip(1) {
        let to = location(&get(tab, &pass).await?)?;
        ensure!(to.ends_with(&format!("&state=state-{number}")), "{to}");
        let code = to.split(['=', '&']).nth(1).context("no code")?.to_owned();
        fixture.redeem(&client, &code).await?.granted()?;
        ensure!(get(tab, &pass).await?.status() == 410);
    }
    ensure!(get(&elsewhere, &other_session).await?.status() == 200);
    ensure!(fixture.events("consent_given").await?.len() == 1);
    Ok(())
}
