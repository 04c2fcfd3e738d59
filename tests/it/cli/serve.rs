//! The process `rolecalld serve`: start, reload, and shutdown.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use reqwest::StatusCode;
use rolecall_harness::sample_data::ACCESS_POLICY;
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::aws::Fault;
use rolecall_testkit::browser::Browser;
use rolecall_testkit::certificate::CertificateAuthority;
use rolecall_testkit::process::{Process, Signal};
use serde_json::Value;

use super::{change, folder, program, rolecalld};
use crate::operate::reload::{is_served_by, replace};
use crate::operate::{
    Balancer, PROD, RECOVERED_MAX, balanced_stack, credentials, get, is_portal, sign_in, until,
};

/// A gateway process with the configuration and the public URL of a stack.
pub struct Serving {
    pub stack: TestStack,
    pub process: Process,
    pub management: String,
    _balancer: Balancer,
}

/// Starts `rolecalld serve` with the configuration of the stack, and redirects the traffic of the stack to it.
async fn serving() -> Result<Serving> {
    serving_with(|_| ()).await
}

/// As [`serving`], with other settings of the stack.
pub async fn serving_with(change: impl FnOnce(&mut TestStackSettings)) -> Result<Serving> {
    let (stack, balancer) = balanced_stack(|settings| {
        settings.store = "sqlite:store.db".to_owned();
        change(settings);
    })
    .await?;
    let mut command = program(stack.folder());
    command.args(["serve", "--config", "rolecall.toml"]);
    let mut process = Process::start(command)?;
    let line = process.wait_for_line(" serving ", RECOVERED_MAX)?;
    let word = |name: &str| {
        line.split_whitespace()
            .find_map(|word| word.strip_prefix(name))
            .with_context(|| line.clone())
    };
    balancer.lead_to(&[word("address=")?.parse()?]);
    let management = format!("http://{}", word("management=")?);
    Ok(Serving {
        stack,
        process,
        management,
        _balancer: balancer,
    })
}

impl Serving {
    async fn metrics(&self) -> Result<String> {
        Ok(get(&format!("{}/metrics", self.management)).await?.1)
    }

    /// Waits for a line of the metrics.
    async fn until_counted(&self, line: &str) -> Result<()> {
        until(line, async || {
            let metrics = self.metrics().await?;
            Ok(metrics.lines().any(|counted| counted == line).then_some(()))
        })
        .await
    }

    fn write_access(&self, text: &str) -> Result<()> {
        let (new, path) = (
            self.stack.folder().join("access.new"),
            self.stack.folder().join("access.toml"),
        );
        fs::write(&new, text)?;
        Ok(fs::rename(new, path)?)
    }
}

#[tokio::test]
async fn management_routes_are_on_their_own_listener() -> Result<()> {
    let serving = serving().await?;
    let (alive, _) = get(&format!("{}/livez", serving.management)).await?;
    let (ready, _) = get(&format!("{}/readyz", serving.management)).await?;
    ensure!((alive, ready) == (StatusCode::OK, StatusCode::OK));
    for path in ["/livez", "/readyz", "/metrics"] {
        let (status, _) = get(&serving.stack.at(path)).await?;
        ensure!(
            status == StatusCode::NOT_FOUND,
            "{path} on the public address: {status}"
        );
    }
    for path in ["/", "/sign-in", "/jwks"] {
        let (status, _) = get(&format!("{}{path}", serving.management)).await?;
        ensure!(
            status == StatusCode::NOT_FOUND,
            "{path} on the management address: {status}"
        );
    }
    let before = serving.metrics().await?;
    ensure!(!before.contains("rolecall_sign_ins_total{"), "{before}");
    ensure!(before.contains("rolecall_policy_stale 0"), "{before}");
    let mut alice = Browser::new()?;
    sign_in(serving.stack.url(), &mut alice, "alice").await?;
    let (status, issued) = credentials(&alice, PROD).await?;
    ensure!(status == StatusCode::OK, "{issued}");
    serving
        .until_counted("rolecall_sign_ins_total{outcome=\"ok\",provider=\"example\"} 1")
        .await?;
    serving
        .until_counted("rolecall_issues_total{delivery=\"credentials\",outcome=\"ok\"} 1")
        .await?;
    let after = serving.metrics().await?;
    ensure!(
        !after.contains("alice") && !after.contains(PROD.0),
        "{after}"
    );
    Ok(())
}

