//! Where log lines go: one write a line. The standard library's own lock on stderr would have every thread that logs wait
//! until another's line is written, at each request.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::sync::{PoisonError, RwLock};

/// Up to here a write is never mixed with another's, not even in a pipe (`_POSIX_PIPE_BUF`).
const UNDIVIDED_BYTES_MAX: usize = 512;

/// Stderr for lines that are each handed over in one piece.
pub(super) struct Stderr {
    file: File,
    /// Shared by lines that cannot be divided, held alone by a longer one.
    turn: RwLock<()>,
}

impl Stderr {
    /// The process's own.
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self::over(
            io::stderr().as_fd().try_clone_to_owned()?.into(),
        ))
    }

    fn over(file: File) -> Self {
        Self {
            file,
            turn: RwLock::new(()),
        }
    }
}

impl Write for &Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if line.len() <= UNDIVIDED_BYTES_MAX {
            let _shared = self.turn.read().unwrap_or_else(PoisonError::into_inner);
            (&self.file).write(line)
        } else {
            let _alone = self.turn.write().unwrap_or_else(PoisonError::into_inner);
            (&self.file).write_all(line)?;
            Ok(line.len())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::os::fd::OwnedFd;
    use std::thread;

    use super::*;

    /// A pipe, which divides what is longer than it is wide.
    #[test]
    fn lines_of_many_threads_arrive_whole() {
        const LINES: usize = 200;
        let (reader, writer) = io::pipe().unwrap();
        let stderr = Stderr::over(OwnedFd::from(writer).into());
        let lengths = [1, 80, 511, 512, 5_000, 200_000];
        let received = thread::scope(|scope| {
            let received = scope.spawn(|| {
                let lines = BufReader::new(reader).lines();
                lines
                    .take(LINES * lengths.len())
                    .map(Result::unwrap)
                    .collect::<Vec<_>>()
            });
            for (letter, length) in ('a'..).zip(lengths) {
                let mut stderr = &stderr;
                scope.spawn(move || {
                    let line = format!("{}\n", letter.to_string().repeat(length - 1));
                    for _ in 0..LINES {
                        stderr.write_all(line.as_bytes()).unwrap();
                    }
                });
            }
            received.join().unwrap()
        });
        for line in received {
            let letter = line.chars().next().unwrap_or('a');
            assert!(line.chars().all(|c| c == letter), "lines are mixed");
            assert!(lengths.contains(&(line.len() + 1)));
        }
    }
}
