//! Warnings and hardening at startup.

use std::fs;
use std::os::unix::net::UnixDatagram;

use anyhow::{Context as _, Result, ensure};
use rolecall_testkit::postgres::Postgres;
use rolecall_testkit::process::{Process, Signal};
use tempfile::TempDir;

use super::{change, folder, program, rolecalld};
use crate::operate::RECOVERED_MAX;

const SERVE: [&str; 3] = ["serve", "--config", "rolecall.toml"];

/// A folder in which a gateway can start.
fn ready_folder() -> Result<TempDir> {
    let folder = folder()?;
    for more in [&[][..], &["--saml"]] {
        let generate = ["keys", "generate", "--config", "rolecall.toml"];
        rolecalld(folder.path(), &[&generate, more].concat())?;
    }
    Ok(folder)
}

fn start(folder: &TempDir, more: &[&str]) -> Result<Process> {
    let mut command = program(folder.path());
    command.args(SERVE).args(more);
    let mut process = Process::start(command)?;
    process.wait_for_line(" serving ", RECOVERED_MAX)?;
    Ok(process)
}

/// The soft and hard limit of core dumps according to the kernel.
fn core_limits(process: &Process) -> Result<String> {
    let limits = fs::read_to_string(format!("/proc/{}/limits", process.id()))?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let words: Vec<&str> = line
        .context("limit not found")?
        .split_whitespace()
        .take(2)
        .collect();
    Ok(words.join(" "))
}

#[test]
fn plain_http_beyond_loopback_causes_a_warning() -> Result<()> {
    let folder = ready_folder()?;
    let quiet = start(&folder, &[])?;
    ensure!(!quiet.output().contains("plain HTTP"), "{}", quiet.output());
    drop(quiet);
    change(
        &folder,
        "address = \"127.0.0.1:0\"",
        "address = \"0.0.0.0:0\"",
    )?;
    for _ in 0..2 {
        let log = start(&folder, &[])?.output();
        ensure!(
            log.contains("WARN") && log.contains("plain HTTP on 0.0.0.0:0"),
            "{log}"
        );
    }
    change(
        &folder,
        "[listen]\naddress = \"0.0.0.0:0\"\nmanagement = \"127.0.0.1:0\"\n",
        "",
    )?;
    let ran = rolecalld(folder.path(), &["check", "--config", "rolecall.toml"])?;
    ensure!(
        ran.err.contains("plain HTTP on 0.0.0.0:8443")
            || ran.out.contains("plain HTTP on 0.0.0.0:8443"),
        "{ran:?}"
    );
    Ok(())
}

#[test]
fn core_dumps_are_disabled_by_default() -> Result<()> {
    let folder = ready_folder()?;
    let own = fs::read_to_string("/proc/self/limits")?;
    let usual = own
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let usual: Vec<&str> = usual
        .context("limit not found")?
        .split_whitespace()
        .take(2)
        .collect();
    let closed = start(&folder, &[])?;
    ensure!(core_limits(&closed)? == "0 0", "{}", core_limits(&closed)?);
    drop(closed);
    let open = start(&folder, &["--allow-debugging"])?;
    ensure!(
        core_limits(&open)? == usual.join(" "),
        "{}",
        core_limits(&open)?
    );
    let log = open.output();
    ensure!(
        log.contains("--allow-debugging: core dumps and debuggers"),
        "{log}"
    );
    Ok(())
}

#[test]
fn password_in_url_causes_a_warning_and_is_not_printed() -> Result<()> {
    let check = ["check", "--config", "rolecall.toml"];
    for (from, to, warned) in [
        (
            "sqlite:store.db",
            "redis://u:hunter2@127.0.0.1:1/0",
            "store",
        ),
        (
            "sqlite:store.db",
            "redis-sentinel://127.0.0.1:1/m?sentinel_password=hunter2",
            "store",
        ),
        (
            "sqlite:audit.db",
            "postgres://u:hunter2@127.0.0.1:1/d",
            "database",
        ),
        (
            "sqlite:audit.db",
            "postgres://u@127.0.0.1:1/d?password=hunter2",
            "database",
        ),
    ] {
        let folder = folder()?;
        change(&folder, from, to)?;
        let ran = rolecalld(folder.path(), &check)?;
        let output = format!("{}{}", ran.out, ran.err);
        ensure!(
            ran.code == 0 && output.contains(&format!("the {warned} URL contains a password")),
            "{to}: {output}"
        );
        let beside = format!("{to}\"\npassword = {{ env = \"ROLECALL_TEST_SECRET\" }} #");
        let folder = self::folder()?;
        change(&folder, from, &beside)?;
        let both = rolecalld(folder.path(), &check)?;
        let twice = both.code == 2 && both.err.contains("has two passwords");
        ensure!(twice || to.contains("sentinel"), "{both:?}");
        ensure!(
            !format!("{output}{}{}", both.out, both.err).contains("hunter2"),
            "{output}"
        );
    }
    Ok(())
}

#[test]
fn systemd_is_notified_of_start_and_stop() -> Result<()> {
    let folder = ready_folder()?;
    let path = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&path)?;
    systemd.set_read_timeout(Some(RECOVERED_MAX))?;
    let notification = || -> Result<String> {
        let mut bytes = [0; 256];
        let length = systemd.recv(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes[..length]).trim().to_owned())
    };
    let mut command = program(folder.path());
    command.args(SERVE).env("NOTIFY_SOCKET", &path);
    let mut process = Process::start(command)?;
    ensure!(notification()? == "READY=1");
    process.wait_for_line(" serving ", RECOVERED_MAX)?;
    process.signal(Signal::Term)?;
    ensure!(notification()? == "STOPPING=1");
    process.wait_for_line("stopped", RECOVERED_MAX)?;
    let log = process.output();
    ensure!(!log.contains("actix_server"), "{log}");
    Ok(())
}

/// The notice of PostgreSQL that the schema exists is irrelevant for operators.
#[tokio::test]
async fn second_start_with_postgresql_logs_no_notices() -> Result<()> {
    let postgres = Postgres::start().await?;
    let folder = ready_folder()?;
    change(&folder, "sqlite:audit.db", &postgres.url())?;
    for _ in ["makes the schema", "finds it"] {
        let mut process = start(&folder, &[])?;
        process.stop(Signal::Term)?;
        let log = process.output();
        ensure!(!log.contains("sqlx"), "{log}");
    }
    Ok(())
}
