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
        let ids = own.as_ref().ok().map(|own| {
            let ids = own.key_ids().map(|id| id.as_str().to_owned());
            ids.collect::<BTreeSet<String>>()
        });
        let mut keys = None;
        if let Some(address) = jwks {
            match http.get_json(&address).await {
                Ok(found) => {
                    let findings = drift::key_set(address.as_str(), &found, ids.as_ref());
                    report.findings.extend(findings);
                    keys = Some(found);
                }
                Err(error) => report.findings.push(unreachable(&address, error)),
            }
        }
        if let Ok(own) = &own {
            report.findings.extend(foreign(own, &body, keys.as_deref()));
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

/// Keys in the fetched documents with which somebody else can sign. Without a key set, only the discovery document is compared.
fn foreign(own: &IssuerDocuments, discovery: &[u8], keys: Option<&[u8]>) -> Vec<Finding> {
    let compared = own.compare(discovery, keys.unwrap_or(own.jwks.body.as_bytes()));
    let differences = compared.differences.iter();
    let dangers = differences.filter(|one| one.severity() == Severity::Danger);
    dangers
        .map(|one| drift::issuer_foreign_key(own.issuer(), &one.to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use rolecall_core::drift::FindingKind;
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::keys::{KeyAlgorithm, KeySet, SigningKey};

    fn key() -> Arc<SigningKey> {
        Arc::new(SigningKey::generate(KeyAlgorithm::Es256, DateTime::UNIX_EPOCH).unwrap())
    }

    #[test]
    fn foreign_keys_are_found_by_content() {
        let (active, other) = (key(), key());
        let keys = KeySet {
            active: Arc::clone(&active),
            published: vec![Arc::clone(&active)],
            replaced: Vec::new(),
            next: Vec::new(),
            expired: Vec::new(),
            retired: Vec::new(),
        };
        let own = IssuerDocuments::new("https://sso.example.com", &keys);
        let discovery = own.discovery.body.as_bytes();
        let judge = |discovery: &[u8], keys: Option<&Value>| {
            let keys = keys.map(Value::to_string);
            let found = foreign(&own, discovery, keys.as_deref().map(str::as_bytes));
            let kind = |one: &Finding| one.kind == FindingKind::IssuerForeignKey;
            assert!(found.iter().all(kind), "{found:?}");
            found.len()
        };
        assert_eq!(judge(discovery, None), 0);
        let good = json!({ "keys": [active.jwk()] });
        assert_eq!(judge(discovery, Some(&good)), 0);
        let mut disguised = other.jwk().clone();
        disguised["kid"] = active.id().as_str().into();
        let both = json!({ "keys": [active.jwk(), disguised] });
        assert_eq!(judge(discovery, Some(&both)), 1);
        let replaced = json!({ "keys": [disguised] });
        assert_eq!(judge(discovery, Some(&replaced)), 1);
        let mut elsewhere: Value = serde_json::from_slice(discovery).unwrap();
        elsewhere["jwks_uri"] = "https://keys.example.org/jwks".into();
        let elsewhere = elsewhere.to_string();
        assert_eq!(judge(elsewhere.as_bytes(), Some(&good)), 1);
        assert_eq!(judge(elsewhere.as_bytes(), None), 1);
    }
}
