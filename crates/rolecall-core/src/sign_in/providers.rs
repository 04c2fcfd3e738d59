//! The configured identity providers.

use std::sync::Arc;

use crate::identity::{EmailDomain, ProviderId};

use super::{IdentityProvider, SignIns};

impl SignIns {
    /// Returns the configured providers, in display order.
    pub fn providers(&self) -> &[Arc<dyn IdentityProvider>] {
        &self.providers
    }

    /// Returns the provider with this id.
    pub fn provider(&self, id: &ProviderId) -> Option<&Arc<dyn IdentityProvider>> {
        self.providers.iter().find(|provider| provider.id() == id)
    }

    /// Returns the provider that is authoritative for this e-mail domain.
    pub fn provider_of_domain(&self, domain: &EmailDomain) -> Option<&Arc<dyn IdentityProvider>> {
        let mut providers = self.providers.iter();
        providers.find(|provider| provider.domains().contains(domain))
    }
}
