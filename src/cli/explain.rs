//! `rolecalld explain`: evaluates the access policy for given claims.

use std::net::IpAddr;
use std::path::PathBuf;

use rolecall_core::access::{
    DurationReason, EvaluatedRule, Explanation, Grant, KeyCheck, Locked, Policy, RuleOutcome, Unmet,
};
use rolecall_core::aws::{AccountId, FederatedUserName, RoleSessionDuration};
use rolecall_core::base::{Clock as _, json, text};
use rolecall_core::caller::{Circumstances, Facts};
use rolecall_core::identity::{Identity, ProviderId};
use serde::Serialize;

use super::out::{self, CommandStatus, Failure};
use super::{AccessArg, ConfigArg, claims, names, people_source};
use crate::world::SystemClock;

/// Show which roles a user gets, and why, from the claims that an identity provider would send.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecalld explain --config rolecall.toml --provider okta --claims alice.json\n  rolecalld explain --config rolecall.toml --provider okta --claims alice.json --account payments-prod --permission-set Developer"
)]
pub struct Explain {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    access: AccessArg,
    /// Identity provider that sends the claims
    #[arg(long, value_parser = ProviderId::parse)]
    provider: ProviderId,
    /// File with the claims, a JSON object as in an ID token
    #[arg(long, value_name = "FILE")]
    claims: PathBuf,
    /// Show only this account: name or 12-digit ID
    #[arg(long)]
    account: Option<String>,
    /// Show only this permission set
    #[arg(long)]
    permission_set: Option<String>,
    /// Client address of the user, for network conditions
    #[arg(long)]
    address: Option<IpAddr>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Explain {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        let loaded = self.config.load_offline(&self.access)?;
        let policy = &loaded.access.policy;
        let filter = self.filter(policy)?;
        let providers = &loaded.settings.providers;
        let settings = providers
            .iter()
            .find(|provider| *provider.id() == self.provider)
            .ok_or_else(|| {
                let known: Vec<&str> = providers
                    .iter()
                    .map(|provider| provider.id().as_str())
                    .collect();
                Failure::configuration(format!("unknown identity provider {}", self.provider))
                    .hint(format!("known identity providers: {}", known.join(", ")))
            })?;
        let shown = self.claims.display();
        let text = people_source::read_claims(&self.claims, None)?.text;
        // Parsed with the same strictness as a token.
        let parsed = json::object(&text).map_err(|error| {
            Failure::configuration(format!("{shown}: not a JSON object: {error}"))
                .hint("write the claims as in an ID token: {\"sub\": \"…\", \"groups\": [\"…\"]}")
        })?;
        let now = SystemClock.now();
        let rejected = |reason: String| Failure::configuration(format!("{shown}: {reason}"));
        let identity = claims::identity(settings, &parsed, now).map_err(rejected)?;
        let identity = claims::accepted(policy, identity).map_err(rejected)?;
        let circumstances = Circumstances {
            now,
            address: self.address,
            device_flow: false,
        };
        let explanation = policy.explain(&Facts::new(&identity, circumstances));
        let output = select(&explanation, &filter, &identity);
        if self.json {
            out::json(&output)?
        } else {
            print(&output)?
        }
        Ok(if output.roles.is_empty() {
            CommandStatus::Negative
        } else {
            CommandStatus::Success
        })
    }

    /// Resolves the options `--account` and `--permission-set`; both must exist in the policy.
    fn filter(&self, policy: &Policy) -> Result<Filter, Failure> {
        let account = self.account.as_deref();
        let account = account.map(|wanted| names::account(policy, wanted));
        let account = account.transpose()?;
        if let Some(wanted) = &self.permission_set {
            names::permission_set(policy, wanted)?;
        }
        Ok(Filter {
            account: account.map(|account| account.id.clone()),
            permission_set: self.permission_set.clone(),
        })
    }
}

/// The account and permission set to show; `None` shows all.
struct Filter {
    account: Option<AccountId>,
    permission_set: Option<String>,
}

impl Filter {
    fn matches(&self, account: &AccountId, set: &str) -> bool {
        self.account.as_ref().is_none_or(|wanted| wanted == account)
            && self
                .permission_set
                .as_deref()
                .is_none_or(|wanted| wanted == set)
    }
}

/// Restricts an explanation to the account and permission set of the filter.
fn select<'e>(
    explanation: &'e Explanation,
    filter: &Filter,
    identity: &Identity,
) -> ExplainOutput<'e> {
    let grants = explanation.grants();
    let roles = grants
        .iter()
        .filter(|grant| filter.matches(&grant.account().id, grant.permission_set().name.as_str()))
        .map(|grant| role(&grant, identity));
    let locked = grants
        .locked()
        .filter(|locked| filter.matches(&locked.account.id, locked.permission_set.name.as_str()))
        .map(|locked| LockedRole {
            label: label(&locked),
            needs: locked.unmet.iter().map(condition).collect(),
        });
    let all = || {
        (
            explanation.assignments().iter().collect(),
            explanation.denies().iter().collect(),
        )
    };
    let (assignments, denies) = match (&filter.account, &filter.permission_set) {
        (Some(account), Some(set)) => explanation.about(account, set).unwrap_or_else(all),
        (Some(_), None) | (None, Some(_)) | (None, None) => all(),
    };
    ExplainOutput {
        roles: roles.collect(),
        locked: locked.collect(),
        assignments,
        denies,
    }
}

