//! The SAML provider of a stack. It starts before the gateway, which reads its metadata. The gateway is then registered with
//! its own metadata.

use std::fs;
use std::path::Path;

use rolecall_core::gateway::Gateway;
use rolecall_core::identity::ProviderId;
use rolecall_testkit::clock::Clock;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::saml::signature::Credential;
use rolecall_testkit::saml::{SamlProvider, SamlSettings, ServiceProvider};

use crate::files::write_secret;
use crate::sample_data::SAML_PROVIDER_ID;

/// Entity ID of AWS at identity providers.
const AWS: &str = "urn:amazon:webservices";

/// Settings of a SAML provider in addition to the OpenID provider, with the same users.
#[derive(Clone, Default)]
pub struct SamlStackSettings {
    /// Settings of the provider, where the gateway is registered when the stack starts.
    pub provider: SamlSettings,
    /// Whether the gateway knows the provider's application for AWS, as accounts with `trust = "provider-saml"` require.
    pub aws_application: bool,
    /// Additional keys of the gateway's `saml` table. `UPSTREAM` stands for the URL of the provider.
    pub more: String,
}

impl SamlStackSettings {
    /// Starts the provider, and writes its metadata and the gateway's key to `folder`. Also returns the `[[provider]]` table
    /// for the gateway.
    pub(crate) fn start(
        &self,
        folder: &Path,
        clock: Clock,
    ) -> anyhow::Result<(SamlProvider, String)> {
        let mut settings = self.provider.clone();
        settings.clock = clock;
        let title = settings.title.clone();
        let provider = SamlProvider::start(settings)?;
        let own = Credential::generate(Algorithm::Rs256)?;
        let (key, certificate) = (own.key().private_pem()?, own.certificate().to_pem()?);
        write_secret(&folder.join("saml.pem"), &[key, certificate].concat())?;
        fs::write(folder.join("saml.xml"), provider.metadata()?)?;
        let more = self.more.replace("UPSTREAM", &provider.url());
        let aws = match self.aws_application {
            true => format!(
                "aws = {{ start = {:?} }}",
                provider.idp_initiated_url(AWS, None)
            ),
            false => String::new(),
        };
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
{aws}
{more}
"#
        );
        Ok((provider, text))
    }
}

/// Registers the gateway at the provider with the metadata that the gateway publishes.
pub(crate) fn register_gateway(provider: &SamlProvider, gateway: &Gateway) -> anyhow::Result<()> {
    let id = ProviderId::parse(SAML_PROVIDER_ID)?;
    let metadata = gateway.sign_ins().saml_metadata(&id)?;
    provider.register(ServiceProvider::from_metadata(&metadata)?);
    Ok(())
}
