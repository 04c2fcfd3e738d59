//! The terminal page, and the start URL of its profiles.

use reqwest::Method;
use reqwest::header::{HeaderValue, USER_AGENT};

use super::*;

#[tokio::test]
async fn page_has_a_profile_for_each_role() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let page = browser.click("Terminal").await?;
    ensure!(
        page.url().as_str() == fixture.at("/config"),
        "{}",
        page.url()
    );
    let shown = page.select("#config")?.concat();
    let pass = pass_of(&browser)?;
    let text = fixture
        .get("/config?format=text")
        .header(COOKIE, &pass.cookie);
    let file = text.send().await?.text().await?;
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    ensure!(words(&shown) == words(&file), "{shown}");
    let names: Vec<&str> = file
        .lines()
        .filter_map(|line| line.strip_prefix("[profile ")?.strip_suffix(']'))
        .collect();
    ensure!(
        names
            == [
                "payments-dev-Administrator",
                "payments-dev-Developer",
                "payments-dev-Developer-readonly",
                "payments-dev-ReadOnly",
                "payments-prod-Administrator",
                "payments-prod-Developer",
                "payments-prod-Developer-readonly",
                "payments-prod-ReadOnly",
                "sandbox-Administrator",
                "sandbox-Developer",
                "sandbox-Developer-readonly",
                "sandbox-ReadOnly",
            ],
        "{names:?}"
    );
    ensure!(
        file.starts_with("# rolecall begin: replace the old block, if there is one, up to \"rolecall end\"\n[sso-session ")
            && file.ends_with("\nservices = rolecall\n# rolecall end\n")
            && file.matches("rolecall begin").count() == 1,
        "{file}"
    );
    let variables = page.select("#snippet-bash")?.concat();
    for name in ["SSO", "SSO_OIDC", "SIGNIN"] {
        let line = format!("export AWS_ENDPOINT_URL_{name}='{}'", fixture.stack.url());
        ensure!(variables.contains(&line), "{variables}");
    }
    ensure!(
        page.text()
            .contains("aws sso login --profile payments-dev-Administrator"),
        "{}",
        page.text()
    );
    for request in [
        fixture.get("/config?format=text"),
        fixture.get("/config").header(ACCEPT, "text/plain"),
    ] {
        let answer = request.header(COOKIE, &pass.cookie).send().await?;
        ensure!(answer.headers()[CONTENT_TYPE] == "text/plain; charset=utf-8");
        ensure!(answer.text().await? == file);
    }
    Ok(())
}

/// The file and the commands come first. Additional configuration follows, with its conditions and warnings.
#[tokio::test]
async fn additional_configuration_follows_the_block() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let page = browser.open(&fixture.at("/config")).await?;
    let text = page.text();
    let mut rest = text.as_str();
    for part in [
        "It requires AWS CLI 2.13 or newer",
        "block, replace it",
        "[sso-session rolecall]",
        "aws sso login --profile",
        "AWS CLI 1, boto3, Go, Terraform, rclone and SAM need only the block.",
        "JavaScript, Ruby or CDK programs that set the profile in their code",
        "If the file has a [default] section, add the line services to it.",
        "[default] services = rolecall",
        "Do not add it if you also use AWS IAM Identity Center:",
        "Rust: environment variables",
        "The variables apply to every SSO profile on this machine.",
        "do not export them",
        "export AWS_ENDPOINT_URL_SSO=",
        "Each such profile needs services too.",
        "source_profile = payments-dev-Administrator region = eu-west-1 services = rolecall",
        "C++ (pyarrow), JavaScript SDK 2, AWS CLI before 2.13: credential_process",
        "credential_process = aws configure export-credentials --profile payments-dev-Administrator --format process",
        "Client compatibility",
    ] {
        let (_, after) = rest
            .split_once(part)
            .with_context(|| format!("{part}: {text}"))?;
        rest = after;
    }
    ensure!(
        !page.select("#config")?.concat().contains("[default]"),
        "{}",
        page.select("#config")?.concat()
    );
    Ok(())
}

#[tokio::test]
async fn single_profile_can_be_selected() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    browser.open(&fixture.at("/config")).await?;
    let page = browser
        .submit("form.choose", &[("profile", "sandbox-ReadOnly")])
        .await?;
    let shown = page.select("#config")?.concat();
    ensure!(shown.matches("[profile ").count() == 1, "{shown}");
    ensure!(
        page.text()
            .contains("aws sso login --profile sandbox-ReadOnly"),
        "{}",
        page.text()
    );
    let page = browser.click("Plain text").await?;
    let file = page.body();
    for part in [
        "# rolecall begin",
        "[sso-session rolecall]\n",
        "[services rolecall]\n",
        "[profile sandbox-ReadOnly]\nsso_session = rolecall\nsso_account_id = 777788889999\nsso_role_name = ReadOnly\n",
        "# rolecall end\n",
    ] {
        ensure!(file.contains(part), "{part}: {file}");
    }
    ensure!(file.matches("[profile ").count() == 1, "{file}");
    let page = browser
        .open(&fixture.at("/config?profile=nobody&format=text"))
        .await?;
    ensure!(
        page.status() == Some(reqwest::StatusCode::NOT_FOUND)
            && page
                .text()
                .contains("None of your roles has a profile of this name.")
            && page
                .text()
                .contains("Choose one of the profiles on the Terminal page."),
        "{}",
        page.text()
    );
    Ok(())
}

#[tokio::test]
async fn locked_role_has_a_profile_with_a_note() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("bob").await?;
    let page = browser.open(&fixture.at("/config?format=text")).await?;
    let locked = "# needs a sign-in with a second factor\n[profile payments-prod-Developer]\n";
    ensure!(page.body().contains(locked), "{}", page.body());
    let mut browser = fixture.signed_in("carol").await?;
    let page = browser.open(&fixture.at("/config")).await?;
    ensure!(
        page.text().contains("No role is assigned to you") && !page.text().contains("[profile"),
        "{}",
        page.text()
    );
    Ok(())
}

#[tokio::test]
async fn start_url_probe_is_redirected_to_aws() -> Result<()> {
    let fixture = Fixture::new().await?;
    let agent = HeaderValue::from_static("Python-urllib/3.13");
    let mut led = Vec::new();
    for path in ["/start", "/start/", "/start?x=y"] {
        let probe = fixture.client.request(Method::HEAD, fixture.at(path));
        let answer = probe.header(USER_AGENT, &agent).send().await?;
        ensure!(answer.status() == 302, "{path}: {}", answer.status());
        led.push(location(&answer)?);
        let answer = fixture.get(path).send().await?;
        ensure!(
            answer.status() == 303 && location(&answer)? == "/",
            "{path}"
        );
    }
    led.dedup();
    let [to] = led.as_slice() else {
        anyhow::bail!("{led:?}");
    };
    let label = to
        .strip_prefix("https://d-rolecall-")
        .and_then(|rest| rest.strip_suffix(".awsapps.com/start"))
        .context("no separate label")?;
    ensure!(
        label.len() == 32 && label.bytes().all(|b| b.is_ascii_hexdigit()),
        "{label}"
    );
    let chosen = Fixture::with(|settings| {
        settings.more = "[clients]\nstart_url_label = \"acme-sso\"\n".to_owned();
    })
    .await?;
    let probe = chosen.client.request(Method::HEAD, chosen.at("/start"));
    ensure!(location(&probe.send().await?)? == "https://acme-sso.awsapps.com/start");
    Ok(())
}
