//! Requests the gateway itself at `public_url`, as its clients do, to check that proxies in front of it pass on
//! everything it needs. Connects directly and not through the proxy of `[egress]`, which is for outgoing requests.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderName, HeaderValue};
use reqwest::{Method, Request};
use rolecall_wire::sso::{BEARER_TOKEN, path};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use super::Issuers;
use super::client_address::{FORGED_ADDRESS, ObservedAddress};
use crate::aws::{DISCOVERY_PATH, Difference, IssuerDocuments, JWKS_PATH};
use crate::client_address::SeenAddress;
use crate::config::Settings;
use crate::idp::http::{HttpError, HttpResponse};
use crate::idp::{HttpClient, ProbeReport};

/// Time limit of a connection that determines the local address.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// Further differences of the documents are counted.
const DIFFERENCES_SHOWN_MAX: usize = 5;
const TOKEN: HeaderName = HeaderName::from_static(BEARER_TOKEN);

/// A fault on the path to the gateway, with the change to make.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct PublicUrlError {
    problem: String,
    hint: String,
}

impl PublicUrlError {
    /// A fault with its hint.
    pub fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            hint: hint.into(),
        }
    }

    /// The next step for the operator.
    pub fn hint(&self) -> String {
        self.hint.clone()
    }
}

/// Requests the running gateway. Returns one report if there is no fault or the gateway is not reachable; otherwise one
/// error per fault.
pub async fn ask(settings: &Settings, own: Option<&Issuers>) -> Vec<anyhow::Result<ProbeReport>> {
    let http = match HttpClient::new(&settings.egress.direct()) {
        Ok(http) => http,
        Err(error) => return vec![Err(error.into())],
    };
    let asker = PublicUrlProbe { http, settings };
    let plain = match asker.reach().await {
        Ok(Reachability::Gateway(seen)) => seen,
        Ok(Reachability::Unreachable(reason)) => {
            let unreachable = Some(format!(
                "not reachable from this host ({reason}); the proxies in front of the gateway were not checked"
            ));
            return vec![Ok(ProbeReport {
                unreachable,
                ..ProbeReport::default()
            })];
        }
        Err(fault) => return vec![Err(fault.into())],
    };
    let results = [
        asker.client_address(&plain).await,
        asker.access_token().await,
        asker.documents(own).await,
    ];
    let (mut notes, mut faults) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(note) => notes.push(note),
            Err(fault) => faults.push(Err(fault.into())),
        }
    }
    if faults.is_empty() {
        faults.push(Ok(ProbeReport {
            notes,
            ..ProbeReport::default()
        }));
    }
    faults
}

/// What responds at `public_url`.
enum Reachability {
    /// The gateway, with the address it sees for this host.
    Gateway(SeenAddress),
    /// Nothing, or a proxy without a gateway behind it; with the reason.
    Unreachable(String),
}

struct PublicUrlProbe<'a> {
    http: HttpClient,
    settings: &'a Settings,
}

