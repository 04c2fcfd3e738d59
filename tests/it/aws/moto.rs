//! Interoperability with moto: it does not verify proofs, but implements the wire format of STS independently.

use anyhow::Result;
use rolecall_core::aws::Sts as _;
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::python::Moto;
use rolecalld::aws::keys::KeyAlgorithm;
use rolecalld::aws::{StsClient, http_client};
use url::Url;

use super::fixture::{StsFixture, saml_claims, settings};
use super::saml::SamlIssuerFixture;

#[tokio::test]
async fn moto_interoperates() -> Result<()> {
    if PYTHON_PEERS.path().is_none() {
        return Ok(());
    }
    let moto = Moto::start().await?;
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let mut settings = settings(None)?;
    settings.sts_endpoint = Some(Url::parse(moto.url())?);
    let sts = StsClient::new(settings, http_client());
    let saml = SamlIssuerFixture::new()?;
    for request in [
        fixture.request().await?,
        saml.request(&saml_claims()?).await?,
    ] {
        let issued = sts.assume(&request).await?;
        assert!(
            issued
                .assumed_role_arn
                .starts_with("arn:aws:sts::111122223333:assumed-role/"),
            "{}",
            issued.assumed_role_arn
        );
        assert!(issued.credentials.access_key_id.starts_with("ASIA"));
    }
    Ok(())
}
