//! The log of `rolecalld serve` in a pipe whose reader pauses.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, PipeReader};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rolecall_testkit::http::client;
use serde_json::Value;
use tokio::task::JoinSet;

use super::program;
use crate::operate::{balanced_stack, until};

/// More lines than a pipe can buffer: 64 KiB on Linux, with more than 200 bytes per line.
const REQUESTS: usize = 800;
const CONNECTIONS: usize = 8;

/// Kills the process if the test fails.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        // Both fail only if the process has exited.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn next_record(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> Result<Option<Value>> {
    let Some(line) = lines.next().transpose()? else {
        return Ok(None);
    };
    Ok(Some(serde_json::from_str(&line).context(line)?))
}

fn records_to_the_end(mut lines: std::io::Lines<BufReader<PipeReader>>) -> Result<Vec<Value>> {
    let mut records = Vec::new();
    while let Some(record) = next_record(&mut lines)? {
        records.push(record);
    }
    Ok(records)
}

/// Waits until no request has completed for a second.
async fn until_no_answers(answered: &AtomicUsize) -> Result<usize> {
    let mut last = 0;
    let mut since = tokio::time::Instant::now();
    until("no more answers", async || {
        let now = answered.load(Ordering::Relaxed);
        if now != last {
            (last, since) = (now, tokio::time::Instant::now());
        }
        let stalled = now > 0 && since.elapsed() > Duration::from_secs(1);
        Ok((stalled || now == REQUESTS).then_some(now))
    })
    .await
}

#[tokio::test]
async fn paused_log_reader_delays_requests_without_loss() -> Result<()> {
    let (stack, balancer) =
        balanced_stack(|settings| settings.store = "sqlite:store.db".to_owned()).await?;
    let (reader, writer) = std::io::pipe()?;
    let mut command = program(stack.folder());
    command
        .args(["serve", "--config", "rolecall.toml", "--log-format", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(writer);
    let mut process = Ending(command.spawn()?);
    // The process has the other end of the pipe; holding it here would keep the pipe open.
    drop(command);
    let mut lines = BufReader::new(reader).lines();
    let address = loop {
        let record = next_record(&mut lines)?.context("the log ended")?;
        if let (Some("serving"), Some(address)) =
            (record["message"].as_str(), record["address"].as_str())
        {
            break address.parse()?;
        }
    };
    balancer.lead_to(&[address]);

    let answered = Arc::new(AtomicUsize::new(0));
    let mut requests = JoinSet::new();
    let http = client()?;
    for _ in 0..CONNECTIONS {
        let (http, answered, url) = (http.clone(), Arc::clone(&answered), stack.at("/jwks"));
        requests.spawn(async move {
            for _ in 0..REQUESTS / CONNECTIONS {
                http.get(&url).send().await?.error_for_status()?;
                answered.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    let at_rest = until_no_answers(&answered).await?;
    ensure!(
        at_rest < REQUESTS,
        "the pipe was never full: {at_rest} requests completed"
    );
    let rest = thread::spawn(move || records_to_the_end(lines));
    while let Some(connection) = requests.join_next().await {
        connection??;
    }
    let id = process.0.id().to_string();
    let signalled = std::process::Command::new("kill").arg(&id).status()?;
    ensure!(signalled.success(), "kill {id}: {signalled}");
    let records = tokio::task::spawn_blocking(|| rest.join()).await?;
    let records = records.map_err(|_| anyhow::anyhow!("the reader of the log panicked"))??;
    let status = process.0.wait()?;
    ensure!(status.success(), "{status}");

    let references: HashSet<&str> = records
        .iter()
        .filter(|record| record["message"] == "request" && record["route"] == "/jwks")
        .filter_map(|record| record["reference"].as_str())
        .collect();
    ensure!(references.len() == REQUESTS, "{}", references.len());
    let last = records.last().context("no records")?;
    ensure!(last["message"] == "stopped", "{last}");
    Ok(())
}
