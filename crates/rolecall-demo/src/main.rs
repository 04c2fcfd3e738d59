//! `rolecall-demo`: a gateway, an identity provider and an AWS that checks proofs, on this machine only.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use rolecall_harness::sample_data::{ACCOUNTS, access_policy_for_both_providers};
use rolecall_harness::{SamlStackSettings, TestStack, TestStackSettings};
use rolecall_testkit::oidc::OidcSettings;
use tokio::signal::unix::{SignalKind, signal};

/// Try Rolecall without an identity provider or an AWS account: everything runs in this process, and nothing is kept.
#[derive(Debug, Parser)]
#[command(
    name = "rolecall-demo",
    version,
    after_help = "Examples:\n  rolecall-demo\n  rolecall-demo --port 9000"
)]
struct Demo {
    /// The gateway's port; providers and AWS take the three after it
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

/// Ports after the gateway's: of the OpenID provider, the SAML provider and AWS.
const NEIGHBOURS: u16 = 3;

async fn run(demo: Demo) -> anyhow::Result<()> {
    let port = demo.port;
    anyhow::ensure!(
        port <= u16::MAX - NEIGHBOURS,
        "the demo uses four ports, beginning with --port: choose one up to {}",
        u16::MAX - NEIGHBOURS
    );
    // 0 is any free port, for each of them.
    let after = |offset: u16| if port == 0 { 0 } else { port + offset };
    let mut saml = SamlStackSettings::default();
    saml.provider.port = after(2);
    let provider = OidcSettings {
        port: after(1),
        ..OidcSettings::default()
    };
    let stack = TestStack::start(TestStackSettings {
        port,
        aws_port: after(NEIGHBOURS),
        provider,
        saml: Some(saml),
        access: access_policy_for_both_providers(),
        ..TestStackSettings::default()
    })
    .await
    .with_context(|| {
        format!(
            "the demo cannot start on the ports {port} to {}; choose others with --port",
            after(NEIGHBOURS)
        )
    })?;
    // Before anybody is told how to stop it: a signal that nobody listens for would leave the folder behind.
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    std::io::stdout().write_all(welcome(&stack, port)?.as_bytes())?;
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
        _ = hung_up.recv() => {}
    }
    // The stack goes with its folder.
    stack.stop().await
}

fn welcome(stack: &TestStack, port: u16) -> anyhow::Result<String> {
    let portal = stack.url();
    let terminal: String = stack
        .terminal_setup()?
        .lines()
        .map(|line| format!("  {line}\n"))
        .collect();
    let accounts = ACCOUNTS
        .map(|(id, name, trust)| format!("  {id}  {name:14}{trust}"))
        .join("\n");
    let forwarded: String = (port..=port + NEIGHBOURS)
        .map(|port| format!(" -L {port}:127.0.0.1:{port}"))
        .collect();
    Ok(format!(
        "
Rolecall is running:  {portal}

Sign in as (any password), by OpenID Connect or by SAML:
  alice   groups platform and payments-dev, with a second factor
  bob     group payments-dev, without one
  carol   no groups: sees whom to ask

Accounts, and how each trusts this gateway:
{accounts}

To use it with an unmodified aws, boto3 or SDK, paste this; a browser opens and
asks. Credentials from the portal's own block work there, too:

{terminal}
  aws sso login
  aws sts get-caller-identity

AWS CLI 2.13 or newer reads these variables. Providers and AWS are on the next
three ports; from another machine forward all four:
  ssh{forwarded} HOST

Press Ctrl-C to stop. Nothing leaves this machine, and nothing is kept.
"
    ))
}
