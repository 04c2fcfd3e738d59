//! boto3 with a session of the CLI: it assumes a role and renews its token, also in 50 concurrent processes; a legacy
//! profile without a session works until its token expires.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::clock::ManualClock;

use super::laptop::Ran;
use super::{ACCOUNT, Fixture, PROFILE, aws_cli};
use crate::operate::{get, until};

/// Number of processes that find an expired token at the same time.
const PROCESSES: usize = 50;

impl Fixture {
    /// Runs `tests/peers/python/caller.py` as this profile, or with credentials in environment variables if it is empty.
    pub(super) async fn boto3(&self, profile: &str, processes: usize) -> Result<Ran> {
        let python = PYTHON_PEERS.path().context("checked before")?;
        let mut command = self.laptop.command(python);
        command
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/peers/python/caller.py"
            ))
            .args([profile, &processes.to_string()]);
        self.laptop.run(command).await
    }

    /// Number of requests rejected by this limit.
    async fn limited(&self, limit: &str) -> Result<u64> {
        let metrics = format!("http://{}/metrics", self.stack.gateway.management);
        let (_, metrics) = get(&metrics).await?;
        let line = format!("rolecall_rate_limited_total{{limit=\"{limit}\"}} ");
        let count = metrics.lines().find_map(|there| there.strip_prefix(&line));
        Ok(count.unwrap_or("0").parse()?)
    }

    /// Number of events of this kind in the audit trail.
    async fn count(&self, kind: &str) -> Result<usize> {
        let events = self.stack.audit_events().await?;
        Ok(events.iter().filter(|event| event["event"] == kind).count())
    }
}

