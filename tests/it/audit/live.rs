//! A gateway process while other processes use its files: a backup, a reader, commands, a long lock, and `kill -9` at
//! the end. All issued credentials are in the audit trail.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join_all;
use reqwest::StatusCode;
use rolecall_harness::TestStack;
use rolecall_test_requirements::SQLITE3;
use rolecall_testkit::browser::Browser;
use rolecall_testkit::process::{Process, Signal};
use sqlx::{Connection as _, SqliteConnection};

use crate::cli::{program, rolecalld};
use crate::operate::{Balancer, PROD, RECOVERED_MAX, balanced_stack, credentials, get, sign_in};

/// Number of concurrent clients.
const CALLERS: usize = 6;
/// Number of reads of `/proc/locks` before a lock counts as lost.
const READINGS: u32 = 10;
const LOCKED: Duration = Duration::from_secs(5);
/// Limit for recovery after the lock: the waiting transaction, and the pause before the next one.
const RECOVERY_MAX: Duration = Duration::from_secs(4);

/// A stack whose only gateway is a child process.
pub struct Live {
    pub gateway: Process,
    pub management: String,
    pub url: String,
    pub folder: PathBuf,
    stack: TestStack,
    _balancer: Balancer,
}

impl Live {
    pub async fn start(store: &str, database: &str) -> Result<Self> {
        let command = |folder: &Path| {
            let mut command = program(folder);
            // So that a test can trace it.
            command.args(["serve", "--config", "rolecall.toml", "--allow-debugging"]);
            command
        };
        Self::start_by(store, database, command).await
    }

