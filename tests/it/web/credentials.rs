//! Credentials as a page and as JSON. The simulated AWS verifies their signature.

use aws_credential_types::Credentials;
use aws_sdk_sts::config::{BehaviorVersion, Region};
use rolecall_testkit::aws::Fault;

use super::*;

const ROLE: [(&str, &str); 2] = [("account", "444455556666"), ("permission_set", "Developer")];

/// The caller identity of these credentials.
async fn caller(fixture: &Fixture, json: &Value) -> Result<String> {
    let part = |name: &str| {
        json[name]
            .as_str()
            .context("missing part")
            .map(str::to_owned)
    };
    let credentials = Credentials::new(
        part("AccessKeyId")?,
        part("SecretAccessKey")?,
        Some(part("SessionToken")?),
        None,
        "test",
    );
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(rolecalld::aws::http_client())
        .region(Region::from_static("eu-west-1"))
        .endpoint_url(fixture.stack.aws.url())
        .credentials_provider(credentials)
        .build();
    let answer = aws_sdk_sts::Client::from_conf(config).get_caller_identity();
    Ok(answer.send().await?.arn().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn json_credentials_are_accepted_by_aws() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    let (status, json) = fixture.post_json(&pass, "/credentials", &ROLE).await?;
    ensure!(
        status == 200 && json["Version"] == 1 && json["AccountId"] == "444455556666",
        "{status} {json}"
    );
    let arn = caller(&fixture, &json).await?;
    ensure!(
        arn.starts_with("arn:aws:sts::444455556666:assumed-role/Developer/alice@example.com"),
        "{arn}"
    );
    let issued = fixture.stack.aws.issued();
    ensure!(
        issued.len() == 1 && issued[0].source_identity.as_deref() == Some("alice@example.com"),
        "{issued:?}"
    );
    let tag = |key: &str| {
        issued[0]
            .tags
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    };
    ensure!(
        tag("rolecall:account") == Some("444455556666")
            && tag("rolecall:permission-set") == Some("Developer"),
        "{:?}",
        issued[0].tags
    );
    ensure!(tag("user") == Some("alice@example.com"));
    Ok(())
}

#[tokio::test]
async fn intent_is_audited_before_its_outcome() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    let answer = fixture.post(&pass, "/credentials", &ROLE).send().await?;
    ensure!(answer.status() == 200);
    let reference = answer.headers()["x-request-id"].to_str()?.to_owned();
    let trail = fixture.trail().await?;
    let mine: Vec<&Value> = trail
        .iter()
        .filter(|event| event["reference"] == reference.as_str())
        .collect();
    ensure!(
        mine.len() == 2 && mine[0]["event"] == "issue_intended" && mine[1]["event"] == "issue_done",
        "{mine:?}"
    );
    ensure!(
        mine[0]["delivery"] == "credentials" && mine[0]["duration"] == 14_400,
        "{:?}",
        mine[0]
    );
    ensure!(mine[1]["access_key_id"] == fixture.stack.aws.issued()[0].access_key_id.as_str());
    let secret = &fixture.stack.aws.issued()[0].secret_access_key;
    ensure!(!serde_json::to_string(&trail)?.contains(secret.as_str()));
    Ok(())
}

#[tokio::test]
async fn page_has_a_tab_for_each_format() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let page = browser.press("Credentials", &[]).await?;
    ensure!(
        page.url().path() == "/credentials" && page.status().is_some_and(|status| status == 200),
        "{} {:?}",
        page.url(),
        page.status()
    );
    let tabs = page.attributes("input[name=format]", "value")?;
    ensure!(
        tabs == [
            "bash",
            "fish",
            "powershell",
            "cmd",
            "dotenv",
            "file",
            "json"
        ],
        "{tabs:?}"
    );
    let issued = fixture.stack.aws.issued();
    for part in [
        &issued[0].access_key_id,
        &issued[0].secret_access_key,
        &issued[0].session_token,
    ] {
        ensure!(page.body().matches(part.as_str()).count() == 7);
    }
    let shown = page.select("#snippet-bash")?;
    let want = format!("export AWS_ACCESS_KEY_ID='{}'", issued[0].access_key_id);
    ensure!(shown[0].starts_with(&want), "{shown:?}");
    ensure!(page.header("cache-control") == Some("no-store"));
    ensure!(
        page.text().contains("59 min") || page.text().contains("1 h"),
        "{}",
        page.text()
    );

    let json: Value = serde_json::from_str(&page.select("#snippet-json")?[0])?;
    ensure!(caller(&fixture, &json).await?.contains("alice@example.com"));
    let page = browser.press("Get new credentials", &[]).await?;
    ensure!(
        page.status().is_some_and(|status| status == 200) && fixture.stack.aws.issued().len() == 2,
        "{:?} {}",
        page.status(),
        page.text()
    );
    Ok(())
}

