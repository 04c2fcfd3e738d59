//! Options of all commands that generate files: which accounts, and what the configuration does not contain.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rolecall_core::access::{Account, Policy, Trust};
use rolecall_core::aws::AccountId;
use rolecall_core::provisioning::{
    self, Existing, ExistingProviders, GatewayPrincipal, Installation, Plan, PlanError, PlanNote,
    StackSets,
};

use crate::cli::out::{self, Failure};
use crate::cli::{AccessArg, ConfigArg, names};
use crate::config::{Loaded, LoadedOffline, OfflineSettings};

/// Upper limit of the errors that are printed: a mistake in a permission set can concern each account.
const ERRORS_PRINTED_MAX: usize = 20;

/// Accounts that are not in the access files, each with the error.
type Unlisted = Vec<(AccountId, Failure)>;

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
    /// For accounts with trust = "caller": ARN of the IAM role or user whose AWS credentials the gateway has. Default:
    /// `[aws] gateway_principal`
    #[arg(long, value_name = "ARN", value_parser = GatewayPrincipal::parse)]
    gateway_principal: Option<GatewayPrincipal>,
    /// For accounts with trust = "gateway-saml": the gateway's metadata, as served at /saml/metadata. Default: that of
    /// the keys in `[issuer] keys`
    #[arg(long, value_name = "FILE")]
    saml_metadata: Option<PathBuf>,
    /// For accounts with trust = "provider-saml": metadata of the identity provider's application for AWS, and the name of
    /// its SAML provider in IAM; repeatable
    #[arg(long, value_name = "NAME=FILE", value_parser = named_file)]
    provider_metadata: Vec<(String, PathBuf)>,
    /// Account that has the identity provider already, so that it is not generated: name, 12-digit ID, or * for every
    /// account; repeatable
    #[arg(long, value_name = "ACCOUNT")]
    existing_provider: Vec<String>,
    /// Do not generate the roles of `via`, and the permission of the gateway's own principal to assume roles
    #[arg(long)]
    without_gateway: bool,
}

