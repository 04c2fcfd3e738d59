//! `rolecalld schema`: JSON Schemas of the configuration files, for editors.
//!
//! The files are read by a reader of their own and not by serde, so the schemas are not derived from types; tests compare
//! them with what the reader accepts.

use clap::Subcommand;

use super::out::{self, CommandStatus, Failure};

/// Print the JSON Schema of a configuration file, for editors.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  rolecalld schema config > rolecall.schema.json\n  rolecalld schema access > access.schema.json"
)]
pub enum Schema {
    /// Schema of rolecall.toml
    Config,
    /// Schema of access.toml
    Access,
}

impl Schema {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        let schema = match self {
            Self::Config => include_str!("../../config/rolecall.schema.json"),
            Self::Access => include_str!("../../config/access.schema.json"),
        };
        out::line(schema.trim_end())?;
        Ok(CommandStatus::Success)
    }
}
