//! The environment of all measurements of a running gateway: a `TestStack` with Redis, and users with 200 roles.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use rolecall_core::base::limits::SESSIONS_PER_SUBJECT_MAX;
use rolecall_harness::sample_data::ACCESS_POLICY;
use rolecall_harness::{SamlStackSettings, TestStack, TestStackSettings};
use rolecall_testkit::oidc::{OidcSettings, Person};
use rolecall_testkit::process::Ports;
use rolecall_testkit::redis::Redis;
use tempfile::TempDir;

use crate::gateway::{Gateway, target_folder};
use crate::load;
use crate::sign_in::Browser;

/// The account of the requested credentials. Only this account must exist in the AWS emulator.
pub const ACCOUNT: &str = "444455556666";
/// The permission set of the requested credentials.
pub const PERMISSION_SET: &str = "ReadOnly";
/// Text on the portal page that is measured.
pub const ROLES_SHOWN: &str = "200 roles in 40 accounts";

/// Number of accounts on the portal page that is measured.
pub const ACCOUNTS: usize = 40;
const PERMISSION_SETS: [&str; 5] = ["ReadOnly", "Auditor", "Billing", "Operator", "Support"];
const BROWSERS: usize = 8;

/// A stack with Redis. The measured gateway runs in another process.
pub struct BenchStack {
    /// Identity provider, AWS emulator and configuration. Its own gateway, which is idle, shares Redis and keys with the measured
    /// one.
    pub stack: TestStack,
    redis: Redis,
    /// A directory on the disk of the build, because `/tmp` can be in memory.
    disk: TempDir,
    people: usize,
}

impl BenchStack {
    /// Starts a stack with enough users for this number of sessions. Each has roles in this number of accounts.
    pub async fn start(sessions: usize, accounts: usize) -> anyhow::Result<Self> {
        Self::with(sessions, accounts, None).await
    }

    /// Starts a stack with a few users and an additional SAML provider.
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

    /// Starts the measured gateway with the configuration of the stack, but in another process, with another port and another
    /// audit trail. Its limits are raised, so that a few users can send all requests. Also returns the time until it was ready.
    pub async fn gateway(&self) -> anyhow::Result<(Gateway, std::time::Duration)> {
        let raise_limits = |text: &str| {
            let text = text.replace("[aws]", "[aws]\nsts_rate = 100000");
            format!("{text}\n[limits]\ncredentials = \"1000000/1m\"\n")
        };
        self.start_gateway("bench", raise_limits).await
    }

    /// As [`Self::gateway`], with the default limits.
    pub async fn gateway_with_default_limits(&self) -> anyhow::Result<Gateway> {
        let (gateway, _) = self.start_gateway("bench", str::to_owned).await?;
        Ok(gateway)
    }

    /// Another gateway that runs at the same time, with a configuration and an audit trail of this name. Records people for this
    /// long.
    pub async fn gateway_that_records(&self, name: &str, kept: &str) -> anyhow::Result<Gateway> {
        let change = |text: &str| {
            let text = text.replace("bench.db", &format!("{name}.db"));
            format!("{text}\n[audit]\npeople = \"{kept}\"\n[limits]\nsign_in = \"1000000/1m\"\n")
        };
        Ok(self.start_gateway(name, change).await?.0)
    }

    async fn start_gateway(
        &self,
        name: &str,
        change: impl FnOnce(&str) -> String,
    ) -> anyhow::Result<(Gateway, std::time::Duration)> {
        let ports = Ports::<2>::reserve()?;
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let [public, management] = ports.numbers().map(address);
        let text = fs::read_to_string(self.stack.config())?;
        let text = text
            .replace(
                "address = \"127.0.0.1:0\"\nmanagement = \"127.0.0.1:0\"",
                &format!("address = \"{public}\"\nmanagement = \"{management}\""),
            )
            .replace("other.db", "bench.db");
        let config = self.stack.folder().join(format!("{name}.toml"));
        fs::write(&config, change(&text))?;
        Gateway::start(&config, public, management).await
    }

    /// The file of the audit trail of the measured gateway.
    pub fn trail_file(&self) -> std::path::PathBuf {
        self.disk.path().join("bench.db")
    }

    /// Size of the data in Redis, in bytes.
    pub fn store_bytes(&self) -> anyhow::Result<f64> {
        let info = self.redis.cli(&["INFO", "memory"])?;
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("used_memory_dataset:"));
        let bytes = line.and_then(|bytes| bytes.trim().parse().ok());
        bytes.context("Redis does not report the size of its data")
    }

    /// A username at the provider.
    pub fn username(&self, number: usize) -> String {
        username(number % self.people)
    }

    /// The value of the header `Host` for requests.
    pub fn host(&self) -> &str {
        self.stack.url().trim_start_matches("http://")
    }

    /// A browser that is connected to the gateway and the provider.
    pub async fn browser(&self, gateway: &Gateway) -> anyhow::Result<Browser> {
        Browser::open(self.host(), gateway.address, self.provider()?).await
    }

    fn provider(&self) -> anyhow::Result<SocketAddr> {
        let address = self.stack.provider.url();
        let address = address.trim_start_matches("http://").parse();
        address.context("the address of the provider")
    }

    /// Signs users in until there is this number of sessions, at most 20 for each user. Returns the cookies.
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

/// The sample access policy, with five roles in each of this number of accounts for the group `bench`.
fn access(accounts: usize) -> String {
    let mut text = ACCESS_POLICY.to_owned();
    // Writing to a string does not fail.
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
