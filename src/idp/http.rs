//! The outbound HTTP client with which identity providers are asked.
//!
//! It follows no redirect, takes the way out of `[egress]` and nothing of the environment, sends no cookie, waits 2 s for a connection and 5 s in
//! all, reads at most [`limits::UPSTREAM_BYTES_MAX`], speaks https (plain HTTP to loopback only) and connects to no
//! link-local address, where clouds keep their metadata services.

mod error;
mod local_names;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    ACCEPT, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION, WWW_AUTHENTICATE,
};
use reqwest::{Method, Request};
use rolecall_core::base::limits;
use rolecall_core::base::text;
use url::{Host, Url};

pub use self::error::HttpError;
use self::local_names::LocalNames;
use crate::egress::{self, Egress, Place, is_localhost};
use crate::idp::explanation::shown;

/// How long a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How long a request may take, from the name lookup to the last byte.
const TOTAL_MAX: Duration = Duration::from_secs(5);
/// How long a document may take that comes in pieces.
const DOCUMENT_MAX: Duration = Duration::from_secs(60);
/// How long a connection may rest before it is used again. Servers close theirs after five seconds and more: a code that is
/// sent while they do is lost, since it is not sent twice.
const IDLE_MAX: Duration = Duration::from_secs(3);

/// A whole answer. It may hold tokens, so it is never printed.
pub struct Answer {
    /// Who gave it.
    pub host: String,
    /// The status code.
    pub status: u16,
    /// The media type, lower case, without parameters; empty when not told.
    pub content_type: String,
    /// `WWW-Authenticate`, the first one.
    pub challenge: Option<String>,
    /// `Date` (RFC 9110 6.6.1), where it is one.
    pub date: Option<DateTime<Utc>>,
    /// Where a redirect leads: scheme, host and path.
    leads_to: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// That it is a redirect, and where it leads.
    pub fn redirected(&self) -> Option<HttpError> {
        let is_redirect = (300..400).contains(&self.status);
        let to = self.leads_to.clone().filter(|_| is_redirect)?;
        let (host, status) = (self.host.clone(), self.status);
        Some(HttpError::Redirect { host, status, to })
    }

    /// The body of a 200, whatever it calls itself but HTML: servers of files send key sets as plain text or as bytes.
    ///
    /// # Errors
    /// [`HttpError::Status`], [`HttpError::Redirect`], [`HttpError::ContentType`].
    pub fn json(self) -> Result<Vec<u8>, HttpError> {
        if let Some(redirect) = self.redirected() {
            return Err(redirect);
        }
        let Self { host, status, .. } = self;
        if status != 200 {
            return Err(HttpError::Status { host, status });
        }
        if matches!(
            self.content_type.as_str(),
            "text/html" | "application/xhtml+xml"
        ) {
            let found = self.content_type;
            return Err(HttpError::ContentType { host, found });
        }
        Ok(self.body)
    }
}

/// The client. Clones share its connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: reqwest::Client,
    egress: Egress,
    local_names: LocalNames,
}

