//! Accounts that trust the people's own SAML provider: its response for AWS, by way of `aws-acs`, to credentials and to the
//! console; and that neither kind of response is taken in the other's place.

use std::time::Duration;

use rolecall_testkit::aws::Role;
use rolecall_testkit::saml::ServiceProvider;
use serde_json::json;

use super::saml::{SamlFixture, fields, lent};
use super::*;

const ACCOUNT: &str = "111122223333";
const PROVIDER: &str = "arn:aws:iam::111122223333:saml-provider/corporate";
const ROLE: &str = "arn:aws:iam::111122223333:role/Developer";

const ACCESS: &str = r#"
[[account]]
id = "111122223333"
name = "payments-prod"
trust = "provider-saml"
saml_provider_arn = "arn:aws:iam::111122223333:saml-provider/corporate"

[[permission_set]]
name = "Developer"

[[assignment]]
id = "corporate"
who = { provider = "adfs", groups = ["payments-dev"] }
accounts = ["payments-prod"]
permission_sets = ["Developer"]
"#;

const FIELDS: [(&str, &str); 3] = [
    ("account", ACCOUNT),
    ("permission_set", "Developer"),
    ("variant", ""),
];

/// A stack whose account trusts the SAML provider, which has an application for AWS with these roles.
async fn fixture(roles: &[&str]) -> Result<SamlFixture> {
    let keys = "aws = { start = \"UPSTREAM/start?sp=urn:amazon:webservices\" }";
    let fixture = SamlFixture::under(ACCESS, keys, |_| ()).await?;
    let consumer = fixture.at("/sign-in/adfs/aws-acs");
    let aws = ServiceProvider::aws(&consumer, roles, "alice@example.com");
    fixture.upstream.register(aws);
    let account = fixture.stack.aws.account(ACCOUNT)?;
    account.saml_provider("corporate", &fixture.upstream.metadata()?)?;
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"],
        "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}
    }]});
    account.role(
        "Developer",
        Role::trusting(trust).lasting(Duration::from_secs(12 * 3_600)),
    )?;
    Ok(fixture)
}

fn pair() -> String {
    format!("{ROLE},{PROVIDER}")
}

#[tokio::test]
async fn credentials_and_console_by_the_providers_own_response() -> Result<()> {
    let fixture = fixture(&[&pair()]).await?;
    let mut browser = fixture.by_saml("alice").await?;
    for (action, button) in [("/credentials", "Credentials"), ("/console", "Console")] {
        browser.open(&fixture.at("/")).await?;
        let page = browser.press(button, &[]).await?;
        ensure!(
            page.url().path() == action,
            "{}: {}",
            page.url(),
            page.text()
        );
        let start = refresh(&page)?;
        ensure!(start.starts_with(&fixture.upstream.url()), "{start}");
        let page = browser.open(&start).await?;
        match action {
            "/credentials" => {
                let place = page.url().path();
                ensure!(place.starts_with("/sign-in/adfs/aws-continue/"), "{place}");
                ensure!(page.text().contains("AWS_ACCESS_KEY_ID"), "{}", page.text());
            }
            _ => ensure!(
                page.url().as_str().starts_with(&fixture.stack.aws.url()),
                "{}: {}",
                page.url(),
                page.text()
            ),
        }
    }
    let posted = browser
        .visits()
        .iter()
        .find(|visit| visit.url.path() == "/sign-in/adfs/aws-acs");
    let posted = posted.context("never posted")?;
    ensure!(posted.sent.get(COOKIE).is_none() && posted.received.get(SET_COOKIE).is_none());
    ensure!(
        fixture.events("signed_in").await?.len() == 1,
        "it signed nobody in"
    );
    let intents = fixture.events("issue_intended").await?;
    ensure!(intents.len() == 2 && intents[0]["role_session_name"] == "alice@example.com");
    ensure!(fixture.events("issue_done").await?.len() == 2);
    Ok(())
}

