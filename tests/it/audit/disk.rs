//! A gateway on a disk that becomes full: it stops before the disk is full, and recovers when space is freed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::StatusCode;
use rolecall_test_requirements::{MOUNT_NAMESPACE, STRACE};
use rolecall_testkit::browser::Browser;
use rolecall_testkit::process::{Process, Signal};

use super::live::Live;
use crate::cli::program;
use crate::operate::{PROD, RECOVERED_MAX, credentials, get, sign_in, until};

/// Size of the small disk.
const DISK_BYTES: u64 = 16 * 1024 * 1024;

/// `unshare` with the available permissions, which runs a program in its own namespaces; `None` if that is not
/// permitted, and the test is recorded as skipped.
pub fn unshare() -> Option<Command> {
    for arguments in [&["--mount"][..], &["--mount", "--map-root-user"]] {
        let command = || {
            let mut command = Command::new("unshare");
            command.args(arguments);
            command
        };
        let mut trial = command();
        trial.args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
        if trial.output().is_ok_and(|output| output.status.success()) {
            return Some(command());
        }
    }
    MOUNT_NAMESPACE.left_out("this user may not mount a tmpfs in a namespace of its own");
    None
}

/// Fills the file system of the folder until this much is free.
fn fill(folder: &Path, leave: u64) -> Result<()> {
    let filler = folder.join("filler");
    // Not `df`, which searches the mount in the namespace of this process.
    let out = Command::new("stat")
        .args(["-f", "-c", "%a %S"])
        .arg(folder)
        .output()?;
    let text = String::from_utf8(out.stdout)?;
    let (blocks, size) = text.trim().split_once(' ').context(text.clone())?;
    let free = blocks.parse::<u64>()? * size.parse::<u64>()?;
    let more = free.saturating_sub(leave);
    ensure!(
        more <= DISK_BYTES,
        "{free} bytes are free on the small disk"
    );
    let before = filler.metadata().map_or(0, |metadata| metadata.len());
    let bytes = vec![1_u8; usize::try_from(before + more)?];
    // The last page may not fit.
    if let Err(error) = std::fs::write(&filler, bytes) {
        ensure!(leave == 0, "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn gateway_stops_before_disk_is_full_and_recovers() -> Result<()> {
    let Some(unshare) = unshare() else {
        return Ok(());
    };
    let live = Live::start_by("sqlite:disk/store.db", "sqlite:disk/audit.db", |folder| {
        let serve = r#"mkdir disk && mount -t tmpfs -o size=16m tmpfs disk && exec "$0" "$@""#;
        let mut command = unshare;
        command.current_dir(folder).args(["sh", "-c", serve]);
        let program = program(folder);
        command.arg(program.get_program());
        command.args(["serve", "--config", "rolecall.toml"]);
        command
    })
    .await?;
    let root = PathBuf::from(format!("/proc/{}/root", live.gateway.id()));
    let disk = root.join(live.folder.strip_prefix("/")?).join("disk");
    let mut alice = Browser::new()?;
    sign_in(&live.url, &mut alice, "alice").await?;
    ensure!(live.is_ready().await?, "not ready on an empty disk");
    fill(&disk, 1024 * 1024)?;
    ensure!(
        !live.is_ready().await?,
        "ready on a disk that is nearly full"
    );
    let (status, issued) = credentials(&alice, PROD).await?;
    ensure!(
        status == StatusCode::OK,
        "issue failed with free space: {issued}"
    );
    let (_, metrics) = get(&format!("{}/metrics", live.management)).await?;
    let free = metrics
        .lines()
        .find_map(|line| line.strip_prefix("rolecall_disk_free_bytes "))
        .context("no gauge")?;
    ensure!((1..=1024 * 1024).contains(&free.parse::<u64>()?), "{free}");
    fill(&disk, 0)?;
    let mut refused = false;
    for _ in 0..200 {
        let (status, _) = credentials(&alice, PROD).await?;
        refused = status == StatusCode::SERVICE_UNAVAILABLE;
        if refused {
            break;
        }
    }
    ensure!(refused, "a full disk took 200 issues");
    ensure!(!live.is_ready().await?, "ready on a full disk");
    std::fs::remove_file(disk.join("filler"))?;
    until("issuing to go on", async || {
        let (status, _) = credentials(&alice, PROD).await?;
        Ok((status == StatusCode::OK).then_some(()))
    })
    .await?;
    ensure!(live.is_ready().await?, "not ready after room was made");
    Ok(())
}

/// Makes system calls of a gateway on one file fail, while the returned process runs. `None` if tracing is not
/// permitted or `strace` is missing.
fn fail_calls(live: &Live, call: &str, error: &str, file: &str) -> Option<Process> {
    let mut command = Command::new("strace");
    command.args(["-f", "-p", &live.gateway.id().to_string()]);
    command.args(["-e", &format!("trace={call}"), "-P"]);
    command.arg(live.folder.join(file));
    command.args(["-e", &format!("inject={call}:error={error}")]);
    let started = Process::start(command).map(|process| process.stopping_with(Signal::Term));
    let attached = started.and_then(|mut process| {
        process.wait_for_line("attached", RECOVERED_MAX)?;
        Ok(process)
    });
    attached
        .inspect_err(|error| STRACE.left_out(&format!("it cannot trace: {error:#}")))
        .ok()
}

/// Readiness reports a failing disk, and issuing stops if the audit trail is on it.
async fn is_seen(call: &str, error: &str, file: &str, recovers: bool) -> Result<()> {
    let live = Live::start("sqlite:store.db", "sqlite:audit.db").await?;
    let mut alice = Browser::new()?;
    sign_in(&live.url, &mut alice, "alice").await?;
    ensure!(live.is_ready().await?, "not ready at the start");
    let Some(failing) = fail_calls(&live, call, error, file) else {
        return Ok(());
    };
    // Repeated, because the failure must not be forgotten.
    for _ in 0..5 {
        ensure!(!live.is_ready().await?, "{call} {error}: ready");
        if file.starts_with("audit") {
            let (status, _) = credentials(&alice, PROD).await?;
            ensure!(status == StatusCode::SERVICE_UNAVAILABLE, "{status}");
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    drop(failing);
    if recovers {
        until("readiness", async || {
            Ok(live.is_ready().await?.then_some(()))
        })
        .await?;
        let (status, issued) = credentials(&alice, PROD).await?;
        ensure!(status == StatusCode::OK, "{issued}");
    }
    ensure!(live.is_ready().await? == recovers);
    Ok(())
}

#[tokio::test]
async fn failed_writes_are_detected() -> Result<()> {
    is_seen("pwrite64", "EIO", "audit.db-wal", true).await?;
    is_seen("pwrite64", "EROFS", "store.db-wal", true).await
}

/// The disk may have lost data of the audit trail, so a restart is required.
#[tokio::test]
async fn failed_syncs_are_detected() -> Result<()> {
    is_seen("fdatasync", "EIO", "audit.db-wal", false).await?;
    is_seen("fdatasync", "EIO", "store.db-wal", true).await
}
