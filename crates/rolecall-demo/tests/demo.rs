//! The demo as a person starts and stops it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rolecall_testkit::process::{Process, Signal};

const STARTED_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn it_says_what_is_there_and_leaves_nothing_behind() -> Result<()> {
    for signal in [Signal::Term, Signal::Hup] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall-demo"));
        command.args(["--port", "0"]);
        let mut demo = Process::start(command)?;
        demo.wait_for_line("Press Ctrl-C to stop", STARTED_WITHIN)?;
        let said = demo.output();
        for line in [
            "  111122223333  payments-prod as an OIDC provider",
            "  777788889999  sandbox       as a SAML provider",
        ] {
            ensure!(said.contains(line), "{said}");
        }
        let config = said
            .split("AWS_CONFIG_FILE='")
            .nth(1)
            .and_then(|rest| rest.split('\'').next())
            .context("no configuration file")?;
        let folder = Path::new(config).parent().context("no folder")?;
        ensure!(folder.is_dir(), "{}", folder.display());
        demo.stop(signal)?;
        ensure!(!folder.exists(), "{} is still there", folder.display());
    }
    Ok(())
}

#[test]
fn ports_that_are_taken_or_too_high_are_told() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().min(65_530);
    for (port, said) in [(port, "choose another with --port"), (65_533, "four ports")] {
        let output = Command::new(env!("CARGO_BIN_EXE_rolecall-demo"))
            .args(["--port", &port.to_string()])
            .output()?;
        let error = String::from_utf8(output.stderr)?;
        ensure!(
            output.status.code() == Some(1) && error.contains(said),
            "{error}"
        );
    }
    Ok(())
}
