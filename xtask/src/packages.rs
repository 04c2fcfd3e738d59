//! System packages: what building and testing need, which of it is missing, and how Debian and Ubuntu get it.
//!
//! Only what is missing is installed, with apt-get, as root or through sudo; nothing is started. A machine without apt is told
//! what to install, and nothing is done to it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::browser;
use crate::cargo::finish_on_stderr;
use crate::machine::Machine;
use crate::say::{Refused, say};

/// One thing that has to be on the machine.
pub(crate) struct Need {
    what: &'static str,
    debian: &'static [&'static str],
    is_here: fn(&Machine) -> bool,
}

pub(crate) const BUILD: &[Need] = &[
    Need {
        what: "a C compiler (cc)",
        debian: &["gcc", "libc6-dev"],
        is_here: |m| m.program("cc").is_some(),
    },
    Need {
        what: "pkg-config",
        debian: &["pkg-config"],
        is_here: |m| m.program("pkg-config").is_some(),
    },
    Need {
        what: "OpenSSL 3 with its headers",
        debian: &["libssl-dev"],
        is_here: |m| m.agrees("pkg-config", &["--atleast-version=3", "openssl"]),
    },
    Need {
        what: "libxml2 with its headers",
        debian: &["libxml2-dev"],
        is_here: |m| m.agrees("pkg-config", &["--exists", "libxml-2.0"]),
    },
    Need {
        what: "xmlsec with its headers, over OpenSSL",
        debian: &["libxmlsec1-dev", "libxmlsec1-openssl"],
        is_here: |m| {
            m.agrees("pkg-config", &["--exists", "xmlsec1-openssl"])
                && m.program("xmlsec1-config").is_some()
        },
    },
    Need {
        // It reads the headers of xmlsec, to make Rust of them.
        what: "clang with libclang",
        debian: &["clang", "libclang-dev"],
        is_here: |m| m.program("clang").is_some() && has_libclang(),
    },
    Need {
        what: "CA certificates",
        debian: &["ca-certificates"],
        is_here: |_| {
            ["/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/ssl/cert.pem"]
                .iter()
                .any(|path| std::fs::exists(path).unwrap_or(false))
        },
    },
];

pub(crate) const FUZZ: &[Need] = &[Need {
    what: "a C++ compiler (c++), for libFuzzer",
    debian: &["g++"],
    is_here: |m| m.program("c++").is_some(),
}];

pub(crate) const DEB: &[Need] = &[Need {
    what: "dpkg-shlibdeps, which finds the packages that a program needs",
    debian: &["dpkg-dev"],
    is_here: |m| m.program("dpkg-shlibdeps").is_some(),
}];

pub(crate) const DEB_TEST: &[Need] = &[
    Need {
        what: "lintian",
        debian: &["lintian"],
        is_here: |m| m.program("lintian").is_some(),
    },
    Need {
        what: "debootstrap",
        debian: &["debootstrap"],
        is_here: |m| system_program(m, "debootstrap"),
    },
];

pub(crate) const TEST: &[Need] = &[
    Need {
        what: "redis-server",
        debian: &["redis-server"],
        is_here: |m| m.program("redis-server").is_some(),
    },
    Need {
        what: "redis-sentinel",
        debian: &["redis-sentinel"],
        is_here: |m| m.program("redis-sentinel").is_some(),
    },
    Need {
        what: "redis-cli",
        debian: &["redis-tools"],
        is_here: |m| m.program("redis-cli").is_some(),
    },
    Need {
        what: "PostgreSQL 13 or newer (initdb, postgres)",
        debian: &["postgresql"],
        is_here: |m| initdb(m).is_some(),
    },
    Need {
        what: "curl, which the README uses",
        debian: &["curl"],
        is_here: |m| m.program("curl").is_some(),
    },
    Need {
        what: "nginx",
        debian: &["nginx"],
        is_here: |m| system_program(m, "nginx"),
    },
    Need {
        what: "HAProxy",
        debian: &["haproxy"],
        is_here: |m| system_program(m, "haproxy"),
    },
    Need {
        what: "strace, with which tests let a disk fail",
        debian: &["strace"],
        is_here: |m| m.program("strace").is_some(),
    },
    Need {
        what: "xmlsec1, which pysaml2 runs",
        debian: &["xmlsec1"],
        is_here: |m| m.program("xmlsec1").is_some(),
    },
    Need {
        what: "Chromium",
        debian: &["chromium", "fonts-dejavu-core"],
        // Ubuntu has no such package: `browser` fetches one there.
        is_here: |m| browser::is_ubuntu() || browser::installed(m).is_some(),
    },
    Need {
        what: "Node.js with npm",
        debian: &["nodejs", "npm"],
        is_here: |m| m.program("npm").is_some(),
    },
    Need {
        what: "Python 3.10 or newer with venv",
        debian: &["python3", "python3-venv"],
        is_here: |m| {
            m.agrees(
                "python3",
                &[
                    "-c",
                    "import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 10))",
                ],
            )
        },
    },
];

