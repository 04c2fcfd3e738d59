//! Running a gateway: several replicas, every kind of store, outages, restarts, what it writes down.
//!
//! Each story goes over real sockets: a browser, an identity provider, an AWS, real servers behind the gateway.

mod balancer;
mod kinds;
mod outages;
mod passwords;
mod peers;
mod postgres;
pub mod reload;
mod replicas;
mod secrets;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use reqwest::StatusCode;
use reqwest::header;
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::browser::{Browser, Page};
use rolecall_testkit::http::client;
use serde_json::Value;

pub use balancer::Balancer;

/// How long anything may take to recover by itself on a loaded machine.
pub const RECOVERED_MAX: Duration = Duration::from_secs(20);

/// A role that alice has.
pub const PROD: (&str, &str) = ("111122223333", "Administrator");
/// A role in an account that trusts by SAML.
pub const SANDBOX: (&str, &str) = ("777788889999", "Administrator");

/// A stack with this store.
pub async fn stack_with(store: &str) -> Result<TestStack> {
    TestStack::start(TestStackSettings {
        store: store.to_owned(),
        ..TestStackSettings::default()
    })
    .await
}

/// A stack with this store behind a balancer that leads to its one gateway so far.
pub async fn balanced_stack_with(store: &str) -> Result<(TestStack, Balancer)> {
    balanced_stack(|settings| settings.store = store.to_owned()).await
}

/// As [`balanced_stack_with`], with other settings.
pub async fn balanced_stack(
    change: impl FnOnce(&mut TestStackSettings),
) -> Result<(TestStack, Balancer)> {
    let balancer = Balancer::start()?;
    let mut settings = TestStackSettings {
        public_url: Some(balancer.url()),
        ..TestStackSettings::default()
    };
    change(&mut settings);
    let stack = TestStack::start(settings).await?;
    balancer.lead_to(&[stack.gateway.address]);
    Ok((stack, balancer))
}

/// Signs in from the portal's address; the portal is showing then.
pub async fn sign_in(portal: &str, browser: &mut Browser, who: &str) -> Result<Page> {
    let page = browser.open(portal).await?;
    ensure!(is_at_provider(&page)?, "{}: {}", page.url(), page.text());
    let page = browser.sign_in_at_provider(who).await?;
    ensure!(is_portal(&page), "{}: {}", page.url(), page.text());
    Ok(page)
}

/// Whether the provider asks who is there.
pub fn is_at_provider(page: &Page) -> Result<bool> {
    Ok(!page.attributes("#testkit-sign-in", "id")?.is_empty())
}

/// Whether somebody who is signed in sees accounts.
pub fn is_portal(page: &Page) -> bool {
    page.url().path() == "/"
        && page.status() == Some(StatusCode::OK)
        && page.text().contains("payments-prod")
}

/// `GET` of a page of the management listener, or of any other.
pub async fn get(url: &str) -> Result<(StatusCode, String)> {
    let answer = client()?.get(url).send().await?;
    Ok((answer.status(), answer.text().await?))
}

/// Credentials as a program asks for them, by the form on the page that shows.
pub async fn credentials(
    browser: &Browser,
    (account, permission_set): (&str, &str),
) -> Result<(StatusCode, Value)> {
    let page = browser.page()?;
    let origin = page.url().origin().ascii_serialization();
    let csrf = page.attributes("input[name=csrf]", "value")?;
    let cookies: Vec<String> = browser
        .cookies()
        .filter(|cookie| cookie.name.starts_with("rc_"))
        .map(|cookie| format!("{}={}", cookie.name, cookie.value))
        .collect();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("account", account)
        .append_pair("permission_set", permission_set)
        .append_pair("csrf", csrf.first().context("no form on this page")?)
        .finish();
    let answer = client()?
        .post(format!("{origin}/credentials"))
        .header(header::COOKIE, cookies.join("; "))
        .header(header::ORIGIN, origin)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await?;
    let status = answer.status();
    let text = answer.text().await?;
    Ok((status, serde_json::from_str(&text).context(text)?))
}

/// Looks again and again until it is so, or it has taken too long.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        ensure!(begun.elapsed() < RECOVERED_MAX, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the gateway with this management listener is ready.
pub async fn until_ready(management: std::net::SocketAddr) -> Result<()> {
    until("ready", async || {
        let (status, _) = get(&format!("http://{management}/readyz")).await?;
        Ok((status == StatusCode::OK).then_some(()))
    })
    .await
}
