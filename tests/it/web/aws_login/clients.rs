//! Unmodified clients of AWS's: the CLI signs in here and on another machine, and the CLI, boto3 and the
//! JavaScript SDK renew what it got.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rolecall_test_requirements::{NODE_PEERS, PYTHON_PEERS};
use rolecall_testkit::node;
use rolecall_testkit::process::{self, Process};

use super::*;
use crate::clients::aws_cli;

/// A loaded machine starts Python slowly.
const CLIENT_MAX: Duration = Duration::from_secs(90);
const BOTO3: &str = "import boto3; print(boto3.Session(profile_name='dev').client('sts').get_caller_identity()['Arn'])";
const JAVASCRIPT: &str = "const { STSClient, GetCallerIdentityCommand } = require('@aws-sdk/client-sts'); new STSClient({ profile: 'dev' }).send(new GetCallerIdentityCommand({})).then((who) => console.log(who.Arn));";

/// A stack on the machine's own time, and a terminal whose home is empty and whose AWS is the stack.
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

    /// Runs a client to its end.
    async fn says(&self, program: &Path, arguments: &[&str]) -> Result<String> {
        let command = self.command(program, arguments);
        let said = tokio::task::spawn_blocking(|| process::run(command)).await??;
        Ok(String::from_utf8(said)?)
    }

    /// Starts `aws login …`; where it sends the browser.
    async fn begin(&self, arguments: &[&str]) -> Result<(Process, String)> {
        let command = self.command(&self.aws, arguments);
        tokio::task::spawn_blocking(move || {
            let mut login = Process::start_listening(command)?;
            let line = login.wait_for_line("/v1/authorize?", CLIENT_MAX)?;
            Ok((login, line.trim().to_owned()))
        })
        .await?
    }

    async fn ends(mut login: Process) -> Result<String> {
        tokio::task::spawn_blocking(move || login.wait_for_line("Updated profile", CLIENT_MAX))
            .await?
    }

    /// Somebody signs in at this address and chooses a role.
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

    /// The one file in which clients keep what they got.
    fn cache(&self) -> Result<PathBuf> {
        let mut files = std::fs::read_dir(self.home.path().join(".aws/login/cache"))?;
        Ok(files.next().context("nothing is kept")??.path())
    }

    /// Lets what is kept end in this many seconds, as far as clients know; returns it.
    fn let_end_in(&self, seconds: i64) -> Result<Value> {
        let file = self.cache()?;
        let mut kept: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
        let ends_at = self.stack.gateway.services.now() + chrono::TimeDelta::seconds(seconds);
        let ends_at = ends_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        kept["accessToken"]["expiresAt"] = ends_at.into();
        std::fs::write(file, kept.to_string())?;
        Ok(kept)
    }

    /// Asserts that a client renewed what was kept, and keeps what it got.
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
    /// boto3 and the JavaScript SDK renew what the CLI keeps, when it has expired and shortly before.
    async fn sdks_renew(&self) -> Result<()> {
        let python = PYTHON_PEERS
            .path_for_part()
            .map(|python| (python, ["-c", BOTO3]));
        let node = NODE_PEERS
            .path_for_part()
            .map(|folder| (folder.join("bin/node"), ["-e", JAVASCRIPT]));
        for (program, arguments) in [python, node].into_iter().flatten() {
            for seconds in [-3_600, 240] {
                let (before, issued) = (self.let_end_in(seconds)?, self.stack.aws.issued().len());
                let told = self.says(&program, &arguments).await?;
                ensure!(told.starts_with(ARN), "{told}");
                ensure!(self.stack.aws.issued().len() == issued + 1);
                self.renewed_since(&before)?;
            }
        }
        Ok(())
    }
}

const ARN: &str = "arn:aws:sts::444455556666:assumed-role/Developer/alice@example.com-";

/// What the CLI rarely says of a key that it made itself: its cryptographic library cannot read it back.
const OWN_KEY_UNREADABLE: &str = "AWS_ERROR_CAL_UNSUPPORTED_KEY_FORMAT";

/// Tells a story again, with another key, whose client cannot read its own.
async fn with_a_readable_key<F: Future<Output = Result<()>>>(story: impl Fn() -> F) -> Result<()> {
    for _ in 0..2 {
        match story().await {
            Err(error) if format!("{error:#}").contains(OWN_KEY_UNREADABLE) => {}
            told => return told,
        }
    }
    story().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cli_signs_in_by_the_browser_and_it_and_the_sdks_renew() -> Result<()> {
    with_a_readable_key(signed_in_by_the_browser).await
}

async fn signed_in_by_the_browser() -> Result<()> {
    let Some(desk) = Desk::new().await? else {
        return Ok(());
    };
    let (login, address) = desk.begin(&["login", "--profile", "dev"]).await?;
    let mut browser = desk.choose(&address, DEVELOPER).await?;
    // The page goes on by itself; this browser follows its link.
    let page = browser.click("Continue").await?;
    ensure!(page.url().path() == "/oauth/callback", "{}", page.url());
    let said = Desk::ends(login).await?;
    ensure!(said.contains(ARN), "{said}");
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
    let told = desk.says(&desk.aws, &who).await?;
    ensure!(told.starts_with(ARN), "{told}");
    ensure!(
        desk.stack.aws.issued().len() == 1,
        "what is good is not renewed"
    );
    let before = desk.let_end_in(240)?;
    let told = desk.says(&desk.aws, &who).await?;
    ensure!(
        told.starts_with(ARN) && desk.stack.aws.issued().len() == 2,
        "{told}"
    );
    desk.renewed_since(&before)?;
    desk.sdks_renew().await?;
    // Somebody ends it in the browser: the next renewal says what to do.
    browser.open(&desk.stack.at("/sessions")).await?;
    let page = browser.page()?;
    let ends = page.attributes("form[action='/sessions/end'] button", "aria-label")?;
    browser
        .press(ends.first().context("no button")?, &[])
        .await?;
    desk.let_end_in(-3_600)?;
    let refused = desk
        .says(&desk.aws, &who)
        .await
        .err()
        .context("it went on")?;
    ensure!(format!("{refused:#}").contains("aws login"), "{refused:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cli_signs_in_on_another_machine() -> Result<()> {
    with_a_readable_key(signed_in_on_another_machine).await
}

async fn signed_in_on_another_machine() -> Result<()> {
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
    login.tell(shown.first().context("no code")?)?;
    let said = Desk::ends(login).await?;
    let arn = ARN.replace("Developer", "Developer@readonly");
    ensure!(said.contains(&arn), "{said}");
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
    let told = desk.says(&desk.aws, &who).await?;
    ensure!(told.starts_with(ARN), "{told}");
    Ok(())
}
