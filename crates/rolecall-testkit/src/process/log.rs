//! What a child writes, line by line, and waiting for more of it.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;

use crate::lock;

/// Lines of output that are kept: the last ones say why something failed.
const LINES_MAX: usize = 2_000;

/// The last lines, of both streams.
#[derive(Default)]
pub(super) struct Log {
    pub(super) lines: Mutex<Vec<String>>,
    grown: Condvar,
}

impl Log {
    /// Reads `output` to its end on a thread, which ends with the child.
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

    /// Returns at the next line, or after `patience`.
    pub(super) fn wait(&self, patience: Duration) {
        let lines = lock(&self.lines);
        drop(
            self.grown
                .wait_timeout(lines, patience)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }
}
