//! Verifying a SAML sign-in: guard, signature, every check; beside three libraries that other people wrote, which verify the
//! same response in the same run.
//!
//! All figures are verifications in a second of a processor, so that it does not matter who else is on it.

use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Utc};
use rolecall_core::base::Clock as _;
use rolecall_testkit::saml::{SamlProvider, SamlSettings, ServiceProvider, Signed};
use rolecall_testkit::{node, python};
use rolecalld::idp::saml::{Expected, SamlTrust, TrustOptions, verify};
use rolecalld::world::SystemClock;
use serde_json::{Value, json};

use crate::Effort;
use crate::figures::{Figures, Unit};
use crate::report::{Bound, Row};

const CONSUMER: &str = "https://sso.example/sign-in/adfs/acs";
const ENTITY: &str = "https://sso.example/sign-in/adfs/metadata";
const REQUEST: &str = "_0123456789abcdef0123456789abcdef";
const SUBJECT: &str = "00u-alice";
/// Longer than any run: the peers look at the clock of the wall.
const LIFETIME: Duration = Duration::from_secs(3_600);

const RATE_MIN: f64 = 4_000.0;
/// Verifications between two looks at the clock.
const BATCH: u32 = 50;

/// A second of a processor, and how many times that of each peer.
pub async fn measure(effort: Effort) -> Result<Vec<Row>> {
    let sample = Sample::new().await?;
    let mut peers = [
        Peer::start(
            "python3-saml",
            1.0,
            python::script("verify_rate.py")?,
            &sample.told,
        )?,
        Peer::start(
            "node-saml",
            8.0,
            node::script("verify_rate.mjs")?,
            &sample.told,
        )?,
        Peer::start(
            "pysaml2",
            50.0,
            python::script("verify_rate.py")?,
            &sample.told,
        )?,
    ];
    sample.rate(effort.warm_up)?;
    let mut own = Vec::new();
    for _ in 0..effort.rounds {
        own.push(sample.rate(effort.round)?);
        for peer in &mut peers {
            let rate = peer.rate(effort.round)?;
            peer.rates.push(rate);
        }
    }
    let own = Figures::new(Unit::PerSecond, own);
    let mut rows = vec![Row::plain(
        "SAML sign-in verified, one core",
        own.clone(),
        Bound::AtLeast(RATE_MIN),
    )];
    for peer in &peers {
        let floor = Figures::new(Unit::PerSecond, peer.rates.iter().copied());
        rows.push(Row {
            what: format!("the same, beside {}", peer.name),
            measured: own.clone(),
            value: own.median() / floor.median(),
            floor: Some(floor),
            unit: Unit::Times,
            bound: Bound::AtLeast(peer.times_min),
        });
    }
    Ok(rows)
}

/// A response, and all that is needed to believe it.
struct Sample {
    response: String,
    trust: SamlTrust,
    now: DateTime<Utc>,
    /// The same for the peers.
    told: Value,
}

impl Sample {
    async fn new() -> Result<Self> {
        let provider = SamlProvider::start(SamlSettings {
            service_providers: vec![ServiceProvider::new(ENTITY, CONSUMER)],
            signed: Signed::Assertion,
            lifetime: LIFETIME,
            ..SamlSettings::default()
        })?;
        let response = provider.response_for(ENTITY, REQUEST, "alice").await?;
        let metadata = provider.metadata()?;
        let told = json!({
            "response": response, "metadata": metadata, "certificate": certificate(&metadata)?,
            "issuer": provider.entity_id(), "audience": ENTITY, "recipient": CONSUMER, "request": REQUEST, "subject": SUBJECT,
        });
        Ok(Self {
            trust: SamlTrust::parse(&metadata, &TrustOptions::default())?,
            now: SystemClock.now(),
            response,
            told,
        })
    }

    fn verify(&self) -> Result<()> {
        let expected = Expected {
            recipients: &[CONSUMER],
            audiences: &[ENTITY],
            in_response_to: Some(REQUEST),
            fresh_since: None,
        };
        let verified = verify(black_box(&self.response), &self.trust, self.now, &expected)?;
        ensure!(verified.subject.as_str() == SUBJECT);
        Ok(())
    }

    fn rate(&self, round: Duration) -> Result<f64> {
        let (begun, before) = (Instant::now(), on_processor()?);
        let mut count = 0;
        while begun.elapsed() < round {
            for _ in 0..BATCH {
                self.verify()?;
            }
            count += BATCH;
        }
        Ok(f64::from(count) / (on_processor()? - before).as_secs_f64())
    }
}

/// What this thread has spent on a processor (proc(5), `schedstat`).
fn on_processor() -> Result<Duration> {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let spent = schedstat.split(' ').next().context("schedstat is empty")?;
    Ok(Duration::from_nanos(spent.parse()?))
}

fn certificate(metadata: &str) -> Result<String> {
    let after = metadata.split("X509Certificate>").nth(1);
    let text = after.and_then(|after| after.split('<').next());
    Ok(text.context("metadata without a certificate")?.to_owned())
}

/// A library in a program of its own, which verifies when it is told to. Ends when dropped.
struct Peer {
    name: &'static str,
    times_min: f64,
    rates: Vec<f64>,
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(
        name: &'static str,
        times_min: f64,
        mut command: Command,
        told: &Value,
    ) -> Result<Self> {
        let mut child = command
            .arg(name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let mut ask = child.stdin.take().context("no stdin")?;
        writeln!(ask, "{told}")?;
        Ok(Self {
            name,
            times_min,
            rates: Vec::new(),
            answers: BufReader::new(child.stdout.take().context("no stdout")?),
            ask,
            child,
        })
    }

    fn rate(&mut self, round: Duration) -> Result<f64> {
        writeln!(self.ask, "{}", round.as_secs_f64())?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let figures = line.trim().split_once(' ');
        let (count, spent) = figures.with_context(|| format!("{} said {line:?}", self.name))?;
        Ok(count.parse::<f64>()? / spent.parse::<f64>()?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
