//! `rolecalld access`: access policies that were in use.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::out::{self, CommandStatus, Failure};
use super::{ConfigArg, block_on, open_database};
use crate::config;
use crate::database::Database;
use crate::policy_archive::{
    FileKind, KeptFile, PolicyFiles, kept_policies, policy, policy_digests,
};

/// Digits of a digest that are enough to name a policy.
const PREFIX_MIN: usize = 8;

/// List and print the access policies that were in use.
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  rolecalld access history --config rolecall.toml\n  rolecalld access show --config rolecall.toml 3f1c9a0b\n  rolecalld access show --config rolecall.toml 3f1c9a0b --to before/"
)]
pub enum Access {
    /// List the policies, the last accepted first, with their digests
    History {
        #[command(flatten)]
        config: ConfigArg,
        /// Maximum number of policies, up to 10,000
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        limit: u16,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the files of a policy
    Show {
        #[command(flatten)]
        config: ConfigArg,
        /// Digest of the policy, or its first digits: `policy` of the event configuration_loaded
        #[arg(value_name = "DIGEST", value_parser = parse_prefix)]
        digest: String,
        /// Write the files to this directory instead
        #[arg(long, value_name = "DIR", conflicts_with = "json")]
        to: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

fn parse_prefix(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_hex && (PREFIX_MIN..=64).contains(&text.len()) {
        true => Ok(text),
        false => Err(format!(
            "write {PREFIX_MIN} to 64 hexadecimal digits, as `rolecalld access history` prints them"
        )),
    }
}

impl Access {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        match self {
            Self::History {
                config,
                limit,
                json,
            } => history(&config, limit, json),
            Self::Show {
                config,
                digest,
                to,
                json,
            } => {
                let files = block_on(find(&config, &digest))?;
                match to {
                    Some(folder) => write(&files, &folder)?,
                    None if json => {
                        out::json(&json!({ "digest": files.digest(), "files": files.files() }))?
                    }
                    None => print(&files)?,
                }
                Ok(CommandStatus::Success)
            }
        }
    }
}

async fn open(config: &ConfigArg) -> Result<Database, Failure> {
    let url = config::database(&config.config)?;
    open_database(&url, "policies").await
}

fn history(config: &ConfigArg, limit: u16, json: bool) -> Result<CommandStatus, Failure> {
    let kept = block_on(async {
        let kept = kept_policies(&open(config).await?, limit).await;
        Ok(kept.map_err(anyhow::Error::from)?)
    })?;
    if json {
        let policies = kept.iter().map(|one| {
            json!({ "digest": one.digest, "accepted_at": one.accepted_at, "bytes": one.bytes })
        });
        out::json(&json!({ "policies": policies.collect::<Vec<_>>() }))?;
    } else {
        for one in &kept {
            out::line(format!(
                "{} {} {} bytes",
                one.accepted_at, one.digest, one.bytes
            ))?;
        }
    }
    Ok(CommandStatus::Success)
}

/// The policy whose digest begins with these digits.
async fn find(config: &ConfigArg, prefix: &str) -> Result<PolicyFiles, Failure> {
    let database = open(config).await?;
    let digests = policy_digests(&database, prefix).await;
    let digests = digests.map_err(anyhow::Error::from)?;
    let unknown = || {
        Failure::failed(format!("no policy with the digest {prefix} is kept")).hint(
            "`rolecalld access history` lists the kept policies; those that were in use before this version are not kept",
        )
    };
    match digests.as_slice() {
        [] => Err(unknown()),
        [digest] => policy(&database, digest)
            .await
            .map_err(anyhow::Error::from)?
            .ok_or_else(unknown),
        several => Err(Failure::failed(format!(
            "several policies have a digest that begins with {prefix}"
        ))
        .hint(format!("write more digits: {}", several.join(", ")))),
    }
}

/// Prints each file after a comment with its path.
fn print(files: &PolicyFiles) -> Result<(), Failure> {
    for file in files.files() {
        out::line(format!("# {}", file.path.escape_debug()))?;
        out::line(match file.kind {
            FileKind::Access | FileKind::Referenced => file.text.as_str(),
            FileKind::Secret => "# a secret; only its digest is kept",
        })?;
    }
    Ok(())
}

/// Writes each file below `folder`. Existing files are not overwritten.
fn write(files: &PolicyFiles, folder: &Path) -> Result<(), Failure> {
    for file in files.files() {
        if file.kind == FileKind::Secret {
            out::note(format!(
                "warning: {} is a secret, which is not kept; create the file before you use this policy",
                file.path.escape_debug()
            ));
            continue;
        }
        let path = write_file(file, folder)?;
        out::line(path.display())?;
    }
    Ok(())
}

fn write_file(file: &KeptFile, folder: &Path) -> Result<PathBuf, Failure> {
    let path = file.relative_path().ok_or_else(|| {
        let path = file.path.escape_debug();
        Failure::failed(format!("the kept path {path} leaves the directory"))
            .hint("the database was changed by something other than the gateway; use --json")
    })?;
    let path = folder.join(path);
    let failed = |error: std::io::Error| {
        Failure::failed(format!("{}: cannot write: {error}", path.display()))
            .hint("name a new or empty directory to which this user can write")
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    let mut written = options
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(failed)?;
    written.write_all(file.text.as_bytes()).map_err(failed)?;
    Ok(path)
}
