//! Starting and stopping the demo.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rolecall_testkit::process::{Process, Signal};

/// The accounts: ID, name and `trust`.
const ACCOUNTS: [(&str, &str, &str); 8] = [
    ("111122223333", "payments-prod", "gateway-oidc"),
    ("444455556666", "payments-dev", "gateway-oidc"),
    ("777788889999", "sandbox", "gateway-saml"),
    ("222233334444", "analytics", "caller"),
    ("333344445555", "data-lake", "caller"),
    ("555566667777", "legacy", "federation-token"),
    ("888899990000", "partners", "provider-oidc"),
    ("666677778888", "research", "provider-saml"),
];
const STARTED_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn demo_prints_accounts_and_deletes_its_directory() -> Result<()> {
    for signal in [Signal::Term, Signal::Hup] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall-demo"));
        command.args(["--port", "0"]);
        let mut demo = Process::start(command)?;
        demo.wait_for_line("Press Ctrl-C to stop", STARTED_WITHIN)?;
        let output = demo.output();
        for (id, name, trust) in ACCOUNTS {
            let line = format!("  {id}  {name:15}{trust} ");
            ensure!(output.contains(&line), "{line}: {output}");
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
        let access = folder.join("access.toml");
        ensure!(
            output.contains(&format!("The access policy is {}\n", access.display())),
            "{output}"
        );
        let access = std::fs::read_to_string(access)?;
        for (id, name, trust) in ACCOUNTS {
            let account = format!("id = \"{id}\"\nname = \"{name}\"\n");
            let (_, rest) = access.split_once(&account).context(name)?;
            let entry = rest.split("\n[[").next().unwrap_or_default();
            let trusts = entry.contains(&format!("\ntrust = \"{trust}\"\n"));
            let is_default = trust == "gateway-oidc" && !entry.contains("trust =");
            ensure!(trusts || is_default, "{name}: {entry}");
        }
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
