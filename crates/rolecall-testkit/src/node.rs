//! Third-party programs for Node.js: npm's `oidc-provider`, an independent implementation of an OpenID provider.
//!
//! `cargo xtask test` installs them and sets `ROLECALL_PEERS_NODE` to the directory. The scripts that start them are in
//! `tests/peers/node`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::blocking;
use crate::browser::{Browser, Page};
use crate::keys::Algorithm;
use crate::oidc::{ClientMethod, OidcClient, Person};
use crate::process::{Process, Signal};

/// Maximum time to start on a busy machine.
const READY_MAX: Duration = Duration::from_secs(60);
/// The directory that contains `node_modules`.
const FOLDER: &str = "ROLECALL_PEERS_NODE";

/// The directory of the peers, if they are installed. A test that needs them uses `rolecall_test_requirements::NODE_PEERS`.
#[expect(
    clippy::disallowed_methods,
    reason = "`cargo xtask test` passes the directory in the environment"
)]
pub fn installed() -> Option<PathBuf> {
    std::env::var(FOLDER).ok().map(PathBuf::from)
}

/// A command that runs a script of `tests/peers/node` with the pinned Node.js.
///
/// # Errors
/// If the peers are not installed.
pub fn script(name: &str) -> Result<Command> {
    let folder = installed().with_context(|| {
        format!("{FOLDER} is not set\nhint: `cargo xtask test` installs the peers and sets it")
    })?;
    // The pinned Node.js; those of distributions can be too old.
    let pinned = folder.join("bin/node");
    let mut command = Command::new(if pinned.is_file() {
        pinned
    } else {
        PathBuf::from("node")
    });
    command.arg(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/peers/node")
            .join(name),
    );
    command.env(FOLDER, folder).env("NO_UPDATE_NOTIFIER", "1");
    Ok(command)
}

/// A running `oidc-provider`. Dropping it stops the process.
pub struct OidcPeer {
    process: Process,
    issuer: String,
    directory: TempDir,
    clients: Vec<OidcClient>,
    people: Vec<Person>,
    algorithm: Algorithm,
    generation: usize,
    context: Option<String>,
}

impl OidcPeer {
    /// Starts the provider with these users and no clients. Any password is accepted.
    pub async fn start(people: Vec<Person>, algorithm: Algorithm) -> Result<Self> {
        blocking(move || {
            let directory = tempfile::Builder::new()
                .prefix("rolecall-oidc-peer-")
                .tempdir()?;
            write(
                directory.path(),
                &settings(&[], &people, algorithm, 0, None),
            )?;
            let mut command = script("oidc-provider.mjs")?;
            command.arg(directory.path().join("settings.json"));
            let mut process = Process::start(command)?;
            let line = process.wait_for_line("listening on ", READY_MAX)?;
            let issuer = line.trim_start_matches("listening on ").to_owned();
            Ok(Self {
                process,
                issuer,
                directory,
                clients: Vec::new(),
                people,
                algorithm,
                generation: 0,
                context: None,
            })
        })
        .await
    }

    /// The issuer URL.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The output so far, with errors.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Registers a client.
    pub fn register(&mut self, client: OidcClient) -> Result<()> {
        self.clients.push(client);
        self.rotate_keys()
    }

    /// Asks for another authentication if `acr_values` requests this context, unless its session has it. The form is then
    /// that of an application, without the page for consent.
    pub fn set_context(&mut self, context: &str) -> Result<()> {
        self.context = Some(context.to_owned());
        self.rotate_keys()
    }

    /// Replaces the signing key. Sessions and codes remain valid.
    pub fn rotate_keys(&mut self) -> Result<()> {
        self.generation += 1;
        write(
            self.directory.path(),
            &settings(
                &self.clients,
                &self.people,
                self.algorithm,
                self.generation,
                self.context.as_deref(),
            ),
        )?;
        self.process.signal(Signal::Hup)?;
        self.process
            .wait_for_line(&format!("settled {}", self.generation), READY_MAX)?;
        Ok(())
    }

    /// Signs in with its form, which must be open, and consents.
    pub async fn sign_in(browser: &mut Browser, username: &str) -> Result<Page> {
        let page = browser
            .submit("form", &[("login", username), ("password", "any password")])
            .await?;
        match page
            .attributes("input[name=prompt]", "value")?
            .first()
            .map(String::as_str)
        {
            Some("consent") => browser.submit("form", &[]).await,
            Some(_) | None => Ok(page),
        }
    }
}

fn write(directory: &Path, settings: &Value) -> Result<()> {
    Ok(std::fs::write(
        directory.join("settings.json"),
        settings.to_string(),
    )?)
}

fn settings(
    clients: &[OidcClient],
    people: &[Person],
    algorithm: Algorithm,
    generation: usize,
    context: Option<&str>,
) -> Value {
    let client = |client: &OidcClient| {
        let mut metadata = json!({
            "client_id": client.id,
            "client_secret": client.secret,
            "redirect_uris": client.redirect_uris,
            "post_logout_redirect_uris": client.post_logout_redirect_uris,
        });
        let method = match &client.method {
            ClientMethod::Secret => None,
            ClientMethod::SecretBasic => Some("client_secret_basic"),
            ClientMethod::SecretPost => Some("client_secret_post"),
            ClientMethod::PrivateKeyJwt { jwks, .. } => {
                metadata["jwks"] = jwks.clone();
                Some("private_key_jwt")
            }
        };
        if let Some(method) = method {
            metadata["token_endpoint_auth_method"] = json!(method);
        }
        metadata
    };
    let claims = |person: &Person| {
        json!({
            "email": person.email,
            "email_verified": person.email_verified,
            "name": person.name,
            "preferred_username": person.username,
            "groups": person.groups,
        })
    };
    json!({
        "clients": clients.iter().map(client).collect::<Vec<_>>(),
        "people": people.iter().map(|person| (person.username.clone(), claims(person))).collect::<serde_json::Map<_, _>>(),
        "algorithm": algorithm.name(),
        "generation": generation,
        "context": context,
    })
}
