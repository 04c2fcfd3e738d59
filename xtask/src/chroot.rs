//! A Debian of its own in a folder, made with debootstrap. What runs there ends, and what it mounts is gone, with the command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::cargo::{finish, finish_on_stderr};
use crate::machine::Machine;
use crate::say::Refused;

/// Whether what runs in the chroot sees this machine's network.
pub(crate) enum Network {
    Shared,
    /// Loopback alone, and none of this machine's ports.
    Own,
}

pub(crate) struct Chroot {
    folder: PathBuf,
}

/// Whether this can be the code name of a release.
pub(crate) fn is_release(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// The code name of this machine's Debian.
///
/// # Errors
/// [`Refused`] where this is another system.
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
        _ => Err(Refused::new(
            "this is not Debian\nhint: name the release to test on, such as `cargo xtask deb --test trixie`",
        )
        .into()),
    }
}

impl Chroot {
    /// A minimal Debian with these packages.
    ///
    /// # Errors
    /// [`Refused`] for anybody but root.
    pub(crate) fn make(
        machine: &Machine,
        release: &str,
        packages: &[&str],
    ) -> anyhow::Result<Self> {
        if machine.answer("id", &["-u"]).as_deref() != Some("0") {
            return Err(Refused::new("only root can make a chroot\nhint: run this as root").into());
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
        // Nothing that is installed there starts by itself.
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

    /// Runs a command there as root, to its end.
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

    /// Removes the folder. Whatever was mounted in it was mounted in a namespace of its own.
    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        let mounts =
            fs::read_to_string("/proc/self/mountinfo").context("cannot read the mounts")?;
        let inside = format!("{}/", self.folder.display());
        if let Some(mount) = mounts
            .lines()
            .filter_map(|line| line.split(' ').nth(4))
            .find(|mount| mount.starts_with(&inside))
        {
            anyhow::bail!("{mount} is mounted\nhint: unmount it, then run the same command again");
        }
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)
                .with_context(|| format!("cannot remove {}", self.folder.display()))?;
        }
        Ok(())
    }
}
