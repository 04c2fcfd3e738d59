//! A machine that is a folder: what the pages say of `/etc/rolecall`, `/var/lib/rolecall` and `/usr/local/bin` is below it, and
//! nobody has to be root, because accounts and owners stay as they are.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rolecall_testkit::process::{Process, free_ports};
use tempfile::TempDir;

use crate::readme;

/// How long a gateway may take to start, or to notice a file, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Programs that would need root, as they are here: they run what they were asked to run, or leave owners alone.
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

/// See the module.
pub struct Machine {
    root: TempDir,
    /// Where the next command runs.
    here: PathBuf,
    ports: [u16; 2],
    gateway: Option<Process>,
}

impl Machine {
    /// With nothing but a clone in which a release was built.
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
            ports: free_ports()?,
            gateway: None,
        };
        Ok(machine)
    }

    /// With the program and the configuration of the README, and no keys yet.
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

    /// Writes what the README says to write, for this machine's ports and folders.
    fn configure(&self) -> Result<()> {
        let etc = self.etc();
        let [port, management] = self.ports;
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
        // What somebody is about to try.
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
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// A text with this machine's folders and addresses.
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

    /// The next command runs in the clone.
    pub fn goes_home(&mut self) {
        self.here = self.root.path().join("clone");
    }

    /// Keeps sessions elsewhere than the README.
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

    /// Runs a command, which has to succeed.
    pub fn runs(&mut self, command: &str) -> Result<()> {
        if let Some(folder) = command.strip_prefix("cd ") {
            self.here = self.placed(folder).into();
            return Ok(());
        }
        // Step 3 of the README begins with the secrets, and its files are written by hand.
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
        let (succeeded, said) = self.shell(command)?;
        ensure!(succeeded, "{said}");
        Ok(())
    }

    /// Runs a command, which has to fail with these words.
    pub fn refuses(&self, command: &str, says: &str) -> Result<()> {
        let (succeeded, said) = self.shell(&command.replace("KID", &self.first_key()?))?;
        ensure!(!succeeded && said.contains(says), "{said}");
        Ok(())
    }

    fn shell(&self, command: &str) -> Result<(bool, String)> {
        let output = self.command(command)?.output()?;
        let said = [output.stdout, output.stderr].concat();
        Ok((
            output.status.success(),
            String::from_utf8_lossy(&said).into_owned(),
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

    /// The id of the oldest key.
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

    /// Asks the running gateway. It may not have noticed a new file yet.
    fn asks(&mut self, command: &str) -> Result<()> {
        if self.gateway.is_none() {
            self.serve("rolecalld serve --config F")?;
        }
        let patient = command.replace(
            "curl ",
            "curl --retry 60 --retry-delay 1 --retry-all-errors ",
        );
        let (succeeded, said) = self.shell(&patient)?;
        ensure!(succeeded, "{said}");
        Ok(())
    }

    /// Whether store and database can be written to.
    pub fn is_ready(&mut self) -> Result<()> {
        let management = self.ports[1];
        self.asks(&format!(
            "curl -fsS 'http://127.0.0.1:{management}/readyz?full'"
        ))
    }
}
