//! One configured identity provider of whichever kind.

use rolecall_core::identity::ProviderId;

use super::oidc::OidcSettings;
use super::saml::SamlSettings;

/// `[[provider]]`
#[derive(Clone, Debug)]
pub enum ProviderSettings {
    /// With `oidc`.
    Oidc(Box<OidcSettings>),
    /// With `saml`.
    Saml(Box<SamlSettings>),
}

impl ProviderSettings {
    /// Its id in the configuration.
    pub fn id(&self) -> &ProviderId {
        match self {
            Self::Oidc(settings) => &settings.id,
            Self::Saml(settings) => &settings.id,
        }
    }
}
