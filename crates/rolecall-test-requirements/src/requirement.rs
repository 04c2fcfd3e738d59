//! Requirements of tests, with how to provide them.

use std::path::PathBuf;

use crate::record::{Extent, LeftOut};

/// A requirement of some tests.
#[derive(Clone, Copy, Debug)]
pub struct Requirement {
    /// Name in the report.
    pub name: &'static str,
    /// Environment variable with its path, if any.
    pub variable: Option<&'static str>,
    /// How to provide it.
    pub remedy: &'static str,
}

/// Third-party documents: SAML responses, malicious names, redirects.
pub const CORPUS: Requirement = Requirement {
    name: "the corpus of third-party documents",
    variable: Some("ROLECALL_CORPUS"),
    remedy: "set ROLECALL_CORPUS to the directory of the corpus",
};
/// Programs from npm, and Node.js.
pub const NODE_PEERS: Requirement = Requirement {
    name: "programs from npm",
    variable: Some("ROLECALL_PEERS_NODE"),
    remedy: "run `cargo xtask test`, which installs them",
};
/// Programs from PyPI, and Python.
pub const PYTHON_PEERS: Requirement = Requirement {
    name: "programs from PyPI",
    variable: Some("ROLECALL_PEERS_PYTHON"),
    remedy: "run `cargo xtask test`, which installs them",
};
/// Chromium.
pub const CHROMIUM: Requirement = Requirement {
    name: "Chromium",
    variable: Some("ROLECALL_PEERS_CHROMIUM"),
    remedy: "run `cargo xtask test`, which installs it",
};
/// Several releases of the AWS CLI.
pub const AWS_CLI: Requirement = Requirement {
    name: "the AWS CLI",
    variable: Some("ROLECALL_PEERS_AWS_CLI"),
    remedy: "run `cargo xtask test` on Debian, or on a machine with apt-get, dpkg and Debian's keyring",
};
/// A Python version with which a release of the AWS CLI starts.
pub const AWS_CLI_RELEASE: Requirement = Requirement {
    name: "a Python version for each AWS CLI",
    variable: None,
    remedy: "use a python3 that this release supports, such as 3.11 for AWS CLI 2.9",
};
/// Root privileges.
pub const ROOT: Requirement = Requirement {
    name: "root",
    variable: None,
    remedy: "run the tests as root",
};
/// Mount namespaces (unshare(1), user_namespaces(7)).
pub const MOUNT_NAMESPACE: Requirement = Requirement {
    name: "mount namespaces",
    variable: None,
    remedy: "run the tests as root, or allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1)",
};
/// strace(1), with permission to trace other processes.
pub const STRACE: Requirement = Requirement {
    name: "strace",
    variable: None,
    remedy: "install strace and allow ptrace (sysctl kernel.yama.ptrace_scope=0, or run as root)",
};
/// The command-line program of SQLite.
pub const SQLITE3: Requirement = Requirement {
    name: "sqlite3",
    variable: None,
    remedy: "install the package sqlite3",
};

impl Requirement {
    /// The path in the environment variable. Without it, the running test is recorded as left out.
    pub fn path(&self) -> Option<PathBuf> {
        self.path_for(Extent::Test)
    }

    /// As [`Self::path`], for a test that runs partly without it.
    pub fn path_for_part(&self) -> Option<PathBuf> {
        self.path_for(Extent::Part)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the environment has the paths of these programs"
    )]
    fn path_for(&self, extent: Extent) -> Option<PathBuf> {
        let variable = self.variable?;
        let path = std::env::var_os(variable).map(PathBuf::from);
        if path.is_none() {
            self.record(extent, &format!("{variable} is not set"));
        }
        path
    }

    /// Records that the running test is left out.
    pub fn left_out(&self, reason: &str) {
        self.record(Extent::Test, reason);
    }

    /// Records that a part of the running test is left out.
    pub fn partly_left_out(&self, reason: &str) {
        self.record(Extent::Part, reason);
    }

    fn record(&self, extent: Extent, reason: &str) {
        LeftOut {
            extent,
            test: LeftOut::running_test(),
            requirement: self.name.to_owned(),
            reason: reason.to_owned(),
            remedy: self.remedy.to_owned(),
        }
        .append();
    }
}
