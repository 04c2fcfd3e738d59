//! The output of a child, line by line.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;

use crate::lock;

/// Maximum number of lines that are kept.
const LINES_MAX: usize = 2_000;

/// The last lines of both streams.
#[derive(Default)]
pub(super) struct Log {
    pub(super) lines: Mutex<Vec<String>>,
    grown: Condvar,
}

impl Log {
    /// Reads `output` to its end on a thread.
    pub(super) fn fill(
        log: &Arc<Self>,
        output: impl Read + Send + 'static,
    ) -> Result<JoinHandle<()>> {
        let log = Arc::clone(log);
        Ok(std::thread::Builder::new()
            .name("testkit-log".to_owned())
            .spawn(move || {
                for line in BufReader::new(output).split(b'\n') {
                    let Ok(line) = line else { break };
                    let mut lines = lock(&log.lines);
                    if lines.len() == LINES_MAX {
                        lines.remove(0);
                    }
                    lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                    log.grown.notify_all();
                }
            })?)
    }

    /// Waits for the next line or until the timeout.
    pub(super) fn wait(&self, timeout: Duration) {
        let lines = lock(&self.lines);
        drop(
            self.grown
                .wait_timeout(lines, timeout)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }
}