impl PublicUrlProbe<'_> {
    async fn get(
        &self,
        path: &str,
        headers: &[(HeaderName, &str)],
    ) -> Result<HttpResponse, HttpError> {
        let mut url = self.settings.public_url.clone();
        url.set_path(path);
        let mut request = Request::new(Method::GET, url);
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(ACCEPT, json);
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                request.headers_mut().insert(name, value);
            }
        }
        self.http.send(request).await
    }

    async fn reach(&self) -> Result<Reachability, PublicUrlError> {
        let answer = match self.get("/client-address", &[]).await {
            Ok(answer) => answer,
            Err(error @ HttpError::Connect { .. }) if error.is_persistent() => {
                return Err(PublicUrlError::new(
                    error.to_string(),
                    match self.settings.issuer_url {
                        None => {
                            "use a certificate of a public CA, otherwise AWS cannot fetch the keys; if all accounts use SAML, a private CA is sufficient: add its PEM file to [egress] ca"
                        }
                        Some(_) => "for a private CA, add its PEM file to [egress] ca",
                    },
                ));
            }
            Err(error) => return Ok(Reachability::Unreachable(error.to_string())),
        };
        let status = answer.status;
        if let Ok(seen) = serde_json::from_slice(&answer.body)
            && status == 200
        {
            return Ok(Reachability::Gateway(seen));
        }
        let is_gateway = is_gateway_response(&answer);
        Err(match status {
            502..=504 if !is_gateway => {
                return Ok(Reachability::Unreachable(format!(
                    "{} responded with status {status} instead of the gateway",
                    answer.host
                )));
            }
            421 => PublicUrlError::new(
                "the proxy changes the `Host` header: the gateway responded with status 421",
                "configure the proxy to pass on `Host` unchanged, with its port; see \"Proxies\" in docs/operations.md",
            ),
            404 if is_gateway => {
                return Ok(Reachability::Unreachable(
                    "the gateway runs an earlier version, which does not support this check"
                        .to_owned(),
                ));
            }
            _ => PublicUrlError::new(
                format!(
                    "a proxy in front of the gateway responded to /client-address with status {status}"
                ),
                "configure the proxy to pass all paths to the gateway; see \"Proxies\" in docs/operations.md",
            ),
        })
    }

    async fn client_address(&self, plain: &SeenAddress) -> Result<String, PublicUrlError> {
        let (listed, standard) = (FORGED_ADDRESS.to_string(), format!("for={FORGED_ADDRESS}"));
        let forged = [
            (HeaderName::from_static("x-forwarded-for"), listed.as_str()),
            (HeaderName::from_static("forwarded"), standard.as_str()),
        ];
        let forged = self.get("/client-address", &forged).await.ok();
        let forged: Option<SeenAddress> =
            forged.and_then(|answer| serde_json::from_slice(&answer.body).ok());
        let snapshot = ObservedAddress {
            public_url: &self.settings.public_url,
            listen: &self.settings.listen,
            plain,
            forged: forged.as_ref(),
            local: local(&self.settings.public_url).await,
        };
        snapshot.evaluate()
    }

    /// Sends an invalid token. The gateway responds differently to an invalid and to a missing token, which shows
    /// whether the header arrives.
    async fn access_token(&self) -> Result<String, PublicUrlError> {
        let made_up = [(TOKEN, "made-up-by-rolecalld-check")];
        let problem = match self.get(path::LIST_ACCOUNTS, &made_up).await {
            Ok(answer) => match json(&answer)["__type"].as_str() {
                Some("UnauthorizedException") => {
                    return Ok(format!("the headers Host and {TOKEN} reach the gateway"));
                }
                Some("InvalidRequestException") => {
                    format!("the header {TOKEN} does not reach the gateway")
                }
                Some(_) | None => format!(
                    "a request with the header {TOKEN} returned status {}",
                    answer.status
                ),
            },
            Err(error) => format!("a request with the header {TOKEN} failed: {error}"),
        };
        Err(PublicUrlError::new(
            problem,
            "configure the proxy to pass header names with underscores (nginx and Caddy drop them by default); AWS clients do not work without this header; see \"Proxies\" in docs/operations.md",
        ))
    }

    /// Compares the published discovery document and key set with those of this installation. If AWS fetches them
    /// elsewhere, they may be unreachable at the gateway.
    async fn documents(&self, own: Option<&Issuers>) -> Result<String, PublicUrlError> {
        let (discovery, jwks) = match (
            self.document(DISCOVERY_PATH).await,
            self.document(JWKS_PATH).await,
        ) {
            (Ok(discovery), Ok(jwks)) => (discovery, jwks),
            (Err(_), _) | (_, Err(_)) if self.settings.issuer_url.is_some() => {
                return Ok(format!(
                    "{DISCOVERY_PATH} and {JWKS_PATH} are not reachable here; AWS fetches them from `url` of [issuer]"
                ));
            }
            (Err(fault), _) | (_, Err(fault)) => return Err(fault),
        };
        let Some(own) = own else {
            return Ok(format!(
                "{DISCOVERY_PATH} and /jwks are reachable; this host has no keys to compare"
            ));
        };
        compare(&own.tokens.documents(), &discovery, &jwks)?;
        Ok(format!(
            "{DISCOVERY_PATH} and /jwks match the issuer and keys of this installation"
        ))
    }

    /// A document, which is JSON.
    async fn document(&self, path: &str) -> Result<Vec<u8>, PublicUrlError> {
        let read = self.get(path, &[]).await.and_then(HttpResponse::json);
        let fault = |reason: String| {
            PublicUrlError::new(
                format!("{path}, which AWS fetches, is not reachable: {reason}"),
                "configure the proxy to pass /.well-known/openid-configuration and /jwks to the gateway without authentication; see \"Network requirements\" in docs/operations.md",
            )
        };
        let body = read.map_err(|error| fault(error.to_string()))?;
        match serde_json::from_slice::<Value>(&body) {
            Ok(_) => Ok(body),
            Err(_) => Err(fault("the response is not JSON".to_owned())),
        }
    }
}