#[tokio::test]
async fn programs_are_told_to_take_a_browser() -> Result<()> {
    let fixture = fixture(&[&pair()]).await?;
    let pass = pass_of(&fixture.by_saml("alice").await?)?;
    let (status, answer) = fixture.post_json(&pass, "/credentials", &FIELDS).await?;
    ensure!(
        status == 409 && answer["error"] == "at_provider",
        "{answer}"
    );
    Ok(())
}

#[tokio::test]
async fn neither_response_is_taken_in_the_others_place() -> Result<()> {
    let fixture = fixture(&[&pair()]).await?;
    let mut browser = fixture.plain_browser()?;
    let start = fixture.upstream.unasked_url("urn:amazon:webservices", None);
    browser.open(&start).await?;
    let for_aws = fields(&browser.sign_in_at_provider("alice").await?)?;
    let for_us = fixture.undelivered(&mut fixture.plain_browser()?).await?;
    let unasked = fixture.unasked(None).await?;
    let mut stranger = fixture.browser()?;
    for (path, fields) in [
        ("/sign-in/adfs/acs", &for_aws),
        ("/sign-in/adfs/aws-acs", &for_us),
        ("/sign-in/adfs/aws-acs", &unasked),
    ] {
        let page = stranger
            .lured_to_post(&fixture.upstream.url(), &fixture.at(path), &lent(fields))
            .await?;
        ensure!(
            page.status() == Some(reqwest::StatusCode::FORBIDDEN),
            "{}",
            page.text()
        );
    }
    ensure!(stranger.cookie(SESSION).is_none());
    // Also where the provider may begin: AWS's audience and recipient are never ours.
    let keys = "allow_idp_initiated = true\naws = { start = \"UPSTREAM/start?sp=urn:amazon:webservices\" }";
    let open = SamlFixture::under(ACCESS, keys, |_| ()).await?;
    let consumer = open.at("/sign-in/adfs/acs");
    open.upstream
        .register(ServiceProvider::aws(&consumer, &[&pair()], "alice"));
    let mut browser = open.browser()?;
    browser
        .open(&open.upstream.unasked_url("urn:amazon:webservices", None))
        .await?;
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(
        page.status() == Some(reqwest::StatusCode::FORBIDDEN),
        "{}",
        page.text()
    );
    ensure!(
        open.refusals().await? == ["destination"],
        "{:?}",
        open.refusals().await?
    );
    Ok(())
}

#[tokio::test]
async fn the_response_is_about_the_sessions_person_and_the_granted_role() -> Result<()> {
    let fixture = fixture(&[&format!("{ROLE}2,{PROVIDER}")]).await?;
    let mut browser = fixture.by_saml("alice").await?;
    browser.open(&fixture.at("/")).await?;
    let start = refresh(&browser.press("Credentials", &[]).await?)?;
    let page = browser.open(&start).await?;
    ensure!(
        page.text().contains("does not include this role"),
        "{}",
        page.text()
    );

    // Bob's response, in Alice's browser.
    browser.open(&fixture.at("/")).await?;
    browser.press("Credentials", &[]).await?;
    let mut other = fixture.plain_browser()?;
    other.open(&start).await?;
    let bobs = fields(&other.sign_in_at_provider("bob").await?)?;
    let consumer = fixture.at("/sign-in/adfs/aws-acs");
    let page = browser
        .lured_to_post(&fixture.upstream.url(), &consumer, &lent(&bobs))
        .await?;
    ensure!(page.text().contains("issued for a different user"), "{}", page.text());
    // A second time it is no response at all.
    let page = browser
        .lured_to_post(&fixture.upstream.url(), &consumer, &lent(&bobs))
        .await?;
    ensure!(page.text().contains("already used"), "{}", page.text());
    let refused: Vec<_> = fixture.events("issue_refused").await?;
    let reasons: Vec<_> = refused
        .iter()
        .map(|event| event["reason"].as_str())
        .collect();
    ensure!(
        reasons == [Some("other_role"), Some("other_subject")],
        "{reasons:?}"
    );
    ensure!(fixture.events("issue_intended").await?.is_empty());
    Ok(())
}