#[tokio::test]
async fn valid_policy_is_reloaded_and_invalid_one_rejected() -> Result<()> {
    let mut serving = serving().await?;
    let mut carol = Browser::new()?;
    carol.open(serving.stack.url()).await?;
    let page = carol.sign_in_at_provider("carol").await?;
    ensure!(!is_portal(&page), "{}", page.text());
    let for_all = "\n[[assignment]]\nid = \"all\"\nwho = { everyone = true }\naccounts = [\"payments-prod\"]\npermission_sets = [\"ReadOnly\"]\n";
    serving.write_access(&format!("{ACCESS_POLICY}{for_all}"))?;
    until("carol's role", async || {
        Ok(is_portal(&carol.reload().await?).then_some(()))
    })
    .await?;
    serving.process.wait_for_line(
        "access policy reloaded: 1 assignment, 0 deny rules and 0 roles changed",
        RECOVERED_MAX,
    )?;
    serving.write_access("[[account]]\nid = \"1\"\n")?;
    serving.until_counted("rolecall_policy_stale 1").await?;
    ensure!(
        is_portal(&carol.reload().await?),
        "carol's role is still granted"
    );
    for line in [
        "the new access policy was rejected; the previous one stays in use",
        "access.toml:2:6: ",
    ] {
        serving.process.wait_for_line(line, RECOVERED_MAX)?;
    }
    serving.write_access(ACCESS_POLICY)?;
    serving.process.signal(Signal::Hup)?;
    serving.until_counted("rolecall_policy_stale 0").await?;
    ensure!(
        !is_portal(&carol.reload().await?),
        "the previous policy stays in use"
    );
    Ok(())
}

#[tokio::test]
async fn new_keys_are_published_without_restart() -> Result<()> {
    let mut serving = serving().await?;
    let jwks = async || -> Result<Vec<String>> {
        let keys: Value = serde_json::from_str(&get(&serving.stack.at("/jwks")).await?.1)?;
        let ids = keys["keys"].as_array().context("no keys")?.iter();
        Ok(ids
            .filter_map(|key| key["kid"].as_str().map(str::to_owned))
            .collect())
    };
    ensure!(jwks().await?.len() == 1);
    let made = rolecalld(
        serving.stack.folder(),
        &["keys", "generate", "--config", "rolecall.toml"],
    )?;
    let kid = made.out.split_whitespace().next().context("no key")?;
    until("the new key", async || {
        Ok(jwks().await?.iter().any(|id| id == kid).then_some(()))
    })
    .await?;
    serving
        .process
        .wait_for_line("issuer keys reloaded", RECOVERED_MAX)?;
    Ok(())
}

/// SIGHUP reloads the certificate, even if the files are unchanged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_reloads_the_certificate() -> Result<()> {
    let serving = serving_with(|settings| {
        settings.tls = true;
        let plain = settings.public_url.take();
        settings.public_url = plain.map(|url| url.replace("http://127.0.0.1", "https://localhost"));
    })
    .await?;
    let folder = serving.stack.folder();
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    let old = serving
        .stack
        .authority()
        .context("no CA certificate")?
        .to_vec();
    ensure!(is_served_by(&serving.stack, &old).await?);
    let count_of = |line: &str| serving.process.output().matches(line).count();
    let until_told = async |line: &str, times: usize| {
        until(line, async || Ok((count_of(line) >= times).then_some(()))).await
    };
    let (taken, refused) = (
        "TLS certificate reloaded",
        "could not reload the TLS certificate; the previous one stays in use",
    );
    replace(&certificate, b"not PEM")?;
    // First because of the change, afterwards only because of the signals.
    until_told(refused, 1).await?;
    for times in 2..=4 {
        serving.process.signal(Signal::Hup)?;
        until_told(refused, times).await?;
        ensure!(
            is_served_by(&serving.stack, &old).await?,
            "the previous certificate must stay in use"
        );
    }
    let authority = CertificateAuthority::generate()?;
    let issued = authority.issue(&["localhost"])?;
    let before = count_of(taken);
    replace(&key, &issued.key_pem)?;
    replace(&certificate, &issued.certificate_pem)?;
    serving.process.signal(Signal::Hup)?;
    until_told(taken, before + 1).await?;
    ensure!(is_served_by(&serving.stack, &authority.pem()?).await?);
    ensure!(
        !is_served_by(&serving.stack, &old).await?,
        "the previous certificate is still in use"
    );
    Ok(())
}

