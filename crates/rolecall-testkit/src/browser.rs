//! A headless browser that sends requests and stores cookies like Chromium.
//!
//! Supports cookies with their attributes, `Origin`, `Referer`, `Sec-Fetch-*`, redirects, links, forms and `form-action`, and
//! records all requests. The only script that it runs is one that submits a form. It connects only to hosts on this machine.

mod cookie;
mod cross_site;
mod form;
mod history;
mod page;
mod policy;
mod site;

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, bail};
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use url::{Host, Url};

pub use cookie::{Cookie, SameSite};
pub use page::Page;

use crate::clock::{self, Clock};
use cookie::Jar;
use form::Submission;
use site::{Relation, is_trustworthy, relation};

/// The limit of Chromium.
const REDIRECTS_MAX: usize = 20;
const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) testkit-browser";

/// Settings of a [`Browser`].
pub struct BrowserSettings {
    /// Host names of servers on this machine, in addition to `localhost` and loopback addresses.
    pub hosts: Vec<(String, SocketAddr)>,
    /// Trusted certificate authorities, PEM.
    pub authorities: Vec<Vec<u8>>,
    /// Clock for the expiry of cookies.
    pub clock: Clock,
    /// Whether a script may submit a form, as in the POST binding of SAML. Otherwise a test must press the button.
    pub scripts: bool,
}

impl Default for BrowserSettings {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            authorities: Vec::new(),
            clock: clock::system(),
            scripts: true,
        }
    }
}

/// A request of the browser.
#[derive(Clone, Debug)]
pub struct Visit {
    /// `GET` or `POST`.
    pub method: Method,
    /// URL of the request.
    pub url: Url,
    /// Status code; `None` if the request was not sent because the host is not on this machine.
    pub status: Option<StatusCode>,
    /// Request headers, including cookies.
    pub sent: HeaderMap,
    /// Encoded form, if any.
    pub body: Option<String>,
    /// Headers of the response.
    pub received: HeaderMap,
}

/// A browser with one tab.
pub struct Browser {
    client: reqwest::Client,
    hosts: Vec<String>,
    clock: Clock,
    scripts: bool,
    jar: Jar,
    page: Option<Page>,
    visits: Vec<Visit>,
}

struct Navigation {
    method: Method,
    url: Url,
    body: Option<String>,
    from: Option<Page>,
    /// Whether a form started it. `form-action` applies to its redirects, too.
    by_form: bool,
    /// Whether a script started it, not the user.
    by_script: bool,
}

impl Browser {
    /// A browser with default settings.
    pub fn new() -> Result<Self> {
        Self::with(BrowserSettings::default())
    }

    /// A browser with these settings.
    pub fn with(settings: BrowserSettings) -> Result<Self> {
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // Each request uses a new connection, so that a load balancer can send it to another server.
            .pool_max_idle_per_host(0)
            .no_proxy();
        for (host, address) in &settings.hosts {
            client = client.resolve(host, *address);
        }
        for authority in &settings.authorities {
            client = client.add_root_certificate(reqwest::Certificate::from_pem(authority)?);
        }
        Ok(Self {
            client: client.build()?,
            hosts: settings.hosts.into_iter().map(|(host, _)| host).collect(),
            clock: settings.clock,
            scripts: settings.scripts,
            jar: Jar::default(),
            page: None,
            visits: Vec::new(),
        })
    }

    /// Opens a URL, as from the address bar.
    pub async fn open(&mut self, url: &str) -> Result<Page> {
        let url = Url::parse(url).with_context(|| format!("`{url}` is not a URL"))?;
        self.navigate(Navigation {
            method: Method::GET,
            url,
            body: None,
            from: None,
            by_form: false,
            by_script: false,
        })
        .await
    }

    /// Reloads the page.
    pub async fn reload(&mut self) -> Result<Page> {
        let url = self.page()?.url().clone();
        self.open(url.as_str()).await
    }

    /// Follows the first link with this text.
    pub async fn click(&mut self, text: &str) -> Result<Page> {
        let from = self.page()?.clone();
        let url = from.link(text)?;
        self.navigate(Navigation {
            method: Method::GET,
            url,
            body: None,
            from: Some(from),
            by_form: false,
            by_script: false,
        })
        .await
    }

    /// Fills in and submits a form: the first whose `action` ends with `form`, or the first that `form` selects as CSS.
    ///
    /// # Errors
    /// If there is no such form, or if it does not have one of the fields.
    pub async fn submit(&mut self, form: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let submission = self.page()?.submission(form, fields, None)?;
        self.send(submission).await
    }

    /// Presses the first button with this text or `aria-label`, in any form.
    pub async fn press(&mut self, button: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let submission = self.page()?.submission("form", fields, Some(button))?;
        self.send(submission).await
    }

    /// Signs in with the form of a testkit provider, which must be open.
    pub async fn sign_in_at_provider(&mut self, username: &str) -> Result<Page> {
        let fields = [("username", username), ("password", "any password")];
        self.submit("#testkit-sign-in", &fields).await
    }

