//! Verification of a SAML sign-in: guard, signature and all checks, compared with three third-party libraries that verify the
//! same response in the same run.
//!
//! Figures are verifications per second of processor time, so that other processes do not affect them.

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
/// Lifetime of the response, longer than a run, because the peers use the system clock.
const LIFETIME: Duration = Duration::from_secs(3_600);

/// Number of verifications between readings of the clock.
const BATCH: u32 = 50;

/// Verifications per second of processor time, and the ratio to each peer.
pub async fn measure(effort: Effort) -> Result<Vec<Row>> {
    let sample = Sample::new().await?;
    let mut peers = [
        Peer::start(
            "python3-saml",
            python::script("verify_rate.py")?,
            &sample.peer_input,
        )?,
        Peer::start(
            "node-saml",
            node::script("verify_rate.mjs")?,
            &sample.peer_input,
        )?,
        Peer::start(
            "pysaml2",
            python::script("verify_rate.py")?,
            &sample.peer_input,
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
    /// What the peers need to verify the response.
    peer_input: Value,
}

impl Sample {
    async fn new() -> Result<Self> {
        let fixture = SamlVerifierFixture::start(|settings| {
            settings.signed = SignedElements::Assertion;
            settings.lifetime = LIFETIME;
        })?;
        let response = fixture.response().await?;
        let peer_input = json!({
            "response": response, "metadata": fixture.metadata, "certificate": certificate(&fixture.metadata)?,
            "issuer": fixture.provider.entity_id(), "audience": ENTITY_ID, "recipient": ACS_URL, "request": REQUEST_ID,
            "subject": SUBJECT,
        });
        Ok(Self {
            response,
            verifier: fixture.verifier,
            peer_input,
        })
    }

    fn verify(&self) -> Result<()> {
        let verified = self.verifier.verify(black_box(&self.response))?;
        ensure!(verified.subject.as_str() == SUBJECT);
        Ok(())
    }

    fn rate(&self, round: Duration) -> Result<f64> {
        let (started, before) = (Instant::now(), on_processor()?);
        let mut count = 0;
        while started.elapsed() < round {
            for _ in 0..BATCH {
                self.verify()?;
            }
            count += BATCH;
        }
        Ok(f64::from(count) / (on_processor()? - before).as_secs_f64())
    }
}

/// Processor time of this thread (proc(5), `schedstat`).
fn on_processor() -> Result<Duration> {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let spent = schedstat.split(' ').next().context("schedstat is empty")?;
    Ok(Duration::from_nanos(spent.parse()?))
}

fn certificate(metadata: &str) -> Result<String> {
    let after = metadata.split("X509Certificate>").nth(1);
    let text = after.and_then(|after| after.split('<').next());
    Ok(text.context("the metadata has no certificate")?.to_owned())
}

/// A program that verifies with a third-party library. Dropping it stops the process.
struct Peer {
    name: &'static str,
    rates: Vec<f64>,
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(name: &'static str, mut command: Command, input: &Value) -> Result<Self> {
        let mut child = command
            .arg(name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let mut ask = child.stdin.take().context("no stdin")?;
        writeln!(ask, "{input}")?;
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
        let (count, spent) = figures.with_context(|| format!("{} returned {line:?}", self.name))?;
        Ok(count.parse::<f64>()? / spent.parse::<f64>()?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
