//! Unmodified AWS clients: the CLI signs in locally and remotely, and the CLI, boto3 and the JavaScript SDK renew the
//! credentials.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rolecall_test_requirements::{NODE_PEERS, PYTHON_PEERS};
use rolecall_testkit::node;
use rolecall_testkit::process::{self, Process};

use super::*;
use crate::clients::aws_cli;

/// Generous, because Python starts slowly on a loaded machine.
const CLIENT_MAX: Duration = Duration::from_secs(90);
const BOTO3: &str = "import boto3; print(boto3.Session(profile_name='dev').client('sts').get_caller_identity()['Arn'])";
const JAVASCRIPT: &str = "const { STSClient, GetCallerIdentityCommand } = require('@aws-sdk/client-sts'); new STSClient({ profile: 'dev' }).send(new GetCallerIdentityCommand({})).then((who) => console.log(who.Arn));";

/// A stack with the system clock, and a terminal with an empty home folder whose AWS endpoints are the stack.
struct Desk {
    stack: TestStack,
    home: tempfile::TempDir,
    aws: PathBuf,
}

impl Desk {
    async fn new() -> Result<Option<Self>> {
        let Some(aws) = aws_cli("sid") else {
            return Ok(None);
        };
        Ok(Some(Self {
            stack: TestStack::start(TestStackSettings::default()).await?,
            home: tempfile::tempdir()?,
            aws,
        }))
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.home.path())
            .env("AWS_ENDPOINT_URL_SIGNIN", self.stack.url())
            .env("AWS_ENDPOINT_URL_STS", self.stack.aws.url())
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_DEFAULT_REGION", "eu-west-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_PAGER", "")
            .env("BROWSER", "true")
            .env("PYTHONUNBUFFERED", "1")
            .envs(node::installed().map(|folder| ("NODE_PATH", folder.join("node_modules"))))
            .args(arguments);
        command
    }

    /// Runs a client until it exits.
    async fn output_of(&self, program: &Path, arguments: &[&str]) -> Result<String> {
        let command = self.command(program, arguments);
        let output = tokio::task::spawn_blocking(|| process::run(command)).await??;
        Ok(String::from_utf8(output)?)
    }

    /// Starts `aws login …`: the URL that it opens.
    async fn begin(&self, arguments: &[&str]) -> Result<(Process, String)> {
        let command = self.command(&self.aws, arguments);
        tokio::task::spawn_blocking(move || {
            let mut login = Process::start_with_stdin(command)?;
            let line = login.wait_for_line("/v1/authorize?", CLIENT_MAX)?;
            Ok((login, line.trim().to_owned()))
        })
        .await?
    }

    async fn wait(mut login: Process) -> Result<String> {
        tokio::task::spawn_blocking(move || login.wait_for_line("Updated profile", CLIENT_MAX))
            .await?
    }

    /// Signs in at this URL and chooses a role.
    async fn choose(&self, address: &str, button: &str) -> Result<Browser> {
        let mut browser = Browser::new()?;
        browser.open(address).await?;
        let page = browser.sign_in_at_provider("alice").await?;
        ensure!(
            page.url().path() == "/v1/authorize",
            "{}: {}",
            page.url(),
            page.text()
        );
        browser.press(button, &[]).await?;
        Ok(browser)
    }

    /// The cache file of the credentials.
    fn cache(&self) -> Result<PathBuf> {
        let mut files = std::fs::read_dir(self.home.path().join(".aws/login/cache"))?;
        Ok(files.next().context("the cache is empty")??.path())
    }

    /// Sets the cached expiry to this number of seconds from now; returns the cache.
    fn set_expiry_in(&self, seconds: i64) -> Result<Value> {
        let file = self.cache()?;
        let mut kept: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
        let ends_at = self.stack.gateway.services.now() + chrono::TimeDelta::seconds(seconds);
        let ends_at = ends_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        kept["accessToken"]["expiresAt"] = ends_at.into();
        std::fs::write(file, kept.to_string())?;
        Ok(kept)
    }

    /// Asserts that a client renewed the cache; returns the new content.
    fn renewed_since(&self, before: &Value) -> Result<()> {
        let kept: Value = serde_json::from_slice(&std::fs::read(self.cache()?)?)?;
        let changed = |pointer: &str| kept.pointer(pointer) != before.pointer(pointer);
        ensure!(
            changed("/refreshToken") && changed("/accessToken/accessKeyId"),
            "{kept:#}"
        );
        Ok(())
    }
}

