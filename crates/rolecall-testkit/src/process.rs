//! Child processes with captured output.
//!
//! Waiting depends on what the child does (a line of output, an open port) and has a deadline. Errors contain its output.

mod log;
mod ports;

use std::io::{ErrorKind, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::lock;
use log::Log;
pub use ports::Ports;

/// Time after a signal until a child is killed.
const STOP_MAX: Duration = Duration::from_secs(5);
/// Maximum interval for polling.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: end gracefully.
    Term,
    /// SIGQUIT: for PostgreSQL, end at once with all children.
    Quit,
    /// SIGHUP: reload the configuration.
    Hup,
    /// SIGKILL: end at once.
    Kill,
    /// SIGSTOP: suspend.
    Stop,
    /// SIGCONT: resume.
    Cont,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Quit => "QUIT",
            Self::Hup => "HUP",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Cont => "CONT",
        }
    }
}

/// A running child process. Dropping it ends the process.
pub struct Process {
    name: String,
    child: Child,
    log: Arc<Log>,
    readers: Vec<JoinHandle<()>>,
    ends_by: Option<Signal>,
}

impl Process {
    /// Starts `command` and captures its output.
    ///
    /// # Errors
    /// If the program is not installed.
    pub fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null());
        Self::start_as_it_is(command)
    }

    /// Starts `command` with an input for [`Process::write_line`].
    ///
    /// # Errors
    /// As for [`Process::start`].
    pub fn start_with_stdin(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped());
        Self::start_as_it_is(command)
    }

    fn start_as_it_is(mut command: Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| not_installed(&name, &error))?;
        let log = Arc::new(Log::default());
        let mut readers = Vec::new();
        if let Some(output) = child.stdout.take() {
            readers.push(Log::fill(&log, output)?);
        }
        if let Some(output) = child.stderr.take() {
            readers.push(Log::fill(&log, output)?);
        }
        Ok(Self {
            name,
            child,
            log,
            readers,
            ends_by: None,
        })
    }

    /// Sends this signal when dropped instead of SIGKILL, for programs that have children.
    pub fn stopping_with(mut self, signal: Signal) -> Self {
        self.ends_by = Some(signal);
        self
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line to the input of a process of [`Process::start_with_stdin`].
    ///
    /// # Errors
    /// If it has no input or has ended.
    pub fn write_line(&mut self, line: &str) -> Result<()> {
        let input = self.child.stdin.as_mut();
        let input = input.with_context(|| format!("{} has no input", self.name))?;
        Ok(writeln!(input, "{line}")?)
    }

    /// The output of both streams so far (the last 2,000 lines).
    pub fn output(&self) -> String {
        lock(&self.log.lines).join("\n")
    }

    /// Sends a signal to this process only.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if !send(signal, &self.id().to_string())? {
            bail!("{} ({}) has ended", self.name, self.id());
        }
        Ok(())
    }

    /// Sends a signal to this process and then to its children.
    pub fn signal_with_children(&self, signal: Signal) -> Result<()> {
        self.signal(signal)?;
        let id = self.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        for child in children.split_whitespace() {
            // The child may have ended.
            send(signal, child)?;
        }
        Ok(())
    }

    /// Waits for the first line of output that contains `text` and returns it.
    pub fn wait_for_line(&mut self, text: &str, deadline: Duration) -> Result<String> {
        let log = Arc::clone(&self.log);
        self.wait_for(deadline, &format!("a line with `{text}`"), || {
            lock(&log.lines)
                .iter()
                .find(|line| line.contains(text))
                .cloned()
        })
    }

    /// Waits until `address` accepts connections.
    pub fn wait_for_port(&mut self, address: SocketAddr, deadline: Duration) -> Result<()> {
        self.wait_for(
            deadline,
            &format!("{address} to accept connections"),
            || TcpStream::connect(address).ok(),
        )?;
        Ok(())
    }

    /// Waits until `poll` returns a value. It is called after each line of output and at short intervals.
    pub fn wait_for<T>(
        &mut self,
        deadline: Duration,
        what: &str,
        mut poll: impl FnMut() -> Option<T>,
    ) -> Result<T> {
        let started = Instant::now();
        loop {
            if let Some(seen) = poll() {
                return Ok(seen);
            }
            if let Some(status) = self.child.try_wait()? {
                // The last output may still be in the pipe.
                if let Some(seen) = poll() {
                    return Ok(seen);
                }
                bail!(
                    "{} ended ({status}) while waiting for {what}:\n{}",
                    self.name,
                    self.output()
                );
            }
            if started.elapsed() > deadline {
                bail!(
                    "{}: waited {deadline:?} for {what}:\n{}",
                    self.name,
                    self.output()
                );
            }
            self.log.wait(POLL_INTERVAL);
        }
    }

    /// Waits until the process has ended and all output has been read.
    ///
    /// # Errors
    /// If it takes longer than `deadline`.
    pub fn finish(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                for reader in self.readers.drain(..) {
                    // A panic of a reader is reported on stderr.
                    drop(reader.join());
                }
                return Ok(status);
            }
            if started.elapsed() > deadline {
                bail!(
                    "{} is still running after {deadline:?}:\n{}",
                    self.name,
                    self.output()
                );
            }
            self.log.wait(POLL_INTERVAL);
        }
    }

    /// Waits for its next line of output or for a short time. For polling that depends on the process.
    ///
    /// # Errors
    /// If it has ended.
    pub fn wait_for_output(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended ({status}):\n{}", self.name, self.output());
        }
        self.log.wait(POLL_INTERVAL);
        Ok(())
    }

    /// Sends a signal and waits until the process has ended. Kills it after a time limit.
    pub fn stop(&mut self, signal: Signal) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        self.signal(signal)?;
        let started = Instant::now();
        while self.child.try_wait()?.is_none() {
            if started.elapsed() > STOP_MAX {
                self.child.kill()?;
                self.child.wait()?;
                break;
            }
            self.log.wait(POLL_INTERVAL);
        }
        Ok(())
    }
}