    pub async fn start_by(
        store: &str,
        database: &str,
        command: impl FnOnce(&Path) -> Command,
    ) -> Result<Self> {
        let (stack, balancer) = balanced_stack(|settings| {
            settings.database = "sqlite:stack.db".to_owned();
        })
        .await?;
        let folder = stack.folder().to_owned();
        // The stack's own gateway is in this process and must not use the files.
        let config = std::fs::read_to_string(stack.config())?
            .replace("memory:", store)
            .replace("sqlite:stack.db", database);
        std::fs::write(stack.config(), config)?;
        let mut gateway = Process::start(command(&folder))?;
        let line = gateway.wait_for_line(" serving ", RECOVERED_MAX)?;
        let word = |name: &str| {
            line.split_whitespace()
                .find_map(|word| word.strip_prefix(name))
                .with_context(|| line.clone())
        };
        balancer.lead_to(&[word("address=")?.parse()?]);
        Ok(Self {
            management: format!("http://{}", word("management=")?),
            url: stack.url().to_owned(),
            gateway,
            folder,
            stack,
            _balancer: balancer,
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Whether the gateway holds a lock on this file. The kernel lists locks page by page, so a single read can miss
    /// one; a lost lock is in none of the reads.
    async fn holds_lock(&self, path: &Path) -> Result<bool> {
        let inode = format!(":{}", path.metadata()?.ino());
        let process = self.gateway.id().to_string();
        for _ in 0..READINGS {
            let locks = std::fs::read_to_string("/proc/locks")?;
            let is_listed = locks.lines().any(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                words.get(1) == Some(&"POSIX")
                    && words.get(4) == Some(&process.as_str())
                    && words.get(5).is_some_and(|file| file.ends_with(&inode))
            });
            if is_listed {
                return Ok(true);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(false)
    }

    async fn ensure_locked(&self, when: &str) -> Result<()> {
        for name in ["audit.db", "audit.db-shm"] {
            ensure!(
                self.holds_lock(&self.file(name)).await?,
                "no lock on {name} {when}:\n{}",
                std::fs::read_to_string("/proc/locks")?
            );
        }
        Ok(())
    }

    pub async fn is_ready(&self) -> Result<bool> {
        let (status, _) = get(&format!("{}/readyz", self.management)).await?;
        Ok(status == StatusCode::OK)
    }
}

async fn open(path: &Path) -> Result<SqliteConnection> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    Ok(SqliteConnection::connect_with(&options).await?)
}

/// Access key IDs in the outcomes of the audit trail.
async fn recorded(path: &Path) -> Result<HashSet<String>> {
    let mut sql = open(path).await?;
    let ids = sqlx::query_scalar(
        "SELECT json_extract(canonical, '$.access_key_id') FROM audit_events WHERE event = 'issue_done'",
    )
    .fetch_all(&mut sql)
    .await?;
    sql.close().await?;
    Ok(ids.into_iter().collect())
}

/// Requests credentials until stopped; returns each response with its time.
async fn load(browser: &Browser, stop: &AtomicBool) -> Result<Vec<(Instant, Option<String>)>> {
    let mut answers = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let (status, issued) = credentials(browser, PROD).await?;
        let id = issued["AccessKeyId"].as_str().map(str::to_owned);
        ensure!(
            id.is_some() == (status == StatusCode::OK),
            "{status} {issued}"
        );
        answers.push((Instant::now(), id));
    }
    Ok(answers)
}

/// As in docs/operations.md.
async fn back_up(audit: &Path, copy: &Path) -> Result<()> {
    let mut command = Command::new("sqlite3");
    command.arg(audit);
    command.arg(format!(".backup '{}'", copy.display()));
    match tokio::task::spawn_blocking(move || command.output()).await? {
        Ok(ran) => ensure!(ran.status.success(), "{ran:?}"),
        Err(error) => {
            SQLITE3.partly_left_out(&format!("it does not start: {error}"));
            let mut sql = open(audit).await?;
            let vacuum = format!("VACUUM INTO '{}'", copy.display());
            sqlx::raw_sql(sqlx::AssertSqlSafe(vacuum))
                .execute(&mut sql)
                .await?;
            sql.close().await?;
        }
    }
    // The copy is a valid audit trail.
    recorded(copy).await?;
    Ok(())
}

/// Typical operations on a live database; returns when the lock was released.
async fn disturb(live: &Live) -> Result<Instant> {
    let audit = live.file("audit.db");
    live.ensure_locked("at startup").await?;
    for round in 0..2 {
        back_up(&audit, &live.file(&format!("copy-{round}.db"))).await?;
        live.ensure_locked("after a backup").await?;
        recorded(&audit).await?;
        live.ensure_locked("after a reader").await?;
    }
    let folder = live.folder.clone();
    let ran = tokio::task::spawn_blocking(move || {
        rolecalld(&folder, &["audit", "verify", "--config", "rolecall.toml"])
    });
    let ran = ran.await??;
    ensure!(ran.code == 0, "{ran:?}");
    live.ensure_locked("after `audit verify`").await?;
    ensure!(live.file("audit.db-wal").exists(), "-wal is gone");

    let mut holder = open(&audit).await?;
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut holder)
        .await?;
    let begun = Instant::now();
    ensure!(
        !live.is_ready().await?,
        "ready while nothing can be written"
    );
    tokio::time::sleep(LOCKED.saturating_sub(begun.elapsed())).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await?;
    holder.close().await?;
    let released = Instant::now();
    tokio::time::sleep(RECOVERY_MAX + Duration::from_secs(1)).await;
    ensure!(live.is_ready().await?, "not ready after the lock");
    live.ensure_locked("after a lock").await?;
    Ok(released)
}

async fn nothing_is_lost(store: &str, database: &str) -> Result<()> {
    let mut live = Live::start(store, database).await?;
    let mut alice = Browser::new()?;
    sign_in(&live.url, &mut alice, "alice").await?;
    let stop = AtomicBool::new(false);
    let disturbed = async {
        let released = disturb(&live).await;
        stop.store(true, Ordering::Relaxed);
        released
    };
    let callers = (0..CALLERS).map(|_| load(&alice, &stop));
    let (released, answers) = tokio::join!(disturbed, join_all(callers));
    let released = released?;
    // Some requests are open when the process is killed.
    let last = join_all((0..CALLERS).map(|_| credentials(&alice, PROD)));
    let killing = async {
        tokio::time::sleep(Duration::from_millis(15)).await;
        live.gateway.stop(Signal::Kill)
    };
    let (last, killed) = tokio::join!(last, killing);
    killed?;
    let mut held = HashSet::new();
    let mut recovered = None;
    for (at, id) in answers.into_iter().collect::<Result<Vec<_>>>()?.concat() {
        let Some(id) = id else { continue };
        if at > released {
            recovered = Some(recovered.map_or(at, |first: Instant| first.min(at)));
        }
        held.insert(id);
    }
    let answered = last.into_iter().flatten();
    held.extend(
        answered.filter_map(|(_, issued)| Some(issued["AccessKeyId"].as_str()?.to_owned())),
    );
    let recovered = recovered.context("no credentials were issued after the lock")?;
    ensure!(
        recovered - released < RECOVERY_MAX,
        "{:?}",
        recovered - released
    );
    ensure!(held.len() > 20, "only {} issued", held.len());
    let recorded = recorded(&live.file("audit.db")).await?;
    let missing = held.difference(&recorded).count();
    ensure!(missing == 0, "{missing} of {} have no record", held.len());
    let ran = rolecalld(
        &live.folder,
        &["audit", "verify", "--config", "rolecall.toml"],
    )?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(!live.stack.aws.issued().is_empty());
    Ok(())
}

#[tokio::test]
async fn no_event_is_lost_with_shared_file() -> Result<()> {
    nothing_is_lost("sqlite:audit.db", "sqlite:audit.db").await
}

#[tokio::test]
async fn no_event_is_lost_with_separate_files() -> Result<()> {
    nothing_is_lost("sqlite:store.db", "sqlite:audit.db").await
}

/// Deleting a file of a database in use loses everything written afterwards.
#[tokio::test]
async fn deleted_file_stops_issuing_and_readiness() -> Result<()> {
    for name in ["audit.db", "audit.db-wal"] {
        let mut live = Live::start("sqlite:store.db", "sqlite:audit.db").await?;
        let mut alice = Browser::new()?;
        sign_in(&live.url, &mut alice, "alice").await?;
        ensure!(live.is_ready().await?);
        std::fs::remove_file(live.file(name))?;
        let (status, refusal) = credentials(&alice, PROD).await?;
        ensure!(
            status == StatusCode::SERVICE_UNAVAILABLE,
            "{name}: {status} {refusal}"
        );
        ensure!(!live.is_ready().await?, "{name}");
        ensure!(live.stack.aws.issued().is_empty(), "{name}");
        let line = "was deleted or replaced while it was in use";
        live.gateway.wait_for_line(line, RECOVERED_MAX)?;
    }
    Ok(())
}

#[tokio::test]
async fn symbolic_link_to_shared_file_is_accepted() -> Result<()> {
    let live = Live::start("sqlite:./audit.db", "sqlite:audit.db").await?;
    let link = live.file("link.db");
    std::os::unix::fs::symlink("audit.db", &link)?;
    let mut sql = open(&link).await?;
    let events: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_events")
        .fetch_one(&mut sql)
        .await?;
    sql.close().await?;
    ensure!(events > 0);
    live.ensure_locked("after a reader by a link").await
}

#[tokio::test]
async fn hard_links_are_rejected() -> Result<()> {
    let folder = crate::cli::folder()?;
    for more in [&[][..], &["--saml"]] {
        let generate = ["keys", "generate", "--config", "rolecall.toml"];
        rolecalld(folder.path(), &[&generate, more].concat())?;
    }
    std::fs::write(folder.path().join("audit.db"), "")?;
    std::fs::hard_link(
        folder.path().join("audit.db"),
        folder.path().join("store.db"),
    )?;
    let ran = rolecalld(folder.path(), &["serve", "--config", "rolecall.toml"])?;
    ensure!(
        ran.code == 1 && ran.err.contains("are hard links to the same file"),
        "{ran:?}"
    );
    ensure!(ran.err.contains("\nhint: use the same path"), "{ran:?}");
    Ok(())
}
