//! The measured gateway: `rolecalld serve` of the release build in its own process, so that the benchmark itself is not
//! measured.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::http::{Connection, get};

const READY_MAX: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Builds `rolecalld` with the features of this program, so that dependencies are not compiled again.
pub fn build() -> anyhow::Result<()> {
    let target = target_folder()?;
    let profile = if cfg!(debug_assertions) {
        "dev"
    } else {
        "release"
    };
    // The cargo that runs this program, if any: another version would compile everything again.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--profile", profile, "--quiet", "--bins"])
        .args(["--package", "rolecalld", "--package", "rolecall-bench"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .status()?;
    ensure!(status.success(), "building rolecalld failed ({status})");
    Ok(())
}

/// The target directory that contains this program.
pub fn target_folder() -> anyhow::Result<std::path::PathBuf> {
    let here = std::env::current_exe()?;
    let target = here.parent().and_then(Path::parent);
    Ok(target
        .context("the path of this program has no parent directory")?
        .to_owned())
}

/// A running gateway. Dropping it stops the process.
pub struct Gateway {
    /// Address of the public listener.
    pub address: SocketAddr,
    management: SocketAddr,
    child: Child,
}

impl Gateway {
    /// Starts a gateway and waits until it is ready. Also returns the time until then.
    pub async fn start(
        config: &Path,
        address: SocketAddr,
        management: SocketAddr,
    ) -> anyhow::Result<(Self, Duration)> {
        let log = config.with_extension("log");
        let program = std::env::current_exe()?.with_file_name("rolecalld");
        let mut command = Command::new(program);
        command
            .arg("serve")
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        let started = Instant::now();
        let mut gateway = Self {
            address,
            management,
            child: command.spawn()?,
        };
        while !gateway.is_ready().await {
            if let Some(status) = gateway.child.try_wait()? {
                bail!(
                    "rolecalld ended ({status}):\n{}",
                    std::fs::read_to_string(&log)?
                );
            }
            ensure!(
                started.elapsed() < READY_MAX,
                "rolecalld did not become ready"
            );
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok((gateway, started.elapsed()))
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut connection) = Connection::open(self.management).await else {
            return false;
        };
        let result = connection
            .exchange(&get(&self.management.to_string(), "/readyz", ""))
            .await;
        result.is_ok_and(|answer| answer.status == 200)
    }

    /// Stops the gateway with SIGTERM and waits until it has ended.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let process = self.child.id().to_string();
        let result = Command::new("kill").args(["-TERM", &process]).status()?;
        ensure!(result.success(), "rolecalld could not be signalled");
        let started = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(started.elapsed() < READY_MAX, "rolecalld did not stop");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }

    /// Resident memory in MiB.
    pub fn resident(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kibibytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .and_then(|number| number.trim().parse::<f64>().ok());
        Ok(kibibytes.context("the kernel does not report VmRSS")? / 1024.0)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
