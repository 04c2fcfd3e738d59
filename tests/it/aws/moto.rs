//! Interoperability with moto: it does not verify proofs, but implements the wire format of STS independently.

use std::sync::Arc;

use anyhow::{Result, ensure};
use rolecall_core::aws::{AccountId, RoleArn, Sts as _, StsRequest};
use rolecall_core::base::Clock as _;
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::aws::{Aws, AwsSettings as Emulated};
use rolecall_testkit::python::Moto;
use rolecalld::aws::keys::KeyAlgorithm;
use rolecalld::aws::{OwnCredentials, StsClient, http_client};
use rolecalld::world::SystemClock;
use url::Url;

use super::caller::CallerFixture;
use super::federation_token::request as federation_token;
use super::fixture::{StsFixture, saml_claims, settings};
use super::saml::SamlIssuerFixture;

fn sts(moto: &Moto) -> Result<StsClient> {
    let mut settings = settings(None)?;
    settings.sts_endpoint = Some(Url::parse(moto.url())?);
    Ok(StsClient::new(settings, http_client()))
}

#[tokio::test]
async fn moto_interoperates() -> Result<()> {
    if PYTHON_PEERS.path().is_none() {
        return Ok(());
    }
    let moto = Moto::start().await?;
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let sts = sts(&moto)?;
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

/// `AssumeRole` directly and through one and two roles, each hop signed with the credentials of the one before.
#[tokio::test]
async fn moto_interoperates_with_the_gateway_as_caller() -> Result<()> {
    if PYTHON_PEERS.path().is_none() {
        return Ok(());
    }
    let moto = Moto::start().await?;
    let fixture = CallerFixture::new()?;
    let sts = sts(&moto)?.signing_with(OwnCredentials::provided(
        fixture.key(),
        Arc::new(SystemClock),
    ));
    let spoke: RoleArn = "arn:aws:iam::444455556666:role/spoke".parse()?;
    let chains: [&[&RoleArn]; 3] = [&[], &[&fixture.hub], &[&fixture.hub, &spoke]];
    for via in chains {
        let request = fixture.request(via)?;
        let name = request.session_name.as_str().to_owned();
        let issued = sts.assume(&StsRequest::AssumeRole(request)).await?;
        let arn = format!("arn:aws:sts::111122223333:assumed-role/Developer/{name}");
        ensure!(
            issued.assumed_role_arn == arn,
            "{}",
            issued.assumed_role_arn
        );
        ensure!(issued.credentials.access_key_id.starts_with("ASIA"));
        let identity = sts.identity_of(&issued.credentials, None).await?;
        ensure!(identity.arn() == arn, "{}", identity.arn());
        ensure!(identity.is_session_of(&fixture.role));
    }
    Ok(())
}

/// `GetFederationToken` with the key of an IAM user that moto created.
#[tokio::test]
async fn moto_interoperates_with_federation_tokens() -> Result<()> {
    if PYTHON_PEERS.path().is_none() {
        return Ok(());
    }
    let moto = Moto::start().await?;
    let aws = Aws::start(Emulated::default())?;
    let mut request = federation_token(&aws)?;
    // The account of moto's keys.
    request.account = AccountId::parse("123456789012")?;
    let name = request.name.to_string();
    let seconds = request.duration.seconds();
    let issued = sts(&moto)?
        .assume(&StsRequest::GetFederationToken(request))
        .await?;
    let arn = format!("arn:aws:sts::123456789012:federated-user/{name}");
    ensure!(
        issued.assumed_role_arn == arn,
        "{}",
        issued.assumed_role_arn
    );
    let left = issued.credentials.expires_at - SystemClock.now();
    ensure!(
        (left.num_seconds() - i64::from(seconds)).abs() < 300,
        "{left}"
    );
    Ok(())
}
