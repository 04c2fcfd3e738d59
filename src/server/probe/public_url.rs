//! Asks the gateway itself through `public_url`, as its clients do: whether what stands in front passes on all that it must.
//!
//! Directly and not through the proxy of `[egress]`, which leads out, while this leads in.

use std::collections::BTreeSet;
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
use super::client_address::{FORGED, ObservedAddress};
use crate::client_address::SeenAddress;
use crate::config::Settings;
use crate::idp::http::{Answer, HttpError};
use crate::idp::{HttpClient, Probed};

/// How long a connection may take that only shows this machine's own address.
const CONNECT_MAX: Duration = Duration::from_secs(2);
const TOKEN: HeaderName = HeaderName::from_static(BEARER_TOKEN);

/// What is wrong on the way to the gateway, and what to change.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct PublicUrlFault {
    problem: String,
    hint: String,
}

impl PublicUrlFault {
    /// With what to do next.
    pub fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            hint: hint.into(),
        }
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        self.hint.clone()
    }
}

/// What the gateway says of itself: one answer when all is well or it is not reachable, else one for each fault.
pub async fn ask(settings: &Settings, own: Option<&Issuers>) -> Vec<anyhow::Result<Probed>> {
    let http = match HttpClient::new(&settings.egress.direct()) {
        Ok(http) => http,
        Err(error) => return vec![Err(error.into())],
    };
    let asker = Asker { http, settings };
    let plain = match asker.reach().await {
        Ok(Reached::Gateway(seen)) => seen,
        Ok(Reached::Nobody(why)) => {
            let unreachable = Some(format!(
                "not reachable from here ({why}); nothing of what stands in front of the gateway was checked"
            ));
            return vec![Ok(Probed {
                unreachable,
                ..Probed::default()
            })];
        }
        Err(fault) => return vec![Err(fault.into())],
    };
    let asked = [
        asker.client_address(&plain).await,
        asker.access_token().await,
        asker.documents(own).await,
    ];
    let (mut notes, mut faults) = (Vec::new(), Vec::new());
    for asked in asked {
        match asked {
            Ok(note) => notes.push(note),
            Err(fault) => faults.push(Err(fault.into())),
        }
    }
    if faults.is_empty() {
        faults.push(Ok(Probed {
            notes,
            ..Probed::default()
        }));
    }
    faults
}

/// Who is at `public_url`.
enum Reached {
    /// The gateway, which sees this machine so.
    Gateway(SeenAddress),
    /// Nobody, or a proxy without a gateway behind it: for this reason.
    Nobody(String),
}

struct Asker<'a> {
    http: HttpClient,
    settings: &'a Settings,
}

