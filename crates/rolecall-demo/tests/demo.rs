//! Starting and stopping the demo.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rolecall_testkit::process::{Process, Signal};

const STARTED_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn demo_prints_accounts_and_deletes_its_directory() -> Result<()> {
    for signal in [Signal::Term, Signal::Hup] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall-demo"));
        command.args(["--port", "0"]);
        let mut demo = Process::start(command)?;
        demo.wait_for_line("Press Ctrl-C to stop", STARTED_WITHIN)?;
        let output = demo.output();
        for line in [
            "  111122223333  payments-prod as an OIDC provider",
            "  777788889999  sandbox       as a SAML provider",
        ] {
            ensure!(output.contains(line), "{output}");
        }
        let config = output
            .split("AWS_CONFIG_FILE='")
            .nth(1)
            .and_then(|rest| rest.split('\'').next())
            .context("no configuration file")?;
        let portal = output
            .split("Rolecall is running:  http://127.0.0.1:")
            .nth(1)
            .and_then(|rest| rest.lines().next())
            .context("no portal")?;
        let forwarded = format!("ssh -L {portal}:127.0.0.1:{portal} -L ");
        ensure!(output.contains(&forwarded), "{output}");
        ensure!(!output.contains(" -L 0:"), "{output}");
        let folder = Path::new(config).parent().context("no folder")?;
        ensure!(folder.is_dir(), "{}", folder.display());
        demo.stop(signal)?;
        ensure!(!folder.exists(), "{} is still there", folder.display());
    }
    Ok(())
}

#[test]
fn invalid_port_is_reported() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().min(65_530);
    for (port, expected) in [(port, "select another with --port"), (65_533, "four ports")] {
        let output = Command::new(env!("CARGO_BIN_EXE_rolecall-demo"))
            .args(["--port", &port.to_string()])
            .output()?;
        let error = String::from_utf8(output.stderr)?;
        ensure!(
            output.status.code() == Some(1) && error.contains(expected),
            "{error}"
        );
    }
    Ok(())
}