/// Whether libclang is where Debian and Ubuntu put it; elsewhere the build itself will look.
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

/// Whether a server is here. Debian puts some into `/usr/sbin`, which is not on everybody's path.
fn system_program(machine: &Machine, name: &str) -> bool {
    machine.program(name).is_some() || Path::new("/usr/sbin").join(name).is_file()
}

/// PostgreSQL's `initdb`, which Debian keeps off the path.
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

/// Installs what is missing of `needs`; does nothing, quickly, when nothing is.
///
/// # Errors
/// [`Refused`] where this machine has no apt, or nobody who may use it.
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
        return Err(Refused::new(by_hand(machine, &missing, &packages)).into());
    };
    say(&format!("installing with apt-get: {}", packages.join(" ")));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(become_root[0]);
        // RUNLEVEL=1: Debian's packages start their services when installed, and these are for the tests alone.
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
    Err(Refused::new(by_hand(machine, &still_missing, &[])).into())
}

fn missing(machine: &Machine, needs: &[&'static [Need]]) -> Vec<&'static Need> {
    needs
        .iter()
        .copied()
        .flatten()
        .filter(|need| !(need.is_here)(machine))
        .collect()
}

/// How to run `VARIABLE=value COMMAND` as root: directly, or through sudo.
fn become_root(machine: &Machine) -> Option<&'static [&'static str]> {
    if machine.answer("id", &["-u"]).as_deref() == Some("0") {
        return Some(&["env"]);
    }
    machine.program("sudo").map(|_| ["sudo", "env"].as_slice())
}

fn by_hand(machine: &Machine, missing: &[&Need], packages: &[&str]) -> String {
    let list: String = missing
        .iter()
        .map(|need| format!("\n  {}", need.what))
        .collect();
    let hint = if machine.program("apt-get").is_some() && !packages.is_empty() {
        format!(
            "as root, run: apt-get install --no-install-recommends {}",
            packages.join(" ")
        )
    } else {
        "install these with the system's package manager, then run the same command again"
            .to_owned()
    };
    format!("this machine lacks:{list}\nhint: {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABSENT: &[Need] = &[Need {
        what: "a unicorn",
        debian: &["unicorn", "unicorn-data"],
        is_here: |_| false,
    }];
    const PRESENT: &[Need] = &[Need {
        what: "the ground",
        debian: &["ground"],
        is_here: |_| true,
    }];

    #[test]
    fn only_what_is_missing_is_named() -> anyhow::Result<()> {
        let machine = Machine::here()?;
        let missing = missing(&machine, &[PRESENT, ABSENT]);
        assert_eq!(
            missing.iter().map(|need| need.what).collect::<Vec<_>>(),
            ["a unicorn"]
        );
        let text = by_hand(&machine, &missing, &["unicorn", "unicorn-data"]);
        assert!(
            text.starts_with("this machine lacks:\n  a unicorn\nhint: "),
            "{text}"
        );
        Ok(())
    }

    #[test]
    fn nothing_is_done_when_nothing_is_missing() -> anyhow::Result<()> {
        install(&Machine::here()?, &[PRESENT])
    }
}
