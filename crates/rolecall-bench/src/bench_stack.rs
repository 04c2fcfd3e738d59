//! What all measurements of a running gateway share: a `TestStack` with a real Redis, and people with two hundred roles.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use rolecall_core::base::limits::SESSIONS_PER_SUBJECT_MAX;
use rolecall_harness::sample_data::ACCESS_POLICY;
use rolecall_harness::{SamlStackSettings, TestStack, TestStackSettings};
use rolecall_testkit::oidc::{OidcSettings, Person};
use rolecall_testkit::process::free_ports;
use rolecall_testkit::redis::Redis;
use tempfile::TempDir;

use crate::gateway::{Gateway, target_folder};
use crate::load;
use crate::sign_in::Browser;

/// The account of the credentials that are asked for; it exists in the emulated AWS, the others need not.
pub const ACCOUNT: &str = "444455556666";
/// Its permission set.
pub const PERMISSION_SET: &str = "ReadOnly";
/// What the portal says above the page that is measured.
pub const ROLES_SHOWN: &str = "200 roles in 40 accounts";

/// Accounts of the portal that is measured.
pub const ACCOUNTS: usize = 40;
const PERMISSION_SETS: [&str; 5] = ["ReadOnly", "Auditor", "Billing", "Operator", "Support"];
const BROWSERS: usize = 8;

/// A stack with a real Redis, beside which the measured gateway runs in a process of its own.
pub struct BenchStack {
    /// Identity provider, AWS, configuration. Its own gateway shares Redis and keys with the measured one and rests.
    pub stack: TestStack,
    redis: Redis,
    /// On the disk that holds the build, since `/tmp` may be memory.
    disk: TempDir,
    people: usize,
}

impl BenchStack {
    /// Starts the stack with enough people for this many sessions, who each have roles in this many accounts.
    pub async fn start(sessions: usize, accounts: usize) -> anyhow::Result<Self> {
        Self::with(sessions, accounts, None).await
    }

    /// Starts a stack with a few people and a SAML provider beside the other.
    pub async fn with_saml() -> anyhow::Result<Self> {
        Self::with(1, ACCOUNTS, Some(SamlStackSettings::default())).await
    }

    async fn with(
        sessions: usize,
        accounts: usize,
        saml: Option<SamlStackSettings>,
    ) -> anyhow::Result<Self> {
        let redis = Redis::single().await?;
        let people = sessions.div_ceil(SESSIONS_PER_SUBJECT_MAX).max(32);
        let disk = tempfile::tempdir_in(target_folder()?)?;
        let stack = TestStack::start(TestStackSettings {
            store: redis.url(),
            trusted_proxies: vec!["127.0.0.1/32".to_owned()],
            database: format!("sqlite:{}", disk.path().join("other.db").display()),
            access: access(accounts),
            provider: OidcSettings {
                people: (0..people).map(person).collect(),
                ..OidcSettings::default()
            },
            requests_kept: 0,
            saml,
            ..TestStackSettings::default()
        })
        .await?;
        Ok(Self {
            stack,
            redis,
            disk,
            people,
        })
    }

    /// Starts a gateway beside the stack's own, with the same configuration but a process, a port and an audit trail of
    /// its own. It answers to the same name, and its limits let a few people ask for as much as they can. Says how long it
    /// took to be ready.
    pub async fn gateway(&self) -> anyhow::Result<(Gateway, std::time::Duration)> {
        let raise = |text: &str| {
            let text = text.replace("[aws]", "[aws]\nsts_rate = 100000");
            format!("{text}\n[limits]\ncredentials = \"1000000/1m\"\n")
        };
        self.start_gateway(raise).await
    }

    /// The same with the default limits.
    pub async fn gateway_with_default_limits(&self) -> anyhow::Result<Gateway> {
        let (gateway, _) = self.start_gateway(str::to_owned).await?;
        Ok(gateway)
    }