impl HttpClient {
    /// Builds it; reads the system's trusted certificates.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    #[expect(clippy::disallowed_methods, reason = "this is the outbound client")]
    pub fn new(egress: &Egress) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_MAX)
            .timeout(TOTAL_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .dns_resolver(Arc::new(NoLinkLocal))
            .user_agent(concat!("rolecall/", env!("CARGO_PKG_VERSION")));
        Ok(Self {
            client: egress.applied_to(client)?.build()?,
            egress: egress.clone(),
            local_names: LocalNames::default(),
        })
    }

    /// GETs a JSON document; tries once more when there was no connection at all.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn get_json(&self, url: &Url) -> Result<Vec<u8>, HttpError> {
        self.get(url, JSON).await?.json()
    }

    /// GETs an XML document of any size, whatever its server calls it, and hands it over in pieces; tries once more when
    /// there was no connection at all. The document may take a minute, each piece of it as long as other answers.
    ///
    /// # Errors
    /// [`HttpError`]; `take`'s own error, which ends it.
    pub async fn read_xml<E: From<HttpError>>(
        &self,
        url: &Url,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let request = || {
            let mut request = get(url, XML);
            *request.timeout_mut() = Some(DOCUMENT_MAX);
            request
        };
        let late = |_| HttpError::Timeout(place(url));
        let open = async || {
            let opened = self.open(request());
            tokio::time::timeout(TOTAL_MAX, opened)
                .await
                .map_err(late)?
        };
        let mut answer = match open().await {
            Err(HttpError::Connect { .. }) => open().await?,
            answer => answer?,
        };
        let status = answer.response.status().as_u16();
        if status != 200 {
            let host = answer.host;
            let leads_to = leads_to(url, answer.response.headers());
            return Err(match leads_to.filter(|_| (300..400).contains(&status)) {
                Some(to) => HttpError::Redirect { host, status, to },
                None => HttpError::Status { host, status },
            }
            .into());
        }
        loop {
            let next = tokio::time::timeout(TOTAL_MAX, answer.piece()).await;
            match next.map_err(late)?? {
                Some(piece) => take(&piece)?,
                None => return Ok(()),
            }
        }
    }

    /// The time by the clock of whoever answers at `url`; none where the answer does not say.
    ///
    /// # Errors
    /// [`HttpError`], but not for a status.
    pub async fn date(&self, url: &Url) -> Result<Option<DateTime<Utc>>, HttpError> {
        Ok(self.get(url, JSON).await?.date)
    }

    async fn get(&self, url: &Url, accept: HeaderValue) -> Result<Answer, HttpError> {
        match self.send(get(url, accept.clone())).await {
            Err(HttpError::Connect { .. }) => self.send(get(url, accept)).await,
            answer => answer,
        }
    }

    /// Whether a host that the proxy would look up is known here as one that is never called, or as this machine.
    async fn leads_here(&self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Domain(name)) if self.egress.proxy_for(url).is_some() => {
                self.local_names.is_local(name).await
            }
            Some(_) | None => false,
        }
    }

    /// Sends one request, once.
    ///
    /// # Errors
    /// [`HttpError`], but not for a status: that is the caller's to judge.
    pub async fn send(&self, request: Request) -> Result<Answer, HttpError> {
        let url = request.url().clone();
        let mut open = self.open(request).await?;
        let mut body = Vec::new();
        while let Some(piece) = open.piece().await? {
            if body.len() + piece.len() > limits::UPSTREAM_BYTES_MAX {
                return Err(HttpError::TooLarge(open.host));
            }
            body.extend_from_slice(&piece);
        }
        let header = |name| {
            let value = open.response.headers().get(name);
            value.and_then(|value| value.to_str().ok())
        };
        let challenge = open.response.headers().get(WWW_AUTHENTICATE);
        let challenge = challenge.map(|value| String::from_utf8_lossy(value.as_bytes()).into());
        let content_type = header(CONTENT_TYPE)
            .and_then(|value| value.split(';').next())
            .map(|value| value.trim().to_ascii_lowercase())
            .unwrap_or_default();
        let date = header(DATE).and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        let date = date.map(|date| date.to_utc());
        Ok(Answer {
            status: open.response.status().as_u16(),
            content_type,
            challenge,
            date,
            leads_to: leads_to(&url, open.response.headers()),
            body,
            host: open.host,
        })
    }

    /// Sends one request, once, and reads no more than the head of the answer.
    async fn open(&self, request: Request) -> Result<OpenAnswer, HttpError> {
        let host = place(request.url());
        if !callable(request.url()) {
            return Err(HttpError::Refused(host));
        }
        if self.leads_here(request.url()).await {
            return Err(HttpError::LeadsHere(host));
        }
        match self.client.execute(request).await {
            Ok(response) => Ok(OpenAnswer { response, host }),
            Err(error) => Err(failed(error, host)),
        }
    }
}

/// An answer whose body is still to come.
struct OpenAnswer {
    response: reqwest::Response,
    host: String,
}

