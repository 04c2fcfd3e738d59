//! Tests of the HTTP interface. Each test has its own stack: complete flows, all routes, and requests that must be rejected.

mod address;
mod auth_time;
mod aws_errors;
mod aws_login;
mod callbacks;
mod connections;
mod console;
mod console_saml;
mod corpora;
mod credentials;
pub mod decode;
mod every_trust;
mod faults;
mod forms;
mod oidc_peer;
mod portal;
mod provider_oidc;
mod proxies;
mod renewal;
mod routes;
mod saml;
mod saml_aws;
mod saml_faults;

mod saml_logged;
mod saml_logout;
mod saml_peer;
mod saml_rejections;
mod saml_sample_data;
mod sessions;
mod sign_in;
mod sign_out;
pub(crate) mod sso;
mod sso_oidc;
mod step_up;
mod terminal;
mod wire;

use anyhow::{Context as _, Result, ensure};
use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{RequestBuilder, Response};
use rolecall_core::identity::{ProviderId, Subject};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::browser::{Browser, Page};
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::http::client;
use serde_json::Value;
use url::Url;

/// The session cookie on a loopback origin.
const SESSION: &str = "rc_s";
/// The cookie of a pending sign-in.
const BROWSER: &str = "rc_t";

/// A stack, its clock, and an HTTP client that follows no redirects.
pub(crate) struct Fixture {
    pub(crate) stack: TestStack,
    clock: ManualClock,
    client: reqwest::Client,
}

/// The cookie and CSRF token of a signed-in browser, for direct requests.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    cookie: String,
    csrf: String,
}

impl Fixture {
    pub async fn new() -> Result<Self> {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut TestStackSettings)) -> Result<Self> {
        let clock = ManualClock::starting_now();
        let mut settings = TestStackSettings {
            clock: clock.clock(),
            ..TestStackSettings::default()
        };
        change(&mut settings);
        Ok(Self {
            stack: TestStack::start(settings).await?,
            clock,
            client: client()?,
        })
    }

    pub fn at(&self, path: &str) -> String {
        self.stack.at(path)
    }

    /// A new browser.
    fn browser(&self) -> Result<Browser> {
        self.stack.browser()
    }

    /// A browser in which this user is signed in. It shows the portal.
    pub async fn signed_in(&self, username: &str) -> Result<Browser> {
        let mut browser = self.browser()?;
        browser.open(&self.at("/")).await?;
        let page = browser.sign_in_at_provider(username).await?;
        ensure!(
            page.url().as_str() == self.at("/"),
            "{username} is at {}: {}",
            page.url(),
            page.text()
        );
        Ok(browser)
    }

    /// The cookie and CSRF token of a user who has just signed in.
    async fn pass(&self, username: &str) -> Result<Pass> {
        pass_of(&self.signed_in(username).await?)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.at(path))
    }

    /// A form request of the browser that holds `pass`, sent from a page of the gateway. The CSRF token is the last field.
    pub(crate) fn post(&self, pass: &Pass, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .append_pair("csrf", &pass.csrf)
            .finish();
        self.client
            .post(self.at(path))
            .header(COOKIE, &pass.cookie)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body)
    }

    /// As [`Fixture::post`], but accepts JSON.
    async fn post_json(
        &self,
        pass: &Pass,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<(u16, Value)> {
        let request = self.post(pass, path, fields);
        let answer = request.header(ACCEPT, "application/json").send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await?))
    }

    /// The audit events, oldest first.
    pub(crate) async fn trail(&self) -> Result<Vec<Value>> {
        self.stack.audit_events().await
    }

    /// The audit events of this kind.
    async fn events(&self, kind: &str) -> Result<Vec<Value>> {
        let mut events = self.trail().await?;
        events.retain(|event| event["event"] == kind);
        Ok(events)
    }

    /// The reasons of rejected sign-ins (`sign_in`) or sign-outs (`sign_out`), oldest first, from single and from summary
    /// events.
    async fn refused(&self, what: &str) -> Result<Vec<String>> {
        self.stack
            .gateway
            .services
            .journal()
            .write_refusals(true)
            .await?;
        let (one, many) = (format!("{what}_refused"), format!("{what}_refusals"));
        let mut all = Vec::new();
        for event in self.trail().await? {
            if event["event"] == one.as_str() {
                all.push(event["reason"].as_str().context("no reason")?.to_owned());
            } else if event["event"] == many.as_str() {
                let reasons = event["reasons"].as_object().context("no reasons")?;
                for (reason, count) in reasons {
                    let count = usize::try_from(count.as_u64().context("no count")?)?;
                    all.extend(std::iter::repeat_n(reason.clone(), count));
                }
            }
        }
        Ok(all)
    }

    /// Starts a sign-in: the authorization URL of the provider, and the cookie of the browser.
    async fn begin(&self, path: &str, cookie: Option<&str>) -> Result<(String, String)> {
        let mut request = self.get(path);
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        let answer = request.send().await?;
        let to = location(&answer)?;
        Ok((to, cookie_set(&answer, BROWSER).context("no cookie")?))
    }

    /// Ends all other sessions of Alice: in even rounds by Alice in the portal, otherwise by an operator.
    async fn end_alice(&self, mine: &Pass, round: usize) -> Result<()> {
        if round.is_multiple_of(2) {
            let ended = self.post(mine, "/sessions/end", &[("others", "true")]);
            ensure!(ended.send().await?.status() == 303);
            return Ok(());
        }
        let (provider, subject) = (ProviderId::parse("example")?, Subject::parse("00u-alice")?);
        let services = &self.stack.gateway.services;
        services.sessions().end_person(&provider, &subject).await?;
        Ok(())
    }

    /// Signs in at the provider: the callback URL.
    async fn approve(&self, authorize: &str, username: &str) -> Result<String> {
        let form = self.client.get(authorize).send().await?.text().await?;
        let request = form
            .split_once("name=\"request\" value=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .context("no form")?
            .0;
        let fields = [
            ("request", request),
            ("username", username),
            ("decision", "sign-in"),
        ];
        let action = Url::parse(authorize)?;
        let action = &action[..url::Position::AfterPath];
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let answer = self
            .client
            .post(action)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await?;
        location(&answer)
    }

    /// Sends the callback of the provider.
    async fn come_back(&self, callback: &str, cookie: Option<&str>) -> Result<Response> {
        let mut request = self.client.get(callback);
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        Ok(request.send().await?)
    }
}

