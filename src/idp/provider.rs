//! One configured identity provider of whichever kind.

use chrono::{DateTime, Utc};
use rolecall_core::identity::ProviderId;

use super::oidc::OidcSettings;
use super::saml::{MetadataSource, SamlSettings, SamlTrust};

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

    /// What an operator should know of it today, as far as files tell.
    pub fn remarks(&self, now: DateTime<Utc>) -> Vec<String> {
        let Self::Saml(settings) = self else {
            return Vec::new();
        };
        let MetadataSource::Text(text) = &settings.metadata else {
            return Vec::new();
        };
        let trust = SamlTrust::parse(text, &settings.options);
        trust.map(|trust| trust.remarks(now)).unwrap_or_default()
    }
}
