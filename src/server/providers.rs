//! The adapters of the identity providers. An adapter is rebuilt if a file of its provider changes.

use std::path::PathBuf;
use std::sync::Arc;

use rolecall_core::base::secret::SecretDigest;
use rolecall_core::base::{Clock, Entropy};
use rolecall_core::identity::ProviderId;
use rolecall_core::sign_in::IdentityProvider;

use crate::config::{ProviderFiles, ProvidersRead, Settings};
use crate::idp::{HttpClient, OidcProvider, ProviderSettings, Reloadable, SamlProvider};

/// All configured providers, in the order of the configuration.
pub struct Providers {
    http: HttpClient,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    known: Vec<ProviderEntry>,
    files: Vec<PathBuf>,
}

struct ProviderEntry {
    id: ProviderId,
    contents: Option<SecretDigest>,
    adapter: Arc<Reloadable>,
}

impl Providers {
    /// Builds the adapters. Nothing is fetched yet.
    ///
    /// # Errors
    /// If `[egress]` cannot be applied.
    pub fn open(
        settings: &Settings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> anyhow::Result<Self> {
        let mut providers = Self {
            http: HttpClient::new(&settings.egress)?,
            clock,
            entropy,
            known: Vec::new(),
            files: paths(&settings.provider_files),
        };
        for one in &settings.providers {
            let adapter = Arc::new(Reloadable::new(providers.adapter(one)));
            providers.known.push(ProviderEntry {
                id: one.id().clone(),
                contents: contents(&settings.provider_files, one.id()),
                adapter,
            });
        }
        Ok(providers)
    }

    /// The adapters, for the gateway.
    pub fn adapters(&self) -> Vec<Arc<dyn IdentityProvider>> {
        let adapters = self.known.iter();
        adapters
            .map(|known| known.adapter.clone() as Arc<dyn IdentityProvider>)
            .collect()
    }

    /// All files of the providers.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Builds new adapters for the providers whose files have changed, calls `accept`, and puts the adapters into
    /// service if it succeeds. Returns the number of new adapters.
    ///
    /// # Errors
    /// The error of `accept`; all previous adapters stay in service.
    pub async fn replace(
        &mut self,
        read: ProvidersRead,
        accept: impl AsyncFnOnce(String) -> anyhow::Result<()>,
    ) -> anyhow::Result<usize> {
        let ProvidersRead {
            settings,
            files,
            digest,
        } = read;
        let mut changed = Vec::new();
        for (index, known) in self.known.iter().enumerate() {
            let contents = contents(&files, &known.id);
            if contents != known.contents
                && let Some(settings) = settings.iter().find(|one| *one.id() == known.id)
            {
                changed.push((index, contents, self.adapter(settings)));
            }
        }
        if !changed.is_empty() {
            accept(digest).await?;
        }
        let number = changed.len();
        for (index, contents, adapter) in changed {
            if let Some(known) = self.known.get_mut(index) {
                known.contents = contents;
                known.adapter.replace(adapter);
            }
        }
        self.files = paths(&files);
        Ok(number)
    }

    fn adapter(&self, settings: &ProviderSettings) -> Arc<dyn IdentityProvider> {
        let (http, clock, entropy) = (self.http.clone(), self.clock.clone(), self.entropy.clone());
        match settings.clone() {
            ProviderSettings::Oidc(oidc) => {
                Arc::new(OidcProvider::new(*oidc, http, clock, entropy))
            }
            ProviderSettings::Saml(saml) => {
                Arc::new(SamlProvider::new(*saml, http, clock, entropy))
            }
        }
    }
}

fn paths(files: &[ProviderFiles]) -> Vec<PathBuf> {
    let paths = files.iter().flat_map(|provider| provider.paths.clone());
    paths.collect()
}

fn contents(files: &[ProviderFiles], id: &ProviderId) -> Option<SecretDigest> {
    let found = files.iter().find(|provider| provider.id == *id);
    found.map(|provider| provider.contents)
}
