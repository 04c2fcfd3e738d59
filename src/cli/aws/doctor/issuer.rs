//! The documents that AWS reads from the gateway.

use std::collections::BTreeSet;
use std::sync::Arc;

use rolecall_core::base::text;
use rolecall_core::drift::{self, Finding, Report};
use url::Url;

use crate::aws::keys::KeyDirectory;
use crate::aws::{IssuerDocuments, Severity, TokenIssuer};
use crate::cli::out::Failure;
use crate::config::OfflineSettings;
use crate::egress::Egress;
use crate::idp::HttpClient;
use crate::idp::http::HttpError;
use crate::world::SystemClock;

/// Findings about the documents.
pub struct IssuerReport {
    findings: Vec<Finding>,
    unseen: Option<String>,
}

impl IssuerReport {
    /// The documents that this installation would publish.
    pub fn offline(settings: &OfflineSettings) -> Self {
        let issuer = settings.issuer();
        let mut findings = drift::issuer_url(issuer);
        let own = match own_issuer(settings) {
            Ok(own) => own,
            Err(error) => {
                return Self {
                    findings,
                    unseen: Some(format!(
                        "documents of the issuer: this host cannot read the keys: {error}"
                    )),
                };
            }
        };
        let (discovery, _) = drift::discovery(issuer, own.discovery().body.as_bytes());
        // The URL itself is already a finding.
        if findings.is_empty() {
            findings.extend(discovery);
        }
        findings.extend(drift::key_set(
            issuer.as_str(),
            own.jwks().body.as_bytes(),
            None,
        ));
        Self {
            findings,
            unseen: None,
        }
    }

    /// The documents that are served at the URL of the issuer.
    ///
    /// # Errors
    /// If the HTTP client cannot be created.
    pub async fn live(settings: &OfflineSettings, egress: &Egress) -> Result<Self, Failure> {
        let issuer = settings.issuer();
        let http = HttpClient::new(egress).map_err(anyhow::Error::from)?;
        let mut report = Self {
            findings: drift::issuer_url(issuer),
            unseen: None,
        };
        let own = own_issuer(settings).map(|own| own.documents());
        if let Err(error) = &own {
            report.unseen = Some(format!(
                "whether the published keys are those of this installation: {error}"
            ));
        }
        let origin = issuer.as_str().trim_end_matches('/');
        let Ok(address) = Url::parse(&format!("{origin}/.well-known/openid-configuration")) else {
            return Ok(report);
        };
        let unreachable = |url: &Url, error: HttpError| {
            drift::issuer_unreachable(url.as_str(), &error.to_string())
        };
        let body = match http.get_json(&address).await {
            Ok(body) => body,
            Err(error) => {
                report.findings.push(unreachable(&address, error));
                return Ok(report);
            }
        };
        let (findings, jwks) = drift::discovery(issuer, &body);
        report.findings.extend(findings);
        let Some(address) = jwks else {
            return Ok(report);
        };
        match http.get_json(&address).await {
            Ok(body) => {
                let own = own.as_ref().ok();
                let ids = own.map(|own| own.key_ids().map(ToString::to_string));
                let ids: Option<BTreeSet<String>> = ids.map(Iterator::collect);
                let found = drift::key_set(address.as_str(), &body, ids.as_ref());
                report.findings.extend(found);
                report.findings.extend(
                    own.map(|own| foreign(own, &address, &body))
                        .unwrap_or_default(),
                );
            }
            Err(error) => report.findings.push(unreachable(&address, error)),
        }
        Ok(report)
    }

    /// Adds the findings to a report.
    pub fn add_to(self, report: &mut Report) {
        report.findings.extend(self.findings);
        report.unseen.extend(self.unseen);
    }
}

fn own_issuer(settings: &OfflineSettings) -> Result<TokenIssuer, String> {
    let origin = settings.issuer().as_str().trim_end_matches('/');
    let directory = KeyDirectory::new(&settings.issuer_keys);
    TokenIssuer::open(origin, directory, Arc::new(SystemClock)).map_err(|error| text::chain(&error))
}

/// Keys that are not of this installation, even if their `kid` is.
fn foreign(own: &IssuerDocuments, jwks_uri: &Url, jwks: &[u8]) -> Vec<Finding> {
    let differences = own.compare(own.discovery.body.as_bytes(), jwks).differences;
    let dangers = differences
        .iter()
        .filter(|one| one.severity() == Severity::Danger);
    dangers
        .map(|one| drift::issuer_foreign_key(jwks_uri.as_str(), &one.to_string()))
        .collect()
}
