//! A configured identity provider of either kind.

use chrono::{DateTime, Utc};
use rolecall_core::identity::ProviderId;

use super::oidc::OidcSettings;
use super::saml::{MetadataSource, SamlSettings};

/// A `[[provider]]` section.
#[derive(Clone, Debug)]
pub enum ProviderSettings {
    /// OpenID Connect.
    Oidc(Box<OidcSettings>),
    /// SAML 2.0.
    Saml(Box<SamlSettings>),
}

impl ProviderSettings {
    /// The provider ID.
    pub fn id(&self) -> &ProviderId {
        match self {
            Self::Oidc(settings) => &settings.id,
            Self::Saml(settings) => &settings.id,
        }
    }

    /// The settings on which the identities of people depend, as text for comparisons: all but the title and the keys and
    /// secrets of the gateway.
    pub fn identity_settings(&self) -> String {
        match self {
            Self::Oidc(settings) => {
                let mut settings = settings.clone();
                settings.title.clear();
                settings.client_secret = None;
                settings.client_key = None;
                format!("{settings:?}")
            }
            Self::Saml(settings) => {
                let mut settings = settings.clone();
                settings.title.clear();
                settings.signing_keys.clear();
                settings.encryption_keys.clear();
                format!("{settings:?}")
            }
        }
    }

    /// Warnings that can be determined without a request.
    pub fn warnings(&self, now: DateTime<Utc>) -> Vec<String> {
        let Self::Saml(settings) = self else {
            return Vec::new();
        };
        match &settings.metadata {
            MetadataSource::File(trust) => trust.warnings(now),
            MetadataSource::Url { .. } => Vec::new(),
        }
    }

    /// The values to register at the provider, with the names of the settings there.
    pub fn registration(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Oidc(settings) => {
                let redirect = ("redirect URI", settings.redirect_uri.to_string());
                let sign_out = settings.post_logout_redirect_uri.as_ref();
                let sign_out = sign_out.map(|uri| ("sign-out redirect URI", uri.to_string()));
                [redirect].into_iter().chain(sign_out).collect()
            }
            Self::Saml(settings) => {
                let addresses = &settings.addresses;
                let mut entries = vec![
                    ("entity ID (audience)", addresses.entity_id.clone()),
                    ("ACS URL (reply URL)", addresses.consumer.to_string()),
                    ("single logout URL", addresses.logout.to_string()),
                    ("metadata", addresses.entity_id.clone()),
                ];
                let for_aws = settings.aws.as_ref();
                let for_aws = for_aws.and_then(|_| addresses.consumer.join("aws-acs").ok());
                entries.extend(for_aws.map(|to| ("ACS URL of the application for AWS", to.into())));
                entries
            }
        }
    }
}
