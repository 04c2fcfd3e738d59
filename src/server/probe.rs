//! Tests every external dependency for `check --online`, without changing anything.

mod client_address;
mod public_url;
mod published;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use rolecall_core::access::Policy;
use rolecall_core::aws::Sts as _;
use rolecall_core::base::Clock;
use rolecall_core::sign_in::ProviderError;

use super::gateway::sts;
use super::issuers::Issuers;
use super::tls::Certificate;
use super::{Overrides, own_identity};
use crate::config::Settings;
use crate::database::{Database, OpenDatabaseError};
use crate::idp::{HttpClient, OidcProvider, ProbeReport, ProviderSettings, SamlProvider};
use crate::store::{self, StoreUrl};

pub use public_url::PublicUrlError;

/// Name of a dependency, with its report or the error.
pub type ProbeResult = (String, anyhow::Result<ProbeReport>);

/// Tests each provider, the store, the audit trail, the keys, the TLS certificate, the documents at `[issuer] url`, and the
/// gateway at `public_url`.
pub async fn probe(settings: &Settings, policy: &Policy) -> Vec<ProbeResult> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Overrides { clock, entropy, .. } = Overrides::default();
    let mut results = Vec::new();
    for provider in &settings.providers {
        let result = async {
            let http = HttpClient::new(&settings.egress)?;
            let (clock, entropy) = (clock.clone(), entropy.clone());
            match provider.clone() {
                ProviderSettings::Oidc(settings) => {
                    let adapter = OidcProvider::new(*settings, http, clock, entropy);
                    adapter.probe().await.map_err(detailed)
                }
                ProviderSettings::Saml(settings) => {
                    let adapter = SamlProvider::new(*settings, http, clock, entropy);
                    let warnings = adapter.probe().await.map_err(detailed)?;
                    Ok(ProbeReport {
                        warnings,
                        ..ProbeReport::default()
                    })
                }
            }
        };
        let result = result.await;
        results.push((format!("provider {}", provider.id()), result));
    }
    let store = async {
        match &settings.store.url {
            // Opening the store would create the file, possibly with the wrong owner.
            StoreUrl::Sqlite(path) if !path.exists() => check_parent_folder(path),
            StoreUrl::Sqlite(_) | StoreUrl::Redis(_) | StoreUrl::Memory => {
                let store = store::open(&settings.store, clock.clone()).await?;
                Ok(store.ready().await?)
            }
        }
    };
    results.push((
        "store".to_owned(),
        store.await.map(|()| ProbeReport::default()),
    ));
    // Opened as by `audit verify`: the schema is neither created nor migrated.
    let database = match Database::open(&settings.database).await {
        Err(OpenDatabaseError::Missing(path)) => {
            check_parent_folder(&path).map(|()| ProbeReport::default())
        }
        Err(OpenDatabaseError::Empty) => Ok(ProbeReport::default()),
        opened => opened
            .map(|trail| ProbeReport {
                warnings: trail.schema_warning().into_iter().collect(),
                ..ProbeReport::default()
            })
            .map_err(anyhow::Error::from),
    };
    results.push(("database".to_owned(), database));
    let issuers = Issuers::open(settings, &clock, &entropy);
    let own = issuers.as_ref().ok().cloned();
    let keys = issuers.and_then(|keys| keys.check_required_keys(policy));
    results.push(("keys".to_owned(), keys.map(|()| ProbeReport::default())));
    if policy
        .accounts()
        .any(|one| one.trust.needs_own_credentials())
    {
        let report = own_credentials(settings, &clock).await;
        results.push(("aws credentials".to_owned(), report));
    }
    if let Some(files) = &settings.listen.tls {
        let opened = Certificate::open(files);
        results.push(("tls".to_owned(), opened.map(|_| ProbeReport::default())));
    }
    let result = published::compare(settings, own.as_ref()).await;
    results.extend(
        result
            .into_iter()
            .map(|result| ("issuer.url".to_owned(), result)),
    );
    let result = public_url::ask(settings, own.as_ref()).await;
    results.extend(
        result
            .into_iter()
            .map(|result| ("public_url".to_owned(), result)),
    );
    results
}

/// The principal of the gateway's AWS credentials.
async fn own_credentials(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<ProbeReport> {
    let identity = sts(settings, None, clock)?.own_identity().await?;
    let note = own_identity::note(&identity).map(str::to_owned);
    let warning = own_identity::warning(&identity).map(str::to_owned);
    Ok(ProbeReport {
        notes: [Some(identity.arn().to_owned()), note]
            .into_iter()
            .flatten()
            .collect(),
        warnings: warning.into_iter().collect(),
        ..ProbeReport::default()
    })
}

/// Adds the detail that the gateway would log to the error.
fn detailed(error: ProviderError) -> anyhow::Error {
    match error {
        ProviderError::Rejected { reason, detail } => {
            anyhow::anyhow!("{detail} (reason: {})", reason.code())
        }
        ProviderError::Misconfigured(_)
        | ProviderError::Unavailable(_)
        | ProviderError::Refused { .. } => error.into(),
    }
}

/// Checks the folder of a file that the gateway will create.
fn check_parent_folder(path: &Path) -> anyhow::Result<()> {
    let named = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = named.unwrap_or(Path::new("."));
    let seen = folder.read_dir().map(drop);
    seen.with_context(|| format!("cannot read the folder {}", folder.display()))
}
