//! What libraries write to standard error by themselves, as log records: xmlsec's lines, which its C code can only be kept from
//! writing by a call that Rust calls unsafe, and the messages of panics. Every line on standard error is then a record, one
//! JSON object with `--log-format json`.

use std::io::{self, BufRead as _, BufReader, PipeReader, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::stdio::dup2_stderr;

/// Bytes of one line that are kept.
const LINE_BYTES_MAX: u64 = 4 * 1024;
/// How long the end waits for the last lines.
const LAST_LINES_MAX: Duration = Duration::from_secs(1);

/// While it lives, standard error is read by this process. The log itself goes where standard error went before.
#[must_use]
pub struct Captured {
    original: OwnedFd,
    ended: Receiver<()>,
}

/// Begins to read standard error. Logging has been set up before.
///
/// # Errors
/// When there is no pipe or no thread for it.
pub fn capture_stderr() -> io::Result<Captured> {
    let original = io::stderr().as_fd().try_clone_to_owned()?;
    let (reader, writer) = io::pipe()?;
    let (end, ended) = channel();
    thread::Builder::new()
        .name("stderr".to_owned())
        .spawn(move || {
            forward(reader);
            // Nobody may wait any more.
            let _ = end.send(());
        })?;
    dup2_stderr(&writer)?;
    Ok(Captured { original, ended })
}

impl Drop for Captured {
    /// Gives standard error back, and waits until what was written before has become records.
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
        // The refusal is logged with its reason; this is for whoever looks into the library.
        Some(_) => tracing::debug!(target: "xmlsec", line, "xmlsec"),
        None if line.is_empty() => {}
        None => tracing::error!(target: "stderr", line, "written to standard error"),
    }
}
