//! `rolecalld aws resource-control-policy`

use rolecall_core::provisioning::{self, Node};

use crate::cli::out::{self, CommandStatus, Failure};
use crate::cli::{AccessArg, ConfigArg};

/// Generate a resource control policy for the organization. It denies tokens of this gateway, and of no other issuer, that
/// do not name the role that they are for.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecalld aws resource-control-policy --config rolecall.toml > guard.json"
)]
pub struct ResourceControlPolicy {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    access: AccessArg,
}

impl ResourceControlPolicy {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        let loaded = self.config.load_offline(&self.access)?;
        let document = provisioning::resource_control_policy(&loaded.settings.installation());
        let document = document.map_err(|error| Failure::configuration(error.to_string()))?;
        // The policy does not depend on an account.
        let node = document
            .node()
            .with_texts(&|text| Node::Text(text.to_string()));
        out::line(node.pretty())?;
        Ok(CommandStatus::Success)
    }
}
