//! Verifying a SAML sign-in: guard, signature, every check; beside three libraries that other people wrote, which verify the
//! same response in the same run.
//!
//! All figures are verifications in a second of a processor, so that it does not matter who else is on it.

use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rolecall_harness::saml_verifier::{
    ACS_URL, ENTITY_ID, REQUEST_ID, SamlVerifier, SamlVerifierFixture,
};
use rolecall_testkit::saml::SignedElements;
use rolecall_testkit::{node, python};
use serde_json::{Value, json};

use crate::Effort;
use crate::figures::{Figures, Unit};
use crate::report::Row;

const SUBJECT: &str = "00u-alice";
/// Longer than any run: the peers look at the clock of the wall.
const LIFETIME: Duration = Duration::from_secs(3_600);

/// Verifications between two looks at the clock.
const BATCH: u32 = 50;

/// A second of a processor, and how many times that of each peer.
pub async fn measure(effort: Effort) -> Result<Vec<Row>> {
    let sample = Sample::new().await?;
    let mut peers = [
        Peer::start(
            "python3-saml",
            python::script("verify_rate.py")?,
            &sample.for_peers,
        )?,
        Peer::start(
            "node-saml",
            node::script("verify_rate.mjs")?,
            &sample.for_peers,
        )?,
        Peer::start(
            "pysaml2",
            python::script("verify_rate.py")?,
            &sample.for_peers,
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
    let mut rows = vec![Row::plain("SAML sign-in verified, one core", own.clone())];
    for peer in &peers {
        let floor = Figures::new(Unit::PerSecond, peer.rates.iter().copied());
        rows.push(Row {
            what: format!("the same, beside {}", peer.name),
            measured: own.clone(),
            value: own.median() / floor.median(),
            floor: Some(floor),
            unit: Unit::Times,
            bound: None,
        });
    }
    Ok(rows)
}

/// A response and its verifier.
struct Sample {
    response: String,
    verifier: SamlVerifier,
    /// What the peers need to verify it.
    for_peers: Value,
}

impl Sample {
    async fn new() -> Result<Self> {
        let fixture = SamlVerifierFixture::start(|settings| {
            settings.signed = SignedElements::Assertion;
            settings.lifetime = LIFETIME;
        })?;
        let response = fixture.response().await?;
        let for_peers = json!({
            "response": response, "metadata": fixture.metadata, "certificate": certificate(&fixture.metadata)?,
            "issuer": fixture.provider.entity_id(), "audience": ENTITY_ID, "recipient": ACS_URL, "request": REQUEST_ID,
            "subject": SUBJECT,
        });
        Ok(Self {
            response,
            verifier: fixture.verifier,
            for_peers,
        })
    }

    fn verify(&self) -> Result<()> {
        let verified = self.verifier.verify(black_box(&self.response))?;
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
    rates: Vec<f64>,
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(name: &'static str, mut command: Command, told: &Value) -> Result<Self> {
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
