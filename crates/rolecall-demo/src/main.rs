//! `rolecall-demo`: a gateway with identity providers and an AWS emulator, on loopback only.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use rolecall_harness::sample_data::{ACCOUNTS, SampleAccount, TRUST_ACCOUNTS};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::oidc::OidcSettings;
use rolecall_testkit::saml::SamlProvider;
use tokio::signal::unix::{SignalKind, signal};

/// Run Rolecall with sample identity providers and an AWS emulator; all data is deleted when the demo stops
#[derive(Debug, Parser)]
#[command(
    name = "rolecall-demo",
    version,
    after_help = "Examples:\n  rolecall-demo\n  rolecall-demo --port 9000"
)]
struct Demo {
    /// Port of the gateway; the providers and the AWS emulator use the next three ports; 0 selects free ports
    #[arg(long, default_value_t = 8400)]
    port: u16,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Demo::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // An error on stderr cannot be reported.
            let _ = writeln!(std::io::stderr(), "{error:#}");
            ExitCode::from(1)
        }
    }
}

/// Number of ports after the gateway's: OpenID provider, SAML provider and AWS emulator.
const OTHER_PORTS: u16 = 3;

async fn run(demo: Demo) -> anyhow::Result<()> {
    let port = demo.port;
    anyhow::ensure!(
        port <= u16::MAX - OTHER_PORTS,
        "the demo uses four ports, starting with --port: select one up to {}",
        u16::MAX - OTHER_PORTS
    );
    // With 0, each server uses any free port.
    let after = |offset: u16| if port == 0 { 0 } else { port + offset };
    let mut settings = TestStackSettings {
        port,
        aws_port: after(OTHER_PORTS),
        provider: OidcSettings {
            port: after(1),
            ..OidcSettings::default()
        },
        ..TestStackSettings::every_trust()
    };
    if let Some(saml) = &mut settings.saml {
        saml.provider.port = after(2);
    }
    let stack = TestStack::start(settings).await.with_context(|| {
        format!(
            "the demo cannot start on the ports {port} to {}; select others with --port",
            after(OTHER_PORTS)
        )
    })?;
    // Before the message says how to stop the demo: an unhandled signal would not delete the directory.
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    std::io::stdout().write_all(welcome(&stack)?.as_bytes())?;
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
        _ = hung_up.recv() => {}
    }
    // Deletes the directory.
    stack.stop().await
}

/// The ports of all servers.
fn ports(stack: &TestStack) -> Vec<u16> {
    let saml = stack.saml.as_ref().map(SamlProvider::address);
    [
        Some(stack.gateway.address),
        Some(stack.provider.address()),
        saml,
        Some(stack.aws.address()),
    ]
    .into_iter()
    .flatten()
    .map(|address| address.port())
    .collect()
}

/// A line for each account: ID, name, trust type and what AWS accepts.
fn accounts() -> String {
    let line = |account: &SampleAccount| {
        let SampleAccount {
            id,
            name,
            trust,
            proof,
        } = account;
        format!("  {id}  {name:15}{trust:18}{proof}\n")
    };
    ACCOUNTS.iter().chain(&TRUST_ACCOUNTS).map(line).collect()
}

fn welcome(stack: &TestStack) -> anyhow::Result<String> {
    let portal = stack.url();
    let terminal: String = stack
        .terminal_setup()?
        .lines()
        .map(|line| format!("  {line}\n"))
        .collect();
    let accounts = accounts();
    let access = stack.folder().join("access.toml");
    let access = access.display();
    let forwarded: String = ports(stack)
        .into_iter()
        .map(|port| format!(" -L {port}:127.0.0.1:{port}"))
        .collect();
    Ok(format!(
        "
Rolecall is running:  {portal}

Sign in with OpenID Connect or SAML as (any password):
  alice   groups platform and payments-dev, with a second factor
  bob     group payments-dev, without a second factor
  carol   no groups: the portal shows whom to contact for access

Accounts, at least one for each trust type, and what AWS accepts in each:
{accounts}
The access policy is {access}
A change of it takes effect immediately.

To use an unmodified AWS CLI, boto3 or AWS SDK, run these commands. They also
apply to the credentials that you copy from the portal. `aws sso login` opens a
browser:

{terminal}
  aws sso login
  aws sts get-caller-identity

AWS CLI 2.13 and newer support these variables. To use the demo from another
machine, forward the ports of the gateway, the providers and the AWS emulator:
  ssh{forwarded} HOST

Press Ctrl-C to stop the demo. It does not connect to other machines, and all
of its data is then deleted.
"
    ))
}
