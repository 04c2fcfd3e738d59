//! `rolecalld keys`: keys that sign tokens or, with `--saml`, SAML responses for AWS; and `certificate`, which creates
//! a key for a SAML identity provider.

mod confirm;
mod publish;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rolecall_core::base::Clock as _;
use serde::Serialize;

use super::ConfigArg;
use super::out::{self, CommandStatus, Failure};
use crate::aws::Severity;
use crate::aws::keys::{
    KeyAlgorithm, KeyDirectory, KeyId, KeyRecord, KeyState, KeyUse, SigningKey, Urgency,
};
use crate::config::{self, IssuerSettings};
use crate::idp::saml::OwnKey;
use crate::world::{SystemClock, SystemEntropy};

/// Create, list, rotate and retire the signing keys that AWS trusts.
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  rolecalld keys generate --config rolecall.toml     the first key becomes active, a second one next\n  rolecalld keys generate --saml --config rolecall.toml      for accounts with trust = \"gateway-saml\"\n  rolecalld keys publish issuer --config rolecall.toml      with `url` in [issuer]: the documents for AWS\n  rolecalld keys rotate --config rolecall.toml       a day later: the second key becomes active\n  rolecalld keys list --config rolecall.toml --json"
)]
pub enum Keys {
    /// List all keys, oldest first
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Create a key. The first one becomes active at once; later ones are published and become active with `rotate`
    Generate {
        #[command(flatten)]
        config: ConfigArg,
        /// Signing algorithm: ES256 or RS256
        #[arg(long, default_value = "ES256", conflicts_with = "saml")]
        algorithm: KeyAlgorithm,
        /// Create a key for SAML responses (RSA with a certificate) instead of one for tokens
        #[arg(long)]
        saml: bool,
    },
    /// Write the two documents that AWS fetches to a directory, for a bucket or a web server
    Publish(publish::Publish),
    /// Compare the documents at `url` of `[issuer]` with the keys, and record since when each key is there
    Confirm(confirm::Confirm),
    /// Activate the next key
    Rotate {
        #[command(flatten)]
        config: ConfigArg,
        /// Rotate even if the next key was published less than a day ago. AWS may reject tokens until it has fetched
        /// the key, and until it has been uploaded, if `url` is set in `[issuer]`
        #[arg(long)]
        emergency: bool,
        /// Rotate the key for SAML responses. First update the SAML provider in every account with the new metadata
        #[arg(long)]
        saml: bool,
    },
    /// Create a key with certificate for a SAML identity provider (`signing_keys`, `encryption_keys`) in a new file
    Certificate {
        /// Output file; it must not exist
        file: PathBuf,
        /// Common name of the certificate. Identity providers display it and do not verify it
        #[arg(long, default_value = "rolecall")]
        name: String,
    },
    /// Stop publishing a key
    Retire {
        /// Key ID as printed by `keys list`
        // A key ID is base64url, so it can begin with a hyphen.
        #[arg(value_parser = KeyId::parse, allow_hyphen_values = true)]
        kid: KeyId,
        #[command(flatten)]
        config: ConfigArg,
        /// Retire the key at once, even if it is active: for a leaked key
        #[arg(long)]
        emergency: bool,
    },
}

impl Keys {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        let now = SystemClock.now();
        match self {
            Self::List { config, json } => {
                let directory = directory(&config)?;
                let keys = directory.list().map_err(anyhow::Error::from)?;
                // The index can be listed even if the key files cannot be read.
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
            Self::Publish(publish) => return publish.run(),
            Self::Confirm(confirm) => return confirm.run(),
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
                remind(&config::issuer(&config.config)?, false, made.use_);
            }
            Self::Certificate { file, name } => {
                certificate(&file, &name)?;
                out::line(format!(
                    "{}: key and certificate created; all replicas must use the same file",
                    file.display()
                ))?;
            }
            Self::Rotate {
                config,
                emergency,
                saml,
            } => {
                let settings = config::issuer(&config.config)?;
                let published = !saml && !emergency;
                let observed = published.then(|| confirm::observe(&settings, &config.config));
                let observed = observed.transpose()?;
                refuse_dangerous(observed.flatten())?;
                let directory = KeyDirectory::new(&settings.keys).published_at(issuer(&settings));
                let signs = directory
                    .used_for(use_of(saml))
                    .rotate(urgency(emergency), now)
                    .map_err(anyhow::Error::from)?;
                out::line(describe(&signs, now))?;
                // Otherwise both keys have been there before: only their order changes.
                if emergency {
                    remind(&settings, emergency, signs.use_);
                }
            }
            Self::Retire {
                kid,
                config,
                emergency,
            } => {
                let settings = config::issuer(&config.config)?;
                let ended = KeyDirectory::new(&settings.keys)
                    .retire(&kid, urgency(emergency), now)
                    .map_err(anyhow::Error::from)?;
                out::line(describe(&ended, now))?;
                remind(&settings, emergency, ended.use_);
            }
        }
        Ok(CommandStatus::Success)
    }
}

/// A key, with the ID of the key that is derived from it.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    key: KeyRecord,
    /// `kid` of the ID tokens of `aws login`, if this is the active key for tokens.
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
            Some(derived) => format!("{key}; derived key for aws login: {derived}"),
            None => key,
        }
    }
}

/// Creates a file with a new key and its certificate, readable only by its owner.
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
            Failure::configuration(format!("{shown}: cannot write: {error}"))
                .hint("choose a file that does not exist, in an existing folder")
        })
}

fn urgency(emergency: bool) -> Urgency {
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
    Ok(KeyDirectory::new(config::issuer(&config.config)?.keys))
}

/// The issuer at which another server publishes the keys for tokens.
fn issuer(settings: &IssuerSettings) -> Option<String> {
    let url = settings.published_at.as_ref()?;
    Some(url.as_str().trim_end_matches('/').to_owned())
}

/// A rotation must not continue while somebody else may be able to sign tokens.
fn refuse_dangerous(observed: Option<confirm::Observation>) -> Result<(), Failure> {
    let mut differences = observed.into_iter().flat_map(|one| one.differences);
    match differences.find(|one| one.severity() == Severity::Danger) {
        None => Ok(()),
        Some(difference) => Err(Failure::failed(difference.to_string()).hint(difference.hint())),
    }
}

/// Says what to do with the published documents after a change of the keys.
fn remind(settings: &IssuerSettings, emergency: bool, use_: KeyUse) {
    let Some(issuer) = issuer(settings).filter(|_| use_ == KeyUse::Token) else {
        return;
    };
    out::note(match emergency {
        false => format!(
            "note: the documents at {issuer} are out of date: run `rolecalld keys publish` and upload them"
        ),
        true => format!(
            "warning: until you have run `rolecalld keys publish` and uploaded both documents to {issuer}, AWS accepts the keys that are there, and no others"
        ),
    });
}

fn describe(key: &KeyRecord, now: DateTime<Utc>) -> String {
    let signs = match key.use_ {
        KeyUse::Token => "",
        KeyUse::Saml => " for SAML",
    };
    let state = match key.state {
        KeyState::Next => "next: published, becomes active with `keys rotate`",
        KeyState::Active { .. } => "active: signs new tokens",
        KeyState::Retiring { .. } if key.is_published(now) => "retiring: still published",
        KeyState::Retiring { .. } | KeyState::Retired { .. } => "retired",
    };
    format!(
        "{}  {}{signs}  created {}  {state}",
        key.id,
        key.algorithm.as_str(),
        key.created_at.format("%Y-%m-%d %H:%M UTC")
    )
}