    async fn start_gateway(
        &self,
        change: impl FnOnce(&str) -> String,
    ) -> anyhow::Result<(Gateway, std::time::Duration)> {
        let [public, management] =
            free_ports::<2>()?.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let text = fs::read_to_string(self.stack.config())?;
        let text = text
            .replace(
                "address = \"127.0.0.1:0\"\nmanagement = \"127.0.0.1:0\"",
                &format!("address = \"{public}\"\nmanagement = \"{management}\""),
            )
            .replace("other.db", "bench.db");
        let config = self.stack.folder().join("bench.toml");
        fs::write(&config, change(&text))?;
        Gateway::start(&config, public, management).await
    }

    /// The file of the measured gateway's audit trail.
    pub fn trail_file(&self) -> std::path::PathBuf {
        self.disk.path().join("bench.db")
    }

    /// Bytes that Redis keeps.
    pub fn store_bytes(&self) -> anyhow::Result<f64> {
        let info = self.redis.cli(&["INFO", "memory"])?;
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("used_memory_dataset:"));
        let bytes = line.and_then(|bytes| bytes.trim().parse().ok());
        bytes.context("Redis does not say what it keeps")
    }

    /// The name of a person whom the provider knows.
    pub fn username(&self, number: usize) -> String {
        username(number % self.people)
    }

    /// The name that requests must bear.
    pub fn host(&self) -> &str {
        self.stack.url().trim_start_matches("http://")
    }

    /// A machine at which people sign in and press buttons.
    pub async fn browser(&self, gateway: &Gateway) -> anyhow::Result<Browser> {
        Browser::open(self.host(), gateway.address, self.provider()?).await
    }

    fn provider(&self) -> anyhow::Result<SocketAddr> {
        let address = self.stack.provider.url();
        let address = address.trim_start_matches("http://").parse();
        address.context("the provider's address")
    }

    /// Signs people in by their browsers until there are this many sessions, at most 20 for each person; gives the
    /// cookies.
    pub async fn sign_in(&self, gateway: &Gateway, sessions: usize) -> anyhow::Result<Vec<String>> {
        let host = self.host().to_owned();
        let (gateway, provider) = (gateway.address, self.provider()?);
        let people: Vec<String> = (0..sessions).map(|n| username(n % self.people)).collect();
        load::spread(people, BROWSERS, move |people| {
            let host = host.clone();
            async move {
                let mut browser = Browser::open(&host, gateway, provider).await?;
                let mut cookies = Vec::with_capacity(people.len());
                for username in &people {
                    cookies.push(browser.sign_in(username).await?);
                }
                Ok(cookies)
            }
        })
        .await
    }
}

fn username(number: usize) -> String {
    format!("person-{number:04}")
}

fn person(number: usize) -> Person {
    Person::new(&username(number))
        .groups(["bench", "staff", "everybody"])
        .amr(["pwd", "otp", "mfa"])
}

/// The sample access policy, with five roles in each of so many accounts for the group `bench`.
fn access(accounts: usize) -> String {
    let mut text = ACCESS_POLICY.to_owned();
    // Writing to a string cannot fail.
    for number in 1..accounts {
        let stage = ["prod", "stage", "dev"][number % 3];
        let team = ["payments", "search", "data", "identity"][number % 4];
        let _ = write!(
            text,
            "\n[[account]]\nid = \"{}\"\nname = \"{team}-{stage}-{number:03}\"\nou = \"Workloads/{stage}\"\ntags = {{ stage = \"{stage}\", owner = \"{team}\", bench = \"yes\" }}\n",
            100_000_000_000 + number * 7_919
        );
    }
    for name in &PERMISSION_SETS[1..] {
        let _ = write!(
            text,
            "\n[[permission_set]]\nname = \"{name}\"\nrole = \"rolecall/{name}\"\nsession_duration = \"4h\"\nsource_identity = \"{{email}}\"\n"
        );
    }
    let _ = write!(
        text,
        "\n[[assignment]]\nid = \"bench\"\nwho = {{ provider = \"example\", groups = [\"bench\"] }}\naccounts = [\"tag:bench=yes\", \"payments-dev\"]\npermission_sets = {PERMISSION_SETS:?}\nsession_duration = \"2h\"\n"
    );
    text
}
