//! One configured identity provider of whichever kind.

use chrono::{DateTime, Utc};
use rolecall_core::identity::ProviderId;

use super::oidc::OidcSettings;
use super::saml::{MetadataSource, SamlSettings};

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
        match &settings.metadata {
            MetadataSource::File(trust) => trust.remarks(now),
            MetadataSource::Url { .. } => Vec::new(),
        }
    }

    /// What has to be registered at the provider: the name of each setting there, and its value.
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
