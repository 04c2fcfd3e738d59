//! `rolecalld explain`

use std::net::IpAddr;
use std::path::PathBuf;

use rolecall_core::access::{Account, EvaluatedRule, Explanation, Locked, Policy, RuleOutcome};
use rolecall_core::aws::AccountId;
use rolecall_core::base::{Clock as _, json};
use rolecall_core::caller::{Circumstances, Facts};
use rolecall_core::config_file::suggest;
use rolecall_core::identity::ProviderId;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde::Serialize;

use super::out::{self, Done, Failure};
use super::{AccessArg, ConfigArg};
use crate::idp::{OidcProvider, ProviderSettings, SamlProvider};
use crate::world::SystemClock;

/// Say which roles a person gets, and why, from the claims an identity provider would send.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecalld explain --config rolecall.toml --provider okta --claims alice.json\n  rolecalld explain --config rolecall.toml --provider okta --claims alice.json --account payments-prod --permission-set Developer"
)]
pub struct Explain {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    access: AccessArg,
    /// The provider the claims are from
    #[arg(long, value_parser = ProviderId::parse)]
    provider: ProviderId,
    /// The claims: a JSON object as in an ID token
    #[arg(long, value_name = "FILE")]
    claims: PathBuf,
    /// Only this account: its name or its 12 digits
    #[arg(long)]
    account: Option<String>,
    /// Only this permission set
    #[arg(long)]
    permission_set: Option<String>,
    /// Where the person is, for conditions on the network
    #[arg(long)]
    address: Option<IpAddr>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Explain {
    /// Runs the command.
    pub fn run(self) -> Result<Done, Failure> {
        let loaded = self.config.load_with(&self.access)?;
        let policy = &loaded.access.policy;
        let about = self.about(policy)?;
        let providers = &loaded.settings.providers;
        let settings = providers
            .iter()
            .find(|provider| *provider.id() == self.provider)
            .ok_or_else(|| {
                let known: Vec<&str> = providers
                    .iter()
                    .map(|provider| provider.id().as_str())
                    .collect();
                Failure::configuration(format!("no identity provider is called {}", self.provider))
                    .hint(format!("one of: {}", known.join(", ")))
            })?;
        let shown = self.claims.display();
        let text = std::fs::read_to_string(&self.claims)
            .map_err(|error| Failure::configuration(format!("{shown}: cannot be read: {error}")))?;
        // As strictly as a token is read.
        let claims = json::object(text.as_bytes()).map_err(|error| {
            Failure::configuration(format!("{shown}: not a JSON object: {error}"))
                .hint("write the claims as in an ID token: {\"sub\": \"…\", \"groups\": [\"…\"]}")
        })?;
        let now = SystemClock.now();
        let supposed = match settings {
            ProviderSettings::Oidc(settings) => {
                OidcProvider::identity_from_claims(settings, &claims, now)
            }
            ProviderSettings::Saml(settings) => {
                SamlProvider::identity_from_claims(settings, &claims, now)
            }
        };
        let refused = |why: String| Failure::configuration(format!("{shown}: {why}"));
        let mut identity = supposed.map_err(|error| match error {
            ProviderError::Rejected { reason, detail } => refused(format!(
                "a sign-in with these claims is refused ({}): {detail}",
                reason.code()
            )),
            ProviderError::Refused { .. }
            | ProviderError::Misconfigured(_)
            | ProviderError::Unavailable(_) => refused(error.to_string()),
        })?;
        policy.check_claims(&mut identity).map_err(|error| {
            refused(format!(
                "a sign-in with these claims is refused ({}): {error}",
                RejectReason::Claims.code()
            ))
        })?;
        let circumstances = Circumstances {
            now,
            address: self.address,
            device_flow: false,
        };
        let explanation = policy.explain(&Facts::new(&identity, circumstances));
        let answer = answer(&explanation, &about);
        if self.json {
            out::json(&answer)?
        } else {
            print(&answer)?
        }
        Ok(if answer.roles.is_empty() {
            Done::Refused
        } else {
            Done::Well
        })
    }

    /// What was asked about; both must be there.
    fn about(&self, policy: &Policy) -> Result<About, Failure> {
        let account = match &self.account {
            None => None,
            Some(wanted) => {
                let is_it = |account: &&Account| {
                    account.id.as_str() == wanted || account.name.as_str() == wanted
                };
                let found = policy.accounts().find(is_it);
                let names = policy.accounts().map(|account| account.name.as_str());
                Some(found.ok_or_else(|| unknown("account", wanted, names))?)
            }
        };
        if let Some(wanted) = &self.permission_set {
            let mut names = policy.permission_sets().map(|set| set.name.as_str());
            if !names.any(|name| name == wanted) {
                let names = policy.permission_sets().map(|set| set.name.as_str());
                return Err(unknown("permission set", wanted, names));
            }
        }
        Ok(About {
            account: account.map(|account| account.id.clone()),
            permission_set: self.permission_set.clone(),
        })
    }
}

fn unknown<'a>(kind: &str, wanted: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let otherwise = format!("the access files name every {kind}");
    Failure::configuration(format!("no {kind} is called {wanted}"))
        .hint(suggest::hint(wanted, known, &otherwise))
}

