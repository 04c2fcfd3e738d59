//! PostgreSQL servers in temporary directories, run as an unprivileged user.
//!
//! Uses the newest version in `/usr/lib/postgresql`, or the one on the path. Data is not synced to disk.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::blocking;
use crate::process::{self, Ports, Process, Signal};

/// Maximum time to start on a busy machine.
const READY_MAX: Duration = Duration::from_secs(60);

/// A running server with an empty database `rolecall`. Dropping it stops the server and deletes its data.
pub struct Postgres {
    process: Process,
    ports: Ports<1>,
    directory: TempDir,
    is_paused: AtomicBool,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A stopped process does not handle signals.
        if self.is_paused.load(Ordering::Relaxed) {
            drop(self.resume());
        }
    }
}

impl Postgres {
    /// Creates a database cluster and starts it.
    pub async fn start() -> Result<Self> {
        blocking(Self::start_here).await
    }

    fn start_here() -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("rolecall-postgres-")
            .tempdir()?;
        if let Some((user, group)) = unprivileged()? {
            chown(directory.path(), Some(user), Some(group))?;
        }
        let data = directory.path().join("data");
        let mut initdb = program("initdb")?;
        initdb.args([
            "--auth=trust",
            "--username=rolecall",
            "--no-sync",
            "--no-locale",
            "--encoding=UTF8",
            "-D",
        ]);
        process::run(with_data_directory(&directory, initdb, &data))?;
        let (process, ports) = Self::launch(&directory)?;
        let server = Self {
            process,
            ports,
            directory,
            is_paused: AtomicBool::new(false),
        };
        server.psql("postgres", "CREATE DATABASE rolecall")?;
        Ok(server)
    }

    fn launch(directory: &TempDir) -> Result<(Process, Ports<1>)> {
        let ports = Ports::reserve()?;
        let [port] = ports.numbers();
        let mut postgres = program("postgres")?;
        postgres.args(["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c"]);
        postgres.arg(format!(
            "unix_socket_directories={}",
            directory.path().display()
        ));
        postgres.args(["-p", &port.to_string(), "-D"]);
        let postgres = with_data_directory(directory, postgres, &directory.path().join("data"));
        let mut process = Process::start(postgres)?.stopping_with(Signal::Quit);
        process.wait_for_line("ready to accept connections", READY_MAX)?;
        Ok((process, ports))
    }

    /// URL: `postgres://rolecall@127.0.0.1:PORT/rolecall`.
    pub fn url(&self) -> String {
        let [port] = self.ports.numbers();
        format!("postgres://rolecall@127.0.0.1:{port}/rolecall")
    }

    /// Runs a statement in the database `rolecall` with `psql`. Rows are separated by line breaks, columns by `|`.
    pub fn sql(&self, statement: &str) -> Result<String> {
        self.psql("rolecall", statement)
    }

    /// Suspends all of its processes. Clients wait and connections remain open.
    pub fn pause(&self) -> Result<()> {
        self.is_paused.store(true, Ordering::Relaxed);
        self.process.signal_with_children(Signal::Stop)
    }

    /// Resumes the processes.
    pub fn resume(&self) -> Result<()> {
        self.is_paused.store(false, Ordering::Relaxed);
        self.process.signal_with_children(Signal::Cont)
    }

    /// Stops the server at once. Connections are refused from then on.
    pub fn stop(&mut self) -> Result<()> {
        self.process.stop(Signal::Quit)
    }

    fn psql(&self, database: &str, statement: &str) -> Result<String> {
        let mut psql = program("psql")?;
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "rolecall",
            "-d",
            database,
            "-c",
            statement,
        ]);
        let [port] = self.ports.numbers();
        psql.args(["-p", &port.to_string(), "-h"])
            .arg(self.directory.path());
        Ok(String::from_utf8_lossy(&process::run(psql)?)
            .trim_end()
            .to_owned())
    }
}

fn with_data_directory(directory: &TempDir, mut command: Command, data: &Path) -> Command {
    command
        .arg(data)
        .current_dir(directory.path())
        .env("LC_ALL", "C");
    command
}

/// A command for a program of PostgreSQL. If this process runs as root, it uses another user, because PostgreSQL requires it.
fn program(name: &str) -> Result<Command> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().collect::<Vec<_>>());
    let mut installed: Vec<PathBuf> = versions
        .unwrap_or_default()
        .iter()
        .map(|entry| entry.path().join("bin"))
        .collect();
    installed.sort_by_key(|path| path.parent()?.file_name()?.to_str()?.parse::<u32>().ok());
    let path = installed
        .last()
        .map_or_else(|| PathBuf::from(name), |bin| bin.join(name));
    let Some((user, group)) = unprivileged()? else {
        return Ok(Command::new(path));
    };
    anyhow::ensure!(
        path.is_file(),
        "`{name}` of PostgreSQL is not installed\nhint: `cargo xtask test` installs everything the tests need"
    );
    let mut command = Command::new("setpriv");
    command.args([
        format!("--reuid={user}"),
        format!("--regid={group}"),
        "--clear-groups".to_owned(),
    ]);
    command.arg(path);
    Ok(command)
}

/// The user and group for PostgreSQL; `None` if this process does not run as root.
fn unprivileged() -> Result<Option<(u32, u32)>> {
    let id = |arguments: &[&str]| -> Result<u32> {
        let mut command = Command::new("id");
        command.args(arguments);
        String::from_utf8_lossy(&process::run(command)?)
            .trim()
            .parse()
            .context("`id` did not print a number")
    };
    if id(&["-u"])? != 0 {
        return Ok(None);
    }
    let user = if id(&["-u", "postgres"]).is_ok() {
        "postgres"
    } else {
        "nobody"
    };
    Ok(Some((id(&["-u", user])?, id(&["-g", user])?)))
}
