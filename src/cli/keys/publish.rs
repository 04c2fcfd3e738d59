//! `rolecalld keys publish`: writes the two documents that AWS fetches to a directory, for a bucket or a web server.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rolecall_core::base::Clock as _;
use rolecall_wire::shell;
use serde::Serialize;

use crate::aws::keys::KeyDirectory;
use crate::aws::{DISCOVERY_PATH, IssuerDocuments, JWKS_PATH};
use crate::cli::ConfigArg;
use crate::cli::out::{self, CommandStatus, Failure};
use crate::config::{self, IssuerSettings};
use crate::world::SystemClock;

/// Everybody may read the documents.
const FILE_MODE: u32 = 0o644;
const FOLDER_MODE: u32 = 0o755;
const CONTENT_TYPE: &str = "application/json";
/// Short, so that a rotation or an emergency does not wait for caches between AWS and the files.
const CACHE_CONTROL: &str = "public, max-age=300";

/// Write the two documents that AWS fetches, with all published keys, to a directory, for a bucket or a web server at `url`
/// of `[issuer]`. They contain no secrets.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecalld keys publish issuer --config rolecall.toml\n  rolecalld keys publish issuer --config rolecall.toml --json\n  rolecalld keys confirm --config rolecall.toml      after the upload"
)]
pub struct Publish {
    /// Output directory; it is created if necessary. It corresponds to `url` of `[issuer]`
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    config: ConfigArg,
    /// Print JSON: the files, and where to upload them
    #[arg(long)]
    json: bool,
}

/// A file, and how to upload it.
#[derive(Serialize)]
struct Published {
    file: String,
    url: String,
    content_type: &'static str,
    cache_control: &'static str,
    /// Whether its content is new.
    changed: bool,
}

impl Publish {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        let settings = config::issuer(&self.config.config)?;
        let documents = own_documents(&settings)?;
        self.refuse_private_directory(&settings)?;
        // Keys first: a new key is never named before it can be found.
        let files = [
            (JWKS_PATH, &documents.jwks),
            (DISCOVERY_PATH, &documents.discovery),
        ];
        let mut published = Vec::new();
        for (path, document) in files {
            let file = self.directory.join(path.trim_start_matches('/'));
            let changed = write(&file, document.body.as_bytes()).map_err(|error| {
                Failure::failed(format!("{}: cannot write: {error}", file.display()))
                    .hint("choose a directory in which this user can create files")
            })?;
            published.push(Published {
                file: file.display().to_string(),
                url: format!("{}{path}", documents.issuer()),
                content_type: CONTENT_TYPE,
                cache_control: CACHE_CONTROL,
                changed,
            });
        }
        if self.json {
            out::json(&published)?;
        } else {
            explain(&published, &documents, &settings)?;
        }
        Ok(CommandStatus::Success)
    }

    /// A directory that contains keys or the configuration could be uploaded as a whole.
    fn refuse_private_directory(&self, settings: &IssuerSettings) -> Result<(), Failure> {
        let resolved = resolved(&self.directory)
            .map_err(|error| Failure::failed(format!("{}: {error}", self.directory.display())))?;
        let keys = fs::canonicalize(&settings.keys).unwrap_or_else(|_| settings.keys.clone());
        let config = fs::canonicalize(&self.config.config);
        let config = config.unwrap_or_else(|_| self.config.config.clone());
        let holds = [&keys, &config]
            .into_iter()
            .find(|path| path.starts_with(&resolved));
        let is_in_keys = resolved.starts_with(&keys).then_some(&keys);
        match holds.or(is_in_keys) {
            None => Ok(()),
            Some(private) => Err(Failure::configuration(format!(
                "{} is not a directory for public files: {} must not be uploaded",
                self.directory.display(),
                private.display()
            ))
            .hint("choose a directory for the two documents alone")),
        }
    }
}

/// The documents of the current keys.
pub(super) fn own_documents(settings: &IssuerSettings) -> Result<IssuerDocuments, Failure> {
    let Some(issuer) = settings
        .published_at
        .as_ref()
        .or(settings.public_url.as_ref())
    else {
        return Err(Failure::configuration("the configuration has no issuer")
            .hint("set `url` in [issuer], or public_url"));
    };
    let keys = KeyDirectory::new(&settings.keys).load(SystemClock.now());
    let keys = keys.map_err(anyhow::Error::from)?;
    Ok(IssuerDocuments::new(
        issuer.as_str().trim_end_matches('/'),
        &keys,
    ))
}

fn explain(
    published: &[Published],
    documents: &IssuerDocuments,
    settings: &IssuerSettings,
) -> Result<(), Failure> {
    for one in published {
        let state = if one.changed { "written" } else { "unchanged" };
        out::line(format!("{}: {state}", one.file))?;
    }
    if settings.published_at.is_none() {
        out::note(format!(
            "note: `url` is not set in [issuer]: AWS fetches these documents from the gateway, {}",
            documents.issuer()
        ));
        return Ok(());
    }
    let count = out::count(documents.key_count(), "key");
    out::line(format!(
        "{count}. Upload these two files, in this order, and nothing else:"
    ))?;
    let prefix = settings.published_at.as_ref().map_or("", |url| url.path());
    for (one, path) in published.iter().zip([JWKS_PATH, DISCOVERY_PATH]) {
        out::line(format!(
            "  aws s3 cp {} s3://BUCKET{}{path} --content-type {} --cache-control \"{}\"",
            shell::sh(&one.file),
            prefix.trim_end_matches('/'),
            one.content_type,
            one.cache_control
        ))?;
    }
    out::line(format!(
        "Never upload anything of {}. After the upload, run `rolecalld keys confirm`.",
        settings.keys.display()
    ))
}

/// Replaces a file atomically; an equal file is not touched. Returns whether it was written.
fn write(file: &Path, body: &[u8]) -> io::Result<bool> {
    let folder = file.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)?;
    if fs::read(file).is_ok_and(|found| found == body) {
        return Ok(false);
    }
    // Whatever the umask is.
    let publish = |new: &File| new.set_permissions(Permissions::from_mode(FILE_MODE));
    crate::file::replace(file, body, FILE_MODE, publish)?;
    Ok(true)
}

/// The path without links, even if its last parts do not exist.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    for existing in absolute.ancestors() {
        if let Ok(found) = fs::canonicalize(existing) {
            let rest = absolute.strip_prefix(existing).unwrap_or(Path::new(""));
            return Ok(if rest.as_os_str().is_empty() {
                found
            } else {
                found.join(rest)
            });
        }
    }
    Ok(absolute)
}
