//! Further snippets of the set-up page: `[default]`, a profile with `role_arn`, a profile with `credential_process`;
//! and why a new block must replace the previous one.

use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rolecall_test_requirements::{NODE_PEERS, PYTHON_PEERS};
use rolecall_testkit::proxy::{Proxy, ProxySettings};
use rolecall_testkit::python::{self, Moto};

use super::laptop::{self, Ran};
use super::{ACCOUNT, Fixture, PROFILE, aws_cli};

/// The AWS portal, which must never receive a token.
const PORTAL_OF_AWS: &str = "portal.sso.eu-west-1.amazonaws.com:443";

impl Fixture {
    /// Sends all requests beyond loopback to a proxy that rejects and records them.
    pub fn watch_outside(&mut self) -> Result<Proxy> {
        let proxy = Proxy::start(ProxySettings::default())?;
        self.laptop.set("HTTPS_PROXY", &proxy.url());
        self.laptop.set("NO_PROXY", "localhost,127.0.0.1");
        Ok(proxy)
    }

    /// A snippet of the set-up page for [`PROFILE`].
    async fn snippet(&mut self, id: &str) -> Result<String> {
        let address = self.stack.at(&format!("/config?profile={PROFILE}"));
        let page = self.browser.open(&address).await?;
        let (_, rest) = page
            .body()
            .split_once(&format!("<pre id=\"{id}\""))
            .with_context(|| format!("no snippet {id}: {}", page.body()))?;
        let (_, rest) = rest.split_once('>').context("the tag ends")?;
        let (text, _) = rest.split_once("</pre>").context("the snippet ends")?;
        Ok(text.to_owned())
    }

    /// Appends a section to the file.
    fn paste(&self, section: &str) -> Result<()> {
        self.laptop
            .edit(".aws/config", |text| format!("{text}\n{section}"))
    }

    async fn aws(&self, cli: &Path, arguments: &[&str]) -> Result<Ran> {
        let mut command = self.laptop.command(cli);
        command.args(arguments);
        self.laptop.run(command).await
    }
}

