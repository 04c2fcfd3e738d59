//! A browser without a screen: what a real one sends and keeps, as far as a gateway can tell.
//!
//! Cookies with their attributes, `Origin`, `Referer` and `Sec-Fetch-*`, redirects followed by hand and written down, forms
//! and links as a person uses them, `form-action`. No script runs but the one that sends a page's own form, and nothing is
//! asked of a host that is not on this machine.

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

/// Chromium gives up here too.
const REDIRECTS_MAX: usize = 20;
const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) testkit-browser";

/// What a browser knows before it goes anywhere.
pub struct BrowserSettings {
    /// Names of servers on this machine, beside `localhost` and loopback addresses.
    pub hosts: Vec<(String, SocketAddr)>,
    /// Certificate authorities it trusts, PEM.
    pub authorities: Vec<Vec<u8>>,
    /// When cookies expire.
    pub clock: Clock,
    /// Whether a page's script may send its form, as the POST binding of SAML does. Without, a person presses the button.
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

/// One request that the browser made.
#[derive(Clone, Debug)]
pub struct Visit {
    /// `GET` or `POST`.
    pub method: Method,
    /// Of what.
    pub url: Url,
    /// What came back; `None` where the browser did not go, because it is not on this machine.
    pub status: Option<StatusCode>,
    /// What was sent along, cookies included.
    pub sent: HeaderMap,
    /// The form that was sent.
    pub body: Option<String>,
    /// What came back along.
    pub received: HeaderMap,
}

/// One person's browser, with one tab.
pub struct Browser {
    client: reqwest::Client,
    hosts: Vec<String>,
    clock: Clock,
    scripts: bool,
    jar: Jar,
    page: Option<Page>,
    visits: Vec<Visit>,
}

/// A navigation: where to, how, and from which page.
struct Navigation {
    method: Method,
    url: Url,
    body: Option<String>,
    from: Option<Page>,
    /// A form, whatever its method: `form-action` holds back its redirects too.
    by_form: bool,
    /// The page's own doing, not the person's.
    by_script: bool,
}

impl Browser {
    /// A fresh profile.
    pub fn new() -> Result<Self> {
        Self::with(BrowserSettings::default())
    }

    /// A fresh profile that knows these hosts and authorities.
    pub fn with(settings: BrowserSettings) -> Result<Self> {
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // A connection of its own for each request: a balancer may send any of them to another server.
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

    /// Types an address.
    pub async fn open(&mut self, url: &str) -> Result<Page> {
        let url = Url::parse(url).with_context(|| format!("`{url}` is no address"))?;
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

    /// Loads the page's address again.
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

    /// Fills in and sends a form: the first whose `action` ends with `form`, or else the first that `form` selects as CSS.
    ///
    /// # Errors
    /// When there is no such form, or it has no such field: a person could not have filled it in either.
    pub async fn submit(&mut self, form: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let submission = self.page()?.submission(form, fields, None)?;
        self.send(submission).await
    }

    /// Presses the first button with this text (or `aria-label`), in whichever form it is.
    pub async fn press(&mut self, button: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let submission = self.page()?.submission("form", fields, Some(button))?;
        self.send(submission).await
    }

    /// Signs in on the testkit provider's form, which must be showing.
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

    /// Follows a navigation, and the forms that pages send by themselves, and shows what is at the end.
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
        bail!("more than {REDIRECTS_MAX} pages that send their own form")
    }

    /// Follows a navigation through its redirects.
    async fn follow(&mut self, mut navigation: Navigation) -> Result<Page> {
        let is_form = navigation.by_form;
        let mut worst = Relation::SameOrigin;
        for _ in 0..=REDIRECTS_MAX {
            let from = navigation.from.as_ref();
            if let Some(from) = from.filter(|_| is_form) {
                policy::check_form_action(from, &navigation.url)?;
            }
            if let Some(from) = from {
                worst = worst.max(relation(from.url(), &navigation.url));
            }
            let page = self.load(&navigation, worst).await?;
            let Some(next) = page.redirect()? else {
                return Ok(page);
            };
            // 307 and 308 keep the method and the form; everything else becomes a GET (Fetch 4.4, 12).
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

    /// One request, one answer.
    async fn load(&mut self, navigation: &Navigation, worst: Relation) -> Result<Page> {
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
        if !self.is_here(url) {
            self.visits.push(visit);
            return Ok(Page::blank(url.clone()));
        }
        visit.sent = self.headers(navigation, worst)?;
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

    /// The request headers of a top-level navigation, as Chromium sends them.
    fn headers(&self, navigation: &Navigation, worst: Relation) -> Result<HeaderMap> {
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
                worst.header()
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
        let cross_site = from.is_some() && worst == Relation::CrossSite;
        let cookies = self.jar.header(url, method, cross_site, (self.clock)());
        if !cookies.is_empty() {
            headers.insert(header::COOKIE, cookies.parse()?);
        }
        Ok(headers)
    }

    /// Whether a host is on this machine.
    fn is_here(&self, url: &Url) -> bool {
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
