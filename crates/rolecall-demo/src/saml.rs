//! The house's SAML provider: started before the gateway, which reads its metadata, and told of the gateway by the
//! gateway's own.

use std::fs;
use std::path::Path;

use rolecall_core::gateway::Gateway;
use rolecall_core::identity::ProviderId;
use rolecall_testkit::clock::Clock;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::saml::signature::Credential;
use rolecall_testkit::saml::{SamlProvider, SamlSettings, ServiceProvider};

use crate::house::write_secret;
use crate::plan::SAML_PROVIDER_ID;

/// A SAML provider beside the OpenID one, with the same people.
#[derive(Clone, Default)]
pub struct SamlHouse {
    /// The provider; the gateway is registered there.
    pub provider: SamlSettings,
    /// More keys of the gateway's `saml` table.
    pub more: String,
}

impl SamlHouse {
    /// Starts the provider, and writes its metadata and the gateway's key into `folder`. Returns the gateway's
    /// `[[provider]]` for it.
    pub(crate) fn prepare(
        &self,
        folder: &Path,
        clock: Clock,
    ) -> anyhow::Result<(SamlProvider, String)> {
        let mut settings = self.provider.clone();
        settings.clock = clock;
        let title = settings.title.clone();
        let provider = SamlProvider::start(settings)?;
        let ours = Credential::generate(Algorithm::Rs256)?;
        let (key, certificate) = (ours.key().private_pem()?, ours.certificate().to_pem()?);
        let pem = String::from_utf8([key, certificate].concat())?;
        write_secret(&folder.join("saml.pem"), &pem)?;
        fs::write(folder.join("saml.xml"), provider.metadata()?)?;
        let more = &self.more;
        let text = format!(
            r#"
[[provider]]
id = "{SAML_PROVIDER_ID}"
title = "{title}"
domains = ["example.com"]
[provider.saml]
metadata = {{ file = "saml.xml" }}
signing_keys = [{{ file = "saml.pem" }}]
encryption_keys = [{{ file = "saml.pem" }}]
{more}
"#
        );
        Ok((provider, text))
    }
}

/// Registers the gateway at the provider, by the metadata that the gateway publishes.
pub(crate) fn introduce(provider: &SamlProvider, gateway: &Gateway) -> anyhow::Result<()> {
    let id = ProviderId::parse(SAML_PROVIDER_ID)?;
    let metadata = gateway.sign_ins().saml_metadata(&id)?;
    provider.register(ServiceProvider::from_metadata(&metadata)?);
    Ok(())
}
