//! `rolecalld accounts`: AWS accounts in the access files.

mod import;
mod live;
mod replace_file;
mod report;
mod saved_files;
mod target;

use clap::Subcommand;

use super::out::{CommandStatus, Failure};

/// Import the accounts of an AWS organization into the access files.
#[derive(Debug, Subcommand)]
pub enum Accounts {
    /// Import accounts, organizational units and tags from responses of AWS Organizations
    Import(import::Import),
}

impl Accounts {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        match self {
            Self::Import(command) => command.run(),
        }
    }
}
