//! Accounts that trust the users' own SAML provider: its response for AWS, received at `aws-acs`, yields credentials and the
//! console. Responses for AWS and for the gateway are not interchangeable.

use std::time::Duration;

use rolecall_testkit::aws::Role;
use rolecall_testkit::saml::ServiceProvider;
use serde_json::json;

use super::saml::{SamlFixture, as_str_pairs, fields};
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

/// A stack whose account trusts the SAML provider, which has an AWS application with these roles.
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
        Role::with_trust_policy(trust).with_max_session_duration(Duration::from_secs(12 * 3_600)),
    )?;
    Ok(fixture)
}

fn pair() -> String {
    format!("{ROLE},{PROVIDER}")
}

#[tokio::test]
async fn provider_response_yields_credentials_and_console() -> Result<()> {
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
    let posted = posted.context("no POST to aws-acs")?;
    ensure!(
        posted.sent.get(COOKIE).is_none() && posted.received.get(SET_COOKIE).is_none(),
        "{:?} {:?}",
        posted.sent.get(COOKIE),
        posted.received.get(SET_COOKIE)
    );
    ensure!(fixture.events("signed_in").await?.len() == 1);
    let intents = fixture.events("issue_intended").await?;
    ensure!(
        intents.len() == 2 && intents[0]["role_session_name"] == "alice@example.com",
        "{intents:?}"
    );
    ensure!(fixture.events("issue_done").await?.len() == 2);
    Ok(())
}

#[tokio::test]
async fn json_clients_are_told_to_use_a_browser() -> Result<()> {
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
async fn responses_are_bound_to_their_endpoint() -> Result<()> {
    let fixture = fixture(&[&pair()]).await?;
    let mut browser = fixture.plain_browser()?;
    let start = fixture
        .upstream
        .idp_initiated_url("urn:amazon:webservices", None);
    browser.open(&start).await?;
    let for_aws = fields(&browser.sign_in_at_provider("alice").await?)?;
    let for_us = fixture.undelivered(&mut fixture.plain_browser()?).await?;
    let unsolicited = fixture.unsolicited(None).await?;
    let mut browser = fixture.browser()?;
    for (path, fields) in [
        ("/sign-in/adfs/acs", &for_aws),
        ("/sign-in/adfs/aws-acs", &for_us),
        ("/sign-in/adfs/aws-acs", &unsolicited),
    ] {
        let page = browser
            .submit_cross_site_form(
                &fixture.upstream.url(),
                &fixture.at(path),
                &as_str_pairs(fields),
            )
            .await?;
        ensure!(
            page.status() == Some(reqwest::StatusCode::FORBIDDEN),
            "{}",
            page.text()
        );
    }
    ensure!(browser.cookie(SESSION).is_none());
    // Also where unsolicited responses are allowed: the audience and recipient of AWS are never those of the gateway.
    let keys = "allow_idp_initiated = true\naws = { start = \"UPSTREAM/start?sp=urn:amazon:webservices\" }";
    let open = SamlFixture::under(ACCESS, keys, |_| ()).await?;
    let consumer = open.at("/sign-in/adfs/acs");
    open.upstream
        .register(ServiceProvider::aws(&consumer, &[&pair()], "alice"));
    let mut browser = open.browser()?;
    browser
        .open(
            &open
                .upstream
                .idp_initiated_url("urn:amazon:webservices", None),
        )
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
async fn response_must_match_user_and_role() -> Result<()> {
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
        .submit_cross_site_form(&fixture.upstream.url(), &consumer, &as_str_pairs(&bobs))
        .await?;
    ensure!(
        page.text().contains("issued for a different user"),
        "{}",
        page.text()
    );
    // A response is accepted only once.
    let page = browser
        .submit_cross_site_form(&fixture.upstream.url(), &consumer, &as_str_pairs(&bobs))
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
