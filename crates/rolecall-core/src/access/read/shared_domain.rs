//! Mail domains for which more than one provider is trusted. An address of such a domain can come from each of them,
//! and people who enter theirs are redirected to the first provider in the file.

use super::ProviderFacts;
use crate::config_file::Spot;
use crate::identity::EmailDomain;

/// A domain and the providers that are trusted for it, in the order of the file.
pub(super) struct SharedDomain<'p> {
    domain: &'p EmailDomain,
    trusted: Vec<&'p ProviderFacts>,
}

impl<'p> SharedDomain<'p> {
    /// The domain, if several providers are trusted for it.
    pub(super) fn of(domain: &'p EmailDomain, providers: &'p [ProviderFacts]) -> Option<Self> {
        let trusted = providers
            .iter()
            .filter(|facts| facts.domains.contains(domain));
        let trusted: Vec<&ProviderFacts> = trusted.collect();
        (trusted.len() > 1).then_some(Self { domain, trusted })
    }

    /// The first domain of this kind.
    pub(super) fn any(providers: &'p [ProviderFacts]) -> Option<Self> {
        let mut domains = providers.iter().flat_map(|facts| &facts.domains);
        domains.find_map(|domain| Self::of(domain, providers))
    }

    /// Reports a warning if an address of the domain is used without a provider. `what` is the subject of the sentence,
    /// such as `this user`.
    pub(super) fn warn(&self, spot: Spot<'_>, what: &str) {
        let ids: Vec<&str> = self.trusted.iter().map(|facts| facts.id.as_str()).collect();
        let first = ids.first().copied().unwrap_or_default();
        spot.warning(
            format!(
                "{what} without `provider`, and the providers {} are all trusted for {}",
                ids.join(", "),
                self.domain
            ),
            format!(
                "add provider = {first:?}, or assign the domain to one provider: each of them can assert every address of the domain, and people who \
                 enter their address are redirected to {first}, the first in the file"
            ),
        );
    }
}
