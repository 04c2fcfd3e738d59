//! The gateway as operators run it: `rolecalld serve` of the release build, in a process of its own, so that nothing of
//! the bench around it is counted.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::http::{Connection, get};

const READY_MAX: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Builds `rolecalld`, with the features that this program was built with, so that nothing is compiled twice.
pub fn build() -> anyhow::Result<()> {
    let target = target_folder()?;
    let profile = if cfg!(debug_assertions) {
        "dev"
    } else {
        "release"
    };
    // The cargo that runs this program, if one does: another one's version would compile everything again.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--profile", profile, "--quiet", "--bins"])
        .args(["--package", "rolecalld", "--package", "rolecall-bench"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .status()?;
    ensure!(status.success(), "rolecalld could not be built ({status})");
    Ok(())
}

/// The build folder that this program stands in.
pub fn target_folder() -> anyhow::Result<std::path::PathBuf> {
    let here = std::env::current_exe()?;
    let target = here.parent().and_then(Path::parent);
    Ok(target.context("this program is in no folder")?.to_owned())
}

/// A running gateway. Ends when dropped.
pub struct Gateway {
    /// Where people come in.
    pub address: SocketAddr,
    management: SocketAddr,
    child: Child,
}

impl Gateway {
    /// Starts it, and waits until it is ready. Says how long that took.
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
        let begun = Instant::now();
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
            ensure!(begun.elapsed() < READY_MAX, "rolecalld is never ready");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok((gateway, begun.elapsed()))
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut connection) = Connection::open(self.management).await else {
            return false;
        };
        let asked = connection
            .exchange(&get(&self.management.to_string(), "/readyz", ""))
            .await;
        asked.is_ok_and(|answer| answer.status == 200)
    }

    /// Stops it as an operator does, and waits until it has ended.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let process = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &process]).status()?;
        ensure!(asked.success(), "rolecalld cannot be stopped");
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(begun.elapsed() < READY_MAX, "rolecalld does not stop");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// MiB of memory that are resident now.
    pub fn resident(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kibibytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .and_then(|number| number.trim().parse::<f64>().ok());
        Ok(kibibytes.context("the kernel tells no VmRSS")? / 1024.0)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
