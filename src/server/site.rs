//! Builds the settings of the site.

use std::sync::Arc;

use super::connections::Connections;
use super::embedded;
use super::issuers::Issuers;
use crate::aws::IssuerDocument;
use crate::config::Settings;
use crate::regions;
use crate::web::site::PublishedDocument;
use crate::web::{ClientAddresses, SiteSettings};

/// The settings of the site, from the configuration and the issuers.
pub fn settings(
    settings: &Settings,
    issuers: &Issuers,
    connections: Arc<Connections>,
) -> SiteSettings {
    let published = |document: IssuerDocument| PublishedDocument {
        body: document.body,
        etag: document.etag,
    };
    let (discovery, jwks, saml) = (
        issuers.tokens.clone(),
        issuers.tokens.clone(),
        issuers.saml.clone(),
    );
    SiteSettings {
        public_url: settings.public_url.clone(),
        client_addresses: ClientAddresses::new(
            settings.listen.client_address,
            settings.listen.trusted_proxies.clone(),
        ),
        is_crowded: Box::new(move |peer| connections.is_crowded(peer)),
        region: settings.aws.sts_region.clone(),
        contact: settings.contact.clone(),
        regions: regions::of(settings.aws.partition),
        form_targets: form_targets(settings),
        openid_configuration: Box::new(move || published(discovery.discovery())),
        jwks: Box::new(move || published(jwks.jwks())),
        disk_free: embedded::disk_free(settings),
        issuer_documents_differ: {
            let published = issuers.published.clone();
            Box::new(move || published.as_ref().is_some_and(|one| one.differs()))
        },
        saml_metadata: Box::new(move || saml.metadata().map(published)),
    }
}

/// Targets of forms that lead to AWS: the sign-in endpoint redirects to the console, and browsers apply `form-action`
/// to every redirect.
fn form_targets(settings: &Settings) -> Vec<String> {
    let partition = settings.aws.partition;
    let hosts = [partition.sign_in_domain(), partition.console_domain()];
    let aws = hosts
        .iter()
        .flat_map(|host| [format!("https://{host}"), format!("https://*.{host}")]);
    let own = settings
        .aws
        .signin_endpoint
        .as_ref()
        .map(|url| url.origin().ascii_serialization());
    aws.chain(own).collect()
}
