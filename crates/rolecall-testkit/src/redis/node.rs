//! A `redis-server` process.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::certificate::CertificateAuthority;
use crate::process::{self, Ports, Process, Signal};

/// Maximum time to start on a busy machine.
const READY_MAX: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listen {
    Tcp,
    Socket,
    Tls,
}

pub(super) struct Node {
    listen: Listen,
    ports: Ports<1>,
    directory: TempDir,
    options: Vec<String>,
    process: Process,
}

impl Node {
    /// Starts a server with these additional options.
    pub(super) fn start(listen: Listen, options: &[&str]) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("rolecall-redis-")
            .tempdir()?;
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        if listen == Listen::Tls {
            let authority = CertificateAuthority::generate()?;
            let server = authority.issue(&[])?;
            std::fs::write(directory.path().join("authority.pem"), authority.pem()?)?;
            std::fs::write(directory.path().join("server.pem"), server.certificate_pem)?;
            std::fs::write(directory.path().join("server.key"), server.key_pem)?;
        }
        let ports = Ports::reserve()?;
        let [port] = ports.numbers();
        let process = launch(listen, port, &directory, &options)?;
        Ok(Self {
            listen,
            ports,
            directory,
            options,
            process,
        })
    }

    pub(super) fn port(&self) -> u16 {
        let [port] = self.ports.numbers();
        port
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn url(&self) -> String {
        match self.listen {
            Listen::Tcp => format!("redis://127.0.0.1:{}/0", self.port()),
            Listen::Tls => format!("rediss://127.0.0.1:{}/0", self.port()),
            Listen::Socket => format!("redis+unix://{}", self.file("redis.sock").display()),
        }
    }

    pub(super) fn pause(&self) -> Result<()> {
        self.process.signal(Signal::Stop)
    }

    pub(super) fn resume(&self) -> Result<()> {
        self.process.signal(Signal::Cont)
    }

    pub(super) fn stop(&mut self) -> Result<()> {
        // A suspended process does not handle other signals.
        drop(self.process.signal(Signal::Cont));
        self.process.stop(Signal::Term)
    }

    pub(super) fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.process = launch(self.listen, self.port(), &self.directory, &self.options)?;
        Ok(())
    }

    /// Waits until `settled` returns true.
    pub(super) fn settle(
        &mut self,
        deadline: Duration,
        settled: impl Fn(&Self) -> bool,
    ) -> Result<()> {
        let started = Instant::now();
        while !settled(self) {
            ensure!(
                started.elapsed() < deadline,
                "the condition is not met within {deadline:?}:\n{}",
                self.process.output()
            );
            self.process.wait_for_output()?;
        }
        Ok(())
    }

    pub(super) fn cli(&self, command: &[&str]) -> Result<String> {
        let answer = process::run(self.client(command))?;
        let answer = String::from_utf8_lossy(&answer).trim_end().to_owned();
        if ["ERR", "NOAUTH", "CLUSTERDOWN", "MOVED"]
            .iter()
            .any(|error| answer.starts_with(error))
        {
            bail!("redis-cli {command:?}: {answer}");
        }
        Ok(answer)
    }

    fn client(&self, command: &[&str]) -> Command {
        let mut client = Command::new("redis-cli");
        match self.listen {
            Listen::Tcp => client.args(["-p", &self.port().to_string()]),
            Listen::Socket => client.arg("-s").arg(self.file("redis.sock")),
            Listen::Tls => client
                .args(["-p", &self.port().to_string(), "--tls", "--cacert"])
                .arg(self.file("authority.pem")),
        };
        client.args(command);
        client
    }

    /// All keys with their serialized values, without compression, so that text can be found.
    pub(super) fn dump(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        // All servers also listen on a Unix socket, which does not require a certificate.
        let socket = format!("unix://{}", self.file("redis.sock").display());
        let mut connection =
            ::redis::Client::open(socket)?.get_connection_with_timeout(READY_MAX)?;
        let mut entries = Vec::new();
        let databases = if self
            .options
            .iter()
            .any(|option| option == "--cluster-enabled")
        {
            1
        } else {
            16
        };
        for database in 0..databases {
            if databases > 1 {
                ::redis::cmd("SELECT").arg(database).exec(&mut connection)?;
            }
            let keys: Vec<Vec<u8>> = ::redis::cmd("KEYS").arg("*").query(&mut connection)?;
            for key in keys {
                let value: Option<Vec<u8>> =
                    ::redis::cmd("DUMP").arg(&key).query(&mut connection)?;
                entries.extend(value.map(|value| (key, value)));
            }
        }
        Ok(entries)
    }
}

fn launch(listen: Listen, port: u16, directory: &TempDir, options: &[String]) -> Result<Process> {
    let port = port.to_string();
    let mut command = Command::new("redis-server");
    command.current_dir(directory.path());
    command.args([
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--rdbcompression",
        "no",
    ]);
    command.args([
        "--dir",
        ".",
        "--unixsocket",
        "redis.sock",
        "--daemonize",
        "no",
    ]);
    match listen {
        Listen::Tcp => command.args(["--port", &port]),
        Listen::Socket => command.args(["--port", "0"]),
        Listen::Tls => command
            .args([
                "--port",
                "0",
                "--tls-port",
                &port,
                "--tls-auth-clients",
                "no",
            ])
            .args([
                "--tls-cert-file",
                "server.pem",
                "--tls-key-file",
                "server.key",
            ])
            .args(["--tls-ca-cert-file", "authority.pem"]),
    };
    command.args(options);
    let mut process = Process::start(command)?;
    process
        .wait_for_line("eady to accept connections", READY_MAX)
        .context("redis-server")?;
    Ok(process)
}
