//! Operation of a gateway: several replicas, all kinds of stores, outages, restarts, logs.
//!
//! All tests use real sockets: a browser, an identity provider, AWS, and real servers behind the gateway.

mod balancer;
mod kinds;
mod outages;
mod passwords;
mod peers;
mod postgres;
mod published;
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

/// Time limit for an automatic recovery on a loaded machine.
pub const RECOVERED_MAX: Duration = Duration::from_secs(20);

/// A role of alice.
pub const PROD: (&str, &str) = ("111122223333", "Administrator");
/// A role in an account that uses SAML.
pub const SANDBOX: (&str, &str) = ("777788889999", "Administrator");

/// A stack with this store.
pub async fn stack_with(store: &str) -> Result<TestStack> {
    TestStack::start(TestStackSettings {
        store: store.to_owned(),
        ..TestStackSettings::default()
    })
    .await
}

/// A stack with this store behind a load balancer with one gateway.
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

/// Signs in from the URL of the portal; the portal is then displayed.
pub async fn sign_in(portal: &str, browser: &mut Browser, who: &str) -> Result<Page> {
    let page = browser.open(portal).await?;
    ensure!(is_at_provider(&page)?, "{}: {}", page.url(), page.text());
    let page = browser.sign_in_at_provider(who).await?;
    ensure!(is_portal(&page), "{}: {}", page.url(), page.text());
    Ok(page)
}

/// Whether the page is the sign-in page of the provider.
pub fn is_at_provider(page: &Page) -> Result<bool> {
    Ok(!page.attributes("#testkit-sign-in", "id")?.is_empty())
}

/// Whether the page is the portal of a signed-in user.
pub fn is_portal(page: &Page) -> bool {
    page.url().path() == "/"
        && page.status() == Some(StatusCode::OK)
        && page.text().contains("payments-prod")
}

/// A `GET` request of a page, for example of the management listener.
pub async fn get(url: &str) -> Result<(StatusCode, String)> {
    let answer = client()?.get(url).send().await?;
    Ok((answer.status(), answer.text().await?))
}

/// Requests credentials like a program, with the form on the current page.
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

/// Polls until the condition is met, or the time limit expires.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        ensure!(begun.elapsed() < RECOVERED_MAX, "timeout: {what}");
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
