//! The configured identity providers.

use std::sync::Arc;

use crate::identity::{EmailDomain, ProviderId};

use super::{IdentityProvider, SignIns};

impl SignIns {
    /// The configured providers, in the order people see them.
    pub fn providers(&self) -> &[Arc<dyn IdentityProvider>] {
        &self.providers
    }

    /// The provider of this id.
    pub fn provider(&self, id: &ProviderId) -> Option<&Arc<dyn IdentityProvider>> {
        self.providers.iter().find(|provider| provider.id() == id)
    }

    /// The provider whose people have addresses in this domain.
    pub fn provider_of_domain(&self, domain: &EmailDomain) -> Option<&Arc<dyn IdentityProvider>> {
        let mut providers = self.providers.iter();
        providers.find(|provider| provider.domains().contains(domain))
    }
}