/// Returns whether the process exists.
fn send(signal: Signal, id: &str) -> Result<bool> {
    let status = Command::new("sh")
        .args(["-c", "kill -s \"$0\" \"$1\"", signal.name(), id])
        .stderr(Stdio::null())
        .status()?;
    Ok(status.success())
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(signal) = self.ends_by {
            drop(self.stop(signal));
        }
        // Both fail only if it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a command to its end and returns its output.
///
/// # Errors
/// If it is not installed or fails. The error contains its output.
pub fn run(mut command: Command) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| not_installed(&name, &error))?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        bail!(
            "{name} failed ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&text)
        );
    }
    Ok(output.stdout)
}

fn not_installed(program: &str, error: &std::io::Error) -> anyhow::Error {
    match error.kind() == ErrorKind::NotFound {
        true => anyhow!(
            "`{program}` is not installed\nhint: `cargo xtask test` installs everything the tests need"
        ),
        false => anyhow!("`{program}` cannot be started: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn child_ends_when_handle_is_dropped() -> Result<()> {
        let mut child = Process::start(shell("echo ready on 7; exec tail -f /dev/null"))?;
        assert_eq!(
            child.wait_for_line("ready", Duration::from_secs(5))?,
            "ready on 7"
        );
        let id = child.id().to_string();
        drop(child);
        assert!(run(shell(&format!("kill -0 {id}"))).is_err());
        Ok(())
    }

    #[test]
    fn error_contains_output_if_child_ends_early() -> Result<()> {
        let mut child = Process::start(shell("echo no such port >&2; exit 3"))?;
        let error = child
            .wait_for_line("ready", Duration::from_secs(5))
            .err()
            .context("it became ready")?;
        assert!(error.to_string().contains("exit status: 3"), "{error}");
        Ok(())
    }

    #[test]
    fn all_output_is_read_when_child_ends() -> Result<()> {
        let mut child = Process::start(shell("echo one; echo two >&2; exit 3"))?;
        assert_eq!(child.finish(Duration::from_secs(5))?.code(), Some(3));
        let mut lines: Vec<String> = child.output().lines().map(str::to_owned).collect();
        lines.sort();
        assert_eq!(lines, ["one", "two"]);
        let mut endless = Process::start(shell("exec tail -f /dev/null"))?;
        assert!(endless.finish(Duration::from_millis(20)).is_err());
        Ok(())
    }

    #[test]
    fn missing_program_is_reported_with_hint() {
        let error = Process::start(Command::new("no-such-program-here"))
            .err()
            .map(|error| error.to_string());
        assert!(
            error.is_some_and(
                |error| error.contains("no-such-program-here") && error.contains("hint:")
            )
        );
    }

    #[test]
    fn child_that_ignores_signal_is_killed() -> Result<()> {
        let mut child = Process::start(shell("trap '' HUP; echo deaf; exec tail -f /dev/null"))?;
        child.wait_for_line("deaf", Duration::from_secs(5))?;
        child.signal(Signal::Stop)?;
        child.signal(Signal::Cont)?;
        child.stop(Signal::Term)?;
        assert!(child.signal(Signal::Term).is_err());
        Ok(())
    }
}
