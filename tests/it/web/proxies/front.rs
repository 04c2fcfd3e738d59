//! A reverse proxy with the example configuration of docs/operations.md, on a free loopback port, in its own process.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::certificate::CertificateAuthority;
use rolecall_testkit::process::{Ports, Process};
use rolecall_testkit::python;
use tempfile::TempDir;

use crate::operate::RECOVERED_MAX;

/// A proxy with an example in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Caddy,
    Haproxy,
}

impl Kind {
    /// Whether the proxy is installed; otherwise the test is recorded as skipped. Caddy comes with the peers from PyPI: the version
    /// of Debian 12 lacks the option of the example, and that of Debian 13 drops header names with underscores.
    pub fn is_here(self) -> bool {
        self != Self::Caddy || PYTHON_PEERS.path().is_some()
    }

    /// The program, which may not be in `PATH` on Debian.
    fn program(self) -> Result<Command> {
        let name = match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Caddy => {
                let python = python::installed().context("no peers from PyPI")?;
                return Ok(Command::new(python.with_file_name("caddy")));
            }
        };
        let system = Path::new("/usr/sbin").join(name);
        Ok(match system.is_file() {
            true => Command::new(system),
            false => Command::new(name),
        })
    }

    /// The only example of the document in its configuration language.
    fn block(self) -> Result<String> {
        let language = match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddyfile",
            Self::Haproxy => "haproxy",
        };
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
        let page = fs::read_to_string(page)?;
        let opening = format!("```{language}\n");
        let mut blocks = page.split(&opening).skip(1);
        let block = blocks.next().and_then(|rest| rest.split_once("```"));
        ensure!(blocks.next().is_none(), "two blocks of {language}");
        let (block, _) = block.with_context(|| format!("no block of {language}"))?;
        Ok(block.to_owned())
    }
}

/// Replaces a text, which must be present.
pub fn replaced(text: &str, old: &str, new: &str) -> Result<String> {
    ensure!(text.contains(old), "`{old}` is not in the block:\n{text}");
    Ok(text.replace(old, new))
}

/// A proxy with its port and its certificate, before and after its start. It is stopped when dropped.
pub struct Front {
    kind: Kind,
    ports: Ports<2>,
    folder: TempDir,
    process: Option<Process>,
}

impl Front {
    /// Reserves ports and writes a certificate.
    pub fn prepare(kind: Kind, authority: &CertificateAuthority) -> Result<Self> {
        let folder = TempDir::new()?;
        let certificate = authority.issue(&["localhost"])?;
        let (chain, key) = (certificate.certificate_pem, certificate.key_pem);
        fs::write(folder.path().join("authority.pem"), authority.pem()?)?;
        fs::write(folder.path().join("fullchain.pem"), &chain)?;
        fs::write(folder.path().join("privkey.pem"), &key)?;
        fs::write(folder.path().join("haproxy.pem"), [chain, key].concat())?;
        Ok(Self {
            kind,
            ports: Ports::reserve()?,
            folder,
            process: None,
        })
    }

    /// The CA certificate in PEM.
    pub fn authority_file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Stops the proxy.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// The `public_url` of a gateway behind the proxy.
    pub fn url(&self) -> String {
        let [port, _] = self.ports.numbers();
        format!("https://localhost:{port}")
    }

    /// Starts the proxy in front of the gateway at `to`, with the example as modified by `change`.
    pub fn start(
        mut self,
        to: SocketAddr,
        change: impl FnOnce(String) -> Result<String>,
    ) -> Result<Self> {
        let block = change(self.kind.block()?)?;
        let folder = self.folder.path().display().to_string();
        let block = replaced(&block, "/etc/ssl/sso.example.com", &folder)?;
        let block = replaced(&block, "127.0.0.1:8443", &to.to_string())?;
        let command = self.command(&block)?;
        let process = Process::start(command)?;
        let process = self.process.insert(process);
        let [port, _] = self.ports.numbers();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        process.wait_for_port(address, RECOVERED_MAX)?;
        Ok(self)
    }

    /// Writes a complete configuration with the example, the names and the ports.
    fn command(&self, block: &str) -> Result<Command> {
        let (folder, [port, spare]) = (self.folder.path(), self.ports.numbers());
        let file = folder.join("configuration");
        let mut command = self.kind.program()?;
        command.current_dir(folder).env("HOME", folder);
        match self.kind {
            Kind::Nginx => {
                let block = replaced(block, "sso.example.com", "localhost")?;
                let block = replaced(&block, "listen 443 ", &format!("listen 127.0.0.1:{port} "))?;
                let around = format!(
                    "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{}{block}}}\n",
                    ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                        .map(|name| format!("{name}_temp_path {name};\n"))
                        .concat()
                );
                fs::write(&file, around)?;
                command.args(["-e", "stderr", "-p"]).arg(folder);
                command.arg("-c").arg(&file);
            }
            Kind::Caddy => {
                let site = format!("https://localhost:{port}");
                let block = replaced(block, "sso.example.com", &site)?;
                // Caddy also listens on an HTTP port and an admin port.
                let own = format!(
                    "{{\n\tadmin off\n\thttp_port {}\n\tdefault_bind 127.0.0.1\n\tservers {{",
                    spare
                );
                fs::write(&file, replaced(&block, "{\n\tservers {", &own)?)?;
                command.args(["run", "--adapter", "caddyfile", "--config"]);
                command.arg(&file);
            }
            Kind::Haproxy => {
                let bind = format!("bind 127.0.0.1:{port} ");
                fs::write(&file, replaced(block, "bind :443 ", &bind)?)?;
                command.args(["-db", "-f"]).arg(&file);
            }
        }
        Ok(command)
    }
}
