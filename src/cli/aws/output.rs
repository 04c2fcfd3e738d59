//! Generated files: on stdout, or in a directory.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::out::{self, Failure};

/// Where generated files go.
#[derive(Debug, clap::Args)]
pub struct OutputArgs {
    /// Directory for the files; it is created if necessary. Default: a single file is printed
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print JSON: what was written
    #[arg(long, requires = "out")]
    json: bool,
}

/// A generated file.
#[derive(Clone)]
pub struct Generated {
    /// Path in the directory.
    pub path: String,
    /// Content; ends with a line break.
    pub body: String,
    /// What is in it.
    pub about: About,
}

/// What is in a generated file.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub enum About {
    /// What one account needs.
    Account {
        /// Account ID.
        account: String,
        /// Name of the account in the access policy.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Number of roles.
        roles: usize,
    },
    /// StackSets for all accounts.
    StackSets {
        /// Number of StackSets.
        stack_sets: usize,
    },
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account {
                account,
                name,
                roles,
            } => {
                let roles = out::count(*roles, "role");
                match name {
                    Some(name) => write!(f, "{name} ({account}), {roles}"),
                    None => write!(f, "{account}, {roles}"),
                }
            }
            Self::StackSets { stack_sets } => f.write_str(&out::count(*stack_sets, "StackSet")),
        }
    }
}

/// A line of the output.
#[derive(Serialize)]
struct Written<'g> {
    file: String,
    #[serde(flatten)]
    about: &'g About,
    bytes: usize,
}

impl OutputArgs {
    /// Writes the files, or prints the only one.
    pub fn deliver(&self, files: &[Generated]) -> Result<(), Failure> {
        let Some(folder) = &self.out else {
            return match files {
                [only] => out::line(only.body.trim_end_matches('\n')),
                several => Err(Failure::configuration(format!(
                    "{} files: only one can be printed",
                    several.len()
                ))
                .hint("set --out to a directory, or --account to one account")),
            };
        };
        let mut written = Vec::new();
        for file in files {
            let path = folder.join(&file.path);
            write(&path, &file.body)?;
            written.push(Written {
                file: path.display().to_string(),
                about: &file.about,
                bytes: file.body.len(),
            });
        }
        if self.json {
            return out::json(&written);
        }
        written.iter().try_for_each(|one| {
            out::line(format!("{}: {}, {} bytes", one.file, one.about, one.bytes))
        })
    }
}

fn write(path: &Path, body: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, body))
        .map_err(|error| Failure::failed(format!("{}: cannot write: {error}", path.display())))
}
