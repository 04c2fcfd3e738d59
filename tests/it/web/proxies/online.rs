//! `rolecalld check --online` sends requests through the proxy and reports configuration errors of the proxy.

use std::fs;

use rolecall_testkit::process::Process;

use super::front::{Kind, replaced};
use super::*;
use crate::cli::{Ran, program, rolecalld};
use crate::operate::{Balancer, RECOVERED_MAX, until};

/// The source address of the proxy, which differs from the address of the test client.
const PROXY: &str = "127.0.0.2/32";

fn check(stack: &TestStack) -> Result<Ran> {
    let online = ["check", "--config", "rolecall.toml", "--online"];
    rolecalld(stack.folder(), &online)
}

/// Replaces a line of the nginx example, which connects from [`PROXY`] unless the line sets another address.
async fn behind(old: &str, new: &str) -> Result<Proxied> {
    let change = |block: String| {
        let block = replaced(&block, old, new)?;
        let from = "location / {\n        proxy_bind 127.0.0.2;";
        match block.contains("proxy_bind") {
            true => Ok(block),
            false => replaced(&block, "location / {", from),
        }
    };
    Proxied::trusting(PROXY, Kind::Nginx, change).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn correct_proxy_passes_the_check() -> Result<()> {
    let proxied = behind("", "").await?;
    let ran = check(&proxied.fixture.stack)?;
    ensure!(ran.code == 0 && !ran.err.contains("public_url"), "{ran:?}");
    let expected = "public_url: ok\n  \
                the gateway sees this host as 127.0.0.1, from x-forwarded-for\n  \
                the headers Host and x-amz-sso_bearer_token reach the gateway\n  \
                /.well-known/openid-configuration and /jwks match the issuer and keys of this installation\n";
    ensure!(ran.out.contains(expected), "{}", ran.out);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_proxy_error_is_reported_with_a_fix() -> Result<()> {
    const FOR: &str = "proxy_set_header X-Forwarded-For $remote_addr;";
    for (old, new, expected, next) in [
        (
            "underscores_in_headers on;",
            "",
            "the header x-amz-sso_bearer_token does not reach the gateway",
            "pass header names with underscores",
        ),
        (
            "Host $http_host;",
            "Host $proxy_host;",
            "the proxy changes the `Host` header",
            "pass on `Host` unchanged",
        ),
        (
            FOR,
            "",
            "the gateway sees 127.0.0.2, and receives no `x-forwarded-for` header",
            "set `x-forwarded-for` to the client address",
        ),
        (
            FOR,
            "proxy_set_header Forwarded for=$remote_addr;",
            "the gateway cannot determine the address of this host",
            "configure the proxy to set `x-forwarded-for`, or set listen.client_address = \"forwarded\"",
        ),
        (
            "location / {",
            "location / {\n        proxy_bind 127.0.0.3;",
            "the gateway sees 127.0.0.3, and does not trust the `x-forwarded-for` header from it",
            "add \"127.0.0.3/32\" to listen.trusted_proxies",
        ),
        (
            "location / {",
            "set_real_ip_from 0.0.0.0/0;\n    location / {",
            "the gateway accepted 192.0.2.1 from a forwarding header that this host sent",
            "configure the proxy to overwrite `x-forwarded-for`",
        ),
        (
            "location / {",
            "location /jwks { return 403; }\n    location / {",
            "/jwks, which AWS fetches, is not reachable",
            "without authentication",
        ),
        (
            "location / {",
            "location /client-address { return 403; }\n    location / {",
            "a proxy in front of the gateway responded to /client-address with status 403",
            "pass all paths",
        ),
    ] {
        let new = new.replace(
            "0.0.0.0/0;",
            "0.0.0.0/0;\n    real_ip_header X-Forwarded-For;",
        );
        let proxied = behind(old, &new).await?;
        let ran = check(&proxied.fixture.stack)?;
        let faults = ran.err.matches("public_url: ").count();
        ensure!(
            ran.code == 1 && faults == 1 && ran.err.contains(expected),
            "{expected}: {ran:?}"
        );
        let (_, fault) = ran.err.split_once("public_url: ").context("no fault")?;
        let hint = fault.split("  hint: ").nth(1).unwrap_or_default();
        ensure!(
            hint.contains(next) && hint.contains("in docs/operations.md"),
            "{next}: {ran:?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_gateway_is_not_an_error() -> Result<()> {
    let mut proxied = behind(
        "http://127.0.0.1:8443;",
        "http://127.0.0.1:1; # 127.0.0.1:8443",
    )
    .await?;
    for expected in [
        "responded with status 502 instead of the gateway",
        "cannot connect to localhost",
    ] {
        let ran = check(&proxied.fixture.stack)?;
        ensure!(ran.code == 0 && !ran.err.contains("public_url"), "{ran:?}");
        ensure!(
            ran.out
                .contains("public_url: not reachable from this host (")
                && ran.out.contains(expected),
            "{expected}: {}",
            ran.out
        );
        proxied.front.stop();
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_of_another_installation_are_reported() -> Result<()> {
    let proxied = behind("", "").await?;
    let stack = &proxied.fixture.stack;
    let text = fs::read_to_string(stack.config())?;
    fs::write(
        stack.config(),
        replaced(&text, "keys = \"keys/\"", "keys = \"new/\"")?,
    )?;
    for saml in [&[][..], &["--saml"]] {
        let generate = ["keys", "generate", "--config", "rolecall.toml"];
        let ran = rolecalld(stack.folder(), &[&generate[..], saml].concat())?;
        ensure!(ran.code == 0, "{ran:?}");
    }
    let ran = check(stack)?;
    ensure!(
        ran.code == 1
            && ran.err.contains(
                "/jwks differ from those of this installation: the key set contains the key "
            )
            && ran.err.contains("\"Issuer keys\" in docs/operations.md"),
        "{ran:?}"
    );
    // The running gateway was started with HTTPS.
    let balancer = Balancer::start()?;
    let secure = balancer.url().replace("http://", "https://");
    let fixture = Fixture::with(|settings| settings.public_url = Some(secure.clone())).await?;
    balancer.lead_to(&[fixture.stack.gateway.address]);
    let text = fs::read_to_string(fixture.stack.config())?;
    fs::write(
        fixture.stack.config(),
        text.replace(&secure, &balancer.url()),
    )?;
    let ran = check(&fixture.stack)?;
    let expected = format!(
        "the discovery document has the issuer \"{secure}\" instead of \"{}\"",
        balancer.url()
    );
    ensure!(ran.code == 1 && ran.err.contains(&expected), "{ran:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn untrusted_certificate_is_an_error() -> Result<()> {
    let proxied = behind("", "").await?;
    let stack = &proxied.fixture.stack;
    let trusted = format!("ca = [{:?}]", proxied.front.authority_file());
    let text = fs::read_to_string(stack.config())?;
    fs::write(stack.config(), replaced(&text, &trusted, "")?)?;
    let ran = check(stack)?;
    ensure!(
        ran.code == 1
            && ran.err.contains("public_url: cannot connect to localhost")
            && ran.err.contains("use a certificate of a public CA"),
        "{ran:?}"
    );
    Ok(())
}

/// The log messages for a missing header, a token of another issuer, and an expired session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_distinguishes_missing_header_from_bad_token() -> Result<()> {
    let fixture = Fixture::new().await?;
    let balancer = Balancer::start()?;
    let text = fs::read_to_string(fixture.stack.config())?;
    fs::write(
        fixture.stack.config(),
        replaced(&text, fixture.stack.url(), &balancer.url())?,
    )?;
    let mut command = program(fixture.stack.folder());
    command.args(["serve", "--config", "rolecall.toml"]);
    let mut process = Process::start(command)?;
    let line = process.wait_for_line(" serving ", RECOVERED_MAX)?;
    let mut words = line.split_whitespace();
    let address = words.find_map(|word| word.strip_prefix("address="));
    balancer.lead_to(&[address.context("no address")?.parse()?]);
    let url = format!("{}{CREDENTIALS}", balancer.url());
    // The format of the gateway: a prefix and 129 characters.
    let ended = format!("rca_{}", "A".repeat(129));
    for (token, code) in [
        (None, "no_access_token"),
        (Some("made-up"), "foreign_access_token"),
        (Some(ended.as_str()), "unauthorized"),
    ] {
        let mut request = fixture.client.get(&url);
        if let Some(token) = token {
            request = request.header(BEARER_TOKEN, token);
        }
        let answer = request.send().await?;
        ensure!(answer.status() == 401, "{code}: {}", answer.status());
        let logged = format!("code=\"{code}\"");
        until(&logged, async || {
            Ok(process.output().contains(&logged).then_some(()))
        })
        .await?;
    }
    Ok(())
}