fn hosts(proxy: &Proxy) -> Vec<String> {
    proxy.requests().into_iter().map(|(host, _)| host).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn default_section_is_used_without_a_profile() -> Result<()> {
    let Some(cli) = aws_cli("sid") else {
        return Ok(());
    };
    let mut fixture = Fixture::secure().await?;
    let outside = fixture.watch_outside()?;
    fixture.sign_in(&cli).await?;
    fixture.aws(&cli, &["sso", "logout"]).await?;
    ensure!(
        hosts(&outside).contains(&PORTAL_OF_AWS.to_owned()),
        "the AWS CLI now finds its services without a profile; update the manual: {:?}",
        outside.requests()
    );

    let mut fixture = Fixture::secure().await?;
    let outside = fixture.watch_outside()?;
    let section = fixture.snippet("default").await?;
    fixture.paste(&section)?;
    let ran = fixture
        .sign_in_with(&cli, &["--sso-session", "rolecall"])
        .await?;
    ensure!(ran.is_success(), "{ran:?}");
    fixture.is_alice(&fixture.caller(&cli, PROFILE).await?, ACCOUNT, "Developer")?;
    if NODE_PEERS.path_for_part().is_some() {
        // A profile named in code.
        let ran = fixture.javascript(&[PROFILE]).await?;
        ensure!(!ran.text.contains("amazonaws.com"), "{ran:?}");
        fixture.is_alice(&ran, ACCOUNT, "Developer")?;
        let first = fixture.access_token()?;
        fixture.let_token_live(chrono::TimeDelta::minutes(2))?;
        let ran = fixture.javascript(&[PROFILE]).await?;
        ensure!(!ran.text.contains("amazonaws.com"), "{ran:?}");
        ensure!(fixture.access_token()? != first, "not renewed");
    }
    let (path, token) = fixture.token()?;
    let ran = fixture.aws(&cli, &["sso", "logout"]).await?;
    ensure!(
        ran.is_success() && fixture.laptop.tokens()?.is_empty(),
        "{ran:?}"
    );
    // A copy of the cache file: the gateway has revoked the session, too.
    std::fs::write(path, token.to_string())?;
    let ran = fixture.caller(&cli, PROFILE).await?;
    ensure!(!ran.is_success(), "{ran:?}");
    ensure!(outside.requests().is_empty(), "{:?}", outside.requests());
    Ok(())
}

/// `aws configure sso` reads its services from the default section; the profile it writes has none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn configure_sso_uses_the_default_section() -> Result<()> {
    let (Some(cli), Some(_)) = (aws_cli("sid"), PYTHON_PEERS.path()) else {
        return Ok(());
    };
    let mut fixture = Fixture::secure().await?;
    let outside = fixture.watch_outside()?;
    let section = fixture.snippet("default").await?;
    fixture.paste(&section)?;
    let script = python::script("wizard.py")?;
    let mut command = fixture.laptop.command(script.get_program());
    command.args(script.get_args());
    command.args(["SSO session name", "rolecall"]);
    // The first account and role of the lists. The prompt itself shows when it accepts input.
    command.args(["payments-dev", "", "Administrator", ""]);
    command.args(["client Region", "", "output format", ""]);
    command.args(["Profile name", "by-wizard", "--"]).arg(&cli);
    command.args(["configure", "sso"]).env("TERM", "dumb");
    let mut running = fixture.laptop.start(command)?;
    let address = running.opened().await?;
    fixture.browser.open(&address).await?;
    laptop::allow(&mut fixture.browser).await?;
    let ran = running.finish().await?;
    ensure!(ran.is_success(), "{ran:?}");
    ensure!(outside.requests().is_empty(), "{:?}", outside.requests());
    let (account, role) = ("444455556666", "Administrator");
    let ran = fixture.caller(&cli, "by-wizard").await?;
    ensure!(
        !ran.is_success() && hosts(&outside).contains(&PORTAL_OF_AWS.to_owned()),
        "the profile now has services; update the manual: {ran:?}"
    );
    fixture.laptop.edit(".aws/config", |text| {
        text.replace(
            "[profile by-wizard]\n",
            "[profile by-wizard]\nservices = rolecall\n",
        )
    })?;
    fixture.is_alice(&fixture.caller(&cli, "by-wizard").await?, account, role)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profile_with_role_arn_needs_services() -> Result<()> {
    let (Some(cli), Some(_)) = (aws_cli("sid"), PYTHON_PEERS.path()) else {
        return Ok(());
    };
    let mut fixture = Fixture::secure().await?;
    let outside = fixture.watch_outside()?;
    fixture.sign_in(&cli).await?;
    // An STS that supports AssumeRole.
    let moto = Moto::start().await?;
    fixture.laptop.set("AWS_ENDPOINT_URL_STS", moto.url());
    let section = fixture.snippet("chained").await?;
    let section = section
        .replace("NAME]", "deploy]")
        .replace("ACCOUNT_ID", "111122223333")
        .replace("ROLE_NAME", "Deploy");
    fixture.paste(&section)?;
    let ran = fixture.caller(&cli, "deploy").await?;
    ensure!(
        ran.is_success()
            && ran
                .text
                .contains("arn:aws:sts::111122223333:assumed-role/Deploy/"),
        "{ran:?}"
    );
    ensure!(fixture.stack.aws.issued().len() == 1);
    ensure!(outside.requests().is_empty(), "{:?}", outside.requests());

    std::fs::remove_dir_all(fixture.laptop.path(".aws/cli/cache"))?;
    fixture.laptop.edit(".aws/config", |text| {
        text.replace(&section, &section.replace("services = rolecall\n", ""))
    })?;
    let ran = fixture.caller(&cli, "deploy").await?;
    ensure!(
        !ran.is_success() && hosts(&outside).contains(&PORTAL_OF_AWS.to_owned()),
        "the AWS CLI now uses the services of the source profile; update the manual: {ran:?}, {:?}",
        outside.requests()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credential_process_works_for_old_clients() -> Result<()> {
    let (Some(cli), Some(oldest)) = (aws_cli("sid"), aws_cli("bookworm")) else {
        return Ok(());
    };
    let mut fixture = Fixture::secure().await?;
    let outside = fixture.watch_outside()?;
    fixture.sign_in(&cli).await?;
    let section = fixture.snippet("process").await?;
    fixture.paste(&section)?;
    let programs = fixture.laptop.path("bin");
    std::fs::create_dir(&programs)?;
    symlink(cli, programs.join("aws"))?;
    let path = format!("{}:/usr/bin:/bin", programs.display());
    fixture.laptop.set("PATH", &path);
    let process = format!("{PROFILE}-process");
    let sts = fixture.stack.aws.url();
    for _ in 0..2 {
        // 2.9.19 does not support a variable for the STS endpoint either.
        let arguments = ["sts", "get-caller-identity", "--endpoint-url", &sts];
        let ran = fixture
            .aws(
                &oldest,
                &[&arguments[..], &["--profile", &process]].concat(),
            )
            .await?;
        fixture.is_alice(&ran, ACCOUNT, "Developer")?;
        // The newer CLI renews the token.
        std::fs::remove_dir_all(fixture.laptop.path(".aws/cli/cache"))?;
        fixture.expire_token()?;
    }
    ensure!(outside.requests().is_empty(), "{:?}", outside.requests());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicate_block_must_be_removed() -> Result<()> {
    let Some(cli) = aws_cli("sid") else {
        return Ok(());
    };
    let fixture = Fixture::plain().await?;
    fixture.laptop.edit(".aws/config", |block| {
        format!("[profile mine]\nregion = eu-west-1\n\n{block}\n{block}")
    })?;
    let list = ["configure", "list-profiles"];
    let ran = fixture.aws(&cli, &list).await?;
    ensure!(
        !ran.is_success() && ran.text.contains("Unable to parse config file"),
        "{ran:?}"
    );
    // The command in the manual.
    let manual =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clients.md"))?;
    let remove = manual
        .lines()
        .find(|line| line.starts_with("sed -i"))
        .context("the manual has no command")?;
    let mut shell = fixture.laptop.command("sh");
    shell.args(["-c", remove]);
    let ran = fixture.laptop.run(shell).await?;
    ensure!(ran.is_success(), "{ran:?}");
    let ran = fixture.aws(&cli, &list).await?;
    ensure!(ran.is_success() && ran.text.trim() == "mine", "{ran:?}");
    Ok(())
}
