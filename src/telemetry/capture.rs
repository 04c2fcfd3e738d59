//! Converts direct output of libraries to standard error into log records: messages of xmlsec, whose C code can only be
//! silenced by an unsafe call, and panics. With `--log-format json`, every line on standard error is then one JSON
//! object.

use std::io::{self, BufRead as _, BufReader, PipeReader, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::stdio::dup2_stderr;

/// Maximum length of a captured line, in bytes.
const LINE_BYTES_MAX: u64 = 4 * 1024;
/// Time limit for forwarding the last lines at the end.
const LAST_LINES_MAX: Duration = Duration::from_secs(1);

/// While this exists, the process reads its own standard error. The log is written to the original descriptor.
#[must_use]
pub struct Captured {
    original: OwnedFd,
    ended: Receiver<()>,
}

/// Begins to capture standard error. Logging must be installed before.
///
/// # Errors
/// If the pipe or the thread cannot be created.
pub fn capture_stderr() -> io::Result<Captured> {
    let original = io::stderr().as_fd().try_clone_to_owned()?;
    let (reader, writer) = io::pipe()?;
    let (end, ended) = channel();
    thread::Builder::new()
        .name("stderr".to_owned())
        .spawn(move || {
            forward(reader);
            // The receiver is gone if the process does not wait any more.
            let _ = end.send(());
        })?;
    dup2_stderr(&writer)?;
    Ok(Captured { original, ended })
}

impl Drop for Captured {
    /// Restores standard error, and waits until captured lines are logged.
    fn drop(&mut self) {
        if dup2_stderr(&self.original).is_ok() {
            let _ = self.ended.recv_timeout(LAST_LINES_MAX);
        }
    }
}

fn forward(reader: PipeReader) {
    let mut lines = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        match (&mut lines)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)
        {
            Ok(0) | Err(_) => return,
            Ok(_) => record(String::from_utf8_lossy(&line).trim_end()),
        }
    }
}

fn record(line: &str) {
    match line.strip_prefix("func=xmlSec") {
        // The rejection is logged with its reason elsewhere; this is for troubleshooting the library.
        Some(_) => tracing::debug!(target: "xmlsec", line, "xmlsec"),
        None if line.is_empty() => {}
        None => tracing::error!(target: "stderr", line, "written to standard error"),
    }
}
