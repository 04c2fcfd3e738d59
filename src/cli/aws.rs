//! `rolecalld aws`: generates what AWS accounts need, from the configuration and the access files, and compares it with what they
//! have. Nothing is changed in AWS.

mod cloudformation;
mod doctor;
mod output;
mod plan_args;
mod resource_control_policy;
mod terraform;
mod trust_policy;

use super::out::{CommandStatus, Failure};

/// Generate what AWS accounts need: identity provider, roles, trust policies; or compare it with what they have. Nothing is
/// changed in AWS.
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  rolecalld aws cloudformation --config rolecall.toml --account payments-prod > rolecall.json\n  rolecalld aws cloudformation --config rolecall.toml --out templates\n  rolecalld aws terraform --config rolecall.toml --out modules\n  rolecalld aws trust-policy --config rolecall.toml --account payments-prod --permission-set Developer\n  rolecalld aws resource-control-policy --config rolecall.toml\n  rolecalld aws doctor --config rolecall.toml --authorization-details payments-prod.json"
)]
pub enum AwsCommand {
    /// CloudFormation templates with the identity provider and the roles of each account
    #[command(name = "cloudformation")]
    CloudFormation(cloudformation::CloudFormation),
    /// Terraform modules with the identity provider and the roles of each account
    Terraform(terraform::Terraform),
    /// Trust policies of the roles of an account
    TrustPolicy(trust_policy::TrustPolicy),
    /// Resource control policy for the organization: denies tokens of this gateway that do not name their role
    ResourceControlPolicy(resource_control_policy::ResourceControlPolicy),
    /// Compare accounts with the access files: trust policies, roles, permissions, identity providers
    Doctor(doctor::Doctor),
}

impl AwsCommand {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        match self {
            Self::CloudFormation(command) => command.run(),
            Self::Terraform(command) => command.run(),
            Self::TrustPolicy(command) => command.run(),
            Self::ResourceControlPolicy(command) => command.run(),
            Self::Doctor(command) => command.run(),
        }
    }
}
