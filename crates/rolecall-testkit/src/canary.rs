//! A listener that nobody should ever talk to, and a file that nobody should open: they tell who does.
//!
//! Its address goes into `jku`, `x5u`, redirects and distributed claims; a relying party that fetches what a token
//! tells it to fetch sings here.

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

/// Linux's value (open(2)).
const O_NONBLOCK: i32 = 0o4000;

/// A counting listener on loopback. Ends when dropped.
pub struct Canary {
    address: SocketAddr,
    hits: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Canary {
    /// Listens on a port that the system picks.
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
                            // Reads what is asked, answers nothing, closes.
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

    /// `http://127.0.0.1:PORT`, without a slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections came so far.
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is over.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A file that nobody should open: a pipe without a writer, so that a reader waits for ever, and is seen.
pub struct CanaryFile {
    folder: TempDir,
}

impl CanaryFile {
    /// Makes one.
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

    /// Its path.
    pub fn path(&self) -> String {
        self.folder.path().join("file").display().to_string()
    }

    /// Whether somebody is waiting in it right now. Whoever is, is let go.
    pub fn was_opened(&self) -> bool {
        // Opening for writing without waiting works when there is a reader, and only then (open(2), ENXIO).
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
    async fn it_sings_when_touched() -> Result<()> {
        let canary = Canary::start()?;
        assert_eq!(canary.hits(), 0);
        assert!(reqwest::get(canary.url()).await.is_err());
        assert_eq!(canary.hits(), 1);
        Ok(())
    }

    #[test]
    fn a_trap_tells_who_is_in_it() -> Result<()> {
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
