//! Operations × ways of trust × partitions × outcomes: exactly the documented fields reach STS, and each refusal has its answer,
//! page, SDK exception and audit event.
//!
//! [`rows`] is the table. Each row is requested as JSON, as a page, by an AWS client, and where a session is issued for the console
//! too. All requests contain parameters of STS that the client has chosen, which must not reach STS.

mod case;
mod checks;
mod expected;
mod harness;
mod row;
mod rows;

use anyhow::{Context as _, Result, ensure};
use rolecall_testkit::aws::{Fault, Partition};

use case::{Case, Shared};
use checks::check_answer;
use harness::{Surface, Table};
use row::{Change, Outcome, Way};

impl Table {
    /// Runs all cases and then compares their audit events.
    async fn check(&self) -> Result<()> {
        let [own_metadata, upstream_metadata] = &self.metadata;
        let shared = Shared {
            aws: &self.fixture.stack.aws,
            issuer: self.fixture.stack.url(),
            upstream_issuer: &self.fixture.stack.provider.issuer(),
            own_metadata,
            upstream_metadata,
            gateway: &self.gateway,
            keys: &self.keys,
        };
        let mut answers = Vec::new();
        let mut faults = Vec::new();
        for case in &self.cases {
            shared.set_up(case).with_context(|| case.label())?;
            for (number, &surface) in surfaces(case).iter().enumerate() {
                let answer = self.ask(case, surface).await?;
                let refused = match case.outcome {
                    Outcome::Issued => None,
                    Outcome::Refused(reason) => Some(reason),
                    Outcome::RefusedOnce(reason) => (number == 0).then_some(reason),
                };
                let key = &shared.key(case)?.access_key_id;
                let checked = self
                    .check_requests(case, &answer, key, number > 0)
                    .and_then(|()| check_answer(case, &answer, refused))
                    .and_then(|()| self.check_console(case, &answer));
                if let Err(error) = checked {
                    faults.push(format!("{} {surface:?}: {error:#}", case.label()));
                }
                answers.push((case, answer, refused));
            }
            shared.tidy(case)?;
        }
        let events = self.fixture.trail().await?;
        for (case, answer, refused) in &answers {
            if let Err(error) = self.check_events(case, answer, *refused, &events) {
                let surface = answer.surface;
                faults.push(format!("{} {surface:?}, events: {error:#}", case.label()));
            }
        }
        ensure!(faults.is_empty(), "{}", faults.join("\n"));
        Ok(())
    }
}

/// How the role of a case is requested.
fn surfaces(case: &Case) -> &'static [Surface] {
    match (case.way, case.outcome) {
        (Way::ProviderSaml, _) => &[Surface::Page],
        // Retries take time, and the gateway does not repeat a request that is certainly too large.
        _ if is_slow_or_remembered(&case.change) => &[Surface::Json],
        (_, Outcome::Issued) => &[
            Surface::Json,
            Surface::Page,
            Surface::Client,
            Surface::Console,
        ],
        (_, Outcome::Refused(_) | Outcome::RefusedOnce(_)) => {
            &[Surface::Json, Surface::Page, Surface::Client]
        }
    }
}

fn is_slow_or_remembered(change: &Change) -> bool {
    matches!(
        change,
        Change::Fault(
            Fault::Throttle { .. }
                | Fault::IdpCommunicationError { .. }
                | Fault::PackedPolicyTooLarge
        )
    )
}

async fn check(partition: Partition) -> Result<()> {
    Table::new(partition).await?.check().await
}

#[tokio::test]
async fn sessions_in_commercial_regions() -> Result<()> {
    check(Partition::Aws).await
}

#[tokio::test]
async fn sessions_in_china() -> Result<()> {
    check(Partition::China).await
}

#[tokio::test]
async fn sessions_in_govcloud() -> Result<()> {
    check(Partition::GovCloud).await
}

#[tokio::test]
async fn sessions_in_european_sovereign_cloud() -> Result<()> {
    check(Partition::EuropeanSovereign).await
}
