//! The HTTP client for identity providers.
//!
//! It follows no redirects, uses the proxy of `[egress]` and ignores the environment, and sends no cookies. Connecting
//! takes at most 2 s, a request 5 s; a response has at most [`limits::UPSTREAM_BYTES_MAX`]. It uses https (plain HTTP
//! on loopback only) and never connects to link-local addresses, which include the metadata services of clouds.

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
use crate::egress::{self, AddressClass, Egress, is_localhost};
use crate::idp::explanation::shown;

/// Time limit for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// Time limit for a request, from name resolution to the last byte.
const TOTAL_MAX: Duration = Duration::from_secs(5);
/// Time limit for a document that is read in pieces.
const DOCUMENT_MAX: Duration = Duration::from_secs(60);
/// How long an idle connection is reused. Servers close idle connections after five seconds or more; a code sent at
/// that moment would be lost, because it is not sent twice.
const IDLE_MAX: Duration = Duration::from_secs(3);

/// A complete response. It can contain tokens, so it is never logged.
pub struct HttpResponse {
    /// Host that sent it.
    pub host: String,
    /// The status code.
    pub status: u16,
    /// The media type in lower case without parameters; empty if missing.
    pub content_type: String,
    /// The first `WWW-Authenticate` header.
    pub challenge: Option<String>,
    /// `Date` (RFC 9110 6.6.1), if valid.
    pub date: Option<DateTime<Utc>>,
    /// Target of a redirect: scheme, host and path.
    redirect_target: Option<String>,
    /// The body, at most as long as the caller allows.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The error for a redirect, with its target.
    pub fn redirect_error(&self) -> Option<HttpError> {
        let is_redirect = (300..400).contains(&self.status);
        let to = self.redirect_target.clone().filter(|_| is_redirect)?;
        let (host, status) = (self.host.clone(), self.status);
        Some(HttpError::Redirect { host, status, to })
    }

    /// The body of a response with status 200. Any content type but HTML is accepted, because file servers send key
    /// sets as plain text or as bytes.
    ///
    /// # Errors
    /// [`HttpError::Status`], [`HttpError::Redirect`], [`HttpError::ContentType`].
    pub fn json(self) -> Result<Vec<u8>, HttpError> {
        if let Some(redirect) = self.redirect_error() {
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
    /// Builds the client with the CA certificates of the system and of `[egress]`.
    ///
    /// # Errors
    /// If TLS cannot be set up.
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
            client: egress.apply_to(client)?.build()?,
            egress: egress.clone(),
            local_names: LocalNames::default(),
        })
    }

    /// Fetches a JSON document. Tries once more if the connection failed.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn get_json(&self, url: &Url) -> Result<Vec<u8>, HttpError> {
        self.get(url, JSON).await?.json()
    }

    /// Fetches an XML document of any size and content type, and passes it to `take` in pieces. Tries once more if the
    /// connection failed. The document can take a minute, each piece as long as other responses.
    ///
    /// # Errors
    /// [`HttpError`], or the error of `take`, which stops the transfer.
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
        let late = |_| HttpError::Timeout(host_and_port(url));
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
            let redirect_target = redirect_target(url, answer.response.headers());
            return Err(
                match redirect_target.filter(|_| (300..400).contains(&status)) {
                    Some(to) => HttpError::Redirect { host, status, to },
                    None => HttpError::Status { host, status },
                }
                .into(),
            );
        }
        loop {
            let next = tokio::time::timeout(TOTAL_MAX, answer.piece()).await;
            match next.map_err(late)?? {
                Some(piece) => take(&piece)?,
                None => return Ok(()),
            }
        }
    }

    /// The current time of the server at `url`; `None` if its response has no `Date`.
    ///
    /// # Errors
    /// [`HttpError`], except for error statuses.
    pub async fn date(&self, url: &Url) -> Result<Option<DateTime<Utc>>, HttpError> {
        Ok(self.get(url, JSON).await?.date)
    }

    async fn get(&self, url: &Url, accept: HeaderValue) -> Result<HttpResponse, HttpError> {
        match self.send(get(url, accept.clone())).await {
            Err(HttpError::Connect { .. }) => self.send(get(url, accept)).await,
            answer => answer,
        }
    }

    /// Whether a host that the proxy would resolve is known to be loopback or an address that is never called.
    async fn resolves_to_local(&self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Domain(name)) if self.egress.proxy_for(url).is_some() => {
                self.local_names.is_local(name).await
            }
            Some(_) | None => false,
        }
    }

    /// Sends a request once.
    ///
    /// # Errors
    /// [`HttpError`], except for error statuses, which the caller checks.
    pub async fn send(&self, request: Request) -> Result<HttpResponse, HttpError> {
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
        Ok(HttpResponse {
            status: open.response.status().as_u16(),
            content_type,
            challenge,
            date,
            redirect_target: redirect_target(&url, open.response.headers()),
            body,
            host: open.host,
        })
    }

    /// Sends a request once, and reads only the head of the response.
    async fn open(&self, request: Request) -> Result<OpenResponse, HttpError> {
        let host = host_and_port(request.url());
        if !callable(request.url()) {
            return Err(HttpError::Refused(host));
        }
        if self.resolves_to_local(request.url()).await {
            return Err(HttpError::LocalDestination(host));
        }
        match self.client.execute(request).await {
            Ok(response) => Ok(OpenResponse { response, host }),
            Err(error) => Err(failed(error, host)),
        }
    }
}

