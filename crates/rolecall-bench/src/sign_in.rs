//! Signs people in as their browsers would: at the gateway, at the identity provider, and back with a code.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use url::Url;

use crate::http::{Connection, get, post};

/// A machine at which people sign in, one after the other.
pub struct Browser {
    host: String,
    gateway: Connection,
    provider_host: String,
    provider: Connection,
}

impl Browser {
    /// With a connection to each side.
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

    /// Begins a session; gives its cookie.
    pub async fn sign_in(&mut self, username: &str) -> anyhow::Result<String> {
        let begin = get(&self.host, "/sign-in/example", "");
        let begun = self.gateway.exchange(&begin).await?;
        let browser_cookie = begun.cookie("rc_t")?.to_owned();
        let authorize = path(begun.header("location")?)?;

        let ask = get(&self.provider_host, &authorize, "");
        let request = self.provider.exchange(&ask).await?.field("request")?;
        let fields = [
            ("request", request.as_str()),
            ("username", username),
            ("password", "any"),
            ("decision", "sign-in"),
        ];
        let answer = post(&self.provider_host, "/authorize", "", &fields);
        let answered = self.provider.exchange(&answer).await?;
        let callback = path(answered.header("location")?)?;

        let complete = get(&self.host, &callback, &browser_cookie);
        let completed = self.gateway.exchange(&complete).await?;
        ensure!(completed.status == 303, "answered {}", completed.status);
        Ok(completed.cookie("rc_s")?.to_owned())
    }

    /// Opens the page on which a program asks to be let in, in this session, and presses "Allow"; where the browser goes.
    pub async fn allow(&mut self, session: &str, path: &str) -> anyhow::Result<Url> {
        let page = get(&self.host, path, session);
        let page = self.gateway.exchange(&page).await?;
        let (csrf, others) = (page.field("csrf")?, page.field("others")?);
        let fields = [
            ("csrf", csrf.as_str()),
            ("others", others.as_str()),
            ("decision", "allow"),
        ];
        let answer = post(&self.host, path, session, &fields);
        let answered = self.gateway.exchange(&answer).await?;
        let to = answered.header("refresh")?.strip_prefix("0; url=");
        Ok(Url::parse(to.context("not at once")?)?)
    }
}

/// Path and query of a URL.
fn path(url: &str) -> anyhow::Result<String> {
    let url = Url::parse(url).with_context(|| format!("no URL: {url}"))?;
    Ok(url[url::Position::BeforePath..].to_owned())
}
