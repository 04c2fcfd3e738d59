//! Test doubles for everything that the gateway talks to: identity providers, an AWS emulator, stores, a browser and clocks.
//!
//! Servers listen on loopback, on any free port, and stop when their handle is dropped. The testkit does not depend on the
//! gateway. It is not secure: use it for tests and demonstrations only.

pub mod aws;
pub mod browser;
pub mod bucket;
pub mod canary;
pub mod certificate;
pub mod clock;
pub mod http;
pub mod iam;
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

/// Locks a mutex even if it is poisoned: the data is always consistent.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs blocking work outside the async runtime.
///
/// # Errors
/// Those of `work`, and if it panics.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await?
}
