//! The current page, requests and cookies of a browser.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use url::Url;

use super::{Browser, Cookie, Page, Visit};

impl Browser {
    /// The current page.
    pub fn page(&self) -> Result<&Page> {
        self.page.as_ref().context("no page is open")
    }

    /// All requests in order, including redirects.
    pub fn visits(&self) -> &[Visit] {
        &self.visits
    }

    /// `HOST:PORT` of all requests that were sent.
    pub fn hosts(&self) -> BTreeSet<String> {
        let authority =
            |url: &Url| format!("{}:{}", url.host_str()?, url.port_or_known_default()?).into();
        let sent = self.visits.iter().filter(|visit| visit.status.is_some());
        sent.filter_map(|visit| -> Option<String> { authority(&visit.url) })
            .collect()
    }

    /// The cookie with this name, for any host and path.
    pub fn cookie(&self, name: &str) -> Option<&Cookie> {
        self.cookies().find(|cookie| cookie.name == name)
    }

    /// All cookies that have not expired.
    pub fn cookies(&self) -> impl Iterator<Item = &Cookie> {
        let now = (self.clock)();
        self.jar
            .cookies()
            .filter(move |cookie| cookie.expires_at.is_none_or(|at| at > now))
    }

    /// Stores a cookie, such as one of an attacker or of another browser.
    pub fn put_cookie(&mut self, cookie: Cookie) {
        self.jar.put(cookie);
    }

    /// Restarts the browser, which removes session cookies.
    pub fn restart(&mut self) {
        self.jar.end_session();
        self.page = None;
    }
}
