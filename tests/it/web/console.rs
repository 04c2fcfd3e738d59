//! The console: opening it from the portal, links that are kept during a sign-in, Regions and services, and signing out of AWS
//! first.

use rolecall_test_requirements::CORPUS;

use super::*;

const DEEP: &str =
    "/console?account=111122223333&permission_set=ReadOnly&destination=s3&region=eu-central-1";

/// A parameter of the AWS sign-in URL that the browser opened.
fn link_field(browser: &Browser, name: &str) -> Option<String> {
    let login = browser.visits().iter().rev().find(|visit| {
        visit
            .url
            .query()
            .is_some_and(|query| query.contains("Action=login"))
    })?;
    login
        .url
        .query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn open_console_signs_in_to_aws() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let page = browser.press("Console", &[]).await?;
    ensure!(
        page.url().as_str().starts_with(&fixture.stack.aws.url()),
        "{}",
        page.url()
    );
    ensure!(
        page.text().contains("You are signed in to the console"),
        "{}",
        page.text()
    );
    ensure!(
        browser
            .visits()
            .iter()
            .rev()
            .nth(1)
            .is_some_and(|visit| visit.status == Some(reqwest::StatusCode::SEE_OTHER))
    );
    ensure!(
        link_field(&browser, "Destination").as_deref() == Some("https://console.aws.amazon.com/")
    );
    let events = fixture.events("issue_intended").await?;
    ensure!(
        events.len() == 1 && events[0]["delivery"] == "console",
        "{events:?}"
    );
    Ok(())
}

/// Long console URLs: one of the corpus, and generated ones.
fn long_destinations() -> Result<Vec<(&'static str, String)>> {
    let athena = "https://eu-west-1.console.aws.amazon.com/athena/home?region=eu-west-1#/query-editor/history/";
    let metrics = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#metricsV2?graph=~(";
    let mut all = vec![
        (
            "CloudWatch metrics",
            format!(
                "{metrics}{}",
                "~(~'AWS*2fEC2~'CPUUtilization~'InstanceId)".repeat(60)
            ),
        ),
        ("Athena", format!("{athena}{}", "0f3e-".repeat(700))),
        (
            "percent-encoded already",
            format!("{athena}{}", "%2525%20".repeat(250)),
        ),
    ];
    if let Some(folder) = CORPUS.path_for_part() {
        let text = std::fs::read_to_string(folder.join("field/S1-long-destination.txt"))?;
        let line = text.lines().find(|line| line.starts_with("https://"));
        all.push(("S1", line.context("no destination")?.to_owned()));
    }
    Ok(all)
}