impl Asker<'_> {
    async fn get(&self, path: &str, headers: &[(HeaderName, &str)]) -> Result<Answer, HttpError> {
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

    async fn reach(&self) -> Result<Reached, PublicUrlFault> {
        let answer = match self.get("/client-address", &[]).await {
            Ok(answer) => answer,
            Err(error @ HttpError::Connect { .. }) if error.is_lasting() => {
                return Err(PublicUrlFault::new(
                    error.to_string(),
                    "use a certificate of a public authority, or AWS cannot read the keys; where every account trusts by SAML, your own authority will do: name its PEM file in [egress] ca",
                ));
            }
            Err(error) => return Ok(Reached::Nobody(error.to_string())),
        };
        let status = answer.status;
        if let Ok(seen) = serde_json::from_slice(&answer.body)
            && status == 200
        {
            return Ok(Reached::Gateway(seen));
        }
        let said = is_of_gateway(&answer);
        Err(match status {
            502..=504 if !said => {
                return Ok(Reached::Nobody(format!(
                    "{} answered with status {status}, and not the gateway",
                    answer.host
                )));
            }
            421 => PublicUrlFault::new(
                "`Host` does not arrive as the client sends it: the gateway answered with status 421",
                "let the proxy pass `Host` on unchanged, with its port; see \"Proxies\" in docs/operations.md",
            ),
            404 if said => {
                return Ok(Reached::Nobody(
                    "a gateway of an earlier version answers, which cannot be asked".to_owned(),
                ));
            }
            _ => PublicUrlFault::new(
                format!(
                    "not the gateway but something in front of it answers /client-address, with status {status}"
                ),
                "let it pass every path on to the gateway, for those who sign in; see \"Proxies\" in docs/operations.md",
            ),
        })
    }

    async fn client_address(&self, plain: &SeenAddress) -> Result<String, PublicUrlFault> {
        let (listed, standard) = (FORGED.to_string(), format!("for={FORGED}"));
        let forged = [
            (HeaderName::from_static("x-forwarded-for"), listed.as_str()),
            (HeaderName::from_static("forwarded"), standard.as_str()),
        ];
        let forged = self.get("/client-address", &forged).await.ok();
        let forged: Option<SeenAddress> =
            forged.and_then(|answer| serde_json::from_slice(&answer.body).ok());
        let sight = ObservedAddress {
            public_url: &self.settings.public_url,
            listen: &self.settings.listen,
            plain,
            forged: forged.as_ref(),
            local: local(&self.settings.public_url).await,
        };
        sight.judge()
    }

    /// Shows a token that nobody has: one that arrives and one that is missing are refused differently.
    async fn access_token(&self) -> Result<String, PublicUrlFault> {
        let made_up = [(TOKEN, "made-up-by-rolecalld-check")];
        let problem = match self.get(path::LIST_ACCOUNTS, &made_up).await {
            Ok(answer) => match json(&answer)["__type"].as_str() {
                Some("UnauthorizedException") => {
                    return Ok(format!("Host and {TOKEN} arrive"));
                }
                Some("InvalidRequestException") => format!("the header {TOKEN} does not arrive"),
                Some(_) | None => format!(
                    "a request with the header {TOKEN} is answered with status {}",
                    answer.status
                ),
            },
            Err(error) => format!("a request with the header {TOKEN} is not answered: {error}"),
        };
        Err(PublicUrlFault::new(
            problem,
            "let the proxy pass header names with underscores (nginx and Caddy drop them unless told otherwise): without it, no call of AWS's clients works; see \"Proxies\" in docs/operations.md",
        ))
    }

    /// Compares what AWS reads with what this installation publishes.
    async fn documents(&self, own: Option<&Issuers>) -> Result<String, PublicUrlFault> {
        const DISCOVERY: &str = "/.well-known/openid-configuration";
        let (discovery, jwks) = (
            self.document(DISCOVERY).await?,
            self.document("/jwks").await?,
        );
        let Some(own) = own else {
            return Ok(format!(
                "{DISCOVERY} and /jwks answer; there are no keys here to compare them with"
            ));
        };
        let (issuer, found) = (parsed(&own.tokens.discovery().body), &discovery["issuer"]);
        let issuer = &issuer["issuer"];
        if issuer != found {
            return Err(PublicUrlFault::new(
                format!("{DISCOVERY} names the issuer {found}, not {issuer}"),
                "another gateway answers at public_url, or the one that runs has another configuration; restart it, or correct public_url",
            ));
        }
        let (ours, theirs) = (key_ids(&parsed(&own.tokens.jwks().body)), key_ids(&jwks));
        if ours != theirs {
            let list = |ids: &BTreeSet<String>| ids.iter().cloned().collect::<Vec<_>>().join(", ");
            return Err(PublicUrlFault::new(
                format!(
                    "/jwks publishes other keys than this installation has: {} instead of {}",
                    list(&theirs),
                    list(&ours)
                ),
                "another gateway answers at public_url, or replicas have different keys; see \"Issuer keys\" in docs/operations.md",
            ));
        }
        Ok(format!(
            "{DISCOVERY} and /jwks have this installation's issuer and keys"
        ))
    }

    async fn document(&self, path: &str) -> Result<Value, PublicUrlFault> {
        let read = self.get(path, &[]).await.and_then(Answer::json);
        let fault = |why: String| {
            PublicUrlFault::new(
                format!("{path}, which AWS reads, does not arrive: {why}"),
                "let the proxy pass /.well-known/openid-configuration and /jwks on to the gateway for everybody; see \"Network requirements\" in docs/operations.md",
            )
        };
        let body = read.map_err(|error| fault(error.to_string()))?;
        serde_json::from_slice(&body).map_err(|_| fault("it is not JSON".to_owned()))
    }
}

/// Whether the gateway's own words came, as it answers programs.
fn is_of_gateway(answer: &Answer) -> bool {
    json(answer)["reference"].is_string()
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

fn parsed(document: &str) -> Value {
    serde_json::from_str(document).unwrap_or_default()
}

/// The ids of a key set (RFC 7517 4.5).
fn key_ids(jwks: &Value) -> BTreeSet<String> {
    let keys = jwks["keys"].as_array().into_iter().flatten();
    let ids = keys.filter_map(|key| key["kid"].as_str());
    ids.map(str::to_owned).collect()
}

/// This machine's own address in a connection to `url`.
async fn local(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?.trim_matches(['[', ']']);
    let connected = TcpStream::connect((host, url.port_or_known_default()?));
    let connection = timeout(CONNECT_MAX, connected).await.ok()?.ok()?;
    Some(connection.local_addr().ok()?.ip().to_canonical())
}
