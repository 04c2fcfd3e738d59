//! Two gateways with a shared store: every flow can continue at another replica, and one-time values are consumed once.

use anyhow::{Context as _, Result, ensure};
use reqwest::{StatusCode, header};
use rolecall_harness::{Replica, TestStack};
use rolecall_testkit::browser::Browser;
use rolecall_testkit::redis::Redis;
use rolecall_testkit::serve::LocalServer;
use tokio::task::JoinSet;
use url::Url;

use super::{
    Balancer, PROD, balanced_stack_with, client, credentials, is_at_provider, is_portal, sign_in,
};

const CALLBACKS: usize = 100;

/// Two gateways behind a load balancer, with a shared Redis.
struct Two {
    stack: TestStack,
    other: Replica,
    balancer: Balancer,
    _redis: Redis,
}

async fn two() -> Result<Two> {
    let redis = Redis::single().await?;
    let (stack, balancer) = balanced_stack_with(&redis.url()).await?;
    let other = stack.start_replica().await?;
    Ok(Two {
        stack,
        other,
        balancer,
        _redis: redis,
    })
}

impl Two {
    fn lead_to_first(&self) {
        self.balancer.lead_to(&[self.stack.gateway.address]);
    }

    fn lead_to_other(&self) {
        self.balancer.lead_to(&[self.other.address]);
    }

    fn lead_to_both(&self) {
        self.balancer
            .lead_to(&[self.stack.gateway.address, self.other.address]);
    }
}

#[tokio::test]
async fn sign_in_can_complete_at_another_replica() -> Result<()> {
    let two = two().await?;
    let mut alice = Browser::new()?;
    let page = alice.open(two.stack.url()).await?;
    ensure!(is_at_provider(&page)?, "{}", page.text());
    two.lead_to_other();
    let page = alice.sign_in_at_provider("alice").await?;
    ensure!(is_portal(&page), "{}", page.text());
    let (status, issued) = credentials(&alice, PROD).await?;
    ensure!(status == StatusCode::OK, "{issued}");
    two.lead_to_first();
    ensure!(is_portal(&alice.reload().await?));
    let (status, issued) = credentials(&alice, PROD).await?;
    ensure!(status == StatusCode::OK, "{issued}");
    Ok(())
}

#[tokio::test]
async fn requests_can_alternate_between_replicas() -> Result<()> {
    let two = two().await?;
    two.lead_to_both();
    let mut alice = Browser::new()?;
    sign_in(two.stack.url(), &mut alice, "alice").await?;
    for _ in 0..4 {
        let (status, issued) = credentials(&alice, PROD).await?;
        ensure!(status == StatusCode::OK, "{issued}");
        ensure!(is_portal(&alice.reload().await?));
    }
    alice.submit("/sign-out", &[]).await?;
    for _ in 0..2 {
        alice.open(two.stack.url()).await?;
        let passed = alice.visits().iter().rev().take(8);
        ensure!(
            passed
                .into_iter()
                .any(|visit| visit.url.path() == "/sign-in")
        );
    }
    Ok(())
}

#[tokio::test]
async fn revoked_session_ends_at_all_replicas() -> Result<()> {
    let two = two().await?;
    let (mut desk, mut phone) = (Browser::new()?, Browser::new()?);
    sign_in(two.stack.url(), &mut desk, "alice").await?;
    two.lead_to_other();
    sign_in(two.stack.url(), &mut phone, "alice").await?;
    two.lead_to_first();
    let page = desk.open(&two.stack.at("/sessions")).await?;
    ensure!(page.select(".sessions li")?.len() == 2, "{}", page.text());
    let page = desk.press("End all other sessions", &[]).await?;
    ensure!(
        page.text().contains("sessions were ended"),
        "{}",
        page.text()
    );
    two.lead_to_other();
    let (status, answer) = credentials(&phone, PROD).await?;
    ensure!(status == StatusCode::UNAUTHORIZED, "{status} {answer}");
    ensure!(two.stack.aws.issued().is_empty());
    // The session that ended the others continues.
    ensure!(is_portal(&desk.open(two.stack.url()).await?));
    Ok(())
}

