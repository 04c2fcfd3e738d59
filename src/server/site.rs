//! What of the settings the pages need, and the documents they publish.

use std::sync::Arc;

use rolecall_core::start_url::StartUrls;

use crate::aws::TokenIssuer;
use crate::config::Settings;
use crate::regions;
use crate::web::SiteSettings;
use crate::web::site::PublishedDocument;

pub(super) fn settings(settings: &Settings, issuer: &Arc<TokenIssuer>) -> SiteSettings {
    let published = |document: crate::aws::Document| PublishedDocument {
        body: document.body,
        etag: document.etag,
    };
    let (discovery, jwks) = (issuer.clone(), issuer.clone());
    // The form goes to AWS's sign-in, which redirects to the console; browsers hold each step against the list.
    let aws = settings.aws.partition;
    let hosts = [aws.sign_in_domain(), aws.console_domain()];
    let mut form_targets: Vec<String> = hosts
        .iter()
        .flat_map(|host| [format!("https://{host}"), format!("https://*.{host}")])
        .collect();
    form_targets.extend(
        settings
            .aws
            .signin_endpoint
            .as_ref()
            .map(|url| url.origin().ascii_serialization()),
    );
    SiteSettings {
        public_url: settings.public_url.clone(),
        trusted_proxies: settings.listen.trusted_proxies.clone(),
        start_urls: StartUrls::new(&settings.public_url, aws, settings.start_label.as_ref()),
        region: settings.aws.sts_region.clone(),
        contact: settings.contact.clone(),
        regions: regions::of(settings.aws.partition),
        form_targets,
        openid_configuration: Box::new(move || published(discovery.discovery())),
        jwks: Box::new(move || published(jwks.jwks())),
    }
}
