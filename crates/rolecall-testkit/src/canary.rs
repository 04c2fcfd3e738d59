//! Canaries: a listener that must not receive connections, and a file that must not be opened.
//!
//! Their addresses are in `jku`, `x5u`, redirects and distributed claims, to detect a relying party that follows them.

use std::fs::OpenOptions;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, ensure};
use tempfile::TempDir;

/// The value on Linux (open(2)).
const O_NONBLOCK: i32 = 0o4000;

/// A listener on loopback that counts connections. Dropping it closes the listener.
pub struct Canary {
    address: SocketAddr,
    hits: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Canary {
    /// Listens on any free port.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (hits, ended) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let thread = std::thread::Builder::new()
            .name("testkit-canary".to_owned())
            .spawn({
                let (hits, ended) = (Arc::clone(&hits), Arc::clone(&ended));
                move || {
                    for stream in listener.incoming() {
                        if ended.load(Ordering::SeqCst) {
                            break;
                        }
                        hits.fetch_add(1, Ordering::SeqCst);
                        if let Ok(mut stream) = stream {
                            // Reads the request and closes the connection without a response.
                            drop(stream.set_read_timeout(Some(Duration::from_millis(50))));
                            drop(stream.read(&mut [0; 1024]));
                        }
                    }
                }
            })?;
        Ok(Self {
            address,
            hits,
            ended,
            thread: Some(thread),
        })
    }

    /// URL: `http://127.0.0.1:PORT`, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Number of connections.
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the listener, which then ends.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A canary file: a named pipe without a writer, so that a reader blocks and can be detected.
pub struct CanaryFile {
    folder: TempDir,
}

impl CanaryFile {
    /// Creates the file in a temporary directory.
    pub fn create() -> Result<Self> {
        let file = Self {
            folder: tempfile::Builder::new()
                .prefix("rolecall-file-")
                .tempdir()?,
        };
        let made = Command::new("mkfifo").arg(file.path()).status()?;
        ensure!(made.success(), "mkfifo failed");
        Ok(file)
    }

    /// Path of the file.
    pub fn path(&self) -> String {
        self.folder.path().join("file").display().to_string()
    }

    /// Whether a process has the file open. This unblocks the process.
    pub fn was_opened(&self) -> bool {
        // Opening it for writing without blocking succeeds only if there is a reader (open(2), ENXIO).
        let writer = OpenOptions::new()
            .write(true)
            .custom_flags(O_NONBLOCK)
            .open(self.path());
        writer.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connection_is_counted() -> Result<()> {
        let canary = Canary::start()?;
        assert_eq!(canary.hits(), 0);
        assert!(reqwest::get(canary.url()).await.is_err());
        assert_eq!(canary.hits(), 1);
        Ok(())
    }

    #[test]
    fn open_file_is_detected() -> Result<()> {
        let file = CanaryFile::create()?;
        assert!(!file.was_opened());
        let path = file.path();
        let reader = std::thread::spawn(move || std::fs::read(path));
        while !file.was_opened() {
            std::thread::yield_now();
        }
        assert!(reader.join().is_ok());
        Ok(())
    }
}
