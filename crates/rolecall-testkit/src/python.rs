//! Programs in Python that other people wrote: a SAML identity provider by pysaml2 and an AWS by moto, which were not made to
//! agree with us.
//!
//! `cargo xtask test` installs them and names the interpreter in `ROLECALL_PEERS_PYTHON`; the scripts that start them are in
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
use crate::process::{Process, free_ports};
use crate::saml::SignedElements;
use crate::saml::encryption::Content;
use crate::saml::signature::Credential;

/// A loaded machine starts slowly.
const READY_MAX: Duration = Duration::from_secs(60);
/// The interpreter with the packages.
const PYTHON: &str = "ROLECALL_PEERS_PYTHON";

/// Where the interpreter is, if it is installed. A test that needs it asks `rolecall_test_requirements::PYTHON_PEERS`.
#[expect(
    clippy::disallowed_methods,
    reason = "how `cargo xtask test` hands the interpreter to tests"
)]
pub fn installed() -> Option<PathBuf> {
    std::env::var(PYTHON).ok().map(PathBuf::from)
}

/// A script of `tests/peers/python`, ready to run.
///
/// # Errors
/// When the peers are not installed, with a hint.
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

/// A running moto: an AWS with STS and S3 that checks no proof, no key and no signature. Ends when dropped.
pub struct Moto {
    _process: Process,
    url: String,
}

impl Moto {
    /// Starts with nothing in it.
    ///
    /// # Errors
    /// When the peers are not installed, or it does not listen in time.
    pub async fn start() -> Result<Self> {
        let python = installed().with_context(|| format!("{PYTHON} is not set"))?;
        let [port] = free_ports::<1>()?;
        let mut command = Command::new(python);
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p"]);
        command.arg(port.to_string());
        blocking(move || {
            let mut process = Process::start(command)?;
            process.wait_for_port(([127, 0, 0, 1], port).into(), READY_MAX)?;
            Ok(Self {
                _process: process,
                url: format!("http://127.0.0.1:{port}"),
            })
        })
        .await
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Creates an S3 bucket.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn create_bucket(&self, name: &str) -> Result<()> {
        let request = reqwest::Client::new().put(format!("{}/{name}", self.url));
        request.send().await?.error_for_status()?;
        Ok(())
    }
}

/// A running identity provider by pysaml2, which signs with xmlsec1. Ends when dropped.
pub struct SamlPeer {
    process: Process,
    url: String,
    _folder: TempDir,
}

impl SamlPeer {
    /// Starts with these people and no service provider. Any password is right.
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
                "people": people.iter().map(told).collect::<serde_json::Map<_, _>>(),
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

    /// The absolute address of a path: `/metadata`, `/sso`, `/slo`, `/sign-out?by=post`.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// What it wrote so far: why it refused something.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Its metadata.
    pub async fn metadata(&self) -> Result<String> {
        let answer = reqwest::Client::new()
            .get(self.at("/metadata"))
            .send()
            .await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// Lets the service provider of this metadata ask for sign-ins.
    pub async fn register(&self, metadata: &str) -> Result<()> {
        let request = reqwest::Client::new().post(self.at("/register"));
        let answer = request.body(metadata.to_owned()).send().await?;
        ensure!(answer.status().is_success(), "{}", self.output());
        Ok(())
    }

    /// Who is signed in there.
    pub async fn sessions(&self) -> Result<Vec<String>> {
        let answer = reqwest::Client::new()
            .get(self.at("/sessions"))
            .send()
            .await?;
        Ok(answer.json().await?)
    }
}

fn told(person: &Person) -> (String, Value) {
    let attributes = json!({
        "email": [person.email],
        "name": [person.name],
        "groups": person.groups,
    });
    (person.username.clone(), attributes)
}