#[tokio::test]
async fn stopping_a_replica_loses_nothing() -> Result<()> {
    let Two {
        stack,
        other,
        balancer,
        _redis,
    } = two().await?;
    let (mut alice, mut bob) = (Browser::new()?, Browser::new()?);
    sign_in(stack.url(), &mut alice, "alice").await?;
    bob.open(stack.url()).await?;
    let portal = stack.url().to_owned();
    let TestStack {
        gateway,
        provider,
        aws,
        ..
    } = stack;
    balancer.lead_to(&[other.address]);
    drop(gateway);
    ensure!(is_portal(&alice.open(&portal).await?));
    ensure!(is_portal(&bob.sign_in_at_provider("bob").await?));
    drop((provider, aws));
    Ok(())
}

/// The callback URL with a code, before any gateway has received it.
async fn callback_of(two: &Two, browser: &mut Browser) -> Result<Url> {
    browser.open(two.stack.url()).await?;
    let catcher = LocalServer::start(0, |routes| {
        routes.default_service(actix_web::web::to(actix_web::HttpResponse::Ok));
    })?;
    two.balancer.lead_to(&[catcher.address()]);
    let page = browser.sign_in_at_provider("alice").await?;
    two.lead_to_both();
    ensure!(page.url().path().ends_with("/callback"), "{}", page.url());
    Ok(page.url().clone())
}

#[tokio::test]
async fn only_one_of_concurrent_callbacks_signs_in() -> Result<()> {
    let two = two().await?;
    let mut browser = Browser::new()?;
    let callback = callback_of(&two, &mut browser).await?;
    let cookie = browser.cookie("rc_t").context("no cookie")?;
    let cookie = format!("rc_t={}", cookie.value);
    let client = client()?;
    let mut asking = JoinSet::new();
    for _ in 0..CALLBACKS {
        let ask = client
            .get(callback.clone())
            .header(header::COOKIE, &cookie)
            .send();
        asking.spawn(ask);
    }
    let (mut sessions, mut refused) = (0, 0);
    while let Some(answer) = asking.join_next().await {
        let answer = answer??;
        let session = answer
            .headers()
            .get_all(header::SET_COOKIE)
            .iter()
            .any(|line| line.as_bytes().starts_with(b"rc_s="));
        match answer.status() {
            StatusCode::SEE_OTHER if session => sessions += 1,
            StatusCode::BAD_REQUEST | StatusCode::TOO_MANY_REQUESTS if !session => refused += 1,
            status => anyhow::bail!("{status}: {}", answer.text().await?),
        }
    }
    ensure!(
        (sessions, refused) == (1, CALLBACKS - 1),
        "{sessions} {refused}"
    );
    ensure!(two.stack.provider.hits("/token") == 1);
    Ok(())
}

#[tokio::test]
async fn console_ticket_can_be_used_once() -> Result<()> {
    let two = two().await?;
    let mut alice = Browser::new()?;
    sign_in(two.stack.url(), &mut alice, "alice").await?;
    let link = format!("/console?account={}&permission_set={}", PROD.0, PROD.1);
    alice.open(&two.stack.at(&link)).await?;
    two.lead_to_other();
    alice
        .press("Open console", &[("sign_out_first", "true")])
        .await?;
    let visits = alice.visits();
    let ticket = visits
        .iter()
        .rev()
        .find(|visit| visit.url.path().starts_with("/console/continue/"))
        .context("the AWS sign-out did not redirect back")?;
    ensure!(ticket.status == Some(StatusCode::SEE_OTHER));
    let ticket = ticket.url.clone();
    ensure!(two.stack.aws.issued().len() == 1);
    for _ in 0..2 {
        two.lead_to_both();
        let page = alice.open(ticket.as_str()).await?;
        ensure!(page.status() == Some(StatusCode::BAD_REQUEST));
        ensure!(page.text().contains("was already used"), "{}", page.text());
    }
    ensure!(two.stack.aws.issued().len() == 1);
    Ok(())
}
