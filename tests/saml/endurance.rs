//! Repeated verification in one process leaks nothing, and concurrent first use is safe.
//!
//! One-time initialization is tested in separate processes: the tests start this program again.

use std::process::Command;
use std::sync::Barrier;

use anyhow::{Context, Result, ensure};
use rolecall_core::sign_in::ProviderError;
use rolecall_harness::saml_verifier::{SamlVerifier, SamlVerifierFixture};
use rolecall_testkit::saml::SignedElements;
use rolecalld::idp::saml::VerifiedAssertion;

/// Set to the name of the test in the process that a test has started.
const ALONE: &str = "ROLECALL_TEST_ALONE";
const VERIFICATIONS: usize = 10_000;
const GROWTH_MAX_KIB: u64 = 5 * 1024;
const THREADS: usize = 16;

/// A response and its verifier.
struct Genuine {
    response: String,
    verifier: SamlVerifier,
}

impl Genuine {
    async fn new(signed: SignedElements) -> Result<Self> {
        let fixture = SamlVerifierFixture::start(|settings| settings.signed = signed)?;
        Ok(Self {
            response: fixture.response().await?,
            verifier: fixture.verifier,
        })
    }

    fn verify(&self, response: &str) -> Result<VerifiedAssertion, ProviderError> {
        self.verifier.verify(response)
    }
}

/// Runs `work` in a new process; returns true in that process.
#[expect(
    clippy::disallowed_methods,
    reason = "the started process must know that it was started"
)]
fn alone(test: &str) -> Result<bool> {
    if std::env::var_os(ALONE).is_some() {
        return Ok(true);
    }
    let output = Command::new(std::env::current_exe()?)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success() && said.contains("1 passed"),
        "{test} alone ended with {}:\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(false)
}

/// Resident memory of this process in KiB (proc(5), `VmRSS`).
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmRSS")?.parse()?)
}

#[tokio::test]
async fn repeated_verification_does_not_leak_memory() -> Result<()> {
    if !alone("endurance::repeated_verification_does_not_leak_memory")? {
        return Ok(());
    }
    let genuine = Genuine::new(SignedElements::Both).await?;
    // Rejections at all stages are included: guard, signature, checks.
    let other = Genuine::new(SignedElements::Both).await?;
    let cut = &genuine.response[..genuine.response.len() / 8 * 4];
    let round = |at: usize| -> Result<()> {
        ensure!(match at % 10 {
            0 => genuine.verify(&other.response).is_err(),
            1 => genuine.verify(cut).is_err(),
            _ => genuine.verify(&genuine.response)?.subject.as_str() == "00u-alice",
        });
        Ok(())
    };
    // One-time allocations are made before: tables of OpenSSL and libxml2, arenas of the allocator.
    (0..500).try_for_each(round)?;
    let before = resident()?;
    (0..VERIFICATIONS).try_for_each(round)?;
    let grown = resident()?.saturating_sub(before);
    ensure!(
        grown < GROWTH_MAX_KIB,
        "{VERIFICATIONS} verifications leaked {grown} KiB"
    );
    Ok(())
}

#[tokio::test]
async fn concurrent_first_use_is_safe() -> Result<()> {
    // The race takes a moment, and each process runs it once, so several processes are started.
    for _ in 0..8 {
        if alone("endurance::concurrent_first_use_is_safe")? {
            return race().await;
        }
    }
    Ok(())
}

async fn race() -> Result<()> {
    let genuine = Genuine::new(SignedElements::Assertion).await?;
    let start = Barrier::new(THREADS);
    let ended = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    genuine.verify(&genuine.response)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join())
            .collect::<Vec<_>>()
    });
    ensure!(ended.len() == THREADS);
    for ended in ended {
        let verified = ended.ok().context("a thread panicked")??;
        ensure!(verified.subject.as_str() == "00u-alice");
    }
    Ok(())
}
