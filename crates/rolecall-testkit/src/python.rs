//! Third-party programs in Python: a SAML identity provider with pysaml2 and an AWS emulator with moto, which are independent
//! implementations.
//!
//! `cargo xtask test` installs them and sets `ROLECALL_PEERS_PYTHON` to the interpreter. The scripts that start them are in
//! `tests/peers/python`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::blocking;
use crate::keys::Algorithm;
use crate::oidc::Person;
use crate::process::{Ports, Process};
use crate::saml::SignedElements;
use crate::saml::encryption::Content;
use crate::saml::signature::Credential;

/// Maximum time to start on a busy machine.
const READY_MAX: Duration = Duration::from_secs(60);
/// The variable with the path of the interpreter.
const PYTHON: &str = "ROLECALL_PEERS_PYTHON";

/// The interpreter, if it is installed. A test that needs it uses `rolecall_test_requirements::PYTHON_PEERS`.
#[expect(
    clippy::disallowed_methods,
    reason = "`cargo xtask test` passes the interpreter in the environment"
)]
pub fn installed() -> Option<PathBuf> {
    std::env::var(PYTHON).ok().map(PathBuf::from)
}

/// A command that runs a script of `tests/peers/python`.
///
/// # Errors
/// If the peers are not installed.
pub fn script(name: &str) -> Result<Command> {
    let python = installed().with_context(|| {
        format!("{PYTHON} is not set\nhint: `cargo xtask test` installs the peers and sets it")
    })?;
    let mut command = Command::new(python);
    command.arg(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/peers/python")
            .join(name),
    );
    Ok(command)
}

/// A running moto: an AWS emulator with STS and S3 that does not verify tokens, keys or signatures. Dropping it stops the
/// process.
pub struct Moto {
    _process: Process,
    _ports: Ports<1>,
    url: String,
}

impl Moto {
    /// Starts moto without resources.
    ///
    /// # Errors
    /// If the peers are not installed or it does not start in time.
    pub async fn start() -> Result<Self> {
        let python = installed().with_context(|| format!("{PYTHON} is not set"))?;
        let ports = Ports::reserve()?;
        let [port] = ports.numbers();
        let mut command = Command::new(python);
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p"]);
        command.arg(port.to_string());
        blocking(move || {
            let mut process = Process::start(command)?;
            process.wait_for_port(([127, 0, 0, 1], port).into(), READY_MAX)?;
            Ok(Self {
                _process: process,
                _ports: ports,
                url: format!("http://127.0.0.1:{port}"),
            })
        })
        .await
    }

    /// URL: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Creates an S3 bucket.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn create_bucket(&self, name: &str) -> Result<()> {
        let request = reqwest::Client::new().put(format!("{}/{name}", self.url));
        request.send().await?.error_for_status()?;
        Ok(())
    }
}

/// A running identity provider with pysaml2, which signs with xmlsec1. Dropping it stops the process.
pub struct SamlPeer {
    process: Process,
    url: String,
    _folder: TempDir,
}

impl SamlPeer {
    /// Starts the provider with these users and no service providers. Any password is accepted.
    pub async fn start(
        people: Vec<Person>,
        signed: SignedElements,
        content: Option<Content>,
    ) -> Result<Self> {
        blocking(move || {
            let folder = tempfile::Builder::new()
                .prefix("rolecall-saml-peer-")
                .tempdir()?;
            let credential = Credential::generate(Algorithm::Rs256)?;
            let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("crt.pem"));
            std::fs::write(&key, credential.key().private_pem()?)?;
            std::fs::write(&certificate, credential.certificate().to_pem()?)?;
            let settings = json!({
                "key": key,
                "certificate": certificate,
                "sign_response": signed != SignedElements::Assertion,
                "sign_assertion": signed != SignedElements::Response,
                "content": content.map(Content::uri),
                "people": people.iter().map(attributes_of).collect::<serde_json::Map<_, _>>(),
            });
            let file = folder.path().join("settings.json");
            std::fs::write(&file, settings.to_string())?;
            let mut command = script("saml_idp.py")?;
            command.arg(file);
            let mut process = Process::start(command)?;
            let line = process.wait_for_line("listening on ", READY_MAX)?;
            Ok(Self {
                process,
                url: line.trim_start_matches("listening on ").to_owned(),
                _folder: folder,
            })
        })
        .await
    }

    /// The absolute URL of a path: `/metadata`, `/sso`, `/slo`, `/sign-out?by=post`.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The output so far, with errors.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Metadata of the provider.
    pub async fn metadata(&self) -> Result<String> {
        let response = reqwest::Client::new()
            .get(self.at("/metadata"))
            .send()
            .await?;
        Ok(response.error_for_status()?.text().await?)
    }

    /// Registers the service provider of this metadata.
    pub async fn register(&self, metadata: &str) -> Result<()> {
        let request = reqwest::Client::new().post(self.at("/register"));
        let response = request.body(metadata.to_owned()).send().await?;
        ensure!(response.status().is_success(), "{}", self.output());
        Ok(())
    }

    /// Usernames with a session.
    pub async fn sessions(&self) -> Result<Vec<String>> {
        let response = reqwest::Client::new()
            .get(self.at("/sessions"))
            .send()
            .await?;
        Ok(response.json().await?)
    }
}

fn attributes_of(person: &Person) -> (String, Value) {
    let attributes = json!({
        "email": [person.email],
        "name": [person.name],
        "groups": person.groups,
    });
    (person.username.clone(), attributes)
}