impl PlanArgs {
    /// The options for the configuration and for what it does not contain, to be repeated in commands.
    pub fn options(&self) -> Vec<String> {
        let shown = |path: &Path| path.display().to_string();
        let mut options = vec!["--config".to_owned(), shown(&self.config.config)];
        let mut add = |name: &str, value: String| options.extend([name.to_owned(), value]);
        for path in &self.access.access {
            add("--access", shown(path));
        }
        if let Some(principal) = &self.gateway_principal {
            add("--gateway-principal", principal.as_str().to_owned());
        }
        if let Some(path) = &self.saml_metadata {
            add("--saml-metadata", shown(path));
        }
        for (name, path) in &self.provider_metadata {
            add("--provider-metadata", format!("{name}={}", shown(path)));
        }
        for account in &self.existing_provider {
            add("--existing-provider", account.clone());
        }
        options
    }

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
        let policy = &loaded.access.policy;
        let (only, unlisted) = self.selected(policy)?;
        let plan = self.with_installation(loaded, |installation| {
            provisioning::plan(policy, installation, only.as_ref())
        })?;
        print(&plan.notes);
        for (id, unknown) in unlisted {
            if !plan.accounts.iter().any(|account| account.id == id) {
                return Err(unknown);
            }
        }
        match plan.accounts.is_empty() {
            false => Ok(plan),
            true => Err(nothing()),
        }
    }

    /// The accounts of `--account`, which must be in the access files; `None` without the option.
    pub fn only(&self, loaded: &LoadedOffline) -> Result<Option<BTreeSet<AccountId>>, Failure> {
        let (only, unlisted) = self.selected(&loaded.access.policy)?;
        match unlisted.into_iter().next() {
            Some((_, unknown)) => Err(unknown),
            None => Ok(only),
        }
    }

    /// The accounts of `--account`; `None` without the option. Those that are not in the access files are also returned, with the
    /// error: an account that only has roles of `via`, or the gateway's principal, is not there.
    fn selected(
        &self,
        policy: &Policy,
    ) -> Result<(Option<BTreeSet<AccountId>>, Unlisted), Failure> {
        let (mut only, mut unlisted) = (BTreeSet::new(), Unlisted::new());
        for wanted in &self.account {
            match (names::account(policy, wanted), AccountId::parse(wanted)) {
                (Ok(account), _) => drop(only.insert(account.id.clone())),
                (Err(unknown), Ok(id)) => {
                    only.insert(id.clone());
                    unlisted.push((id, unknown));
                }
                (Err(unknown), Err(_)) => return Err(unknown),
            }
        }
        Ok((Some(only).filter(|only| !only.is_empty()), unlisted))
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
        let settings = &loaded.settings;
        let metadata = self.metadata(settings)?;
        self.check_provider_names(&loaded.access.policy)?;
        let provider_metadata = self.provider_metadata.iter();
        let provider_metadata =
            provider_metadata.map(|(name, path)| Ok((name.clone(), read(path)?)));
        let provider_metadata = provider_metadata.collect::<Result<BTreeMap<_, _>, Failure>>()?;
        let existing = self.existing_providers(&loaded.access.policy)?;
        let principal = self.gateway_principal.as_ref();
        let domains = settings.access.email_domains();
        let installation = Installation {
            email_domains: &domains,
            principal: principal.or(settings.gateway_principal.as_ref()),
            saml_metadata: metadata.as_deref(),
            provider_metadata: Some(&provider_metadata),
            existing: Existing {
                providers: match &existing {
                    None => ExistingProviders::Everywhere,
                    Some(accounts) => ExistingProviders::In(accounts),
                },
                gateway: self.without_gateway,
            },
            ..settings.installation()
        };
        plan(&installation).map_err(failure)
    }

    /// Metadata for a SAML provider that no account trusts is probably a typo.
    fn check_provider_names(&self, policy: &Policy) -> Result<(), Failure> {
        let trusts = |account: &Account, name: &str| match &account.trust {
            Trust::ProviderSaml(arn) => arn.name() == name,
            Trust::GatewayOidc
            | Trust::GatewaySaml(_)
            | Trust::ProviderOidc(_)
            | Trust::Caller(_)
            | Trust::FederationToken(_) => false,
        };
        let names = self.provider_metadata.iter().map(|(name, _)| name);
        let mut unknown =
            names.filter(|name| !policy.accounts().any(|account| trusts(account, name)));
        match unknown.next() {
            None => Ok(()),
            Some(name) => Err(Failure::configuration(format!(
                "no account with trust = \"provider-saml\" has the SAML provider {name}"
            ))
            .hint("write the name at the end of its saml_provider_arn")),
        }
    }

    /// The accounts that have the identity provider already; `None` if it is every account.
    fn existing_providers(&self, policy: &Policy) -> Result<Option<BTreeSet<AccountId>>, Failure> {
        let mut accounts = BTreeSet::new();
        for wanted in &self.existing_provider {
            if wanted == "*" {
                return Ok(None);
            }
            accounts.insert(names::account(policy, wanted)?.id.clone());
        }
        Ok(Some(accounts))
    }

    /// The metadata for IAM; `None` if there is neither a file nor a key.
    fn metadata(&self, settings: &OfflineSettings) -> Result<Option<String>, Failure> {
        if let Some(path) = &self.saml_metadata {
            return read(path).map(Some);
        }
        Ok(settings.saml_metadata())
    }
}

/// `NAME=FILE`
fn named_file(text: &str) -> Result<(String, PathBuf), &'static str> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(file)))
        }
        Some(_) | None => {
            Err("write NAME=FILE: the name of the SAML provider in IAM, and its metadata")
        }
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
    Failure::failed("there is nothing to generate")
        .hint("no assignment of the access files grants a role in these accounts")
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