fn has_both() -> Option<std::path::PathBuf> {
    PYTHON_PEERS.path()?;
    aws_cli("sid")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_near_expiry_is_renewed() -> Result<()> {
    let Some(cli) = has_both() else {
        return Ok(());
    };
    let mut fixture = Fixture::secure().await?;
    fixture.sign_in(&cli).await?;
    fixture.is_alice(&fixture.boto3(PROFILE, 1).await?, ACCOUNT, "Developer")?;
    let first = fixture.access_token()?;
    fixture.is_alice(&fixture.boto3(PROFILE, 1).await?, ACCOUNT, "Developer")?;
    ensure!(fixture.access_token()? == first, "renewed too early");
    fixture.let_token_live(chrono::TimeDelta::minutes(5))?;
    fixture.is_alice(&fixture.boto3(PROFILE, 1).await?, ACCOUNT, "Developer")?;
    ensure!(fixture.access_token()? != first, "not renewed");
    ensure!(fixture.count("client_session_begun").await? == 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_processes_renew_an_expired_token() -> Result<()> {
    let Some(cli) = has_both() else {
        return Ok(());
    };
    let mut fixture = Fixture::secure().await?;
    fixture.sign_in(&cli).await?;
    for _ in 0..2 {
        let before = fixture.access_token()?;
        fixture.expire_token()?;
        let ran = fixture.boto3(PROFILE, PROCESSES).await?;
        let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Developer/alice@example.com");
        ensure!(
            ran.is_success() && ran.text.matches(&arn).count() == PROCESSES,
            "{ran:?}"
        );
        ensure!(
            fixture.access_token()? != before,
            "the token was not renewed"
        );
    }
    ensure!(fixture.count("client_session_begun").await? == 1);
    ensure!(fixture.count("signed_out").await? == 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn legacy_profile_works_until_token_expires() -> Result<()> {
    let Some(cli) = has_both() else {
        return Ok(());
    };
    let mut fixture = Fixture::secure().await?;
    let start = fixture.stack.at("/start");
    fixture.laptop.edit(".aws/config", |text| {
        format!(
            "{text}\n[profile legacy]\nsso_start_url = {start}\nsso_region = eu-west-1\nsso_account_id = {ACCOUNT}\nsso_role_name = Developer@readonly\nservices = rolecall\n"
        )
    })?;
    let ran = fixture.sign_in_with(&cli, &["--profile", "legacy"]).await?;
    ensure!(ran.is_success(), "{ran:?}");
    fixture.is_alice(&fixture.boto3("legacy", 1).await?, ACCOUNT, "Developer")?;
    fixture.is_alice(&fixture.caller(&cli, "legacy").await?, ACCOUNT, "Developer")?;
    fixture.expire_token()?;
    let ran = fixture.boto3("legacy", 1).await?;
    ensure!(
        !ran.is_success() && ran.text.contains("aws sso login"),
        "{ran:?}"
    );
    Ok(())
}

/// A session revoked in the portal is invalid for boto3 immediately, whatever its cache contains.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn session_revoked_in_the_portal_is_invalid() -> Result<()> {
    let Some(cli) = has_both() else {
        return Ok(());
    };
    let mut fixture = Fixture::secure().await?;
    fixture.sign_in(&cli).await?;
    fixture.is_alice(&fixture.boto3(PROFILE, 1).await?, ACCOUNT, "Developer")?;
    let page = fixture.browser.open(&fixture.stack.at("/sessions")).await?;
    ensure!(
        page.text().contains("botocore-client-rolecall") && page.text().contains("127.0.0.1"),
        "{}",
        page.text()
    );
    let end = "End the program’s session: botocore-client-rolecall, 127.0.0.1";
    let page = fixture.browser.press(end, &[]).await?;
    ensure!(
        !page.text().contains("botocore-client-rolecall"),
        "{}",
        page.text()
    );
    let ran = fixture.boto3(PROFILE, 1).await?;
    ensure!(
        !ran.is_success() && ran.text.contains("aws sso login"),
        "{ran:?}"
    );
    // The refresh token is invalid as well.
    fixture.expire_token()?;
    let ran = fixture.boto3(PROFILE, 1).await?;
    ensure!(!ran.is_success(), "{ran:?}");
    Ok(())
}

/// Above a limit, clients in all retry modes wait and continue, as long as they can retry. The window of the limit ends only when
/// the test moves the clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rate_limited_client_retries() -> Result<()> {
    let Some(cli) = has_both() else {
        return Ok(());
    };
    let clock = ManualClock::starting_now();
    let mut fixture = Fixture::with(|settings| {
        settings.tls = true;
        settings.clock = clock.clock();
        settings.more = "[limits]\ncredentials = \"1/10s\"".to_owned();
    })
    .await?;
    fixture.sign_in(&cli).await?;
    fixture.laptop.set("AWS_MAX_ATTEMPTS", "10");
    let next_window = || clock.advance(Duration::from_secs(10));
    for mode in ["standard", "legacy"] {
        fixture.laptop.set("AWS_RETRY_MODE", mode);
        next_window();
        fixture.is_alice(&fixture.boto3(PROFILE, 1).await?, ACCOUNT, "Developer")?;
        let before = fixture.limited("credentials").await?;
        let over_the_limit = async {
            let limited = async || {
                let limited = fixture.limited("credentials").await?;
                Ok((limited > before).then_some(()))
            };
            until("a request over the limit", limited).await?;
            next_window();
            anyhow::Ok(())
        };
        let (ran, ended) = tokio::join!(fixture.boto3(PROFILE, 1), over_the_limit);
        ended.context(mode)?;
        fixture.is_alice(&ran?, ACCOUNT, "Developer")?;
    }
    // By default it tries three times within a few seconds.
    fixture.laptop.set("AWS_MAX_ATTEMPTS", "2");
    let ran = fixture.boto3(PROFILE, 1).await?;
    ensure!(
        !ran.is_success() && ran.text.contains("TooManyRequestsException"),
        "{ran:?}"
    );
    Ok(())
}

/// SDKs do not treat `SlowDownException` as throttling, except in a device's token request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rate_limited_registration_is_reported() -> Result<()> {
    let Some(cli) = has_both() else {
        return Ok(());
    };
    let mut fixture = Fixture::with(|settings| {
        settings.tls = true;
        settings.more = "[limits]\nregister = \"1/5m\"".to_owned();
    })
    .await?;
    fixture.sign_in(&cli).await?;
    std::fs::remove_dir_all(fixture.laptop.path(".aws/sso/cache"))?;
    fixture.laptop.set("AWS_RETRY_MODE", "standard");
    let mut login = fixture.laptop.command(&cli);
    login.args(["sso", "login", "--profile", PROFILE]);
    let ran = fixture.laptop.run(login).await?;
    ensure!(
        !ran.is_success() && ran.text.contains("SlowDownException"),
        "{ran:?}"
    );
    Ok(())
}
