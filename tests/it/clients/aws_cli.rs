//! AWS CLI v2 as in current and previous Debian releases: sign-in with a browser and with a device code, role
//! credentials, sign-out, and error messages.

use std::path::Path;

use anyhow::{Result, ensure};
use chrono::TimeDelta;

use super::laptop::{self, Ran};
use super::{ACCOUNT, Fixture, OTHER_PROFILE, PROFILE, aws_cli};

/// Options of `aws sso login`.
const BY_BROWSER: [&str; 2] = ["--profile", PROFILE];
const BY_CODE: [&str; 3] = ["--profile", PROFILE, "--use-device-code"];

/// A complete sequence: one sign-in, two roles, sign-out.
async fn morning(
    release: &str,
    fixture: impl Future<Output = Result<Fixture>>,
    login: &[&str],
) -> Result<()> {
    let Some(cli) = &aws_cli(release) else {
        return Ok(());
    };
    let mut fixture = fixture.await?;
    let ran = fixture.sign_in_with(cli, login).await?;
    ensure!(
        ran.is_success() && ran.text.contains("Successfully logged into Start URL"),
        "{ran:?}"
    );
    fixture.is_alice(&fixture.caller(cli, PROFILE).await?, ACCOUNT, "Developer")?;
    let other = fixture.caller(cli, OTHER_PROFILE).await?;
    fixture.is_alice(&other, "111122223333", "ReadOnly")?;
    let first = fixture.access_token()?;
    fixture.let_token_live(TimeDelta::minutes(5))?;
    // The cached credentials would still be valid.
    std::fs::remove_dir_all(fixture.laptop.path(".aws/cli/cache"))?;
    fixture.is_alice(&fixture.caller(cli, PROFILE).await?, ACCOUNT, "Developer")?;
    ensure!(
        fixture.access_token()? != first,
        "the token was not renewed"
    );
    sign_out(&fixture, cli).await
}

