//! Nothing in the store, the audit trail or the most verbose log gives access.
//!
//! The gateway process logs at all levels during a sign-in, a credentials request and a console session.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use reqwest::StatusCode;
use rolecall_harness::TestStack;
use rolecall_harness::sample_data::{CLIENT_ID, CLIENT_SECRET};
use rolecall_testkit::aws::Role;
use rolecall_testkit::browser::Browser;
use rolecall_testkit::process::{Process, Signal};
use rolecall_testkit::redis::Redis;

use super::{PROD, balanced_stack_with, credentials, sign_in, until};

/// Starts the process with its log in a file, because the log at `trace` is too large for memory.
fn serve(stack: &TestStack, log: &Path) -> Result<Process> {
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec \"$0\" serve --config rolecall.toml --log trace,hyper_util::client=trace,reqwest::connect=trace 2>\"$1\""])
        .arg(env!("CARGO_BIN_EXE_rolecalld"))
        .arg(log)
        .current_dir(stack.folder());
    Process::start(command)
}

/// The address in its log.
async fn address_in(log: &Path) -> Result<SocketAddr> {
    let address = until("the process to serve", async || {
        let text = fs::read_to_string(log).unwrap_or_default();
        let line = text.lines().find(|line| line.contains(" serving "));
        let address = line.and_then(|line| line.split(" address=").nth(1)?.split(' ').next());
        Ok(address.map(str::to_owned))
    });
    Ok(address.await?.parse()?)
}

/// The role of an account that trusts ID tokens.
const DIRECT: (&str, &str) = ("999988887777", "Direct");

/// Adds an account that trusts the ID tokens of the provider, which are then credentials. It is the last in the portal.
fn trust_id_tokens(stack: &TestStack) -> Result<()> {
    let access = stack.folder().join("access.toml");
    let text = fs::read_to_string(&access)?
        + r#"
[[account]]
id = "999988887777"
name = "z-direct"
trust = "provider-oidc"
provider = "example"
[[permission_set]]
name = "Direct"
[[assignment]]
id = "direct"
who = { everyone = true }
accounts = ["z-direct"]
permission_sets = ["Direct"]
"#;
    fs::write(&access, text)?;
    let issuer = stack.provider.issuer();
    let account = stack.aws.account(DIRECT.0)?;
    let provider = account.oidc_provider(&issuer, &[CLIENT_ID])?;
    let prefix = issuer.trim_start_matches("http://");
    let trust = serde_json::json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {format!("{prefix}:aud"): CLIENT_ID, format!("{prefix}:sub"): "00u-alice"}},
    }]});
    account.role(DIRECT.1, Role::with_trust_policy(trust))?;
    Ok(())
}