#[tokio::test]
async fn variant_is_a_separate_role() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("bob").await?;
    let [account, permission_set] = ROLE;
    let fields = [account, permission_set, ("variant", "readonly")];
    let (status, _) = fixture.post_json(&pass, "/credentials", &fields).await?;
    ensure!(status == 200);
    let issued = fixture.stack.aws.issued();
    ensure!(
        issued[0]
            .tags
            .iter()
            .any(|(_, value)| value == "Developer@readonly")
    );
    let requests = fixture.stack.aws.requests();
    let order = requests.last().context("no request")?;
    ensure!(order.field("DurationSeconds") == Some("3600"));
    ensure!(
        order.field("PolicyArns.member.1.arn") == Some("arn:aws:iam::aws:policy/ReadOnlyAccess")
    );
    Ok(())
}

#[tokio::test]
async fn caller_identity_is_shown_on_request() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let page = browser.press("Credentials", &[]).await?;
    ensure!(
        !page.text().contains("Identity according to AWS"),
        "{}",
        page.text()
    );
    let page = browser.press("Verify with AWS", &[]).await?;
    let text = page.text();
    let issued = fixture.stack.aws.issued();
    let newest = issued.last().context("nothing issued")?;
    ensure!(
        issued.len() == 2 && page.body().contains(&newest.access_key_id),
        "{text}"
    );
    for part in [
        "Identity according to AWS",
        &newest.assumed_role_arn,
        "User ID",
    ] {
        ensure!(text.contains(part), "{part}: {text}");
    }
    ensure!(page.select("[role=alert]")?.is_empty(), "{text}");

    let pass = pass_of(&browser)?;
    let [account, permission_set] = ROLE;
    let fields = [account, permission_set, ("verify", "1")];
    let (status, json) = fixture.post_json(&pass, "/credentials", &fields).await?;
    let identity = &json["CallerIdentity"];
    ensure!(
        status == 200 && identity["Account"] == "444455556666",
        "{identity}"
    );
    ensure!(
        identity["Arn"] == caller(&fixture, &json).await?.as_str(),
        "{identity}"
    );
    let user_id = identity["UserId"].as_str().unwrap_or_default();
    ensure!(user_id.contains(":alice@example.com"), "{identity}");
    let (_, json) = fixture.post_json(&pass, "/credentials", &ROLE).await?;
    ensure!(json.get("CallerIdentity").is_none(), "{identity}");
    ensure!(fixture.events("issue_unverified").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn unanswered_check_on_request_keeps_the_credentials() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    fixture.stack.aws.inject_fault(Fault::CallerIdentityRefused);
    browser.press("Credentials", &[]).await?;
    let page = browser.press("Verify with AWS", &[]).await?;
    let alerts = page.select("[role=alert]")?;
    ensure!(
        alerts.len() == 1
            && alerts[0].contains("AWS did not confirm the identity of these credentials"),
        "{}",
        page.text()
    );
    let issued = fixture.stack.aws.issued();
    let newest = issued.last().context("nothing issued")?;
    ensure!(page.body().contains(&newest.secret_access_key));

    let pass = pass_of(&browser)?;
    let [account, permission_set] = ROLE;
    let fields = [account, permission_set, ("verify", "1")];
    let (status, json) = fixture.post_json(&pass, "/credentials", &fields).await?;
    ensure!(
        status == 200 && json["CallerIdentity"]["Error"] == "invalid_credentials",
        "{status} {json}"
    );
    ensure!(json["SecretAccessKey"].is_string(), "{json}");
    let failed = fixture.events("issue_unverified").await?;
    ensure!(
        failed.len() == 2 && failed.iter().all(|event| event["on_request"] == true),
        "{failed:?}"
    );
    Ok(())
}

#[tokio::test]
async fn credentials_of_another_principal_are_not_shown() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    browser.press("Credentials", &[]).await?;
    let pass = pass_of(&browser)?;
    fixture.stack.aws.inject_fault(Fault::OtherCallerIdentity);
    let page = browser.press("Verify with AWS", &[]).await?;
    ensure!(
        page.status().is_some_and(|status| status == 502)
            && page.text().contains("AWS did not confirm the credentials"),
        "{}",
        page.text()
    );
    let [account, permission_set] = ROLE;
    let fields = [account, permission_set, ("verify", "1")];
    let (status, json) = fixture.post_json(&pass, "/credentials", &fields).await?;
    ensure!(
        status == 502 && json["error"] == "unverified",
        "{status} {json}"
    );
    for issued in &fixture.stack.aws.issued()[1..] {
        for part in [&issued.secret_access_key, &issued.session_token] {
            ensure!(!page.body().contains(part) && !json.to_string().contains(part));
        }
    }
    let failed = fixture.events("issue_unverified").await?;
    ensure!(
        failed.len() == 2
            && failed
                .iter()
                .all(|event| event["reason"] == "other_identity"
                    && event.get("on_request").is_none()),
        "{failed:?}"
    );
    Ok(())
}

#[tokio::test]
async fn check_requires_the_form_of_the_session() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    let forged = Pass {
        csrf: fixture.pass("bob").await?.csrf,
        ..pass
    };
    let [account, permission_set] = ROLE;
    let fields = [account, permission_set, ("verify", "1")];
    let answer = fixture
        .post(&forged, "/credentials", &fields)
        .send()
        .await?;
    ensure!(answer.status() == 403, "{}", answer.status());
    ensure!(fixture.stack.aws.issued().is_empty());
    Ok(())
}