/// A response whose body has not been read.
struct OpenResponse {
    response: reqwest::Response,
    host: String,
}

impl OpenResponse {
    async fn piece(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        let piece = self.response.chunk().await;
        let piece = piece.map(|piece| piece.map(Vec::from));
        piece.map_err(|error| failed(error, self.host.clone()))
    }
}

/// `Location` (RFC 9110 10.2.2) without parts that can contain secrets.
fn redirect_target(url: &Url, headers: &HeaderMap) -> Option<String> {
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
    let cause = egress::with_hint(text::chain(&error));
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

/// Whether the client accepts this URL.
pub fn callable(url: &Url) -> bool {
    let plain = url.username().is_empty() && url.password().is_none();
    let class = url.host().map(|host| AddressClass::of_host(&host));
    let secure = match class {
        Some(AddressClass::Loopback) => matches!(url.scheme(), "http" | "https"),
        Some(AddressClass::Other) => url.scheme() == "https",
        Some(AddressClass::Blocked) | None => false,
    };
    plain && secure
}

/// Whether the host is loopback: 127.0.0.0/8 or `[::1]` in any notation, `localhost` or a name below it.
pub fn is_on_loopback(url: &Url) -> bool {
    let class = url.host().map(|host| AddressClass::of_host(&host));
    class == Some(AddressClass::Loopback)
}

/// Resolves names and removes addresses that are never called, so that connections use the remaining ones only.
struct NoLinkLocal;

impl Resolve for NoLinkLocal {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            // Plain HTTP is only allowed to loopback, so such names must not resolve to other addresses.
            let usable = |class| match is_localhost(name.as_str()) {
                true => class == AddressClass::Loopback,
                false => class != AddressClass::Blocked,
            };
            let usable: Vec<SocketAddr> = found
                .filter(|to| usable(AddressClass::of(to.ip())))
                .collect();
            if usable.is_empty() {
                return Err("the name resolves to no allowed address".into());
            }
            Ok(Box::new(usable.into_iter()) as Addrs)
        })
    }
}

/// `host:port` of a URL, for messages.
fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or("a URL without a host");
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_loopback_urls_are_accepted() {
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
    async fn rejected_url_is_not_called() {
        let error = HttpClient::new(&Egress::default())
            .unwrap()
            .get_json(&Url::parse("http://idp.example/jwks").unwrap())
            .await
            .unwrap_err();
        assert_eq!(error, HttpError::Refused("idp.example".to_owned()));
    }
}
