//! A Debian chroot, created with debootstrap. Processes and mounts in it end with the command that runs there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::cargo::{finish, finish_on_stderr};
use crate::machine::Machine;
use crate::say::UserError;

/// The network of a command in the chroot.
pub(crate) enum Network {
    Shared,
    /// Only loopback, separate from that of this machine.
    Own,
}

pub(crate) struct Chroot {
    folder: PathBuf,
}

/// Whether this is a valid code name of a release.
pub(crate) fn is_release(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// The code name of this machine's Debian release.
///
/// # Errors
/// [`UserError`] on another system.
pub(crate) fn release_here() -> anyhow::Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(|value| value.trim_matches('"').to_owned())
    };
    let release = value("VERSION_CODENAME").filter(|name| is_release(name));
    match (value("ID").as_deref(), release) {
        (Some("debian"), Some(release)) => Ok(release),
        _ => Err(UserError::new(
            "this machine does not run Debian\nhint: specify the release, such as `cargo xtask deb --test trixie`",
        )
        .into()),
    }
}

impl Chroot {
    /// Creates a minimal Debian with these packages.
    ///
    /// # Errors
    /// [`UserError`] without root privileges.
    pub(crate) fn create(
        machine: &Machine,
        release: &str,
        packages: &[&str],
    ) -> anyhow::Result<Self> {
        if machine.first_line("id", &["-u"]).as_deref() != Some("0") {
            return Err(UserError::new(
                "root privileges are required to create a chroot\nhint: run the command as root",
            )
            .into());
        }
        let chroot = Self {
            folder: machine.cache.join("chroot").join(release),
        };
        chroot.remove()?;
        fs::create_dir_all(&chroot.folder)?;
        let include = format!("--include=ca-certificates,{}", packages.join(","));
        finish_on_stderr(
            Command::new("unshare")
                .args([
                    "--mount",
                    "debootstrap",
                    "--variant=minbase",
                    &include,
                    release,
                ])
                .arg(&chroot.folder),
        )?;
        // Installed services do not start.
        chroot.write("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n")?;
        finish(
            Command::new("chmod")
                .arg("0755")
                .arg(chroot.folder.join("usr/sbin/policy-rc.d")),
        )?;
        Ok(chroot)
    }

    pub(crate) fn copy(&self, file: &Path, to: &str) -> anyhow::Result<()> {
        fs::copy(file, self.folder.join(to))
            .with_context(|| format!("cannot copy {} into the chroot", file.display()))?;
        Ok(())
    }

    pub(crate) fn write(&self, path: &str, text: &str) -> anyhow::Result<()> {
        fs::write(self.folder.join(path), text)
            .with_context(|| format!("cannot write {path} in the chroot"))
    }

    /// Runs a command as root in the chroot.
    pub(crate) fn run(&self, command: &[&str], network: Network) -> anyhow::Result<()> {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--pid", "--fork", "--kill-child"]);
        if matches!(network, Network::Own) {
            unshare.arg("--net");
        }
        unshare
            .arg(format!("--root={}", self.folder.display()))
            .arg("--mount-proc")
            .args([
                "env",
                "-i",
                "HOME=/root",
                "LC_ALL=C.UTF-8",
                "DEBIAN_FRONTEND=noninteractive",
            ])
            .arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .args(command);
        finish(unshare.stdin(Stdio::null()).stdout(std::io::stderr()))
    }

    /// Deletes the directory. Commands mount file systems only in their own mount namespaces.
    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        let mounts =
            fs::read_to_string("/proc/self/mountinfo").context("cannot read the mounts")?;
        let inside = format!("{}/", self.folder.display());
        if let Some(mount) = mounts
            .lines()
            .filter_map(|line| line.split(' ').nth(4))
            .find(|mount| mount.starts_with(&inside))
        {
            anyhow::bail!("{mount} is mounted\nhint: unmount it, then run the command again");
        }
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)
                .with_context(|| format!("cannot remove {}", self.folder.display()))?;
        }
        Ok(())
    }
}
