//! What `rolecalld aws` generates for 1,000 accounts with 20 roles each: from the text of the access files to written files.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use rolecall_core::access::Policy;
use rolecall_core::aws::Region;
use rolecall_core::provisioning::{self, Installation};
use rolecalld::provisioning::cloudformation::{self, Delivery};
use rolecalld::provisioning::stack_sets::{self, Deployment};
use rolecalld::provisioning::terraform::{self, Syntax};
use url::Url;

use crate::Effort;
use crate::figures::{Figures, Unit, microseconds};
use crate::policy::policy_with;
use crate::report::Row;

const ACCOUNTS: usize = 1_000;
const SETS: usize = 20;
const MILLISECONDS_MAX: f64 = 5_000.0;

/// A kind of output.
type Generate = fn(&Policy, &Installation<'_>, &Path) -> anyhow::Result<()>;

const OUTPUTS: [(&str, Generate); 3] = [
    ("CloudFormation", cloudformation),
    ("Terraform", terraform),
    ("StackSets", stack_sets),
];

/// Milliseconds for each kind of output.
pub fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let text = assignments();
    let (issuer, region) = (
        Url::parse("https://sso.example.com")?,
        Region::parse("eu-west-1")?,
    );
    let installation = Installation::new(&issuer, &region);
    let rows = OUTPUTS.iter().map(|(name, generate)| {
        let mut times = Vec::new();
        for _ in 0..effort.rounds.min(7) {
            let folder = tempfile::tempdir()?;
            let started = Instant::now();
            let policy = policy_with(ACCOUNTS, SETS, 0, &text)?;
            generate(&policy, &installation, folder.path())?;
            times.push(microseconds(started.elapsed()) / 1_000.0);
        }
        let what = format!("{name}, {ACCOUNTS} accounts with {SETS} roles");
        Ok(Row::plain(what, Figures::new(Unit::Milliseconds, times)).at_most(MILLISECONDS_MAX))
    });
    rows.collect()
}

/// Every permission set in every account, with what the roles may do.
fn assignments() -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "[[assignment]]\nid = \"all\"\nwho = {{ everyone = true }}\naccounts = [\"*\"]\npermission_sets = [\"*\"]"
    );
    text
}

fn plan(
    policy: &Policy,
    installation: &Installation<'_>,
) -> anyhow::Result<Vec<provisioning::AccountPlan>> {
    let plan = provisioning::plan(policy, installation, None)
        .map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let roles: usize = plan
        .accounts
        .iter()
        .map(|account| account.roles.len())
        .sum();
    anyhow::ensure!(roles == ACCOUNTS * SETS, "{roles} roles");
    Ok(plan.accounts)
}

fn cloudformation(
    policy: &Policy,
    installation: &Installation<'_>,
    folder: &Path,
) -> anyhow::Result<()> {
    for account in plan(policy, installation)? {
        let templates = cloudformation::templates(&account, Delivery::Inline)?;
        for (number, template) in templates.iter().enumerate() {
            fs::write(
                folder.join(format!("{}-{number}.json", account.id)),
                template,
            )?;
        }
    }
    Ok(())
}

fn terraform(
    policy: &Policy,
    installation: &Installation<'_>,
    folder: &Path,
) -> anyhow::Result<()> {
    for account in plan(policy, installation)? {
        let text = terraform::configuration(&account, Syntax::Hcl);
        fs::write(folder.join(format!("{}.tf", account.id)), text)?;
    }
    Ok(())
}

fn stack_sets(
    policy: &Policy,
    installation: &Installation<'_>,
    folder: &Path,
) -> anyhow::Result<()> {
    let planned = provisioning::stack_sets(policy, installation, None)
        .map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let deployment = Deployment {
        organizational_units: &["r-abcd".to_owned()],
        region: installation.sts_region,
        delegated: false,
    };
    let templates = stack_sets::templates(&planned.stack_sets, deployment, Delivery::S3)?;
    let template = templates.first().context("no template")?;
    Ok(fs::write(folder.join("stack-sets.json"), template)?)
}
