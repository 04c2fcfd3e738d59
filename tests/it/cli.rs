//! The command line: output streams and exit codes.

mod accounts;
mod audit;
mod aws;
mod aws_credentials;
mod check;
mod diff;
mod diff_providers;
mod egress;
mod explain;
mod google;
mod help;
mod keys;
mod log_pipe;
mod misconfigured;
mod people;
mod provider_oidc;
mod proxies;
mod publish;
mod recorded;
mod serve;
mod sessions;
mod start;
mod verdicts;
mod who_can;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

/// Output of a command.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs `rolecalld` in a folder until it exits.
pub fn rolecalld(folder: &Path, arguments: &[&str]) -> Result<Ran> {
    let output = program(folder).args(arguments).output()?;
    Ok(Ran {
        code: output.status.code().context("terminated by a signal")?,
        out: String::from_utf8(output.stdout)?,
        err: String::from_utf8(output.stderr)?,
    })
}

pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolecalld"));
    command
        .current_dir(folder)
        .env_remove("ROLECALL_CONFIG")
        .env_remove("ROLECALL_LOG")
        .env("ROLECALL_TEST_SECRET", "from the environment");
    command
}

/// A valid configuration.
const SETTINGS: &str = r#"public_url = "https://sso.example.com"
access = ["access.toml"]

[listen]
address = "127.0.0.1:0"
management = "127.0.0.1:0"

[store]
url = "sqlite:store.db"
sealing_keys = [{ file = "seal.key" }]

[database]
url = "sqlite:audit.db"

[issuer]
keys = "keys/"

[aws]
sts_region = "eu-west-1"

[[provider]]
id = "example"
domains = ["example.com"]
mfa = { amr = ["mfa"] }
oidc = { issuer = "https://id.example.com", client_id = "rolecall", client_secret = { env = "ROLECALL_TEST_SECRET" } }
"#;

/// A folder with [`SETTINGS`], the sample access policy and a sealing key.
pub fn folder() -> Result<TempDir> {
    let folder = TempDir::new()?;
    fs::write(folder.path().join("rolecall.toml"), SETTINGS)?;
    fs::write(
        folder.path().join("access.toml"),
        rolecall_harness::sample_data::ACCESS_POLICY,
    )?;
    let key = folder.path().join("seal.key");
    fs::write(&key, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
    Ok(folder)
}

/// Replaces a text in the folder's `rolecall.toml`.
fn change(folder: &TempDir, from: &str, to: &str) -> Result<()> {
    let path = folder.path().join("rolecall.toml");
    let text = fs::read_to_string(&path)?;
    anyhow::ensure!(text.contains(from), "`{from}` not found in:\n{text}");
    Ok(fs::write(path, text.replace(from, to))?)
}
