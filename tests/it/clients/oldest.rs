//! AWS CLI 2.9.19, which Debian 12 has, and AWS CLI 1.
//!
//! Neither the variables nor `[services]` exist for 2.9.19; where its endpoints are is part of its models, and models can
//! be laid over. AWS CLI 1 cannot sign in at all and lives on what another signed in.

use anyhow::{Result, ensure};
use serde_json::json;

use super::{ACCOUNT, PROFILE, Scene, aws_cli, peer};

/// What `docs/clients.md` shows: a rule set whose every answer is this gateway.
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
async fn the_oldest_signs_in_with_a_code_and_models_of_its_own() -> Result<()> {
    let Some(cli) = aws_cli("bookworm") else {
        return Ok(());
    };
    let mut scene = Scene::secure().await?;
    for service in ["sso", "sso-oidc"] {
        let path = format!(".aws/models/{service}/2019-06-10/endpoint-rule-set-1.json");
        scene
            .laptop
            .save(&path, &endpoint_rules(scene.house.url()))?;
    }
    scene.sign_in(&cli).await?;
    let first = scene.access_token()?;
    for _ in 0..2 {
        let mut command = scene.laptop.command(&cli);
        command.args(["sts", "get-caller-identity", "--profile", PROFILE]);
        command.args(["--endpoint-url", &scene.house.aws.url()]);
        let ran = scene.laptop.run(command).await?;
        scene.is_alice(&ran, ACCOUNT, "Developer")?;
        std::fs::remove_dir_all(scene.laptop.path(".aws/cli/cache"))?;
        scene.expire_token()?;
    }
    ensure!(scene.access_token()? != first, "the token was not renewed");
    let mut logout = scene.laptop.command(&cli);
    logout.args(["sso", "logout", "--profile", PROFILE]);
    let ran = scene.laptop.run(logout).await?;
    ensure!(
        ran.is_success() && scene.laptop.tokens()?.is_empty(),
        "{ran:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_cli_uses_what_the_second_signed_in() -> Result<()> {
    let (Some(cli), Some(python)) = (aws_cli("trixie"), peer("ROLECALL_PEERS_PYTHON")) else {
        return Ok(());
    };
    let first = python.with_file_name("aws");
    let mut scene = Scene::secure().await?;
    scene.sign_in(&cli).await?;
    scene.is_alice(&scene.caller(&first, PROFILE).await?, ACCOUNT, "Developer")?;
    // An hour later it gets a token of its own.
    scene.expire_token()?;
    let before = scene.access_token()?;
    scene.is_alice(&scene.caller(&first, PROFILE).await?, ACCOUNT, "Developer")?;
    ensure!(
        scene.access_token()? != before,
        "the token was not refreshed"
    );
    let mut login = scene.laptop.command(&first);
    login.args(["sso", "login", "--profile", PROFILE]);
    let ran = scene.laptop.run(login).await?;
    ensure!(
        !ran.is_success() && ran.text.contains("nvalid choice"),
        "{ran:?}"
    );
    Ok(())
}
