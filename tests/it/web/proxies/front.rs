//! A reverse proxy as its block in docs/operations.md sets it up, on a free port of loopback, in a process of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::certificate::CertificateAuthority;
use rolecall_testkit::process::Process;
use rolecall_testkit::python;
use tempfile::TempDir;

use crate::operate::RECOVERED_MAX;

/// A proxy with a block in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Caddy,
    Haproxy,
}

impl Kind {
    /// Whether it is here; otherwise the test is recorded as left out. Caddy comes with the peers from PyPI: that of Debian 12 does
    /// not know the option that the document has, and that of Debian 13 drops header names with underscores.
    pub fn is_here(self) -> bool {
        self != Self::Caddy || PYTHON_PEERS.path().is_some()
    }

    /// The program, which Debian may keep off the path.
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

    /// The only block of the document that is written in its language.
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

/// Puts one text in place of another that has to be there.
pub fn replaced(text: &str, old: &str, new: &str) -> Result<String> {
    ensure!(text.contains(old), "`{old}` is not in the block:\n{text}");
    Ok(text.replace(old, new))
}

/// A proxy with its port and its certificate, before and after it is started. Ends when dropped.
pub struct Front {
    kind: Kind,
    port: u16,
    spare: u16,
    /// Holds the ports until the proxy starts, while a gateway is built that opens others.
    held: Vec<TcpListener>,
    folder: TempDir,
    process: Option<Process>,
}

impl Front {
    /// Chooses a port and writes a certificate.
    pub fn prepare(kind: Kind, authority: &CertificateAuthority) -> Result<Self> {
        let held = [0; 2].map(|any| TcpListener::bind((Ipv4Addr::LOCALHOST, any)));
        let held = held.into_iter().collect::<std::io::Result<Vec<_>>>()?;
        let ports = held.iter().map(TcpListener::local_addr);
        let ports = ports.collect::<std::io::Result<Vec<_>>>()?;
        let folder = TempDir::new()?;
        let certificate = authority.issue(&["localhost"])?;
        let (chain, key) = (certificate.certificate_pem, certificate.key_pem);
        fs::write(folder.path().join("authority.pem"), authority.pem()?)?;
        fs::write(folder.path().join("fullchain.pem"), &chain)?;
        fs::write(folder.path().join("privkey.pem"), &key)?;
        fs::write(folder.path().join("haproxy.pem"), [chain, key].concat())?;
        Ok(Self {
            kind,
            port: ports[0].port(),
            spare: ports[1].port(),
            held,
            folder,
            process: None,
        })
    }

    /// PEM of the authority that signed the certificate.
    pub fn authority_file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Ends it; its port is free then.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// `public_url` of a gateway behind it.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Starts it in front of the gateway at `to`, with the block of the document as `change` leaves it.
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
        self.held.clear();
        let process = Process::start(command)?;
        let process = self.process.insert(process);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        process.wait_for_port(address, RECOVERED_MAX)?;
        Ok(self)
    }

    /// Writes the block under this proxy's own names and ports into a whole configuration.
    fn command(&self, block: &str) -> Result<Command> {
        let (folder, port) = (self.folder.path(), self.port);
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
                // It listens at the port of http too, and takes orders at another.
                let own = format!(
                    "{{\n\tadmin off\n\thttp_port {}\n\tdefault_bind 127.0.0.1\n\tservers {{",
                    self.spare
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
