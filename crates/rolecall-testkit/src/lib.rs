//! The outside world in miniature: identity providers, an AWS that checks proofs, stores, a browser, a clock.
//!
//! Everything listens on loopback, on a port the system picks, and ends when its handle is dropped. Nothing here
//! knows the gateway: what it tests, it tests from outside. Nothing here may be trusted with real people.

pub mod aws;
pub mod browser;
pub mod canary;
pub mod certificate;
pub mod clock;
pub mod http;
pub mod keys;
pub mod node;
pub mod oidc;
mod page;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod python;
pub mod redis;
pub mod saml;
pub mod serve;
pub mod xml;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, whatever a panicking test left behind: the data here is counters and scripts, never half-written.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work`, which waits for processes and files, beside the runtime instead of in its way.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await?
}