impl Desk {
    /// boto3 and the JavaScript SDK renew the cached credentials after they expired and shortly before.
    async fn sdks_renew(&self) -> Result<()> {
        let python = PYTHON_PEERS
            .path_for_part()
            .map(|python| (python, ["-c", BOTO3]));
        let node = NODE_PEERS
            .path_for_part()
            .map(|folder| (folder.join("bin/node"), ["-e", JAVASCRIPT]));
        for (program, arguments) in [python, node].into_iter().flatten() {
            for seconds in [-3_600, 240] {
                let (before, issued) =
                    (self.set_expiry_in(seconds)?, self.stack.aws.issued().len());
                let response = self.output_of(&program, &arguments).await?;
                ensure!(response.starts_with(ARN), "{response}");
                ensure!(self.stack.aws.issued().len() == issued + 1);
                self.renewed_since(&before)?;
            }
        }
        Ok(())
    }
}

const ARN: &str = "arn:aws:sts::444455556666:assumed-role/Developer/alice@example.com-";

/// An error that the CLI reports rarely for its own key, which its cryptographic library cannot read.
const OWN_KEY_UNREADABLE: &str = "AWS_ERROR_CAL_UNSUPPORTED_KEY_FORMAT";

/// Repeats a test with another key if the client cannot read its own key.
async fn retry_with_readable_key<F: Future<Output = Result<()>>>(
    test: impl Fn() -> F,
) -> Result<()> {
    for _ in 0..2 {
        match test().await {
            Err(error) if format!("{error:#}").contains(OWN_KEY_UNREADABLE) => {}
            result => return result,
        }
    }
    test().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cli_signs_in_and_sdks_renew() -> Result<()> {
    retry_with_readable_key(local_sign_in).await
}

async fn local_sign_in() -> Result<()> {
    let Some(desk) = Desk::new().await? else {
        return Ok(());
    };
    let (login, address) = desk.begin(&["login", "--profile", "dev"]).await?;
    let mut browser = desk.choose(&address, DEVELOPER).await?;
    // The page redirects by itself; this browser follows its link.
    let page = browser.click("Continue").await?;
    ensure!(page.url().path() == "/oauth/callback", "{}", page.url());
    let output = Desk::wait(login).await?;
    ensure!(output.contains(ARN), "{output}");
    let who = [
        "sts",
        "get-caller-identity",
        "--profile",
        "dev",
        "--query",
        "Arn",
        "--output",
        "text",
    ];
    let response = desk.output_of(&desk.aws, &who).await?;
    ensure!(response.starts_with(ARN), "{response}");
    ensure!(desk.stack.aws.issued().len() == 1);
    let before = desk.set_expiry_in(240)?;
    let response = desk.output_of(&desk.aws, &who).await?;
    ensure!(
        response.starts_with(ARN) && desk.stack.aws.issued().len() == 2,
        "{response}"
    );
    desk.renewed_since(&before)?;
    desk.sdks_renew().await?;
    // The session is ended in the browser: the next renewal prints the next step.
    browser.open(&desk.stack.at("/sessions")).await?;
    let page = browser.page()?;
    let ends = page.attributes("form[action='/sessions/end'] button", "aria-label")?;
    browser
        .press(ends.first().context("no button")?, &[])
        .await?;
    desk.set_expiry_in(-3_600)?;
    let refused = desk
        .output_of(&desk.aws, &who)
        .await
        .err()
        .context("the command succeeded")?;
    ensure!(format!("{refused:#}").contains("aws login"), "{refused:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cli_signs_in_remotely() -> Result<()> {
    retry_with_readable_key(remote_sign_in).await
}

async fn remote_sign_in() -> Result<()> {
    let Some(desk) = Desk::new().await? else {
        return Ok(());
    };
    let (mut login, address) = desk
        .begin(&["login", "--remote", "--profile", "dev"])
        .await?;
    let browser = desk
        .choose(
            &address,
            "Use this role: Developer readonly in payments-dev",
        )
        .await?;
    let shown = browser.page()?.select("#code")?;
    login.write_line(shown.first().context("no code")?)?;
    let output = Desk::wait(login).await?;
    let arn = ARN.replace("Developer", "Developer@readonly");
    ensure!(output.contains(&arn), "{output}");
    let who = [
        "sts",
        "get-caller-identity",
        "--profile",
        "dev",
        "--query",
        "Arn",
        "--output",
        "text",
    ];
    let response = desk.output_of(&desk.aws, &who).await?;
    ensure!(response.starts_with(ARN), "{response}");
    Ok(())
}
