//! Accounts that trust the gateway as a SAML provider: the console opens with a form to AWS, credentials come from STS.

use super::*;

const SANDBOX: [(&str, &str); 2] = [
    ("account", "777788889999"),
    ("permission_set", "Administrator"),
];
const LINK: &str = "/console?account=777788889999&permission_set=Administrator&destination=s3";

#[tokio::test]
async fn console_opens_without_sts() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    browser.open(&fixture.at(LINK)).await?;
    let page = browser.press("Open console", &[]).await?;
    ensure!(
        page.text().contains("Redirecting to the AWS console"),
        "{}",
        page.text()
    );
    let own = page.attributes("form[data-send] input", "name")?;
    ensure!(own == ["SAMLResponse", "RelayState"], "{own:?}");
    ensure!(page.header("cache-control") == Some("no-store"));
    // The script submits the form.
    let page = browser.press("Continue", &[]).await?;
    ensure!(
        page.url().as_str() == format!("{}/saml", fixture.stack.aws.url()),
        "{}",
        page.url()
    );
    for words in [
        "You are signed in to the console",
        "777788889999",
        "Administrator",
        "https://console.aws.amazon.com/s3/home",
        "rolecall:account = 777788889999",
    ] {
        ensure!(page.text().contains(words), "{words}: {}", page.text());
    }
    let asked: Vec<String> = fixture
        .stack
        .aws
        .requests()
        .into_iter()
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    ensure!(asked == ["POST /saml"], "{asked:?}");

    let trail = fixture.trail().await?;
    let kinds: Vec<&str> = trail
        .iter()
        .filter_map(|event| event["event"].as_str())
        .filter(|kind| kind.starts_with("issue"))
        .collect();
    ensure!(kinds == ["issue_intended", "issue_posted"], "{kinds:?}");
    let intended = fixture.events("issue_intended").await?.remove(0);
    ensure!(intended["delivery"] == "console", "{intended}");
    let posted = fixture.events("issue_posted").await?.remove(0);
    ensure!(
        posted["recipient"] == format!("{}/saml", fixture.stack.aws.url()),
        "{posted}"
    );
    let issued = fixture.stack.aws.issued().pop().context("no session")?;
    ensure!(
        issued.subject == "example|alice" || issued.subject.starts_with("example|"),
        "{}",
        issued.subject
    );
    Ok(())
}

#[tokio::test]
async fn console_session_may_exceed_sts_limit() -> Result<()> {
    let twelve = "session_duration = \"12h\"";
    let fixture = Fixture::with(|settings| {
        settings.access = settings
            .access
            .replacen("session_duration = \"1h\"", twelve, 1);
    })
    .await?;
    let mut browser = fixture.signed_in("alice").await?;
    browser.open(&fixture.at(LINK)).await?;
    browser.press("Open console", &[]).await?;
    let page = browser.press("Continue", &[]).await?;
    let ends = fixture.clock.now() + chrono::TimeDelta::hours(12);
    let ends = ends.format("%Y-%m-%d %H:%M").to_string();
    ensure!(page.text().contains(&ends), "{ends}: {}", page.text());
    Ok(())
}

#[tokio::test]
async fn json_clients_get_the_saml_form() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    let (status, answer) = fixture.post_json(&pass, "/console", &SANDBOX).await?;
    ensure!(status == 200, "{answer}");
    let form = &answer["form"];
    ensure!(form["action"] == format!("{}/saml", fixture.stack.aws.url()));
    ensure!(
        form["fields"]["RelayState"] == "https://console.aws.amazon.com/",
        "{form}"
    );
    ensure!(form["fields"]["SAMLResponse"].is_string(), "{form}");
    ensure!(
        fixture.stack.aws.issued().is_empty(),
        "{} issued",
        fixture.stack.aws.issued().len()
    );

    let (status, answer) = fixture.post_json(&pass, "/credentials", &SANDBOX).await?;
    ensure!(status == 200, "{answer}");
    let issued = fixture.stack.aws.issued().pop().context("no session")?;
    ensure!(answer["AccessKeyId"] == issued.access_key_id, "{answer}");
    let asked = fixture.stack.aws.requests().pop().context("no request")?;
    ensure!(asked.action == "AssumeRoleWithSAML", "{}", asked.action);
    let kinds = fixture.events("issue_done").await?;
    ensure!(kinds.len() == 1, "{kinds:?}");
    Ok(())
}

#[tokio::test]
async fn sign_out_first_continues_with_the_saml_form() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    browser.open(&fixture.at(LINK)).await?;
    let page = browser
        .press("Open console", &[("sign_out_first", "true")])
        .await?;
    ensure!(
        page.url().path().starts_with("/console/continue/"),
        "{}",
        page.url()
    );
    let page = browser.press("Continue", &[]).await?;
    ensure!(
        page.text().contains("You are signed in to the console"),
        "{}",
        page.text()
    );
    Ok(())
}

#[tokio::test]
async fn unassigned_role_gets_no_saml_response() -> Result<()> {
    let fixture = Fixture::new().await?;
    let bob = fixture.pass("bob").await?;
    let (status, answer) = fixture.post_json(&bob, "/console", &SANDBOX).await?;
    ensure!(status == 403 && answer.get("form").is_none(), "{answer}");
    let refused = fixture.events("issue_refused").await?;
    ensure!(
        refused.len() == 1 && fixture.events("issue_intended").await?.is_empty(),
        "{refused:?}"
    );
    Ok(())
}

#[tokio::test]
async fn metadata_is_public_and_cacheable() -> Result<()> {
    let fixture = Fixture::new().await?;
    let answer = fixture.get("/saml/metadata").send().await?;
    let header = |name: &str| {
        let value = answer.headers().get(name);
        value
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    ensure!(header("content-type").as_deref() == Some("application/samlmetadata+xml"));
    ensure!(header("cache-control").as_deref() == Some("public, max-age=3600"));
    let etag = header("etag").context("no entity tag")?;
    let metadata = answer.text().await?;
    let entity = format!("entityID=\"{}\"", fixture.at("/saml/metadata"));
    ensure!(metadata.contains(&entity), "{metadata}");
    ensure!(metadata.len() > 1_000);
    let again = fixture.get("/saml/metadata").header("if-none-match", etag);
    ensure!(again.send().await?.status() == 304);
    Ok(())
}
