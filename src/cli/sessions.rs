//! `rolecalld sessions`

use rolecall_core::identity::{ProviderId, Subject};

use super::out::{self, Done, Failure};
use super::{ConfigArg, block_on};
use crate::server;
use crate::store::StoreUrl;

/// What people are signed in with.
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  rolecalld sessions end --config rolecall.toml --provider okta --subject 00u1a2b3c4d5     both stand in the audit trail"
)]
pub enum Sessions {
    /// End everything a person is signed in with: every browser, and every AWS client, at once
    End {
        #[command(flatten)]
        config: ConfigArg,
        /// Where they sign in
        #[arg(long, value_name = "ID", value_parser = ProviderId::parse)]
        provider: ProviderId,
        /// Who: what the provider calls them
        #[arg(long, value_name = "SUB", value_parser = Subject::parse)]
        subject: Subject,
    },
}

impl Sessions {
    /// Runs the command.
    pub fn run(self) -> Result<Done, Failure> {
        let Self::End {
            config,
            provider,
            subject,
        } = self;
        let loaded = config.load()?;
        if matches!(loaded.settings.store.url, StoreUrl::Memory) {
            let hint = "restart the gateway: that ends every session";
            return Err(Failure::failed(
                "with `memory:` only the gateway itself knows its sessions",
            )
            .hint(hint));
        }
        block_on(async {
            let (gateway, audit) = server::verbs(loaded).await?;
            let ended = gateway.end_person(&provider, &subject).await;
            audit.close().await;
            Ok(ended.map_err(anyhow::Error::from)?)
        })?;
        out::line(format!(
            "{provider} {subject} is signed out everywhere. Take their access away at the provider, or they sign in again."
        ))?;
        Ok(Done::Well)
    }
}
