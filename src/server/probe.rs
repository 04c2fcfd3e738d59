//! Asks everything the gateway will need, one by one, and changes nothing.

mod client_address;
mod public_url;

use std::path::Path;

use anyhow::Context as _;

use rolecall_core::access::Policy;
use rolecall_core::sign_in::ProviderError;

use super::Overrides;
use super::issuers::Issuers;
use super::tls::Certificate;
use crate::config::Settings;
use crate::database::{Database, OpenDatabaseError};
use crate::idp::{HttpClient, OidcProvider, Probed, ProviderSettings, SamlProvider};
use crate::store::{self, StoreUrl};

pub use public_url::PublicUrlFault;

/// What was asked, and what it answered, or why there is no answer.
pub type Answer = (String, anyhow::Result<Probed>);

/// Asks each provider, the store, the audit trail, the keys, the certificate, and the gateway that runs at `public_url`.
pub async fn probe(settings: &Settings, policy: &Policy) -> Vec<Answer> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Overrides { clock, entropy, .. } = Overrides::default();
    let mut answers = Vec::new();
    for provider in &settings.providers {
        let asked = async {
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
                    Ok(Probed {
                        warnings,
                        ..Probed::default()
                    })
                }
            }
        };
        let asked = asked.await;
        answers.push((format!("provider {}", provider.id()), asked));
    }
    let store = async {
        match &settings.store.url {
            // Opening it would make the file, perhaps as another user than the gateway's.
            StoreUrl::Sqlite(path) if !path.exists() => folder_of(path),
            StoreUrl::Sqlite(_) | StoreUrl::Redis(_) | StoreUrl::Memory => {
                let store = store::open(&settings.store, clock.clone()).await?;
                Ok(store.ready().await?)
            }
        }
    };
    answers.push(("store".to_owned(), store.await.map(|()| Probed::default())));
    // Opened as by `audit verify`: a schema that is older is not brought up to date, and none is made.
    let database = match Database::open(&settings.database).await {
        Err(OpenDatabaseError::Missing(path)) => folder_of(&path).map(|()| Probed::default()),
        Err(OpenDatabaseError::Empty) => Ok(Probed::default()),
        opened => opened
            .map(|trail| Probed {
                warnings: trail.remark().into_iter().collect(),
                ..Probed::default()
            })
            .map_err(anyhow::Error::from),
    };
    answers.push(("database".to_owned(), database));
    let issuers = Issuers::open(settings, &clock, &entropy);
    let own = issuers.as_ref().ok().cloned();
    let keys = issuers.and_then(|keys| keys.suffice(policy));
    answers.push(("keys".to_owned(), keys.map(|()| Probed::default())));
    if let Some(files) = &settings.listen.tls {
        let opened = Certificate::open(files);
        answers.push(("tls".to_owned(), opened.map(|_| Probed::default())));
    }
    let asked = public_url::ask(settings, own.as_ref()).await;
    answers.extend(
        asked
            .into_iter()
            .map(|asked| ("public_url".to_owned(), asked)),
    );
    answers
}

/// The error with what the gateway's log would say of it.
fn detailed(error: ProviderError) -> anyhow::Error {
    match error {
        ProviderError::Rejected { reason, detail } => {
            anyhow::anyhow!("{detail} (check: {})", reason.code())
        }
        ProviderError::Misconfigured(_)
        | ProviderError::Unavailable(_)
        | ProviderError::Refused { .. } => error.into(),
    }
}

/// The folder of a file that the gateway will make.
fn folder_of(path: &Path) -> anyhow::Result<()> {
    let named = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = named.unwrap_or(Path::new("."));
    let seen = folder.read_dir().map(drop);
    seen.with_context(|| format!("the folder {} cannot be used", folder.display()))
}
