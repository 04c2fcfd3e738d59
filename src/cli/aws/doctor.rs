//! `rolecalld aws doctor`

mod certificate;
mod files;
mod host;
mod issuer;
mod live;
mod output;
mod saml_metadata;

use std::collections::BTreeSet;
use std::path::PathBuf;

use rolecall_core::base::Clock as _;
use rolecall_core::drift::{self, FindingKind, Model, Observed, Report};
use rolecall_core::provisioning::{self, Existing, ExistingProviders, Installation, ProviderPlan};

use super::plan_args::PlanArgs;
use crate::cli::block_on;
use crate::cli::out::{CommandStatus, Failure};
use crate::config::LoadedOffline;
use crate::world::SystemClock;
use files::OfAccount;
use host::Unknown;
use issuer::IssuerReport;

/// Compare accounts with the access files: trust policies, roles, permissions, identity providers, and the documents that AWS
/// reads from the gateway.
///
/// Each finding has an ID, says why it matters, and has the command that corrects it. Exit code 1: there are findings.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecalld aws doctor --config rolecall.toml --authorization-details payments-prod.json --roles roles.json\n  rolecalld aws doctor --config rolecall.toml --oidc-provider payments-prod=provider.json\n  rolecalld aws doctor --config rolecall.toml --authorization-details *.json --json\n  AWS_PROFILE=payments-prod rolecalld aws doctor --config rolecall.toml --live\n\nThe files are made with:\n  aws iam get-account-authorization-details --filter Role LocalManagedPolicy > payments-prod.json\n  aws iam list-roles > roles.json"
)]
#[command(group = clap::ArgGroup::new("source").required(true).multiple(true)
    .args(["authorization_details", "oidc_provider", "saml_provider", "live"]))]
pub struct Doctor {
    #[command(flatten)]
    plan: PlanArgs,
    /// Output of `aws iam get-account-authorization-details` of one or more accounts; repeatable
    #[arg(long, value_name = "FILE", num_args = 1..)]
    authorization_details: Vec<PathBuf>,
    /// Output of `aws iam list-roles`: the only one with MaxSessionDuration; repeatable
    #[arg(long, value_name = "FILE", num_args = 1..)]
    roles: Vec<PathBuf>,
    /// Output of `aws iam get-open-id-connect-provider` or `list-open-id-connect-providers`. The former does not contain the
    /// account: write ACCOUNT=FILE if there are several; repeatable
    #[arg(long, value_name = "[ACCOUNT=]FILE", num_args = 1..)]
    oidc_provider: Vec<OfAccount>,
    /// Output of `aws iam get-saml-provider` or `list-saml-providers`, as --oidc-provider; repeatable
    #[arg(long, value_name = "[ACCOUNT=]FILE", num_args = 1..)]
    saml_provider: Vec<OfAccount>,
    /// Read the account of the AWS credentials of this shell (environment, AWS_PROFILE), and fetch the documents of the issuer
    #[arg(long)]
    live: bool,
    /// Leave out findings with this ID; repeatable
    #[arg(long, value_name = "ID", value_parser = finding_kind)]
    ignore: Vec<FindingKind>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        let loaded = self.plan.load()?;
        let only = self.plan.only(&loaded)?;
        let mut observed = Observed::default();
        let settings = &loaded.settings;
        let (mut unread, mut thumbprints) = (BTreeSet::new(), Vec::new());
        let complete = self.live.then(|| self.plan.load_complete()).transpose()?;
        let egress = complete.map(|complete| complete.settings.egress);
        if let Some(egress) = &egress {
            unread = block_on(live::read(settings, egress, &mut observed))?;
            match certificate::served(settings.issuer(), egress) {
                Ok(served) => thumbprints = served,
                Err(error) => {
                    unread.insert(format!("certificates of the issuer: {error}"));
                }
            }
        }
        self.read(&loaded, &mut observed)?;
        let options = self.plan.options();
        let (mut report, of_tokens) = self.plan.with_installation(&loaded, |installation| {
            let policy = &loaded.access.policy;
            let unknown = Unknown::of(policy, installation, only.as_ref());
            // Intermediate roles and the gateway's own principal are not compared; identity providers always are.
            let existing = Existing {
                gateway: true,
                providers: ExistingProviders::In(&unknown.providers),
            };
            let installation = &Installation {
                existing,
                ..*installation
            };
            let planned = unknown.planned(policy, only.as_ref());
            let plan = provisioning::plan(policy, installation, planned.as_ref())?;
            let model = Model {
                plan: &plan,
                policy,
                installation,
                only: only.as_ref(),
                options: &options,
                now: SystemClock.now(),
                thumbprints: thumbprints.clone(),
                saml_metadata: &|text| saml_metadata::parse(text).ok(),
            };
            let mut report = drift::compare(&model, &observed);
            report.unseen.extend(unknown.unseen.iter().cloned());
            let issuer = installation.issuer.as_str().trim_end_matches('/');
            let is_own = |provider: &ProviderPlan| match provider {
                ProviderPlan::Oidc { url, .. } => url == issuer,
                ProviderPlan::Saml { .. } => false,
            };
            let mut providers = plan.accounts.iter().filter_map(|one| one.provider.as_ref());
            let of_tokens = providers.any(is_own);
            Ok((report, of_tokens))
        })?;
        if of_tokens {
            let issuer = match &egress {
                Some(egress) => block_on(IssuerReport::live(settings, egress))?,
                None => IssuerReport::offline(settings),
            };
            issuer.add_to(&mut report);
        }
        report.unseen.extend(unread);
        report
            .findings
            .retain(|one| !self.ignore.contains(&one.kind));
        self.print(&loaded, &report)
    }

    fn print(&self, loaded: &LoadedOffline, report: &Report) -> Result<CommandStatus, Failure> {
        match self.json {
            true => output::json(&loaded.access.policy, report)?,
            false => output::text(&loaded.access.policy, report)?,
        }
        Ok(match report.findings.is_empty() {
            true => CommandStatus::Success,
            false => CommandStatus::Negative,
        })
    }
}

fn finding_kind(id: &str) -> Result<FindingKind, String> {
    FindingKind::all()
        .find(|kind| kind.id() == id)
        .ok_or_else(|| "there is no such finding: see the table in docs/doctor.md".to_owned())
}
