//! `rolecalld check`: validates the configuration.

use rolecall_core::base::Clock as _;
use rolecall_core::base::text;

use url::Url;

use super::out::{self, CommandStatus, Failure};
use super::{AccessArg, ConfigArg, block_on};
use crate::aws::{DISCOVERY_PATH, JWKS_PATH};
use crate::config::Loaded;
use crate::idp::ProviderSettings;
use crate::server;
use crate::world::SystemClock;

/// Validate all configuration files. Errors are reported with line and column.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecalld check --config rolecall.toml\n  rolecalld check --config rolecall.toml --online"
)]
pub struct Check {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    access: AccessArg,
    /// Also test the connections to identity providers, store, database and the running gateway at `public_url`, and
    /// check the keys, the documents at `[issuer] url` and the TLS certificate
    #[arg(long)]
    online: bool,
}

impl Check {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        let loaded = self.config.load_with(&self.access)?;
        for warning in &loaded.warnings {
            out::note(format!("warning: {warning}"));
        }
        let now = SystemClock.now();
        let mut warnings = Vec::new();
        for provider in &loaded.settings.providers {
            for warning in provider.warnings(now) {
                warnings.push(format!("warning: provider {}: {warning}", provider.id()));
            }
            register(provider)?;
        }
        warnings.iter().for_each(out::note);
        if let Some(issuer) = &loaded.settings.issuer_url {
            documents_for_aws(issuer)?;
        }
        let (accounts, sets) = (
            loaded.access.policy.accounts().count(),
            loaded.access.policy.permission_sets().count(),
        );
        let summary = format!(
            "{}: valid; {}, {}, {}",
            self.config.config.display(),
            out::count(loaded.settings.providers.len(), "identity provider"),
            out::count(accounts, "account"),
            out::count(sets, "permission set")
        );
        let changes = self.changes(&loaded);
        if self.online && block_on(online(loaded, &warnings))? == CommandStatus::Negative {
            return Ok(CommandStatus::Negative);
        }
        out::line(summary)?;
        if let Some(changes) = changes {
            out::line(changes)?;
        }
        Ok(CommandStatus::Success)
    }

    /// Summarizes the difference between the access files of the command line and those of the configuration.
    fn changes(&self, new: &Loaded) -> Option<String> {
        if self.access.access.is_empty() {
            return None;
        }
        let changes = match self.config.load() {
            Ok(old) => {
                let changes = new.access.policy.changes_since(&old.access.policy);
                format!("changes to the access files in the configuration: {changes}")
            }
            Err(_) => "changes are not shown: the access files in the configuration have errors"
                .to_owned(),
        };
        Some(changes)
    }
}

/// Prints the values to register at the provider.
fn register(provider: &ProviderSettings) -> Result<(), Failure> {
    out::line(format!("provider {}: values to register", provider.id()))?;
    let entries = provider.registration();
    let widest = entries.iter().map(|(name, _)| name.len()).max();
    let width = widest.unwrap_or_default();
    for (name, value) in entries {
        out::line(format!("  {name:width$}  {value}"))?;
    }
    Ok(())
}

/// Prints where AWS looks for the documents that are not served by the gateway.
fn documents_for_aws(issuer: &Url) -> Result<(), Failure> {
    let issuer = issuer.as_str().trim_end_matches('/');
    out::line("issuer: where AWS fetches the documents of `rolecalld keys publish`")?;
    out::line(format!("  provider URL  {issuer}"))?;
    out::line(format!("  discovery     {issuer}{DISCOVERY_PATH}"))?;
    out::line(format!("  key set       {issuer}{JWKS_PATH}"))
}

/// Tests every external dependency. Prints failures, and warnings that are not among `printed`.
async fn online(loaded: Loaded, printed: &[String]) -> Result<CommandStatus, Failure> {
    let mut done = CommandStatus::Success;
    for (name, answer) in server::probe(&loaded.settings, &loaded.access.policy).await {
        match answer {
            Ok(report) => {
                let outcome = report.unreachable.as_deref().unwrap_or("ok");
                out::line(format!("{name}: {outcome}"))?;
                for note in report.notes {
                    out::line(format!("  {note}"))?;
                }
                let warnings = report.warnings.iter();
                let warnings = warnings.map(|warning| format!("warning: {name}: {warning}"));
                warnings
                    .filter(|warning| !printed.contains(warning))
                    .for_each(out::note);
            }
            Err(error) => {
                done = CommandStatus::Negative;
                out::note(format!("{name}: {}", text::chain(error.as_ref())));
                if let Some(hint) = out::hint_of(&error) {
                    out::note(format!("  hint: {hint}"));
                }
            }
        }
    }
    Ok(done)
}
