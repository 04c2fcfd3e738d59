//! `rolecalld check`

use rolecall_core::base::Clock as _;
use rolecall_core::base::text;

use super::out::{self, Done, Failure};
use super::{AccessArg, ConfigArg, block_on};
use crate::config::Loaded;
use crate::idp::ProviderSettings;
use crate::server;
use crate::world::SystemClock;

/// Report every mistake in every file, with line and column.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecalld check --config rolecall.toml\n  rolecalld check --config rolecall.toml --online"
)]
pub struct Check {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    access: AccessArg,
    /// Also ask the identity providers, the store, the database and the running gateway itself through `public_url`, and look at keys and certificate
    #[arg(long)]
    online: bool,
}

impl Check {
    /// Runs the command.
    pub fn run(self) -> Result<Done, Failure> {
        let loaded = self.config.load_with(&self.access)?;
        for warning in &loaded.warnings {
            out::remark(format!("warning: {warning}"));
        }
        let now = SystemClock.now();
        let mut said = Vec::new();
        for provider in &loaded.settings.providers {
            for remark in provider.remarks(now) {
                said.push(format!("warning: provider {}: {remark}", provider.id()));
            }
            register(provider)?;
        }
        said.iter().for_each(out::remark);
        let (accounts, sets) = (
            loaded.access.policy.accounts().count(),
            loaded.access.policy.permission_sets().count(),
        );
        let summary = format!(
            "{}: no mistakes; {}, {}, {}",
            self.config.config.display(),
            out::count(loaded.settings.providers.len(), "identity provider"),
            out::count(accounts, "account"),
            out::count(sets, "permission set")
        );
        let changes = self.changes(&loaded);
        if self.online && block_on(online(loaded, &said))? == Done::Refused {
            return Ok(Done::Refused);
        }
        out::line(summary)?;
        if let Some(changes) = changes {
            out::line(changes)?;
        }
        Ok(Done::Well)
    }

    /// How much the access files of the command line change of those that the configuration names.
    fn changes(&self, new: &Loaded) -> Option<String> {
        if self.access.access.is_empty() {
            return None;
        }
        let changes = match self.config.load() {
            Ok(old) => {
                let changes = new.access.policy.changes_since(&old.access.policy);
                format!("against the access files that the configuration names: {changes}")
            }
            Err(_) => "the access files that the configuration names have mistakes, so nothing is compared".to_owned(),
        };
        Some(changes)
    }
}

/// Says what to enter at the provider.
fn register(provider: &ProviderSettings) -> Result<(), Failure> {
    out::line(format!("provider {}: register there", provider.id()))?;
    let entries = provider.registration();
    let widest = entries.iter().map(|(name, _)| name.len()).max();
    let width = widest.unwrap_or_default();
    for (name, value) in entries {
        out::line(format!("  {name:width$}  {value}"))?;
    }
    Ok(())
}

/// Asks everything that the gateway will need; says what does not answer, and which warnings come to those that were `said`.
async fn online(loaded: Loaded, said: &[String]) -> Result<Done, Failure> {
    let mut done = Done::Well;
    for (name, answer) in server::probe(&loaded.settings, &loaded.access.policy).await {
        match answer {
            Ok(probed) => {
                let outcome = probed.unreachable.as_deref().unwrap_or("answers");
                out::line(format!("{name}: {outcome}"))?;
                for note in probed.notes {
                    out::line(format!("  {note}"))?;
                }
                let warnings = probed.warnings.iter();
                let warnings = warnings.map(|warning| format!("warning: {name}: {warning}"));
                warnings
                    .filter(|warning| !said.contains(warning))
                    .for_each(out::remark);
            }
            Err(error) => {
                done = Done::Refused;
                out::remark(format!("{name}: {}", text::chain(error.as_ref())));
                if let Some(hint) = out::hint_of(&error) {
                    out::remark(format!("  hint: {hint}"));
                }
            }
        }
    }
    Ok(done)
}
