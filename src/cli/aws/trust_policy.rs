//! `rolecalld aws trust-policy`

use rolecall_core::aws::RoleArn;
use rolecall_core::provisioning::{AccountPlan, Node, RolePlan};

use super::plan_args::PlanArgs;
use crate::cli::names;
use crate::cli::out::{self, CommandStatus, Failure};

/// Generate the trust policies of roles: one as a document, several as a list with their roles.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecalld aws trust-policy --config rolecall.toml --account payments-prod --permission-set Developer > trust.json\n  rolecalld aws trust-policy --config rolecall.toml"
)]
pub struct TrustPolicy {
    #[command(flatten)]
    plan: PlanArgs,
    /// Only the roles of this permission set and its variants
    #[arg(long, value_name = "NAME")]
    permission_set: Option<String>,
    /// Print a list, also for one role
    #[arg(long)]
    json: bool,
}

impl TrustPolicy {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        let loaded = self.plan.load()?;
        let wanted = self.permission_set.as_deref();
        if let Some(wanted) = wanted {
            let set = wanted.split_once('@').map_or(wanted, |(set, _)| set);
            names::permission_set(&loaded.access.policy, set)?;
        }
        let plan = self.plan.plan(&loaded)?;
        let roles = plan.accounts.iter().flat_map(|account| {
            let roles = account.roles.iter().filter(|role| is_of(role, wanted));
            roles.map(move |role| (account, role))
        });
        let roles: Vec<(&AccountPlan, &RolePlan)> = roles.collect();
        match roles.as_slice() {
            [] => Err(
                Failure::failed("no such role is assigned in these accounts")
                    .hint("an assignment must grant the permission set in the account"),
            ),
            [(account, role)] if !self.json => {
                out::line(role.trust().node().fill(&account.id).pretty())?;
                Ok(CommandStatus::Success)
            }
            several => {
                let partition = loaded.settings.aws.partition;
                let listed = several.iter().map(|(account, role)| {
                    let arn = RoleArn::new(partition, account.id.clone(), role.path().clone());
                    let sets = role.permission_sets().iter().cloned().map(Node::Text);
                    Node::map([
                        ("role", Node::text(arn.as_str())),
                        ("permission_sets", Node::List(sets.collect())),
                        ("trust_policy", role.trust().node().fill(&account.id)),
                    ])
                });
                out::json(&Node::List(listed.collect()))?;
                Ok(CommandStatus::Success)
            }
        }
    }
}

/// Whether the role is one of the permission set, or of a variant that is named with it.
fn is_of(role: &RolePlan, wanted: Option<&str>) -> bool {
    let Some(wanted) = wanted else { return true };
    role.permission_sets().iter().any(|name| {
        let variant = name.strip_prefix(wanted);
        variant.is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
    })
}
