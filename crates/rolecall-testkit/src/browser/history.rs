//! What a browser knows of its past: pages, visits, cookies.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use url::Url;

use super::{Browser, Cookie, Page, Visit};

impl Browser {
    /// The page that is showing.
    pub fn page(&self) -> Result<&Page> {
        self.page.as_ref().context("nothing is open yet")
    }

    /// Every request so far, in order, redirects included.
    pub fn visits(&self) -> &[Visit] {
        &self.visits
    }

    /// Every `host:port` that was asked for something.
    pub fn hosts(&self) -> BTreeSet<String> {
        let authority =
            |url: &Url| format!("{}:{}", url.host_str()?, url.port_or_known_default()?).into();
        let asked = self.visits.iter().filter(|visit| visit.status.is_some());
        asked
            .filter_map(|visit| -> Option<String> { authority(&visit.url) })
            .collect()
    }

    /// The cookie of this name, whatever it is for.
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

    /// Puts a cookie into the jar as if it had been set there: an attacker's, or another browser's.
    pub fn put_cookie(&mut self, cookie: Cookie) {
        self.jar.put(cookie);
    }

    /// Closes the browser and opens it again: cookies without an expiry are gone.
    pub fn restart(&mut self) {
        self.jar.end_session();
        self.page = None;
    }
}