/// What is asked about; everything where nothing is.
struct About {
    account: Option<AccountId>,
    permission_set: Option<String>,
}

impl About {
    fn holds(&self, account: &AccountId, set: &str) -> bool {
        self.account.as_ref().is_none_or(|wanted| wanted == account)
            && self
                .permission_set
                .as_deref()
                .is_none_or(|wanted| wanted == set)
    }
}

/// Narrows an explanation to what was asked about.
fn answer<'e>(explanation: &'e Explanation, about: &About) -> Answer<'e> {
    let grants = explanation.grants();
    let roles = grants
        .iter()
        .filter(|grant| about.holds(&grant.account().id, grant.permission_set().name.as_str()))
        .map(|grant| Role {
            label: grant.label(),
            role: grant.role().to_string(),
            duration_seconds: grant.duration_max().seconds(),
            limited_by: grant.duration_reason().to_string(),
            assignments: grant.assignments().map(str::to_owned).collect(),
        });
    let locked = grants
        .locked()
        .filter(|locked| about.holds(&locked.account.id, locked.permission_set.name.as_str()))
        .map(|locked| LockedRole {
            label: label(&locked),
            needs: locked.unmet.iter().map(ToString::to_string).collect(),
        });
    let all = || {
        (
            explanation.assignments().iter().collect(),
            explanation.denies().iter().collect(),
        )
    };
    let (assignments, denies) = match (&about.account, &about.permission_set) {
        (Some(account), Some(set)) => explanation.about(account, set).unwrap_or_else(all),
        (Some(_), None) | (None, Some(_)) | (None, None) => all(),
    };
    Answer {
        roles: roles.collect(),
        locked: locked.collect(),
        assignments,
        denies,
    }
}

/// What `explain` prints.
#[derive(Serialize)]
struct Answer<'e> {
    roles: Vec<Role>,
    locked: Vec<LockedRole>,
    assignments: Vec<&'e EvaluatedRule>,
    denies: Vec<&'e EvaluatedRule>,
}

#[derive(Serialize)]
struct Role {
    label: String,
    role: String,
    duration_seconds: u32,
    limited_by: String,
    assignments: Vec<String>,
}

#[derive(Serialize)]
struct LockedRole {
    label: String,
    needs: Vec<String>,
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

fn print(answer: &Answer<'_>) -> Result<(), Failure> {
    out::line(if answer.roles.is_empty() {
        "No role today."
    } else {
        "Roles today:"
    })?;
    for role in &answer.roles {
        out::line(format!(
            "  {}  {}  {} s, limited by {}  ({})",
            role.label,
            role.role,
            role.duration_seconds,
            role.limited_by,
            role.assignments.join(", ")
        ))?;
    }
    if !answer.locked.is_empty() {
        out::line("In other circumstances:")?;
    }
    for role in &answer.locked {
        out::line(format!("  {}  {}", role.label, role.needs.join("; ")))?;
    }
    for (title, entries) in [
        ("Assignments:", &answer.assignments),
        ("Denies:", &answer.denies),
    ] {
        if !entries.is_empty() {
            out::line(title)?;
        }
        for entry in entries {
            let outcome = match entry.outcome {
                RuleOutcome::Holds => "holds",
                RuleOutcome::OtherCircumstances => "other circumstances",
                RuleOutcome::OtherPeople => "other people",
            };
            let reasons = if entry.reasons.is_empty() {
                String::new()
            } else {
                format!(": {}", entry.reasons.join("; "))
            };
            out::line(format!(
                "  {} ({}): {outcome}{reasons}",
                entry.id, entry.place
            ))?;
        }
    }
    Ok(())
}
