//! Unmodified third-party clients against the gateway: four versions of the AWS CLI, boto3, JavaScript, Rust and
//! Terraform.
//!
//! Each starts with its own home folder and an environment without AWS settings. Requires what `cargo xtask test`
//! installs; without it, the tests are skipped.

mod aws_cli;
mod boto3;
mod chromium;
mod demo;
mod every_trust;
mod javascript;
mod laptop;
mod oldest;
mod rust_sdk;
mod sections;
mod terraform;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use chrono::{SecondsFormat, TimeDelta};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_test_requirements::{AWS_CLI, AWS_CLI_RELEASE};
use rolecall_testkit::browser::Browser;
use serde_json::Value;

use laptop::{Laptop, Ran};

/// Profiles of alice, as named by `/config`.
const PROFILE: &str = "sandbox-Developer";
const OTHER_PROFILE: &str = "payments-prod-ReadOnly";
const ACCOUNT: &str = "777788889999";

/// A stack, and the configuration shown on its set-up page.
struct Fixture {
    stack: TestStack,
    browser: Browser,
    laptop: Laptop,
}

impl Fixture {
    /// A gateway with https, whose start URL the newest CLI requires.
    async fn secure() -> Result<Self> {
        Self::with(|settings| settings.tls = true).await
    }

    /// A gateway with plain HTTP, like the demo.
    async fn plain() -> Result<Self> {
        Self::with(|_| ()).await
    }

    /// alice has signed in and saved the configuration of `/config`.
    async fn with(change: impl FnOnce(&mut TestStackSettings)) -> Result<Self> {
        let mut settings = TestStackSettings::default();
        change(&mut settings);
        let stack = TestStack::start(settings).await?;
        let mut browser = stack.browser()?;
        let start = stack.at("/sign-in/example?return_to=%2Fconfig%3Fformat%3Dtext");
        browser.open(&start).await?;
        let file = browser.sign_in_at_provider("alice").await?;
        let mut laptop = Laptop::new()?;
        laptop.save(".aws/config", file.body())?;
        laptop.set("AWS_ENDPOINT_URL_STS", &stack.aws.url());
        if let Some(authority) = stack.authority() {
            let path = laptop.save("authority.pem", &String::from_utf8_lossy(authority))?;
            for variable in ["AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"] {
                laptop.set(variable, &path.display().to_string());
            }
        }
        Ok(Self {
            stack,
            browser,
            laptop,
        })
    }

    /// Signs in with the newest installed CLI, through the browser.
    async fn sign_in(&mut self, cli: &std::path::Path) -> Result<Ran> {
        let ran = self.sign_in_with(cli, &["--profile", PROFILE]).await?;
        ensure!(ran.is_success(), "{ran:?}");
        Ok(ran)
    }

    /// `aws sso login`: the opened page is confirmed in the browser of alice.
    async fn sign_in_with(&mut self, cli: &std::path::Path, arguments: &[&str]) -> Result<Ran> {
        let mut login = self.laptop.command(cli);
        login.args(["sso", "login"]).args(arguments);
        let mut running = self.laptop.start(login)?;
        let address = running.opened().await?;
        self.browser.open(&address).await?;
        let Some((_, code)) = address.split_once("user_code=") else {
            laptop::allow(&mut self.browser).await?;
            return running.finish().await;
        };
        laptop::compare(&mut self.browser, code).await?;
        let ran = running.finish().await?;
        ensure!(ran.text.contains(code), "the code is not printed: {ran:?}");
        Ok(ran)
    }

    /// `aws sts get-caller-identity`
    async fn caller(&self, cli: &std::path::Path, profile: &str) -> Result<Ran> {
        let mut command = self.laptop.command(cli);
        command.args(["sts", "get-caller-identity", "--output", "json"]);
        command.args(["--profile", profile]);
        self.laptop.run(command).await
    }

    /// Sets the variables shown on `/config`.
    fn set_endpoints(&mut self) {
        for service in ["SSO", "SSO_OIDC", "SIGNIN"] {
            let variable = format!("AWS_ENDPOINT_URL_{service}");
            self.laptop.set(&variable, self.stack.url());
        }
    }

    /// The only token in the cache.
    fn token(&self) -> Result<(PathBuf, Value)> {
        let tokens = self.laptop.tokens()?;
        let [path] = tokens.as_slice() else {
            bail!("{} tokens", tokens.len());
        };
        let token = serde_json::from_str(&std::fs::read_to_string(path)?)?;
        Ok((path.clone(), token))
    }

    fn access_token(&self) -> Result<String> {
        let (_, token) = self.token()?;
        Ok(token["accessToken"]
            .as_str()
            .context("no token")?
            .to_owned())
    }

    /// Sets the expiry of the cached token, as seen by clients.
    fn let_token_live(&self, left: TimeDelta) -> Result<()> {
        let (path, mut token) = self.token()?;
        let end = self.stack.gateway.services.now() + left;
        token["expiresAt"] = end.to_rfc3339_opts(SecondsFormat::Secs, true).into();
        Ok(std::fs::write(path, token.to_string())?)
    }

    /// Makes the cached token expired by an hour.
    fn expire_token(&self) -> Result<()> {
        self.let_token_live(-TimeDelta::hours(1))
    }

    /// Asserts that a program assumed this role as alice.
    fn is_alice(&self, ran: &Ran, account: &str, role: &str) -> Result<()> {
        let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/alice@example.com");
        ensure!(ran.is_success() && ran.text.contains(&arn), "{ran:?}");
        Ok(())
    }
}

/// The AWS CLI of this Debian suite; `None` if it does not start with the Python of this machine.
pub fn aws_cli(suite: &str) -> Option<PathBuf> {
    let program = AWS_CLI.path()?.join(format!("aws-{suite}"));
    if !program.is_file() {
        AWS_CLI_RELEASE.left_out(&format!(
            "the AWS CLI of {suite} does not start with this machine's python3"
        ));
        return None;
    }
    Some(program)
}
