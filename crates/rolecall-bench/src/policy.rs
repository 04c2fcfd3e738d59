//! `Policy::grants` for a user in 20 groups with a policy of 1,000 accounts, 20 permission sets and 5,000 assignments, and with
//! ten times as many of each that do not concern the user.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::access::{
    Files, Policy, PolicyContext, PolicyFile, ProviderFacts, ProviderProtocol, UnsupportedFacts,
};
use rolecall_core::aws::Partition;
use rolecall_core::base::Clock as _;
use rolecall_core::base::secret::SecretText;
use rolecall_core::caller::{Circumstances, Facts};
use rolecall_core::identity::{
    AuthTime, Claims, EmailAddress, Evidence, Identity, ProviderId, Subject,
};
use rolecalld::world::SystemClock;

use crate::Effort;
use crate::figures::{Figures, Unit, microseconds};
use crate::report::Row;

const GROUPS: usize = 20;
const GRANTS_MAX: f64 = 200.0;
const GROWTH_MAX: f64 = 1.1;
/// Number of calls that are timed together, so that the cost of the clock is negligible.
const CALLS: u32 = 200;
const BATCHES_A_ROUND: usize = 60;

/// Microseconds per call, and growth with the size of the policy.
pub fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let small = policy(1_000, 20, 5_000)?;
    let large = policy(10_000, 200, 50_000)?;
    let person = person()?;
    let circumstances = Circumstances {
        now: SystemClock.now(),
        address: None,
        device_flow: false,
    };
    let facts = Facts::new(&person, circumstances);
    let (small_grants, large_grants) = (small.grants(&facts), large.grants(&facts));
    anyhow::ensure!(
        small_grants.len() == large_grants.len() && !small_grants.is_empty(),
        "the larger policy changes the user's roles: {} and {}",
        small_grants.len(),
        large_grants.len()
    );
    let time = |policy: &Policy| {
        let started = Instant::now();
        for _ in 0..CALLS {
            black_box(policy.grants(black_box(&facts)));
        }
        microseconds(started.elapsed() / CALLS)
    };
    let (mut smalls, mut larges) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds * BATCHES_A_ROUND {
        smalls.push(time(&small));
        larges.push(time(&large));
    }
    let (small, large) = (
        Figures::new(Unit::Microseconds, smalls),
        Figures::new(Unit::Microseconds, larges),
    );
    let growth = large.median() / small.median();
    Ok(vec![
        Row::plain(
            format!("Policy::grants, {} roles", small_grants.len()),
            small.clone(),
        )
        .at_most(GRANTS_MAX),
        Row {
            what: "the same, file ten times as long".to_owned(),
            measured: large,
            floor: Some(small),
            value: growth,
            unit: Unit::Times,
            bound: Some(GROWTH_MAX),
        },
    ])
}

/// A user in 20 groups.
pub fn person() -> anyhow::Result<Identity> {
    let now: DateTime<Utc> = SystemClock.now();
    Ok(Identity {
        provider: ProviderId::parse("okta")?,
        subject: Subject::parse("00u-alice")?,
        email: EmailAddress::parse("alice@example.com").ok(),
        name: Some("Alice".to_owned()),
        groups: (0..GROUPS).map(|group| format!("team-{group}")).collect(),
        claims: Claims::default(),
        unread_claims: Default::default(),
        untrusted_email: None,
        mfa: true,
        unconfirmed_mfa: None,
        auth_time: AuthTime::Stated,
        asserted_at: now - TimeDelta::minutes(10),
        evidence: Evidence::IdToken {
            token: SecretText::new(String::new()),
            sid: None,
        },
    })
}

/// A policy of this size. The first 1,000 accounts, 20 permission sets and 5,000 assignments are always the same. They are for
/// 1,000 groups with five assignments each.
fn policy(accounts: usize, sets: usize, assignments: usize) -> anyhow::Result<Policy> {
    policy_with(accounts, sets, assignments, "")
}

/// The same policy with more entries.
pub fn policy_with(
    accounts: usize,
    sets: usize,
    assignments: usize,
    more: &str,
) -> anyhow::Result<Policy> {
    let source = PolicyFile {
        path: Path::new("access.toml").into(),
        text: policy_text(accounts, sets, assignments, more),
    };
    let facts = ProviderFacts {
        id: ProviderId::parse("okta")?,
        title: "Okta".to_owned(),
        domains: Vec::new(),
        unsupported: UnsupportedFacts::default(),
        protocol: ProviderProtocol::default(),
    };
    let context = PolicyContext {
        partition: Partition::Aws,
        providers: &[facts],
        files: &NoFiles,
        trusted_proxies: &[],
    };
    Ok(Policy::parse(&[source], &context)?)
}

/// The text of this policy.
pub fn policy_text(accounts: usize, sets: usize, assignments: usize, more: &str) -> String {
    let mut text = more.to_owned();
    // Writing to a string does not fail.
    for n in 0..accounts {
        let _ = writeln!(
            text,
            "[[account]]\nid = \"{:012}\"\nname = \"account-{n:05}\"\nou = \"Unit{}/Team{}\"\ntags = {{ team = \"t{}\" }}",
            100_000_000_000 + n,
            n / 1_000,
            n / 10,
            n / 10
        );
    }
    for n in 0..sets {
        let _ = writeln!(
            text,
            "[[permission_set]]\nname = \"Set{n:03}\"\nsession_duration = \"4h\""
        );
    }
    for n in 0..assignments {
        // The accounts of a team and one more account; four of 20 permission sets.
        let (era, team) = (n / 5_000, n % 100);
        let set = |k: usize| format!("Set{:03}", era * 20 + (n + k * 5) % 20);
        let _ = writeln!(
            text,
            "[[assignment]]\nid = \"a{n}\"\nwho = {{ provider = \"okta\", groups = [\"team-{}\"] }}\naccounts = [\"tag:team=t{}\", \"account-{:05}\"]\npermission_sets = [{:?}, {:?}, {:?}, {:?}]",
            n / 5,
            era * 100 + team,
            era * 1_000 + (n * 7) % 1_000,
            set(0),
            set(1),
            set(2),
            set(3)
        );
    }
    text
}

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &Path, path: &str) -> Result<String, String> {
        Err(format!("{path} cannot be read by the benchmark"))
    }
}
