//! `rolecalld aws cloudformation`

use rolecall_core::aws::Region;
use rolecall_core::provisioning::AccountPlan;

use super::output::{About, Generated, OutputArgs};
use super::plan_args::PlanArgs;
use crate::cli::names;
use crate::cli::out::{self, CommandStatus, Failure};
use crate::config::LoadedOffline;
use crate::provisioning::cloudformation::{self, Delivery, TooLarge};
use crate::provisioning::stack_sets::{self, Deployment};

/// Generate CloudFormation templates in JSON: for each account, the identity provider and the roles that are assigned.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecalld aws cloudformation --config rolecall.toml --account payments-prod > rolecall.json\n  rolecalld aws cloudformation --config rolecall.toml --out templates\n  rolecalld aws cloudformation --config rolecall.toml --organizational-unit r-abcd --management-account 999900001111 --out templates"
)]
pub struct CloudFormation {
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    stack_sets: StackSetArgs,
    /// Templates are uploaded to S3: they can have 1 MB instead of 51,200 bytes
    #[arg(long)]
    s3: bool,
}

/// Options for StackSets.
#[derive(Debug, clap::Args)]
struct StackSetArgs {
    /// Generate one template with StackSets (service-managed permissions) instead: ID of the root or of an organizational
    /// unit that contains the accounts; repeatable
    #[arg(long, value_name = "ID", value_parser = organizational_unit, conflicts_with = "account")]
    organizational_unit: Vec<String>,
    /// Management account of the organization, in which StackSets create nothing: a template of its own is generated
    #[arg(long, value_name = "ACCOUNT", requires = "organizational_unit")]
    management_account: Option<String>,
    /// The template is deployed in the account of a delegated administrator
    #[arg(long, requires = "organizational_unit")]
    delegated_administrator: bool,
    /// Region of the stacks. Default: `[aws] sts_region`
    #[arg(long, requires = "organizational_unit", value_parser = Region::parse)]
    region: Option<Region>,
}

impl CloudFormation {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        let loaded = self.plan.load()?;
        let files = match self.stack_sets.organizational_unit.is_empty() {
            true => {
                let plan = self.plan.plan(&loaded)?;
                let accounts = plan.accounts.iter().map(|account| self.account(account));
                accounts.collect::<Result<Vec<_>, _>>()?.concat()
            }
            false => self.stack_sets(&loaded)?,
        };
        self.output.deliver(&files)?;
        Ok(CommandStatus::Success)
    }

    fn delivery(&self) -> Delivery {
        match self.s3 {
            true => Delivery::S3,
            false => Delivery::Inline,
        }
    }

    fn account(&self, account: &AccountPlan) -> Result<Vec<Generated>, Failure> {
        let templates = cloudformation::templates(account, self.delivery()).map_err(too_large)?;
        Ok(numbered(account.id.as_str(), templates, |template| {
            About::Account {
                account: account.id.to_string(),
                name: account.name.as_ref().map(ToString::to_string),
                roles: template.matches("\"Type\": \"AWS::IAM::Role\"").count(),
            }
        }))
    }

    /// The template with StackSets, and that of the management account.
    fn stack_sets(&self, loaded: &LoadedOffline) -> Result<Vec<Generated>, Failure> {
        let arguments = &self.stack_sets;
        let management = arguments.management_account.as_deref();
        let management = management.map(|wanted| names::account(&loaded.access.policy, wanted));
        let management = management.transpose()?;
        let planned = self
            .plan
            .stack_sets(loaded, management.map(|one| &one.id))?;
        for account in &planned.left_out {
            out::note(format!(
                "warning: {account} is left out: its trust has values of its own; generate its template with --account"
            ));
        }
        let deployment = Deployment {
            organizational_units: &arguments.organizational_unit,
            region: arguments
                .region
                .as_ref()
                .unwrap_or(&loaded.settings.aws.sts_region),
            delegated: arguments.delegated_administrator,
        };
        let templates = stack_sets::templates(&planned.stack_sets, deployment, self.delivery());
        let mut files = numbered("stack-sets", templates.map_err(too_large)?, |template| {
            About::StackSets {
                stack_sets: template
                    .matches("\"Type\": \"AWS::CloudFormation::StackSet\"")
                    .count(),
            }
        });
        if let Some(management) = management {
            let plan = self.plan.plan_of(loaded, &management.id)?;
            for account in &plan.accounts {
                files.extend(self.account(account)?);
            }
        }
        Ok(files)
    }
}

/// The files of templates that belong together.
fn numbered(name: &str, templates: Vec<String>, about: impl Fn(&str) -> About) -> Vec<Generated> {
    let single = templates.len() == 1;
    let templates = (1..).zip(templates);
    let files = templates.map(|(part, template): (usize, String)| Generated {
        path: match single {
            true => format!("{name}.json"),
            false => format!("{name}-{part}.json"),
        },
        about: about(&template),
        body: template,
    });
    files.collect()
}

fn too_large(error: TooLarge) -> Failure {
    Failure::configuration(error.to_string())
        .hint("upload the template to S3: set --s3; or shorten the policies of the role")
}

/// ID of a root or an organizational unit (Organizations, `OrganizationalUnitId`).
fn organizational_unit(text: &str) -> Result<String, &'static str> {
    let plain = |part: &str, length: std::ops::RangeInclusive<usize>| {
        length.contains(&part.len())
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    let is_root = |text: &str| {
        let id = text.strip_prefix("r-");
        id.is_some_and(|id| plain(id, 4..=32))
    };
    let unit = text
        .strip_prefix("ou-")
        .and_then(|rest| rest.split_once('-'));
    let is_unit = unit.is_some_and(|(root, id)| plain(root, 4..=32) && plain(id, 8..=32));
    match is_root(text) || is_unit {
        true => Ok(text.to_owned()),
        false => {
            Err("write the ID of the root, r-abcd, or of an organizational unit, ou-abcd-12345678")
        }
    }
}
