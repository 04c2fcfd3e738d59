//! `rolecalld keys`: those that sign tokens and, with `--saml`, those that sign SAML responses; and `certificate`, a key for
//! an identity provider that speaks SAML.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rolecall_core::base::Clock as _;
use serde::Serialize;

use super::ConfigArg;
use super::out::{self, Done, Failure};
use crate::aws::keys::{
    KeyAlgorithm, KeyDirectory, KeyId, KeyRecord, KeyState, KeyUse, SigningKey, Urgency,
};
use crate::config;
use crate::idp::saml::OwnKey;
use crate::world::{SystemClock, SystemEntropy};

/// The keys that sign tokens for AWS.
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  rolecalld keys generate --config rolecall.toml     the first key signs, a second waits\n  rolecalld keys generate --saml --config rolecall.toml      for accounts with trust = \"gateway-saml\"\n  rolecalld keys rotate --config rolecall.toml       a day later: the second signs\n  rolecalld keys list --config rolecall.toml --json"
)]
pub enum Keys {
    /// List every key, the oldest first
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a key: the first signs at once, a later one is published and waits for `rotate`
    Generate {
        #[command(flatten)]
        config: ConfigArg,
        /// ES256 or RS256
        #[arg(long, default_value = "ES256", conflicts_with = "saml")]
        algorithm: KeyAlgorithm,
        /// Make one for SAML responses, RSA with a certificate, instead of one for tokens
        #[arg(long)]
        saml: bool,
    },
    /// Let the key that waits sign from now on
    Rotate {
        #[command(flatten)]
        config: ConfigArg,
        /// Even if it was published less than a day ago: AWS may refuse tokens until it has fetched it
        #[arg(long)]
        emergency: bool,
        /// The one for SAML responses, once the SAML provider of every account has the new metadata
        #[arg(long)]
        saml: bool,
    },
    /// Make a key and its certificate for a SAML provider, `signing_keys` or `encryption_keys`, in a file of their own
    Certificate {
        /// The file; it must not be there yet
        file: PathBuf,
        /// What the certificate says who we are; providers show it, and check nothing of it
        #[arg(long, default_value = "rolecall")]
        name: String,
    },
    /// Withdraw a key
    Retire {
        /// Its id, as `keys list` prints it
        // An id is base64url, so it may begin with a hyphen.
        #[arg(value_parser = KeyId::parse, allow_hyphen_values = true)]
        kid: KeyId,
        #[command(flatten)]
        config: ConfigArg,
        /// Even the key that signs, at once: for a key that leaked
        #[arg(long)]
        emergency: bool,
    },
}

impl Keys {
    /// Runs the command.
    pub fn run(self) -> Result<Done, Failure> {
        let now = SystemClock.now();
        match self {
            Self::List { config, json } => {
                let directory = directory(&config)?;
                let keys = directory.list().map_err(anyhow::Error::from)?;
                // An index whose files cannot be read is listed all the same.
                let in_force = directory.load(now).ok();
                let signs = in_force.as_ref().map(|keys| &*keys.active);
                let keys = keys.into_iter().map(|key| Listed::of(key, signs, now));
                let keys: Vec<Listed> = keys.collect();
                if json {
                    out::json(&keys)?
                } else {
                    keys.iter()
                        .try_for_each(|key| out::line(key.describe(now)))?
                }
            }
            Self::Generate {
                config,
                algorithm,
                saml,
            } => {
                let algorithm = if saml { KeyAlgorithm::Rs256 } else { algorithm };
                let made = directory(&config)?
                    .used_for(use_of(saml))
                    .generate(algorithm, now)
                    .map_err(anyhow::Error::from)?;
                out::line(describe(&made, now))?;
            }
            Self::Certificate { file, name } => {
                certificate(&file, &name)?;
                out::line(format!(
                    "{}: a key and its certificate; every replica needs the same",
                    file.display()
                ))?;
            }
            Self::Rotate {
                config,
                emergency,
                saml,
            } => {
                let signs = directory(&config)?
                    .used_for(use_of(saml))
                    .rotate(haste(emergency), now)
                    .map_err(anyhow::Error::from)?;
                out::line(describe(&signs, now))?;
            }
            Self::Retire {
                kid,
                config,
                emergency,
            } => {
                let ended = directory(&config)?
                    .retire(&kid, haste(emergency), now)
                    .map_err(anyhow::Error::from)?;
                out::line(describe(&ended, now))?;
            }
        }
        Ok(Done::Well)
    }
}

/// A key, and the one that is derived from it.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    key: KeyRecord,
    /// `kid` of the ID tokens of `aws login`, while this key signs tokens for AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    aws_login_key: Option<KeyId>,
}

impl Listed {
    fn of(key: KeyRecord, signs: Option<&SigningKey>, now: DateTime<Utc>) -> Self {
        let signs = signs.filter(|signs| *signs.id() == key.id);
        let derived = signs.and_then(|signs| signs.login_key(now).ok());
        Self {
            aws_login_key: derived.map(|derived| derived.id().clone()),
            key,
        }
    }

    fn describe(&self, now: DateTime<Utc>) -> String {
        let key = describe(&self.key, now);
        match &self.aws_login_key {
            Some(derived) => format!("{key}; derived for aws login: {derived}"),
            None => key,
        }
    }
}

/// Writes a new key and its certificate, which nobody but the file's owner may read.
fn certificate(file: &Path, name: &str) -> Result<(), Failure> {
    let shown = file.display();
    let pem =
        OwnKey::generate(name, SystemClock.now(), &SystemEntropy).map_err(anyhow::Error::from)?;
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    opened
        .and_then(|mut file| file.write_all(pem.expose().as_bytes()))
        .map_err(|error| {
            Failure::configuration(format!("{shown}: cannot be written: {error}"))
                .hint("name a file that is not there yet, in a folder that is")
        })
}

fn haste(emergency: bool) -> Urgency {
    if emergency {
        Urgency::Emergency
    } else {
        Urgency::Patient
    }
}

fn use_of(saml: bool) -> KeyUse {
    if saml { KeyUse::Saml } else { KeyUse::Token }
}

fn directory(config: &ConfigArg) -> Result<KeyDirectory, Failure> {
    Ok(KeyDirectory::new(config::issuer_keys(&config.config)?))
}

fn describe(key: &KeyRecord, now: DateTime<Utc>) -> String {
    let signs = match key.use_ {
        KeyUse::Token => "",
        KeyUse::Saml => " for SAML",
    };
    let state = match key.state {
        KeyState::Next => "next: published, waits for rotate",
        KeyState::Active { .. } => "active: signs",
        KeyState::Retiring { .. } if key.is_published(now) => "retiring: still published",
        KeyState::Retiring { .. } | KeyState::Retired { .. } => "retired",
    };
    format!(
        "{}  {}{signs}  made {}  {state}",
        key.id,
        key.algorithm.as_str(),
        key.created_at.format("%Y-%m-%d %H:%M UTC")
    )
}
