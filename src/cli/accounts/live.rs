//! `--live`: the organization as AWS describes it now, with the credentials of the shell.

use std::io::IsTerminal as _;
use std::path::Path;

use rolecall_core::organization::Organization;
use url::Url;

use crate::aws::{AwsSettings, OrganizationsClient, OrganizationsProgress, ShellAws};
use crate::cli::block_on;
use crate::cli::out::{self, Failure};
use crate::config;

/// Without a terminal, a line is printed for this many accounts.
const ACCOUNTS_PER_LINE: usize = 100;

/// Lists the organization. Prints progress on stderr. Of the configuration at `path`, only `[egress]` is read.
pub fn list(
    path: &Path,
    aws: &AwsSettings,
    endpoint: Option<&Url>,
) -> Result<Organization, Failure> {
    let egress = config::egress(path)?;
    let is_terminal = std::io::stderr().is_terminal();
    let progress = |so_far: OrganizationsProgress| {
        let is_shown =
            is_terminal || so_far.tagged.is_multiple_of(ACCOUNTS_PER_LINE) && so_far.tagged > 0;
        if is_shown {
            out::progress(shown(so_far), is_terminal);
        }
    };
    let organization = block_on(async {
        let shell = ShellAws::load(&egress, &aws.sts_region).await;
        let shell = shell.map_err(|error| Failure::configuration(error.to_string()))?;
        OrganizationsClient::new(&shell, aws.partition, endpoint)
            .list(&progress)
            .await
            .map_err(|error| Failure::failed(error.to_string()).hint(error.hint()))
    });
    if is_terminal {
        out::note("");
    }
    organization
}

fn shown(so_far: OrganizationsProgress) -> String {
    format!(
        "{}, {}, tags of {}",
        out::count(so_far.units, "unit"),
        out::count(so_far.accounts, "account"),
        so_far.tagged
    )
}
