//! What every start warns of, and what it switches off.

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

/// What the kernel says of the largest core dump: soft and hard limit.
fn core_limits(process: &Process) -> Result<String> {
    let limits = fs::read_to_string(format!("/proc/{}/limits", process.id()))?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let words: Vec<&str> = line
        .context("no such limit")?
        .split_whitespace()
        .take(2)
        .collect();
    Ok(words.join(" "))
}

#[test]
fn plain_http_beyond_loopback_is_warned_of_at_every_start() -> Result<()> {
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
fn core_dumps_are_off_unless_they_are_asked_for() -> Result<()> {
    let folder = ready_folder()?;
    let own = fs::read_to_string("/proc/self/limits")?;
    let usual = own
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let usual: Vec<&str> = usual
        .context("no such limit")?
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
fn a_password_in_a_url_is_warned_of_and_never_printed() -> Result<()> {
    let check = ["check", "--config", "rolecall.toml"];
    for (from, to, warned) in [
        (
            "sqlite:store.db",
            "redis://u:hunter2@127.0.0.1:1/0",
            "store's URL",
        ),
        (
            "sqlite:store.db",
            "redis-sentinel://127.0.0.1:1/m?sentinel_password=hunter2",
            "store's URL",
        ),
        (
            "sqlite:audit.db",
            "postgres://u:hunter2@127.0.0.1:1/d",
            "database's URL",
        ),
        (
            "sqlite:audit.db",
            "postgres://u@127.0.0.1:1/d?password=hunter2",
            "database's URL",
        ),
    ] {
        let folder = folder()?;
        change(&folder, from, to)?;
        let ran = rolecalld(folder.path(), &check)?;
        let said = format!("{}{}", ran.out, ran.err);
        ensure!(
            ran.code == 0 && said.contains(&format!("there is a password in the {warned}")),
            "{to}: {said}"
        );
        let beside = format!("{to}\"\npassword = {{ env = \"ROLECALL_TEST_SECRET\" }} #");
        let folder = self::folder()?;
        change(&folder, from, &beside)?;
        let both = rolecalld(folder.path(), &check)?;
        let twice = both.code == 2 && both.err.contains("and beside it");
        ensure!(twice || to.contains("sentinel"), "{both:?}");
        ensure!(
            !format!("{said}{}{}", both.out, both.err).contains("hunter2"),
            "{said}"
        );
    }
    Ok(())
}

#[test]
fn systemd_is_told_when_it_serves_and_when_it_stops() -> Result<()> {
    let folder = ready_folder()?;
    let path = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&path)?;
    systemd.set_read_timeout(Some(RECOVERED_MAX))?;
    let told = || -> Result<String> {
        let mut bytes = [0; 256];
        let length = systemd.recv(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes[..length]).trim().to_owned())
    };
    let mut command = program(folder.path());
    command.args(SERVE).env("NOTIFY_SOCKET", &path);
    let mut process = Process::start(command)?;
    ensure!(told()? == "READY=1");
    process.wait_for_line(" serving ", RECOVERED_MAX)?;
    process.signal(Signal::Term)?;
    ensure!(told()? == "STOPPING=1");
    process.wait_for_line("stopped", RECOVERED_MAX)?;
    let log = process.output();
    ensure!(!log.contains("actix_server"), "{log}");
    Ok(())
}

/// PostgreSQL's notice that the schema is there already is of no use to an operator.
#[tokio::test]
async fn a_second_start_with_postgresql_logs_no_notices() -> Result<()> {
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
