//! A child process with its output kept, waited for until it is ready, and ended by its own id when dropped.
//!
//! Waiting is by what the child does (a line, an open port) and always has a deadline; its output is in every error.

mod log;

use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::lock;
use log::Log;

/// How long a child may take to end by itself before it is killed.
const ENDING_MAX: Duration = Duration::from_secs(5);
/// The longest pause between two looks at something that reports nothing by itself, such as a port.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A signal, sent to exactly one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// End in order.
    Term,
    /// End now, for PostgreSQL: at once, but with its children.
    Quit,
    /// Read the configuration again.
    Hup,
    /// End now, without a chance to close anything.
    Kill,
    /// Freeze.
    Stop,
    /// Go on.
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

/// A running child.
pub struct Process {
    name: String,
    child: Child,
    log: Arc<Log>,
    readers: Vec<JoinHandle<()>>,
    ends_by: Option<Signal>,
}

impl Process {
    /// Starts `command` with its output captured.
    ///
    /// # Errors
    /// When the program is not installed, with a hint.
    pub fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null());
        Self::start_as_it_is(command)
    }

    /// Starts `command` so that it can be told something by [`Process::write_line`].
    ///
    /// # Errors
    /// As [`Process::start`].
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

    /// Ends by this signal when dropped, instead of being killed: for a program that has children of its own.
    pub fn stopping_with(mut self, signal: Signal) -> Self {
        self.ends_by = Some(signal);
        self
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Types a line, for a process that listens.
    ///
    /// # Errors
    /// When it does not, or has ended.
    pub fn write_line(&mut self, line: &str) -> Result<()> {
        let input = self.child.stdin.as_mut();
        let input = input.with_context(|| format!("{} does not listen", self.name))?;
        Ok(writeln!(input, "{line}")?)
    }

    /// Everything it wrote so far, both streams (the last 2,000 lines).
    pub fn output(&self) -> String {
        lock(&self.log.lines).join("\n")
    }

    /// Sends `signal` to this process only.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if !send(signal, &self.id().to_string())? {
            bail!("{} ({}) takes no signals any more", self.name, self.id());
        }
        Ok(())
    }

    /// Sends `signal` to this process, and after that to its children.
    pub fn signal_with_children(&self, signal: Signal) -> Result<()> {
        self.signal(signal)?;
        let id = self.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        for child in children.split_whitespace() {
            // It may have ended meanwhile.
            send(signal, child)?;
        }
        Ok(())
    }

    /// Waits for the first line that contains `text`, and returns it.
    pub fn wait_for_line(&mut self, text: &str, deadline: Duration) -> Result<String> {
        let log = Arc::clone(&self.log);
        self.wait_for(deadline, &format!("a line with `{text}`"), || {
            lock(&log.lines)
                .iter()
                .find(|line| line.contains(text))
                .cloned()
        })
    }

    /// Waits until `address` takes connections.
    pub fn wait_for_port(&mut self, address: SocketAddr, deadline: Duration) -> Result<()> {
        self.wait_for(deadline, &format!("{address} to take connections"), || {
            TcpStream::connect(address).ok()
        })?;
        Ok(())
    }

    /// Waits until `look` sees something: after every line of output, and at short intervals.
    pub fn wait_for<T>(
        &mut self,
        deadline: Duration,
        what: &str,
        mut look: impl FnMut() -> Option<T>,
    ) -> Result<T> {
        let begun = Instant::now();
        loop {
            if let Some(seen) = look() {
                return Ok(seen);
            }
            if let Some(status) = self.child.try_wait()? {
                // Its last words may still be in the pipe.
                if let Some(seen) = look() {
                    return Ok(seen);
                }
                bail!(
                    "{} ended ({status}) while waiting for {what}:\n{}",
                    self.name,
                    self.output()
                );
            }
            if begun.elapsed() > deadline {
                bail!(
                    "{}: no {what} within {deadline:?}:\n{}",
                    self.name,
                    self.output()
                );
            }
            self.log.wait(LOOK_AGAIN);
        }
    }

    /// Waits until it has ended by itself, and for the last of its output.
    ///
    /// # Errors
    /// When it takes longer than `deadline`.
    pub fn finish(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                for reader in self.readers.drain(..) {
                    // A reader that panicked has told so on stderr; what it read is there.
                    drop(reader.join());
                }
                return Ok(status);
            }
            if begun.elapsed() > deadline {
                bail!(
                    "{} goes on after {deadline:?}:\n{}",
                    self.name,
                    self.output()
                );
            }
            self.log.wait(LOOK_AGAIN);
        }
    }

    /// Waits for its next line, or a moment: paces whoever looks at something else that this process does.
    ///
    /// # Errors
    /// When it has ended.
    pub fn wait_for_output(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended ({status}):\n{}", self.name, self.output());
        }
        self.log.wait(LOOK_AGAIN);
        Ok(())
    }

    /// Ends it: in order, and by force when it takes too long. Does nothing when it has ended.
    pub fn stop(&mut self, signal: Signal) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        self.signal(signal)?;
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > ENDING_MAX {
                self.child.kill()?;
                self.child.wait()?;
                break;
            }
            self.log.wait(LOOK_AGAIN);
        }
        Ok(())
    }
}

/// Says whether the process takes signals.
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
        // Both fail only when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a short command to its end and returns what it printed.
///
/// # Errors
/// When it is not installed, or fails: with everything it said.
pub fn run(mut command: Command) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| not_installed(&name, &error))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!(
            "{name} failed ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&said)
        );
    }
    Ok(output.stdout)
}

/// Ports of loopback that were free a moment ago, all different. For programs that cannot be told "any port".
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on loopback")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

fn not_installed(program: &str, error: &std::io::Error) -> anyhow::Error {
    match error.kind() == ErrorKind::NotFound {
        true => anyhow!(
            "`{program}` is not installed\nhint: `cargo xtask test` installs everything the tests need"
        ),
        false => anyhow!("`{program}` does not start: {error}"),
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
    fn a_line_is_waited_for_and_the_child_ends_with_its_handle() -> Result<()> {
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
    fn an_early_end_tells_its_last_words() -> Result<()> {
        let mut child = Process::start(shell("echo no such port >&2; exit 3"))?;
        let error = child
            .wait_for_line("ready", Duration::from_secs(5))
            .err()
            .context("it is never ready")?;
        assert!(error.to_string().contains("exit status: 3"), "{error}");
        Ok(())
    }

    #[test]
    fn a_child_that_ends_has_said_everything() -> Result<()> {
        let mut child = Process::start(shell("echo one; echo two >&2; exit 3"))?;
        assert_eq!(child.finish(Duration::from_secs(5))?.code(), Some(3));
        let mut said: Vec<String> = child.output().lines().map(str::to_owned).collect();
        said.sort();
        assert_eq!(said, ["one", "two"]);
        let mut endless = Process::start(shell("exec tail -f /dev/null"))?;
        assert!(endless.finish(Duration::from_millis(20)).is_err());
        Ok(())
    }

    #[test]
    fn what_is_missing_is_named_with_a_hint() {
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
    fn a_deaf_child_is_killed() -> Result<()> {
        let mut child = Process::start(shell("trap '' HUP; echo deaf; exec tail -f /dev/null"))?;
        child.wait_for_line("deaf", Duration::from_secs(5))?;
        child.signal(Signal::Stop)?;
        child.signal(Signal::Cont)?;
        child.stop(Signal::Term)?;
        assert!(child.signal(Signal::Term).is_err());
        Ok(())
    }
}
