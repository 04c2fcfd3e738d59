//! moto, an AWS nobody here wrote: it checks nothing of a proof, but it reads and writes STS's wire format.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use rolecall_core::aws::Sts as _;
use rolecall_testkit::process::{Process, free_ports};
use rolecalld::aws::keys::KeyAlgorithm;
use rolecalld::aws::{StsClient, http_client};
use url::Url;

use super::saml::SamlWorld;
use super::world::{World, saml_claims, settings};

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "where the test peers are is told by the environment, and a skipped test says so"
)]
async fn moto_understands_us_and_we_understand_moto() -> Result<()> {
    let Ok(python) = std::env::var("ROLECALL_PEERS_PYTHON") else {
        eprintln!(
            "SKIPPED: no moto: ROLECALL_PEERS_PYTHON is not set (`cargo xtask test` sets it)"
        );
        return Ok(());
    };
    let [port] = free_ports::<1>()?;
    let mut command = Command::new(python);
    command.args([
        "-m",
        "moto.server",
        "-H",
        "127.0.0.1",
        "-p",
        &port.to_string(),
    ]);
    let moto = tokio::task::spawn_blocking(move || -> Result<Process> {
        let mut moto = Process::start(command)?;
        moto.wait_for_port(([127, 0, 0, 1], port).into(), Duration::from_secs(60))?;
        Ok(moto)
    })
    .await??;
    let world = World::new(KeyAlgorithm::Es256)?;
    let mut settings = settings(None)?;
    settings.sts_endpoint = Some(Url::parse(&format!("http://127.0.0.1:{port}"))?);
    let sts = StsClient::new(settings, http_client());
    let saml = SamlWorld::new()?;
    for order in [world.order().await?, saml.order(&saml_claims()?).await?] {
        let issued = sts.assume(&order).await?;
        assert!(
            issued
                .assumed_role_arn
                .starts_with("arn:aws:sts::111122223333:assumed-role/"),
            "{}",
            issued.assumed_role_arn
        );
        assert!(issued.credentials.access_key_id.starts_with("ASIA"));
    }
    drop(moto);
    Ok(())
}
