//! Options of all commands that generate files: which accounts, and what the configuration does not contain.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rolecall_core::aws::AccountId;
use rolecall_core::provisioning::{
    self, GatewayPrincipal, Installation, Plan, PlanError, PlanNote, StackSets,
};

use crate::aws::ResponseIssuer;
use crate::aws::keys::KeyDirectory;
use crate::cli::out::{self, Failure};
use crate::cli::{AccessArg, ConfigArg, names};
use crate::config::{Loaded, LoadedOffline, OfflineSettings};
use crate::world::{SystemClock, SystemEntropy};

/// Upper limit of the errors that are printed: a mistake in a permission set can concern each account.
const ERRORS_PRINTED_MAX: usize = 20;

/// Configuration, accounts, and what the configuration does not contain.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub config: ConfigArg,
    #[command(flatten)]
    access: AccessArg,
    /// Only this account: name or 12-digit ID; repeatable
    #[arg(long, value_name = "ACCOUNT")]
    account: Vec<String>,
    /// For accounts with trust = "caller": ARN of the IAM role or user whose AWS credentials the gateway has
    #[arg(long, value_name = "ARN", value_parser = GatewayPrincipal::parse)]
    gateway_principal: Option<GatewayPrincipal>,
    /// For accounts with trust = "gateway-saml": the gateway's metadata, as served at /saml/metadata. Default: that of
    /// the keys in `[issuer] keys`
    #[arg(long, value_name = "FILE")]
    saml_metadata: Option<PathBuf>,
}

impl PlanArgs {
    /// Loads the configuration without secrets.
    pub fn load(&self) -> Result<LoadedOffline, Failure> {
        self.config.load_offline(&self.access)
    }

    /// Loads the complete configuration, with secrets.
    pub fn load_complete(&self) -> Result<Loaded, Failure> {
        self.config.load_with(&self.access)
    }

    /// The plan of the selected accounts. Prints its notes.
    pub fn plan(&self, loaded: &LoadedOffline) -> Result<Plan, Failure> {
        let only = self.only(loaded)?;
        let plan = self.with_installation(loaded, |installation| {
            provisioning::plan(&loaded.access.policy, installation, only.as_ref())
        })?;
        print(&plan.notes);
        match plan.accounts.is_empty() {
            false => Ok(plan),
            true => Err(nothing()),
        }
    }

    /// The accounts of `--account`; `None` without the option.
    pub fn only(&self, loaded: &LoadedOffline) -> Result<Option<BTreeSet<AccountId>>, Failure> {
        let mut only = BTreeSet::new();
        for wanted in &self.account {
            only.insert(names::account(&loaded.access.policy, wanted)?.id.clone());
        }
        Ok(Some(only).filter(|only| !only.is_empty()))
    }

    /// The plan of one account, which can be empty. Its notes are among those of all accounts.
    pub fn plan_of(&self, loaded: &LoadedOffline, account: &AccountId) -> Result<Plan, Failure> {
        let only = BTreeSet::from([account.clone()]);
        self.with_installation(loaded, |installation| {
            provisioning::plan(&loaded.access.policy, installation, Some(&only))
        })
    }

    /// The StackSets of all accounts. Prints their notes.
    pub fn stack_sets(
        &self,
        loaded: &LoadedOffline,
        without: Option<&AccountId>,
    ) -> Result<StackSets, Failure> {
        let planned = self.with_installation(loaded, |installation| {
            provisioning::stack_sets(&loaded.access.policy, installation, without)
        })?;
        print(&planned.notes);
        match planned.stack_sets.is_empty() {
            false => Ok(planned),
            true => Err(nothing()),
        }
    }

    /// Plans with what the configuration, the options and the keys contain.
    pub fn with_installation<T>(
        &self,
        loaded: &LoadedOffline,
        plan: impl FnOnce(&Installation<'_>) -> Result<T, BTreeSet<PlanError>>,
    ) -> Result<T, Failure> {
        let metadata = self.metadata(&loaded.settings)?;
        let domains = loaded.settings.access.email_domains();
        let installation = Installation {
            email_domains: &domains,
            principal: self.gateway_principal.as_ref(),
            saml_metadata: metadata.as_deref(),
            ..installation(&loaded.settings)
        };
        plan(&installation).map_err(failure)
    }

    /// The metadata for IAM; `None` if there is neither a file nor a key.
    fn metadata(&self, settings: &OfflineSettings) -> Result<Option<String>, Failure> {
        if let Some(path) = &self.saml_metadata {
            return read(path).map(Some);
        }
        let issuer = ResponseIssuer::open(
            settings.public_url.as_str().trim_end_matches('/'),
            KeyDirectory::new(settings.issuer_keys.clone()),
            settings.aws.clone(),
            Arc::new(SystemClock),
            Arc::new(SystemEntropy),
        );
        let metadata = issuer.ok().and_then(|issuer| issuer.metadata());
        Ok(metadata.map(|metadata| metadata.body.to_string()))
    }
}

/// What the configuration says about the gateway.
pub fn installation(settings: &OfflineSettings) -> Installation<'_> {
    Installation {
        issuer: settings.issuer(),
        public_url: &settings.public_url,
        partition: settings.aws.partition,
        role_claim: settings.aws.role_claim,
        sts_region: &settings.aws.sts_region,
        signin_endpoint: settings.aws.signin_endpoint.as_ref(),
        email_domains: &[],
        principal: None,
        saml_metadata: None,
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::configuration(format!("{}: cannot read: {error}", path.display()))
    })
}

fn print(notes: &BTreeSet<PlanNote>) {
    for note in notes {
        out::note(format!("warning: {note}"));
    }
}

fn nothing() -> Failure {
    Failure::failed("there is nothing to generate").hint(
        "no assignment of the access files grants a role in these accounts, or their trust is not supported",
    )
}

/// All errors, each with its hint.
fn failure(errors: BTreeSet<PlanError>) -> Failure {
    let count = errors.len();
    let shown = errors.iter().take(ERRORS_PRINTED_MAX);
    let mut lines: Vec<String> = shown
        .map(|error| format!("{error}\n  hint: {}", error.hint()))
        .collect();
    if count > ERRORS_PRINTED_MAX {
        lines.push(format!("… {} more errors", count - ERRORS_PRINTED_MAX));
    }
    lines.push(out::count(count, "error"));
    Failure::configuration(lines.join("\n"))
}