/// After `aws sso logout` the token is invalid everywhere.
async fn sign_out(fixture: &Fixture, cli: &Path) -> Result<()> {
    let tokens = fixture.laptop.tokens()?;
    let kept: Vec<String> = tokens
        .iter()
        .map(std::fs::read_to_string)
        .collect::<Result<_, _>>()?;
    let mut logout = fixture.laptop.command(cli);
    // `aws sso logout` uses the endpoint of the current profile.
    logout.args(["sso", "logout", "--profile", PROFILE]);
    let ran = fixture.laptop.run(logout).await?;
    ensure!(ran.is_success(), "{ran:?}");
    ensure!(fixture.laptop.tokens()?.is_empty(), "a token is left");
    // A copy of the cache file.
    for (path, text) in tokens.iter().zip(kept) {
        std::fs::write(path, text)?;
    }
    let ran = fixture.caller(cli, PROFILE).await?;
    ensure!(
        !ran.is_success() && ran.text.contains("aws sso login"),
        "{ran:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newest_cli_signs_in_with_browser() -> Result<()> {
    morning("sid", Fixture::secure(), &BY_BROWSER).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newest_cli_signs_in_with_aws_start_url() -> Result<()> {
    morning("sid", Fixture::plain(), &BY_BROWSER).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newest_cli_signs_in_with_device_code() -> Result<()> {
    morning("sid", Fixture::secure(), &BY_CODE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn previous_cli_signs_in_with_browser() -> Result<()> {
    morning("trixie", Fixture::secure(), &BY_BROWSER).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn previous_cli_signs_in_with_device_code() -> Result<()> {
    morning("trixie", Fixture::plain(), &BY_CODE).await
}

/// Without a profile there is no `[services]` section, so the variables are required.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sso_session_signs_in_without_a_profile() -> Result<()> {
    let Some(cli) = aws_cli("sid") else {
        return Ok(());
    };
    let mut fixture = Fixture::secure().await?;
    fixture.set_endpoints();
    let ran = fixture
        .sign_in_with(&cli, &["--sso-session", "rolecall"])
        .await?;
    ensure!(ran.is_success(), "{ran:?}");
    fixture.is_alice(&fixture.caller(&cli, PROFILE).await?, ACCOUNT, "Developer")
}

/// The start URL with common variations.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn variations_of_the_start_url_are_accepted() -> Result<()> {
    let Some(cli) = aws_cli("sid") else {
        return Ok(());
    };
    for ending in ["/start/", "/start#", "/start/#/"] {
        let mut fixture = Fixture::secure().await?;
        fixture.laptop.edit(".aws/config", |text| {
            text.replace("/start\n", &format!("{ending}\n"))
        })?;
        fixture.sign_in(&cli).await?;
        fixture.is_alice(&fixture.caller(&cli, PROFILE).await?, ACCOUNT, "Developer")?;
    }
    Ok(())
}

/// Lists the user's accounts and roles in pages, with the commands of AWS.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_and_roles_are_listed() -> Result<()> {
    let Some(cli) = aws_cli("sid") else {
        return Ok(());
    };
    let mut fixture = Fixture::plain().await?;
    fixture.sign_in(&cli).await?;
    let token = fixture.access_token()?;
    let list = async |arguments: &[&str]| -> Result<Ran> {
        let mut command = fixture.laptop.command(&cli);
        command.arg("sso").args(arguments);
        command.args(["--profile", PROFILE, "--access-token", &token]);
        command.args(["--output", "text", "--page-size", "1"]);
        fixture.laptop.run(command).await
    };
    let accounts = list(&["list-accounts"]).await?;
    for name in ["payments-dev", "payments-prod", "sandbox"] {
        ensure!(accounts.text.contains(name), "{accounts:?}");
    }
    let roles = list(&["list-account-roles", "--account-id", ACCOUNT]).await?;
    for name in [
        "Administrator",
        "Developer",
        "Developer@readonly",
        "ReadOnly",
    ] {
        ensure!(roles.text.contains(name), "{roles:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusal_names_the_condition_and_the_contact() -> Result<()> {
    let Some(cli) = aws_cli("sid") else {
        return Ok(());
    };
    let mut fixture = Fixture::with(|settings| {
        settings.access = settings.access.replace(
            "when = { mfa = true }\nsession_duration = \"1h\"",
            "when = { device_flow = false }\nsession_duration = \"1h\"",
        );
    })
    .await?;
    fixture.laptop.edit(".aws/config", |text| {
        text.replace("sso_role_name = ReadOnly", "sso_role_name = NoSuchRole")
    })?;
    let ran = fixture.sign_in_with(&cli, &BY_CODE).await?;
    ensure!(ran.is_success(), "{ran:?}");
    let url = fixture.stack.url().to_owned();
    let ran = fixture.caller(&cli, OTHER_PROFILE).await?;
    ensure!(
        !ran.is_success() && ran.text.contains("ForbiddenException"),
        "{ran:?}"
    );
    for part in ["NoSuchRole", "111122223333", "platform@example.com", &url] {
        ensure!(ran.text.contains(part), "{part}: {ran:?}");
    }
    let ran = fixture.caller(&cli, "payments-prod-Developer").await?;
    for part in [
        "ForbiddenException",
        "--use-device-code",
        "payments-leads@example.com",
    ] {
        ensure!(
            !ran.is_success() && ran.text.contains(part),
            "{part}: {ran:?}"
        );
    }
    Ok(())
}

/// If the request is denied in the browser, the command fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn denial_in_the_browser_fails_the_command() -> Result<()> {
    let Some(cli) = aws_cli("sid") else {
        return Ok(());
    };
    let mut fixture = Fixture::plain().await?;
    let mut login = fixture.laptop.command(&cli);
    login.args(["sso", "login", "--profile", PROFILE]);
    let mut running = fixture.laptop.start(login)?;
    let address = running.opened().await?;
    fixture.browser.open(&address).await?;
    laptop::deny(&mut fixture.browser).await?;
    let ran = running.finish().await?;
    ensure!(!ran.is_success(), "{ran:?}");
    ensure!(fixture.laptop.tokens()?.is_empty());
    Ok(())
}

/// With the variables set, a profile of a real Identity Center is sent here as well: it is rejected with the variables
/// to unset.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identity_center_profile_is_rejected_with_a_hint() -> Result<()> {
    let Some(cli) = aws_cli("sid") else {
        return Ok(());
    };
    let mut fixture = Fixture::secure().await?;
    fixture.set_endpoints();
    fixture.laptop.edit(".aws/config", |text| {
        format!(
            "{text}\n[sso-session corp]\nsso_start_url = https://mycorp.awsapps.com/start\nsso_region = eu-west-1\nsso_registration_scopes = sso:account:access\n\n\
             [profile corp]\nsso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = Developer\n"
        )
    })?;
    let mut login = fixture.laptop.command(&cli);
    login.args(["sso", "login", "--profile", "corp"]);
    let ran = fixture.laptop.run(login).await?;
    for part in [
        "InvalidRequestException",
        "mycorp.awsapps.com",
        "unset AWS_ENDPOINT_URL_SSO and AWS_ENDPOINT_URL_SSO_OIDC",
    ] {
        ensure!(
            !ran.is_success() && ran.text.contains(part),
            "{part}: {ran:?}"
        );
    }
    Ok(())
}
