//! System packages that building and testing require, and their installation on Debian and Ubuntu.
//!
//! Missing packages are installed with apt-get, as root or with sudo, and no services are started. Without apt, the missing
//! packages are only reported.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::browser;
use crate::cargo::finish_on_stderr;
use crate::machine::Machine;
use crate::say::{UserError, say};

/// A requirement of the machine.
pub(crate) struct Need {
    what: &'static str,
    debian: &'static [&'static str],
    is_installed: fn(&Machine) -> bool,
}

pub(crate) const BUILD: &[Need] = &[
    Need {
        what: "a C compiler (cc)",
        debian: &["gcc", "libc6-dev"],
        is_installed: |m| m.program("cc").is_some(),
    },
    Need {
        what: "pkg-config",
        debian: &["pkg-config"],
        is_installed: |m| m.program("pkg-config").is_some(),
    },
    Need {
        what: "OpenSSL 3 with its headers",
        debian: &["libssl-dev"],
        is_installed: |m| m.succeeds("pkg-config", &["--atleast-version=3", "openssl"]),
    },
    Need {
        what: "libxml2 with its headers",
        debian: &["libxml2-dev"],
        is_installed: |m| m.succeeds("pkg-config", &["--exists", "libxml-2.0"]),
    },
    Need {
        what: "xmlsec with its headers, over OpenSSL",
        debian: &["libxmlsec1-dev", "libxmlsec1-openssl"],
        is_installed: |m| {
            m.succeeds("pkg-config", &["--exists", "xmlsec1-openssl"])
                && m.program("xmlsec1-config").is_some()
        },
    },
    Need {
        // Generates Rust bindings from the headers of xmlsec.
        what: "clang with libclang",
        debian: &["clang", "libclang-dev"],
        is_installed: |m| m.program("clang").is_some() && has_libclang(),
    },
    Need {
        what: "CA certificates",
        debian: &["ca-certificates"],
        is_installed: |_| {
            ["/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/ssl/cert.pem"]
                .iter()
                .any(|path| std::fs::exists(path).unwrap_or(false))
        },
    },
];

pub(crate) const FUZZ: &[Need] = &[Need {
    what: "a C++ compiler (c++), for libFuzzer",
    debian: &["g++"],
    is_installed: |m| m.program("c++").is_some(),
}];

pub(crate) const DEB: &[Need] = &[Need {
    what: "dpkg-shlibdeps, to determine the packages that a program requires",
    debian: &["dpkg-dev"],
    is_installed: |m| m.program("dpkg-shlibdeps").is_some(),
}];

pub(crate) const DEB_TEST: &[Need] = &[
    Need {
        what: "lintian",
        debian: &["lintian"],
        is_installed: |m| m.program("lintian").is_some(),
    },
    Need {
        what: "debootstrap",
        debian: &["debootstrap"],
        is_installed: |m| system_program(m, "debootstrap"),
    },
];

pub(crate) const RADOSGW: &[Need] = &[Need {
    what: "Ceph with radosgw",
    debian: &["radosgw", "ceph-mon", "ceph-osd", "ceph-common"],
    is_installed: |m| {
        ["radosgw", "ceph-mon", "ceph-osd", "radosgw-admin"]
            .iter()
            .all(|name| m.program(name).is_some())
    },
}];

pub(crate) const TEST: &[Need] = &[
    Need {
        what: "redis-server",
        debian: &["redis-server"],
        is_installed: |m| m.program("redis-server").is_some(),
    },
    Need {
        what: "redis-sentinel",
        debian: &["redis-sentinel"],
        is_installed: |m| m.program("redis-sentinel").is_some(),
    },
    Need {
        what: "redis-cli",
        debian: &["redis-tools"],
        is_installed: |m| m.program("redis-cli").is_some(),
    },
    Need {
        what: "PostgreSQL 13 or newer (initdb, postgres)",
        debian: &["postgresql"],
        is_installed: |m| initdb(m).is_some(),
    },
    Need {
        what: "curl, for the commands in the README",
        debian: &["curl"],
        is_installed: |m| m.program("curl").is_some(),
    },
    Need {
        what: "nginx",
        debian: &["nginx"],
        is_installed: |m| system_program(m, "nginx"),
    },
    Need {
        what: "HAProxy",
        debian: &["haproxy"],
        is_installed: |m| system_program(m, "haproxy"),
    },
    Need {
        what: "strace, to inject disk errors in tests",
        debian: &["strace"],
        is_installed: |m| m.program("strace").is_some(),
    },
    Need {
        what: "xmlsec1, for pysaml2",
        debian: &["xmlsec1"],
        is_installed: |m| m.program("xmlsec1").is_some(),
    },
    Need {
        what: "Chromium",
        debian: &["chromium", "fonts-dejavu-core"],
        // Ubuntu does not have this package; `browser` downloads one.
        is_installed: |m| browser::is_ubuntu() || browser::installed(m).is_some(),
    },
    Need {
        what: "Node.js with npm",
        debian: &["nodejs", "npm"],
        is_installed: |m| m.program("npm").is_some(),
    },
    Need {
        what: "Python 3.10 or newer with venv",
        debian: &["python3", "python3-venv"],
        is_installed: |m| {
            m.succeeds(
                "python3",
                &[
                    "-c",
                    "import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 10))",
                ],
            )
        },
    },
];

