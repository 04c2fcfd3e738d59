//! `rolecalld check`

use super::out::{self, Done, Failure};
use super::{ConfigArg, block_on};
use crate::config::Loaded;
use crate::server;

/// Report every mistake in every file, with line and column.
#[derive(Debug, clap::Args)]
pub struct Check {
    #[command(flatten)]
    config: ConfigArg,
    /// Also ask the identity providers, the store and the database
    #[arg(long)]
    online: bool,
}

impl Check {
    /// Runs the command.
    pub fn run(self) -> Result<Done, Failure> {
        let loaded = self.config.load()?;
        for warning in &loaded.warnings {
            out::remark(format!("warning: {warning}"));
        }
        let (accounts, sets) = (
            loaded.policy.accounts().count(),
            loaded.policy.permission_sets().count(),
        );
        let summary = format!(
            "{}: no mistakes; {} identity providers, {accounts} accounts, {sets} permission sets",
            self.config.config.display(),
            loaded.settings.providers.len()
        );
        if self.online && block_on(online(loaded))? == Done::Refused {
            return Ok(Done::Refused);
        }
        out::line(summary)?;
        Ok(Done::Well)
    }
}

/// Asks everything that the gateway will need; says what does not answer.
async fn online(loaded: Loaded) -> Result<Done, Failure> {
    let mut done = Done::Well;
    for (name, answer) in server::probe(&loaded.settings).await {
        match answer {
            Ok(()) => out::line(format!("{name}: answers"))?,
            Err(error) => {
                done = Done::Refused;
                out::remark(format!("{name}: {error:#}"));
            }
        }
    }
    Ok(done)
}