#[tokio::test]
async fn long_destination_is_kept_during_sign_in() -> Result<()> {
    for (case, destination) in long_destinations()? {
        ensure!(destination.len() > 1_024, "{case}");
        let fixture = Fixture::new().await?;
        let mut browser = fixture.browser()?;
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("account", "111122223333")
            .append_pair("permission_set", "ReadOnly")
            .append_pair("destination", &destination)
            .finish();
        let link = fixture.at(&format!("/console?{query}"));
        browser.open(&link).await?;
        let page = browser.sign_in_at_provider("alice").await?;
        ensure!(page.url().as_str() == link, "{case}: {}", page.url());
        browser.press("Open console", &[]).await.context(case)?;
        ensure!(
            link_field(&browser, "Destination").as_deref() == Some(&*destination),
            "{case}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn link_that_is_too_long_is_reported() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.browser()?;
    let page = browser
        .open(&fixture.at(&format!("{DEEP}&x={}", "y".repeat(6_000))))
        .await?;
    ensure!(
        page.text().contains("Sign in, then open the link again"),
        "{}",
        page.text()
    );
    Ok(())
}

#[tokio::test]
async fn deep_link_is_kept_during_sign_in() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.browser()?;
    browser.open(&fixture.at(DEEP)).await?;
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(page.url().as_str() == fixture.at(DEEP), "{}", page.url());
    for part in [
        "Open the AWS console?",
        "payments-prod",
        "111122223333",
        "ReadOnly",
    ] {
        ensure!(
            page.text().contains(part),
            "{part} is not in {}",
            page.text()
        );
    }
    ensure!(
        fixture.stack.aws.issued().is_empty(),
        "{} issued",
        fixture.stack.aws.issued().len()
    );
    ensure!(page.attributes("option[selected]", "value")? == ["eu-central-1"]);
    ensure!(page.select("#share")? == [fixture.at(DEEP)]);

    let page = browser.press("Open console", &[]).await?;
    ensure!(
        page.text().contains("You are signed in to the console"),
        "{}",
        page.text()
    );
    let going = link_field(&browser, "Destination");
    ensure!(
        going.as_deref()
            == Some("https://eu-central-1.console.aws.amazon.com/s3/home?region=eu-central-1"),
        "{going:?}"
    );
    ensure!(link_field(&browser, "Issuer") == Some(fixture.at(DEEP)));
    let page = browser.click("Return to the access portal").await?;
    ensure!(page.url().as_str() == fixture.at(DEEP));
    Ok(())
}

#[tokio::test]
async fn destinations_are_resolved() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    for (destination, region, want) in [
        ("", "", "https://console.aws.amazon.com/cloudwatch/"),
        ("ec2", "", "https://console.aws.amazon.com/ec2/home"),
        (
            "ec2",
            "eu-west-1",
            "https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1",
        ),
        (
            "",
            "eu-west-1",
            "https://eu-west-1.console.aws.amazon.com/console/home?region=eu-west-1",
        ),
        (
            "https://eu-west-1.console.aws.amazon.com/s3/buckets/x?tab=objects#a",
            "",
            "https://eu-west-1.console.aws.amazon.com/s3/buckets/x?tab=objects#a",
        ),
    ] {
        let fields = [
            ("account", "444455556666"),
            ("permission_set", "Developer"),
            ("destination", destination),
            ("region", region),
        ];
        let (status, json) = fixture.post_json(&pass, "/console", &fields).await?;
        ensure!(status == 200, "{json}");
        let link = Url::parse(json["location"].as_str().context("no link")?)?;
        ensure!(
            link.query_pairs()
                .any(|(name, value)| name == "Destination" && value == want),
            "{destination:?} in {region:?}: {link}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn console_session_duration_matches_the_grant() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    let fields = [("account", "444455556666"), ("permission_set", "Developer")];
    let answer = fixture.post(&pass, "/console", &fields).send().await?;
    ensure!(
        answer.status() == 303 && location(&answer)?.starts_with(&fixture.stack.aws.url()),
        "{}",
        answer.status()
    );
    let requests = fixture.stack.aws.requests();
    let asked = requests
        .iter()
        .find(|request| request.action == "getSigninToken")
        .context("no sign-in token")?;
    ensure!(
        asked.method == "POST" && asked.field("SessionDuration") == Some("14400"),
        "{:?}",
        asked.form.len()
    );
    Ok(())
}

#[tokio::test]
async fn sign_out_first_ends_the_other_console_session() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    browser.press("Console", &[]).await?;
    browser.open(&fixture.at(DEEP)).await?;
    let page = browser.press("Open console", &[]).await?;
    ensure!(
        page.text().contains("You must first log out"),
        "{}",
        page.text()
    );

    browser.open(&fixture.at(DEEP)).await?;
    let page = browser
        .press("Open console", &[("sign_out_first", "true")])
        .await?;
    ensure!(
        page.text().contains("You are signed in to the console"),
        "{}",
        page.text()
    );
    ensure!(link_field(&browser, "Issuer") == Some(fixture.at(DEEP)));
    let way: Vec<&str> = browser
        .visits()
        .iter()
        .rev()
        .take(4)
        .map(|visit| visit.url.path())
        .collect();
    ensure!(
        way[1].starts_with("/console/continue/") && way[2] == "/oauth" && way[3] == "/console",
        "{way:?}"
    );

    // The ticket is valid once, and only in its session.
    let ticket = browser
        .visits()
        .iter()
        .rev()
        .nth(1)
        .context("no ticket")?
        .url
        .to_string();
    let page = browser.open(&ticket).await?;
    ensure!(
        page.status().is_some_and(|status| status == 400) && page.text().contains("already used"),
        "{}",
        page.text()
    );
    Ok(())
}

#[tokio::test]
async fn ticket_of_another_session_is_rejected() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (alice, bob) = (fixture.pass("alice").await?, fixture.pass("bob").await?);
    let fields = [
        ("account", "444455556666"),
        ("permission_set", "Developer"),
        ("sign_out_first", "true"),
    ];
    let answer = fixture.post(&alice, "/console", &fields).send().await?;
    let sign_out = Url::parse(&location(&answer)?)?;
    let back = sign_out
        .query_pairs()
        .find(|(name, _)| name == "redirect_uri")
        .context("no return URL")?
        .1
        .into_owned();
    ensure!(
        back.starts_with(&fixture.at("/console/continue/"))
            && fixture.stack.aws.issued().is_empty(),
        "{back}"
    );
    let answer = fixture
        .client
        .get(&back)
        .header(COOKIE, &bob.cookie)
        .send()
        .await?;
    ensure!(
        answer.status() == 400 && fixture.stack.aws.issued().is_empty(),
        "{}",
        answer.status()
    );
    let answer = fixture.client.get(&back).send().await?;
    ensure!(
        answer.status() == 303 && location(&answer)?.starts_with("/sign-in?"),
        "{}",
        answer.status()
    );
    Ok(())
}

#[tokio::test]
async fn link_to_locked_role_shows_remediation() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("bob").await?;
    let link = "/console?account=111122223333&permission_set=Developer";
    let page = browser.open(&fixture.at(link)).await?;
    ensure!(
        page.select("form.stack")?.is_empty() && page.text().contains("second factor"),
        "{}",
        page.text()
    );
    fixture.stack.provider.put_person(
        rolecall_testkit::oidc::Person::new("bob")
            .groups(["payments-dev"])
            .amr(["otp"]),
    );
    browser.click("Sign in again with a second factor").await?;
    let page = browser.sign_in_at_provider("bob").await?;
    ensure!(page.url().as_str() == fixture.at(link), "{}", page.url());
    ensure!(!page.select("form.stack")?.is_empty(), "{}", page.text());
    Ok(())
}