impl OpenAnswer {
    async fn piece(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        let piece = self.response.chunk().await;
        let piece = piece.map(|piece| piece.map(Vec::from));
        piece.map_err(|error| failed(error, self.host.clone()))
    }
}

/// `Location` (RFC 9110 10.2.2), without what could be a secret in it.
fn leads_to(url: &Url, headers: &HeaderMap) -> Option<String> {
    let to = headers.get(LOCATION)?.to_str().ok()?;
    let to = url.join(to).ok()?;
    let host = to.host_str()?;
    let port = to
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    Some(shown(&format!(
        "{}://{host}{port}{}",
        to.scheme(),
        to.path()
    )))
}

fn failed(error: reqwest::Error, host: String) -> HttpError {
    let error = error.without_url();
    let cause = egress::advised(text::chain(&error));
    if error.is_timeout() {
        HttpError::Timeout(host)
    } else if error.is_connect() {
        HttpError::Connect { host, cause }
    } else {
        HttpError::Broken { host, cause }
    }
}

fn get(url: &Url, accept: HeaderValue) -> Request {
    let mut request = Request::new(Method::GET, url.clone());
    request.headers_mut().insert(ACCEPT, accept);
    request
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const XML: HeaderValue =
    HeaderValue::from_static("application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.8");

/// Whether we call this URL at all.
pub fn callable(url: &Url) -> bool {
    let plain = url.username().is_empty() && url.password().is_none();
    let place = url.host().map(|host| Place::of_host(&host));
    let secure = match place {
        Some(Place::Loopback) => matches!(url.scheme(), "http" | "https"),
        Some(Place::Elsewhere) => url.scheme() == "https",
        Some(Place::NeverCalled) | None => false,
    };
    plain && secure
}

/// Whether the URL's host is this machine: 127.0.0.0/8 and `[::1]` in any spelling, `localhost` or a name below it.
pub fn on_loopback(url: &Url) -> bool {
    let place = url.host().map(|host| Place::of_host(&host));
    place == Some(Place::Loopback)
}

/// Looks names up and leaves out the addresses that are never called; what is left is what is connected to.
struct NoLinkLocal;

impl Resolve for NoLinkLocal {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            // Plain HTTP is spoken to this machine alone, so its names lead nowhere else.
            let usable = |place| match is_localhost(name.as_str()) {
                true => place == Place::Loopback,
                false => place != Place::NeverCalled,
            };
            let usable: Vec<SocketAddr> = found.filter(|to| usable(Place::of(to.ip()))).collect();
            if usable.is_empty() {
                return Err("the name leads to no usable address".into());
            }
            Ok(Box::new(usable.into_iter()) as Addrs)
        })
    }
}

/// `host:port` of a URL, for messages.
fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or("a URL without a host");
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_own_loopback_are_called() {
        let call = |text: &str| callable(&Url::parse(text).unwrap());
        for good in [
            "https://accounts.google.com",
            "https://10.0.0.7/jwks",
            "http://127.0.0.1:8080/",
            "http://[::1]:80/",
            "http://localhost/",
            "http://idp.localhost:8080/",
            "http://[::ffff:127.0.0.1]/",
        ] {
            assert!(call(good), "{good}");
        }
        for bad in [
            "http://accounts.google.com",
            "http://localhost.evil.example/",
            "http://10.0.0.7/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "data:application/json,{}",
            "https://user:password@idp.example/",
            "https://169.254.169.254/latest/meta-data",
            "http://169.254.169.254/latest/meta-data",
            "https://[fd00:ec2::254]/",
            "https://[::ffff:169.254.169.254]/",
            "https://0.0.0.0/",
            "https://[64:ff9b::169.254.169.254]/",
            "https://2852039166/",
            "https://[fe80::1]/",
        ] {
            assert!(!call(bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_refused_url_is_not_called() {
        let error = HttpClient::new(&Egress::default())
            .unwrap()
            .get_json(&Url::parse("http://idp.example/jwks").unwrap())
            .await
            .unwrap_err();
        assert_eq!(error, HttpError::Refused("idp.example".to_owned()));
    }
}
