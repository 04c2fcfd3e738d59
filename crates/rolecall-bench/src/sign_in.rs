//! Sign-in like that of a browser: at the gateway, at the identity provider, and back to the gateway with a code.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use url::Url;

use crate::http::{Connection, get, post};

/// A browser where users sign in, one after the other.
pub struct Browser {
    host: String,
    gateway: Connection,
    provider_host: String,
    provider: Connection,
}

impl Browser {
    /// Connects to the gateway and the provider.
    pub async fn open(
        host: &str,
        gateway: SocketAddr,
        provider: SocketAddr,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            host: host.to_owned(),
            gateway: Connection::open(gateway).await?,
            provider_host: provider.to_string(),
            provider: Connection::open(provider).await?,
        })
    }

    /// Signs a user in and returns the cookie of the session.
    pub async fn sign_in(&mut self, username: &str) -> anyhow::Result<String> {
        Ok(self.timed_sign_in(username).await?.0)
    }

    /// As [`Self::sign_in`], with the time that the gateway's callback took.
    pub async fn timed_sign_in(&mut self, username: &str) -> anyhow::Result<(String, Duration)> {
        let start = get(&self.host, "/sign-in/example", "");
        let started = self.gateway.exchange(&start).await?;
        let browser_cookie = started.cookie("rc_t")?.to_owned();
        let authorize = path(started.header("location")?)?;

        let request = get(&self.provider_host, &authorize, "");
        let request = self.provider.exchange(&request).await?.field("request")?;
        let fields = [
            ("request", request.as_str()),
            ("username", username),
            ("password", "any"),
            ("decision", "sign-in"),
        ];
        let submit = post(&self.provider_host, "/authorize", "", &fields);
        let response = self.provider.exchange(&submit).await?;
        let callback = path(response.header("location")?)?;

        let complete = get(&self.host, &callback, &browser_cookie);
        let then = Instant::now();
        let completed = self.gateway.exchange(&complete).await?;
        let time = then.elapsed();
        ensure!(completed.status == 303, "answered {}", completed.status);
        Ok((completed.cookie("rc_s")?.to_owned(), time))
    }

    /// Opens an authorization page in this session and grants access. Returns the URL of the redirect.
    pub async fn allow(&mut self, session: &str, path: &str) -> anyhow::Result<Url> {
        let page = get(&self.host, path, session);
        let page = self.gateway.exchange(&page).await?;
        let (csrf, others) = (page.field("csrf")?, page.field("others")?);
        let fields = [
            ("csrf", csrf.as_str()),
            ("others", others.as_str()),
            ("decision", "allow"),
        ];
        let submit = post(&self.host, path, session, &fields);
        let response = self.gateway.exchange(&submit).await?;
        let to = response.header("refresh")?.strip_prefix("0; url=");
        Ok(Url::parse(to.context("the redirect is not immediate")?)?)
    }
}

/// Path and query of a URL.
fn path(url: &str) -> anyhow::Result<String> {
    let url = Url::parse(url).with_context(|| format!("not a URL: {url}"))?;
    Ok(url[url::Position::BeforePath..].to_owned())
}