/// Whether a JSON response is the gateway's own and not a proxy's.
fn is_gateway_response(answer: &HttpResponse) -> bool {
    json(answer)["reference"].is_string()
}

fn json(answer: &HttpResponse) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// The documents that the gateway serves must be those of this installation.
fn compare(own: &IssuerDocuments, discovery: &[u8], jwks: &[u8]) -> Result<(), PublicUrlError> {
    let compared = own.compare(discovery, jwks);
    let faults: Vec<&Difference> = compared.faults().collect();
    let mut remaining = faults.iter();
    if let Some(other) = remaining.find(|fault| matches!(fault, Difference::OtherIssuer { .. })) {
        return Err(PublicUrlError::new(
            format!("{DISCOVERY_PATH}: {other}"),
            "public_url leads to a different gateway, or the running gateway uses another configuration; restart it, or correct public_url",
        ));
    }
    if faults.is_empty() {
        return Ok(());
    }
    let shown = faults.iter().take(DIFFERENCES_SHOWN_MAX);
    let mut listed: Vec<String> = shown.map(ToString::to_string).collect();
    if let Some(more @ 1..) = faults.len().checked_sub(DIFFERENCES_SHOWN_MAX) {
        listed.push(format!("and {more} more"));
    }
    Err(PublicUrlError::new(
        format!(
            "{DISCOVERY_PATH} and {JWKS_PATH} differ from those of this installation: {}",
            listed.join("; ")
        ),
        "public_url leads to a different gateway, or replicas have different keys; see \"Issuer keys\" in docs/operations.md",
    ))
}

/// The local address of a connection to `url`.
async fn local(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?.trim_matches(['[', ']']);
    let connected = TcpStream::connect((host, url.port_or_known_default()?));
    let connection = timeout(CONNECT_MAX, connected).await.ok()?.ok()?;
    Some(connection.local_addr().ok()?.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;
    use serde_json::json;

    use super::*;
    use crate::aws::keys::{KeyAlgorithm, KeySet, SigningKey};

    fn key() -> Arc<SigningKey> {
        Arc::new(SigningKey::generate(KeyAlgorithm::Es256, DateTime::UNIX_EPOCH).unwrap())
    }

    #[test]
    fn foreign_key_with_the_id_of_an_own_key_is_reported() {
        let active = key();
        let own = IssuerDocuments::new(
            "https://sso.example.com",
            &KeySet {
                active: Arc::clone(&active),
                published: vec![Arc::clone(&active)],
                replaced: vec![],
                next: vec![],
                expired: vec![],
                retired: vec![],
            },
        );
        let discovery = own.discovery.body.as_bytes();
        compare(&own, discovery, own.jwks.body.as_bytes()).unwrap();
        let mut foreign = key().jwk().clone();
        foreign["kid"] = active.jwk()["kid"].clone();
        for keys in [
            vec![foreign.clone()],
            vec![active.jwk().clone(), foreign],
            vec![key().jwk().clone(); 20],
        ] {
            let jwks = json!({ "keys": keys }).to_string();
            let fault = compare(&own, discovery, jwks.as_bytes()).unwrap_err();
            assert!(
                fault.problem.contains("is not a key of this installation"),
                "{fault}"
            );
        }
    }
}