/// Rejections of the last minutes are in the audit trail after the process has exited.
#[tokio::test]
async fn rejections_are_summarized_before_exit() -> Result<()> {
    let mut serving = serving().await?;
    for _ in 0..3 {
        get(&serving.stack.at("/sign-in/example/callback?x")).await?;
    }
    serving.process.signal(Signal::Term)?;
    let last = ended_with(&mut serving.process)?;
    ensure!(last.contains("exit status: 0"), "{last}");
    let export = ["audit", "export", "--config", "rolecall.toml"];
    let ran = rolecalld(serving.stack.folder(), &export)?;
    let summaries: Vec<_> = ran
        .out
        .lines()
        .filter(|line| line.contains("sign_in_refusals"))
        .collect();
    ensure!(
        summaries.len() == 1 && summaries[0].contains("\"refusals\":3"),
        "{ran:?}"
    );
    Ok(())
}

#[tokio::test]
async fn first_signal_completes_slow_requests() -> Result<()> {
    let mut serving = serving().await?;
    let mut alice = Browser::new()?;
    sign_in(serving.stack.url(), &mut alice, "alice").await?;
    serving
        .stack
        .aws
        .inject_fault(Fault::SlowBy(Duration::from_millis(1_500)));
    let asked = serving.stack.aws.requests().len();
    let slow = credentials(&alice, PROD);
    let ending = async {
        until("the request at STS", async || {
            let begun = serving.stack.aws.requests().len() > asked;
            Ok(begun.then_some(()))
        })
        .await?;
        serving.process.signal(Signal::Term)?;
        until("readiness to go first", async || {
            let (status, body) = get(&format!("{}/readyz", serving.management)).await?;
            Ok((status == StatusCode::SERVICE_UNAVAILABLE && body == "draining\n").then_some(()))
        })
        .await?;
        // Clients that still use this replica are served.
        let (status, _) = get(&serving.stack.at("/jwks")).await?;
        ensure!(status == StatusCode::OK, "{status}");
        anyhow::Ok(())
    };
    let (answer, ended) = tokio::join!(slow, ending);
    ended?;
    let (status, issued) = answer?;
    ensure!(status == StatusCode::OK, "{issued}");
    let last = ended_with(&mut serving.process)?;
    ensure!(last.contains("exit status: 0"), "{last}");
    Ok(())
}

#[tokio::test]
async fn second_signal_stops_immediately() -> Result<()> {
    let mut serving = serving().await?;
    serving.process.signal(Signal::Term)?;
    serving
        .process
        .wait_for_line("shutting down", RECOVERED_MAX)?;
    let begun = Instant::now();
    serving.process.signal(Signal::Term)?;
    let last = ended_with(&mut serving.process)?;
    ensure!(
        last.contains("exit status: 1") && last.contains("by the second signal"),
        "{last}"
    );
    ensure!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    Ok(())
}

/// Waits for the process to exit; returns its exit status and last log lines.
fn ended_with(process: &mut Process) -> Result<String> {
    let ended = process.wait_for(RECOVERED_MAX, "end", || None::<()>);
    Ok(ended
        .err()
        .context("the process is still running")?
        .to_string())
}

#[test]
fn address_in_use_is_reported() -> Result<()> {
    let folder = folder()?;
    for more in [&[][..], &["--saml"]] {
        let generate = ["keys", "generate", "--config", "rolecall.toml"];
        rolecalld(folder.path(), &[&generate, more].concat())?;
    }
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    change(
        &folder,
        "address = \"127.0.0.1:0\"",
        &format!("address = \"{address}\""),
    )?;
    let ran = rolecalld(folder.path(), &["serve", "--config", "rolecall.toml"])?;
    ensure!(ran.code == 1 && ran.out.is_empty(), "{ran:?}");
    ensure!(
        ran.err.contains(&format!(
            "cannot listen on {address}: Address already in use"
        )),
        "{}",
        ran.err
    );
    ensure!(
        ran.err.contains(
            "\nhint: stop the program that uses this address, or change listen.address\n"
        ),
        "{}",
        ran.err
    );
    Ok(())
}

#[test]
fn startup_errors_have_hints() -> Result<()> {
    let folder = folder()?;
    let serve = ["serve", "--config", "rolecall.toml"];
    let ran = rolecalld(folder.path(), &serve)?;
    ensure!(
        ran.code == 1 && ran.err.contains("\nhint: run `rolecalld keys generate`\n"),
        "{ran:?}"
    );
    let ran = rolecalld(folder.path(), &[&serve[..], &["--log", "x=loud"]].concat())?;
    ensure!(
        ran.code == 2 && ran.err.contains("\nhint: write a level"),
        "{ran:?}"
    );
    Ok(())
}
