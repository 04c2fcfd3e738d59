//! SAML metadata of the gateway, as it publishes them and as IAM has them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rolecall_core::drift::ObservedSamlProvider;

use crate::idp::saml::{InvalidMetadata, SamlTrust, TrustOptions};

/// Parses metadata.
///
/// # Errors
/// [`InvalidMetadata`].
pub fn parse(metadata: &str) -> Result<ObservedSamlProvider, InvalidMetadata> {
    let trust = SamlTrust::parse(metadata, &TrustOptions::default())?;
    let certificates = trust.keys().certificates();
    Ok(ObservedSamlProvider {
        arn: None,
        entity_id: trust.entity_id().to_owned(),
        certificates: certificates.map(|der| STANDARD.encode(der)).collect(),
        valid_until: trust.valid_until(),
    })
}
