//! `rolecall-demo`: a gateway, an identity provider and an AWS that checks proofs, on this machine only.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use rolecall_demo::{ACCOUNTS, House, HouseSettings, SamlHouse, access_by_both};

/// Try Rolecall without an identity provider or an AWS account: everything runs in this process, and nothing is kept.
#[derive(Debug, Parser)]
#[command(
    name = "rolecall-demo",
    version,
    after_help = "Examples:\n  rolecall-demo\n  rolecall-demo --port 9000"
)]
struct Demo {
    /// The gateway's port
    #[arg(long, default_value_t = 8400)]
    port: u16,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Demo::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done about a closed stderr.
            let _ = writeln!(std::io::stderr(), "{error:#}");
            ExitCode::from(1)
        }
    }
}

async fn run(demo: Demo) -> anyhow::Result<()> {
    let house = House::build(HouseSettings {
        port: demo.port,
        saml: Some(SamlHouse::default()),
        access: access_by_both(),
        ..HouseSettings::default()
    })
    .await?;
    std::io::stdout().write_all(welcome(&house)?.as_bytes())?;
    tokio::signal::ctrl_c().await?;
    house.gateway.stop().await
}

fn welcome(house: &House) -> anyhow::Result<String> {
    let portal = house.url();
    let terminal: String = house
        .terminal()?
        .lines()
        .map(|line| format!("  {line}\n"))
        .collect();
    let accounts = ACCOUNTS
        .map(|(id, name)| format!("  {id}  {name}"))
        .join("\n");
    Ok(format!(
        "
Rolecall is running:  {portal}

Sign in as (any password), by OpenID Connect or by SAML:
  alice   groups platform and payments-dev, with a second factor
  bob     group payments-dev, without one
  carol   no groups: sees whom to ask

Accounts, each trusting this gateway as an OIDC provider:
{accounts}

To use it with an unmodified aws, boto3 or SDK, paste this; a browser opens and
asks. Credentials from the portal's own block work there, too:

{terminal}
  aws sso login
  aws sts get-caller-identity

Press Ctrl-C to stop. Nothing leaves this machine, and nothing is kept.
"
    ))
}
