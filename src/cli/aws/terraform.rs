//! `rolecalld aws terraform`

use super::output::{About, Generated, OutputArgs};
use super::plan_args::PlanArgs;
use crate::cli::out::{CommandStatus, Failure};
use crate::provisioning::terraform::{self, Syntax};

/// Generate a Terraform module for each account, with the identity provider and the roles that are assigned.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecalld aws terraform --config rolecall.toml --account payments-prod > rolecall.tf\n  rolecalld aws terraform --config rolecall.toml --out modules\n  rolecalld aws terraform --config rolecall.toml --format json --out modules"
)]
pub struct Terraform {
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// Syntax of the files
    #[arg(long, value_enum, default_value_t)]
    format: FormatArg,
}

/// The option `--format`.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum FormatArg {
    /// Native syntax, rolecall.tf
    #[default]
    Hcl,
    /// JSON syntax, rolecall.tf.json
    Json,
}

impl From<FormatArg> for Syntax {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Hcl => Self::Hcl,
            FormatArg::Json => Self::Json,
        }
    }
}

impl Terraform {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        let plan = self.plan.plan(&self.plan.load()?)?;
        let syntax = self.format.into();
        let files = plan.accounts.iter().map(|account| Generated {
            path: format!("{}/{}", account.id, Syntax::file_name(syntax)),
            body: terraform::configuration(account, syntax),
            about: About::Account {
                account: account.id.to_string(),
                name: account.name.as_ref().map(ToString::to_string),
                roles: account.roles.len(),
            },
        });
        self.output.deliver(&files.collect::<Vec<_>>())?;
        Ok(CommandStatus::Success)
    }
}