/// The output of `explain`.
#[derive(Serialize)]
struct ExplainOutput<'e> {
    roles: Vec<Role>,
    locked: Vec<LockedRole>,
    assignments: Vec<&'e EvaluatedRule>,
    denies: Vec<&'e EvaluatedRule>,
}

#[derive(Serialize)]
struct Role {
    label: String,
    /// ARN of the role, or of the federated user.
    role: String,
    #[serde(flatten)]
    duration: Duration,
    /// The duration with the keys of an IAM user. The command does not know the principal of the gateway's AWS credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    with_user_keys: Option<Duration>,
    assignments: Vec<String>,
}

#[derive(Serialize)]
struct Duration {
    #[serde(rename = "duration_seconds")]
    seconds: u32,
    limited_by: String,
    #[serde(skip)]
    line: String,
}

impl From<(RoleSessionDuration, DurationReason)> for Duration {
    fn from((duration, reason): (RoleSessionDuration, DurationReason)) -> Self {
        Self {
            seconds: duration.seconds(),
            limited_by: reason.to_string(),
            line: reason.line(duration),
        }
    }
}

impl Role {
    /// How long sessions last, and why.
    fn duration_line(&self) -> String {
        let line = &self.duration.line;
        match &self.with_user_keys {
            None => line.clone(),
            Some(Duration {
                line: with_keys, ..
            }) => format!(
                "{line} if the gateway's AWS credentials are those of a role, or {with_keys} if they are the keys of an IAM user"
            ),
        }
    }
}

fn role(grant: &Grant, identity: &Identity) -> Role {
    let (role, account) = (grant.role(), grant.account());
    Role {
        label: grant.label(),
        role: match grant.trust().assumes_role() {
            true => role.to_string(),
            false => FederatedUserName::of(identity).arn(role.partition(), &account.id),
        },
        duration: grant.duration().into(),
        with_user_keys: grant.duration_with_user_keys().map(Duration::from),
        assignments: grant.assignments().map(str::to_owned).collect(),
    }
}

#[derive(Serialize)]
struct LockedRole {
    label: String,
    needs: Vec<String>,
}

/// An unmet condition, and what an administrator must change.
fn condition(unmet: &Unmet) -> String {
    match unmet.hint() {
        Some(hint) => format!("{unmet}; {hint}"),
        None => unmet.to_string(),
    }
}

fn label(locked: &Locked) -> String {
    let variant = locked
        .variant
        .as_ref()
        .map(|variant| format!("@{variant}"))
        .unwrap_or_default();
    format!(
        "{}/{}{variant}",
        locked.account.name, locked.permission_set.name
    )
}

fn print(output: &ExplainOutput<'_>) -> Result<(), Failure> {
    out::line(if output.roles.is_empty() {
        "No roles."
    } else {
        "Roles:"
    })?;
    for role in &output.roles {
        out::line(format!(
            "  {}  {}  {}  ({})",
            role.label,
            role.role,
            role.duration_line(),
            role.assignments.join(", ")
        ))?;
    }
    if !output.locked.is_empty() {
        out::line("Available under other conditions:")?;
    }
    for role in &output.locked {
        out::line(format!("  {}  {}", role.label, role.needs.join("; ")))?;
    }
    for (title, entries) in [
        ("Assignments:", &output.assignments),
        ("Deny rules:", &output.denies),
    ] {
        if !entries.is_empty() {
            out::line(title)?;
        }
        for entry in entries {
            let outcome = match entry.outcome {
                RuleOutcome::Holds => "matches",
                RuleOutcome::OtherCircumstances => "conditions not met",
                RuleOutcome::OtherPeople => "does not apply to this user",
            };
            let reasons = if entry.reasons.is_empty() {
                String::new()
            } else {
                const REASONS_CHARS_MAX: usize = 4_000;
                let reasons = entry.reasons.join("; ");
                format!(": {}", text::one_line(&reasons, REASONS_CHARS_MAX))
            };
            out::line(format!(
                "  {} ({}): {outcome}{reasons}",
                entry.id, entry.location
            ))?;
            print_checks(entry)?;
        }
    }
    Ok(())
}

/// Every key with the compared value, and what would be needed. A rule for people of another provider cannot matter.
fn print_checks(entry: &EvaluatedRule) -> Result<(), Failure> {
    let is_provider = |check: &&KeyCheck| check.key == "who.provider" && !check.holds;
    if entry.checks.iter().any(|check| is_provider(&check)) {
        return Ok(());
    }
    for check in &entry.checks {
        out::line(format!("    {check}"))?;
    }
    match entry.needed.as_slice() {
        [] => Ok(()),
        needed => out::line(format!("    needed: {}", needed.join(", and "))),
    }
}
