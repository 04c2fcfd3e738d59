//! AWS CLI 2.9.19 of Debian 12, and AWS CLI 1.
//!
//! Version 2.9.19 supports neither the variables nor `[services]`; its endpoints are part of its models, which can be
//! overridden. AWS CLI 1 cannot sign in, and uses the session of another version.

use anyhow::{Result, ensure};
use rolecall_test_requirements::PYTHON_PEERS;
use serde_json::json;

use super::{ACCOUNT, Fixture, PROFILE, aws_cli};

/// The rule set in `docs/clients.md`, which always returns this gateway.
fn endpoint_rules(url: &str) -> String {
    let toggle = |of: &str| json!({ "builtIn": format!("AWS::{of}"), "required": true, "default": false, "type": "Boolean" });
    json!({
        "version": "1.0",
        "parameters": {
            "Region": { "builtIn": "AWS::Region", "required": false, "type": "String" },
            "UseDualStack": toggle("UseDualStack"),
            "UseFIPS": toggle("UseFIPS"),
            "Endpoint": { "builtIn": "SDK::Endpoint", "required": false, "type": "String" },
        },
        "rules": [{ "conditions": [], "type": "endpoint", "endpoint": { "url": url, "properties": {}, "headers": {} } }],
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oldest_cli_signs_in_with_overridden_models() -> Result<()> {
    let Some(cli) = aws_cli("bookworm") else {
        return Ok(());
    };
    let mut fixture = Fixture::secure().await?;
    for service in ["sso", "sso-oidc"] {
        let path = format!(".aws/models/{service}/2019-06-10/endpoint-rule-set-1.json");
        fixture
            .laptop
            .save(&path, &endpoint_rules(fixture.stack.url()))?;
    }
    fixture.sign_in(&cli).await?;
    let first = fixture.access_token()?;
    for _ in 0..2 {
        let mut command = fixture.laptop.command(&cli);
        command.args(["sts", "get-caller-identity", "--profile", PROFILE]);
        command.args(["--endpoint-url", &fixture.stack.aws.url()]);
        let ran = fixture.laptop.run(command).await?;
        fixture.is_alice(&ran, ACCOUNT, "Developer")?;
        std::fs::remove_dir_all(fixture.laptop.path(".aws/cli/cache"))?;
        fixture.expire_token()?;
    }
    ensure!(
        fixture.access_token()? != first,
        "the token was not renewed"
    );
    let mut logout = fixture.laptop.command(&cli);
    logout.args(["sso", "logout", "--profile", PROFILE]);
    let ran = fixture.laptop.run(logout).await?;
    ensure!(
        ran.is_success() && fixture.laptop.tokens()?.is_empty(),
        "{ran:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cli_1_uses_the_session_of_cli_2() -> Result<()> {
    let (Some(cli), Some(python)) = (aws_cli("trixie"), PYTHON_PEERS.path()) else {
        return Ok(());
    };
    let first = python.with_file_name("aws");
    let mut fixture = Fixture::secure().await?;
    fixture.sign_in(&cli).await?;
    fixture.is_alice(
        &fixture.caller(&first, PROFILE).await?,
        ACCOUNT,
        "Developer",
    )?;
    // An hour later it renews the token itself.
    fixture.expire_token()?;
    let before = fixture.access_token()?;
    fixture.is_alice(
        &fixture.caller(&first, PROFILE).await?,
        ACCOUNT,
        "Developer",
    )?;
    ensure!(
        fixture.access_token()? != before,
        "the token was not refreshed"
    );
    let mut login = fixture.laptop.command(&first);
    login.args(["sso", "login", "--profile", PROFILE]);
    let ran = fixture.laptop.run(login).await?;
    ensure!(
        !ran.is_success() && ran.text.contains("nvalid choice"),
        "{ran:?}"
    );
    Ok(())
}