/// Whether libclang is in its path on Debian and Ubuntu. On other systems, the build searches for it.
fn has_libclang() -> bool {
    let Ok(versions) = std::fs::read_dir("/usr/lib") else {
        return true;
    };
    let mut llvm = versions
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("llvm-"));
    !std::fs::exists("/etc/debian_version").unwrap_or(false)
        || llvm.any(|entry| entry.path().join("lib/libclang.so").exists())
}

/// Whether a server is installed. Some are in `/usr/sbin`, which may not be on the path.
fn system_program(machine: &Machine, name: &str) -> bool {
    machine.program(name).is_some() || Path::new("/usr/sbin").join(name).is_file()
}

/// PostgreSQL's `initdb`, which is not on the path on Debian.
fn initdb(machine: &Machine) -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    machine.program("initdb").or_else(|| {
        versions
            .map(|version| version.path().join("bin/initdb"))
            .find(|file| file.is_file())
    })
}

/// Installs missing requirements.
///
/// # Errors
/// [`UserError`] without apt, or without permission to use it.
pub(crate) fn install(machine: &Machine, needs: &[&'static [Need]]) -> anyhow::Result<()> {
    let missing = missing(machine, needs);
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing
        .iter()
        .flat_map(|need| need.debian)
        .copied()
        .collect();
    let Some(become_root) = machine
        .program("apt-get")
        .and_then(|_| become_root(machine))
    else {
        return Err(UserError::new(manual_instructions(machine, &missing, &packages)).into());
    };
    say(&format!("installing with apt-get: {}", packages.join(" ")));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(become_root[0]);
        // RUNLEVEL=1: otherwise Debian's packages start their services when they are installed.
        command
            .args(&become_root[1..])
            .args([
                "DEBIAN_FRONTEND=noninteractive",
                "RUNLEVEL=1",
                "apt-get",
                "-q",
            ])
            .args(arguments);
        finish_on_stderr(&mut command)
    };
    apt(&["update"])?;
    apt(&[
        &["install", "--yes", "--no-install-recommends"],
        packages.as_slice(),
    ]
    .concat())?;
    let still_missing = self::missing(machine, needs);
    if still_missing.is_empty() {
        return Ok(());
    }
    Err(UserError::new(manual_instructions(machine, &still_missing, &[])).into())
}

fn missing(machine: &Machine, needs: &[&'static [Need]]) -> Vec<&'static Need> {
    needs
        .iter()
        .copied()
        .flatten()
        .filter(|need| !(need.is_installed)(machine))
        .collect()
}

/// The command that runs `VARIABLE=value COMMAND` as root: directly or with sudo.
fn become_root(machine: &Machine) -> Option<&'static [&'static str]> {
    if machine.first_line("id", &["-u"]).as_deref() == Some("0") {
        return Some(&["env"]);
    }
    machine.program("sudo").map(|_| ["sudo", "env"].as_slice())
}

fn manual_instructions(machine: &Machine, missing: &[&Need], packages: &[&str]) -> String {
    let list: String = missing
        .iter()
        .map(|need| format!("\n  {}", need.what))
        .collect();
    let hint = if machine.program("apt-get").is_some() && !packages.is_empty() {
        format!(
            "run as root: apt-get install --no-install-recommends {}",
            packages.join(" ")
        )
    } else {
        "install these packages with the system's package manager, then run the command again"
            .to_owned()
    };
    format!("missing requirements:{list}\nhint: {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABSENT: &[Need] = &[Need {
        what: "a unicorn",
        debian: &["unicorn", "unicorn-data"],
        is_installed: |_| false,
    }];
    const PRESENT: &[Need] = &[Need {
        what: "a present package",
        debian: &["ground"],
        is_installed: |_| true,
    }];

    #[test]
    fn only_missing_requirements_are_reported() -> anyhow::Result<()> {
        let machine = Machine::here()?;
        let missing = missing(&machine, &[PRESENT, ABSENT]);
        assert_eq!(
            missing.iter().map(|need| need.what).collect::<Vec<_>>(),
            ["a unicorn"]
        );
        let text = manual_instructions(&machine, &missing, &["unicorn", "unicorn-data"]);
        assert!(
            text.starts_with("missing requirements:\n  a unicorn\nhint: "),
            "{text}"
        );
        Ok(())
    }

    #[test]
    fn nothing_is_installed_if_complete() -> anyhow::Result<()> {
        install(&Machine::here()?, &[PRESENT])
    }
}
