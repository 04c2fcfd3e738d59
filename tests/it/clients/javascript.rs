//! The AWS SDK for JavaScript, version 3: it reads `[services]` only for the profile in `AWS_PROFILE`; the variables
//! always work.

use anyhow::{Result, ensure};
use rolecall_test_requirements::NODE_PEERS;
use rolecall_testkit::node;

use super::laptop::Ran;
use super::{ACCOUNT, Fixture, PROFILE, aws_cli};

impl Fixture {
    /// Runs `tests/peers/node/caller.mjs`, which takes the profile from its optional argument.
    pub async fn javascript(&self, profile: &[&str]) -> Result<Ran> {
        let script = node::script("caller.mjs")?;
        let mut command = self.laptop.command(script.get_program());
        command.args(script.get_args()).args(profile);
        let variables = script.get_envs();
        command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        self.laptop.run(command).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assumes_a_role_and_renews_its_token() -> Result<()> {
    let (Some(cli), Some(_)) = (aws_cli("sid"), NODE_PEERS.path()) else {
        return Ok(());
    };
    let mut fixture = Fixture::secure().await?;
    fixture.sign_in(&cli).await?;
    fixture.laptop.set("AWS_PROFILE", PROFILE);
    fixture.is_alice(&fixture.javascript(&[]).await?, ACCOUNT, "Developer")?;
    let first = fixture.access_token()?;
    fixture.let_token_live(chrono::TimeDelta::minutes(2))?;
    fixture.is_alice(&fixture.javascript(&[]).await?, ACCOUNT, "Developer")?;
    ensure!(fixture.access_token()? != first, "not renewed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profile_in_code_requires_the_variables() -> Result<()> {
    let (Some(cli), Some(_)) = (aws_cli("sid"), NODE_PEERS.path()) else {
        return Ok(());
    };
    let mut fixture = Fixture::secure().await?;
    fixture.sign_in(&cli).await?;
    let ran = fixture.javascript(&[PROFILE]).await?;
    ensure!(
        !ran.is_success() && ran.text.contains("asks portal.sso.eu-west-1.amazonaws.com"),
        "the JavaScript SDK now supports this; update the manual: {ran:?}"
    );
    fixture.set_endpoints();
    let ran = fixture.javascript(&[PROFILE]).await?;
    ensure!(!ran.text.contains("amazonaws.com"), "{ran:?}");
    fixture.is_alice(&ran, ACCOUNT, "Developer")
}