/// The session cookie and the CSRF token of the current page.
pub(crate) fn pass_of(browser: &Browser) -> Result<Pass> {
    let cookie = browser.cookie(SESSION).context("no session cookie")?;
    let tokens = browser.page()?.attributes("input[name=csrf]", "value")?;
    Ok(Pass {
        cookie: format!("{SESSION}={}", cookie.value),
        csrf: tokens.first().context("no form")?.clone(),
    })
}

/// The number of rounds of a race. `ROLECALL_RACE_ROUNDS` overrides it.
#[expect(
    clippy::disallowed_methods,
    reason = "names how long the tests may take"
)]
fn race_rounds() -> usize {
    let asked = std::env::var("ROLECALL_RACE_ROUNDS").ok();
    asked.and_then(|rounds| rounds.parse().ok()).unwrap_or(6)
}

/// The `Location` header.
fn location(answer: &Response) -> Result<String> {
    let status = answer.status();
    let to = answer.headers().get(LOCATION);
    let to = to.with_context(|| format!("{} answered {status}, no redirect", answer.url()))?;
    Ok(to.to_str()?.to_owned())
}

/// `name=value` of a cookie that a response sets.
fn cookie_set(answer: &Response, name: &str) -> Option<String> {
    answer
        .headers()
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok()?.split(';').next())
        .find(|pair| pair.starts_with(&format!("{name}=")))
        .map(str::to_owned)
}

/// The reference ID of an error page.
fn reference(page: &Page) -> Result<String> {
    let shown = page.select("#reference")?;
    let shown = shown.first().context("no reference on the page")?.clone();
    ensure!(page.header("x-request-id") == Some(shown.as_str()));
    Ok(shown)
}

/// The URL of a `Refresh` header.
pub(crate) fn refresh(page: &Page) -> Result<String> {
    let header = page.header("refresh").context("no Refresh")?;
    Ok(header
        .strip_prefix("0; url=")
        .context("not at once")?
        .to_owned())
}