/// All secrets by name, as observed at both ends of the connections.
fn secrets(
    stack: &TestStack,
    browser: &Browser,
    cookies: &[String],
) -> Result<Vec<(String, String)>> {
    let mut secrets = vec![
        ("client secret".to_owned(), CLIENT_SECRET.to_owned()),
        (
            "sealing key".to_owned(),
            fs::read_to_string(stack.folder().join("seal.key"))?,
        ),
    ];
    secrets.extend(
        cookies
            .iter()
            .map(|value| ("cookie".to_owned(), value.clone())),
    );
    for visit in browser.visits() {
        for (name, value) in visit.url.query_pairs() {
            if ["state", "code", "nonce", "code_challenge", "SigninToken"].contains(&&*name) {
                secrets.push((name.into_owned(), value.into_owned()));
            }
        }
    }
    for issued in stack.aws.issued() {
        secrets.push((
            "SecretAccessKey".to_owned(),
            issued.secret_access_key.clone(),
        ));
        secrets.push(("SessionToken".to_owned(), issued.session_token.clone()));
    }
    for request in stack.aws.requests() {
        let token = request.field("WebIdentityToken");
        secrets.extend(token.map(|token| ("WebIdentityToken".to_owned(), token.to_owned())));
    }
    for name in [
        "state",
        "code",
        "SigninToken",
        "SecretAccessKey",
        "WebIdentityToken",
        "cookie",
    ] {
        ensure!(
            secrets.iter().any(|(known, _)| known == name),
            "no {name} was observed"
        );
    }
    let tokens = secrets
        .iter()
        .filter(|(name, _)| name == "WebIdentityToken");
    ensure!(tokens.count() >= 2, "the ID token was not observed");
    ensure!(
        secrets.iter().all(|(_, value)| value.len() >= 12),
        "a secret is too short to be searched for"
    );
    Ok(secrets)
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn store_trail_and_log_contain_no_secrets() -> Result<()> {
    let redis = Redis::single().await?;
    let (stack, balancer) = balanced_stack_with(&redis.url()).await?;
    let log = stack.folder().join("serve.log");
    trust_id_tokens(&stack)?;
    let mut process = serve(&stack, &log)?;
    balancer.lead_to(&[address_in(&log).await?]);

    let mut alice = Browser::new()?;
    sign_in(stack.url(), &mut alice, "alice").await?;
    for role in [PROD, DIRECT] {
        let (status, issued) = credentials(&alice, role).await?;
        ensure!(status == StatusCode::OK, "{issued}");
    }
    let cookies: Vec<String> = alice
        .cookies()
        .filter(|cookie| cookie.name.starts_with("rc_"))
        .map(|cookie| cookie.value.clone())
        .collect();
    let page = alice.press("Console", &[]).await?;
    ensure!(
        page.url().as_str().starts_with(&stack.aws.url()),
        "{}: {}",
        page.url(),
        page.text()
    );
    // A sign-out: its address leads to the provider and could contain the ID token.
    let mut second = Browser::new()?;
    sign_in(stack.url(), &mut second, "alice").await?;
    second.press("Sign out", &[]).await?;
    // A second sign-in is pending, so that its record is searched, too.
    let mut bob = Browser::new()?;
    bob.open(stack.url()).await?;

    let stored = redis.dump()?;
    ensure!(stored.len() >= 3, "{} records", stored.len());
    for name in redis.cli(&["--scan"])?.lines() {
        let life: i64 = redis.cli(&["PTTL", name])?.trim().parse()?;
        // -2: it has expired since the scan, as counters of a second do. -1: it never will.
        ensure!(life > 0 || life == -2, "{name} does not expire");
    }
    process.stop(Signal::Term)?;
    let trail = [
        fs::read(stack.folder().join("audit.db"))?,
        fs::read(stack.folder().join("audit.db-wal")).unwrap_or_default(),
    ]
    .concat();
    let log = fs::read(&log)?;
    ensure!(
        holds(&log, "TRACE") && holds(&log, "/sign-in/{provider}/callback"),
        "the log is incomplete"
    );

    for (name, secret) in secrets(&stack, &alice, &cookies)? {
        let secret = secret.trim();
        for (key, value) in &stored {
            ensure!(
                !holds(key, secret) && !holds(value, secret),
                "{name} is in Redis"
            );
        }
        ensure!(!holds(&trail, secret), "{name} is in the trail");
        ensure!(!holds(&log, secret), "{name} is in the log");
    }
    for person in ["alice@example.com", "Alice"] {
        let found = stored
            .iter()
            .any(|(key, value)| holds(key, person) || holds(value, person));
        ensure!(!found, "{person} is in Redis");
    }
    for issued in stack.aws.issued() {
        let key = &issued.access_key_id;
        ensure!(
            holds(&trail, key),
            "the audit trail does not contain the access key ID"
        );
        ensure!(!holds(&log, key), "the log contains an access key ID");
        ensure!(
            !stored.iter().any(|(_, value)| holds(value, key)),
            "Redis contains an access key ID"
        );
    }
    Ok(())
}

#[tokio::test]
async fn log_contains_the_reference_of_an_error_page() -> Result<()> {
    let redis = Redis::single().await?;
    let (stack, balancer) = balanced_stack_with(&redis.url()).await?;
    let log = stack.folder().join("serve.log");
    let _process = serve(&stack, &log)?;
    balancer.lead_to(&[address_in(&log).await?]);
    let page = Browser::new()?.open(&stack.at("/nowhere")).await?;
    let reference = page
        .header("x-request-id")
        .context("no reference")?
        .to_owned();
    ensure!(page.text().contains(&reference), "{}", page.text());
    until("the line of the log", async || {
        Ok(fs::read_to_string(&log)?.contains(&reference).then_some(()))
    })
    .await
}