    async fn send(&mut self, submission: Submission) -> Result<Page> {
        let from = self.page()?.clone();
        let Submission { method, url, body } = submission;
        self.navigate(Navigation {
            method,
            url,
            body,
            from: Some(from),
            by_form: true,
            by_script: false,
        })
        .await
    }

    /// Follows a navigation and forms that submit themselves, and returns the last page.
    async fn navigate(&mut self, mut navigation: Navigation) -> Result<Page> {
        for _ in 0..=REDIRECTS_MAX {
            let page = self.follow(navigation).await?;
            let submission = page.automatic().filter(|_| self.scripts);
            let Some(Submission { method, url, body }) = submission else {
                self.page = Some(page.clone());
                return Ok(page);
            };
            navigation = Navigation {
                method,
                url,
                body,
                from: Some(page),
                by_form: true,
                by_script: true,
            };
        }
        bail!("more than {REDIRECTS_MAX} forms that submit themselves")
    }

    /// Follows a navigation through its redirects.
    async fn follow(&mut self, mut navigation: Navigation) -> Result<Page> {
        let is_form = navigation.by_form;
        let mut farthest = Relation::SameOrigin;
        for _ in 0..=REDIRECTS_MAX {
            let from = navigation.from.as_ref();
            if let Some(from) = from.filter(|_| is_form) {
                policy::check_form_action(from, &navigation.url)?;
            }
            if let Some(from) = from {
                farthest = farthest.max(relation(from.url(), &navigation.url));
            }
            let page = self.load(&navigation, farthest).await?;
            let Some(next) = page.redirect()? else {
                return Ok(page);
            };
            // 307 and 308 keep the method and the form. Other redirects become a GET (Fetch 4.4, 12).
            let kept = matches!(
                page.status(),
                Some(StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT)
            );
            if !kept {
                navigation.method = Method::GET;
                navigation.body = None;
            }
            navigation.url = next;
        }
        bail!(
            "more than {REDIRECTS_MAX} redirects, the last to {}",
            navigation.url
        )
    }

    /// Sends one request.
    async fn load(&mut self, navigation: &Navigation, farthest: Relation) -> Result<Page> {
        let Navigation {
            method,
            url,
            body,
            from,
            by_form: _,
            by_script: _,
        } = navigation;
        let mut visit = Visit {
            method: method.clone(),
            url: url.clone(),
            status: None,
            sent: HeaderMap::new(),
            body: body.clone(),
            received: HeaderMap::new(),
        };
        if !self.is_local(url) {
            self.visits.push(visit);
            return Ok(Page::blank(url.clone()));
        }
        visit.sent = self.headers(navigation, farthest)?;
        let mut request = self
            .client
            .request(method.clone(), url.clone())
            .headers(visit.sent.clone());
        if let Some(body) = body {
            request = request.body(body.clone());
        }
        let from = from
            .as_ref()
            .map(|page| page.url().as_str())
            .unwrap_or("the address bar");
        let response = request
            .send()
            .await
            .with_context(|| format!("{method} {url} (from {from})"))?;
        visit.status = Some(response.status());
        visit.received = response.headers().clone();
        let now = (self.clock)();
        for line in response.headers().get_all(header::SET_COOKIE) {
            self.jar.set(line.to_str().unwrap_or_default(), url, now);
        }
        self.visits.push(visit);
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Page::new(
            url.clone(),
            status,
            headers,
            response.text().await?,
        ))
    }

    /// The request headers of a top-level navigation, like Chromium.
    fn headers(&self, navigation: &Navigation, farthest: Relation) -> Result<HeaderMap> {
        let Navigation {
            method,
            url,
            body,
            from,
            by_form: _,
            by_script,
        } = navigation;
        let mut headers = HeaderMap::new();
        let accept =
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        headers.insert(
            header::ACCEPT_LANGUAGE,
            HeaderValue::from_static("en-GB,en;q=0.9"),
        );
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert("upgrade-insecure-requests", HeaderValue::from_static("1"));
        if is_trustworthy(url) {
            let site = if from.is_some() {
                farthest.header()
            } else {
                "none"
            };
            headers.insert("sec-fetch-site", HeaderValue::from_static(site));
            headers.insert("sec-fetch-mode", HeaderValue::from_static("navigate"));
            if !by_script {
                headers.insert("sec-fetch-user", HeaderValue::from_static("?1"));
            }
            headers.insert("sec-fetch-dest", HeaderValue::from_static("document"));
        }
        if let Some(from) = from {
            if let Some(referrer) = policy::referrer(from, url) {
                headers.insert(header::REFERER, referrer.parse()?);
            }
            if *method != Method::GET {
                headers.insert(header::ORIGIN, policy::origin(from).parse()?);
            }
        }
        if body.is_some() {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(header::CONTENT_TYPE, form);
        }
        let cross_site = from.is_some() && farthest == Relation::CrossSite;
        let cookies = self.jar.header(url, method, cross_site, (self.clock)());
        if !cookies.is_empty() {
            headers.insert(header::COOKIE, cookies.parse()?);
        }
        Ok(headers)
    }

    /// Whether the host is on this machine.
    fn is_local(&self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
            Some(Host::Domain(name)) => {
                site::is_localhost(name) || self.hosts.iter().any(|host| host == name)
            }
            None => false,
        }
    }
}
