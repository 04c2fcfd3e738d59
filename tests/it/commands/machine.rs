//! A simulated machine: `/etc/rolecall`, `/var/lib/rolecall` and `/usr/local/bin` of the documents are below a folder.
//! Root is not required, because accounts and owners are not changed.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rolecall_testkit::process::{Ports, Process};
use tempfile::TempDir;

use crate::readme;

/// Time limit for a gateway to start, or to notice a file, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Replacements for programs that require root: they run the given command, or ignore owners.
const STAND_INS: [(&str, &str); 5] = [
    ("useradd", "exit 0"),
    ("chown", "exit 0"),
    ("chgrp", "exit 0"),
    (
        "runuser",
        "while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"",
    ),
    (
        "install",
        "for word; do shift; case \"$skip$word\" in -o|-g) skip=x ;; x*) skip= ;; *) set -- \"$@\" \"$word\" ;; esac; done\nexec /usr/bin/install \"$@\"",
    ),
];

/// A simulated machine, see the module.
pub struct Machine {
    root: TempDir,
    /// Working directory of the next command.
    here: PathBuf,
    ports: Ports<2>,
    gateway: Option<Process>,
}

impl Machine {
    /// A machine with only a clone in which a release was built.
    pub fn empty() -> Result<Self> {
        let root = TempDir::new()?;
        let here = root.path().join("clone");
        for folder in ["bin", "local", "etc", "var", "clone/target/release"] {
            fs::create_dir_all(root.path().join(folder))?;
        }
        symlink(
            env!("CARGO_BIN_EXE_rolecalld"),
            here.join("target/release/rolecalld"),
        )?;
        symlink(env!("CARGO_BIN_EXE_rolecalld"), here.join("rolecalld"))?;
        for (name, script) in STAND_INS {
            let path = root.path().join("bin").join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n"))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
        let machine = Self {
            here,
            root,
            ports: Ports::reserve()?,
            gateway: None,
        };
        Ok(machine)
    }

    /// A machine with the program and the configuration of the README, without keys.
    pub fn configured() -> Result<Self> {
        let machine = Self::empty()?;
        symlink(
            env!("CARGO_BIN_EXE_rolecalld"),
            machine.root.path().join("local/rolecalld"),
        )?;
        machine.secret("seal.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")?;
        machine.configure()?;
        Ok(machine)
    }

    /// Writes the configuration of the README, with ports and folders of this machine.
    fn configure(&self) -> Result<()> {
        let etc = self.etc();
        let [port, management] = self.ports.numbers();
        let main = format!(
            "{}\n{}",
            readme::toml("[listen]")?,
            readme::toml("okta.com")?
        )
        .replace("https://sso.example.com", &self.url())
        .replace(
            "address = \"127.0.0.1:8443\"",
            &format!("address = \"127.0.0.1:{port}\"\nmanagement = \"127.0.0.1:{management}\""),
        );
        fs::write(etc.join("rolecall.toml"), self.placed(&main))?;
        let access = readme::toml("[[assignment]]")?;
        fs::write(etc.join("access.toml"), &access)?;
        // A new access file to try.
        fs::write(etc.join("access.toml.new"), access)?;
        self.secret("okta.secret", "x")
    }

    fn secret(&self, name: &str, text: &str) -> Result<()> {
        let path = self.etc().join(name);
        fs::write(&path, text)?;
        Ok(fs::set_permissions(
            &path,
            fs::Permissions::from_mode(0o640),
        )?)
    }

    fn etc(&self) -> PathBuf {
        self.root.path().join("etc")
    }

    fn url(&self) -> String {
        let [port, _] = self.ports.numbers();
        format!("http://127.0.0.1:{port}")
    }

    /// A text with the folders and URLs of this machine.
    fn placed(&self, text: &str) -> String {
        let folder = |name: &str| self.root.path().join(name).display().to_string();
        text.replace("/usr/local/bin", &folder("local"))
            .replace("/var/lib/rolecall", &folder("var"))
            .replace("/etc/rolecall", &folder("etc"))
            .replace(
                "--config F",
                &format!("--config {}/rolecall.toml", folder("etc")),
            )
            .replace("https://sso.example.com", &self.url())
    }

    /// Sets the working directory to the clone.
    pub fn goes_home(&mut self) {
        self.here = self.root.path().join("clone");
    }

    /// Uses another store than the README.
    pub fn stores_in(&mut self, url: &str) -> Result<()> {
        let path = self.etc().join("rolecall.toml");
        let text = fs::read_to_string(&path)?;
        let sqlite = self.placed("sqlite:/var/lib/rolecall/sessions.db");
        ensure!(text.contains(&sqlite), "{text}");
        Ok(fs::write(path, text.replace(&sqlite, url))?)
    }

    /// Whether a gateway was started.
    pub fn serves(&self) -> bool {
        self.gateway.is_some()
    }

    /// Runs a command that must succeed.
    pub fn runs(&mut self, command: &str) -> Result<()> {
        if let Some(folder) = command.strip_prefix("cd ") {
            self.here = self.placed(folder).into();
            return Ok(());
        }
        // Step 3 of the README begins with the secrets; its files are written manually.
        if command.contains("*.secret") {
            self.configure()?;
            self.here = self.etc();
        }
        if command.contains("rolecalld serve ") {
            return self.serve(command);
        }
        if command.starts_with("curl ") {
            return self.asks(command);
        }
        let (succeeded, output) = self.shell(command)?;
        ensure!(succeeded, "{output}");
        Ok(())
    }

    /// Runs a command that must fail with this message.
    pub fn refuses(&self, command: &str, says: &str) -> Result<()> {
        let (succeeded, output) = self.shell(&command.replace("KID", &self.first_key()?))?;
        ensure!(!succeeded && output.contains(says), "{output}");
        Ok(())
    }

    fn shell(&self, command: &str) -> Result<(bool, String)> {
        let output = self.command(command)?.output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok((
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        ))
    }

    fn command(&self, command: &str) -> Result<Command> {
        let folder = |name: &str| self.root.path().join(name).display().to_string();
        ensure!(Path::new(&self.here).is_dir(), "{}", self.here.display());
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-ec", &self.placed(command)])
            .current_dir(&self.here)
            .env(
                "PATH",
                format!("{}:{}:/usr/bin:/bin", folder("bin"), folder("local")),
            )
            .env_remove("ROLECALL_CONFIG")
            .env_remove("ROLECALL_LOG");
        Ok(shell)
    }

    /// The ID of the oldest key.
    fn first_key(&self) -> Result<String> {
        let output = self
            .command("rolecalld keys list --json --config F")?
            .output()?;
        let keys: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let kid = keys[0]["id"].as_str().with_context(|| keys.to_string())?;
        Ok(kid.to_owned())
    }

    fn serve(&mut self, command: &str) -> Result<()> {
        let mut gateway = Process::start(self.command(&format!("exec {command}"))?)?;
        gateway.wait_for_line(" serving ", PATIENCE)?;
        self.gateway = Some(gateway);
        Ok(())
    }

    /// Requests the running gateway, which may not have noticed a new file yet.
    fn asks(&mut self, command: &str) -> Result<()> {
        if self.gateway.is_none() {
            self.serve("rolecalld serve --config F")?;
        }
        let patient = command.replace(
            "curl ",
            "curl --retry 60 --retry-delay 1 --retry-all-errors ",
        );
        let (succeeded, output) = self.shell(&patient)?;
        ensure!(succeeded, "{output}");
        Ok(())
    }

    /// Whether store and database are writable.
    pub fn is_ready(&mut self) -> Result<()> {
        let [_, management] = self.ports.numbers();
        self.asks(&format!(
            "curl -fsS 'http://127.0.0.1:{management}/readyz?full'"
        ))
    }
}
