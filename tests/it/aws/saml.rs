//! The gateway as SAML provider of IAM: STS accepts its responses as long as IAM has the metadata of the key.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use rolecall_core::aws::{
    AssumeRoleWithSaml, MintedSaml, Partition, Recipient, Region, RoleSessionDuration,
    RoleSessionParameters, SamlClaims, SamlIssuer as _, Sts as _, StsRefusal, StsRequest, TagKey,
};
use rolecall_harness::TestClock;
use rolecall_testkit::aws::{Account, Aws, AwsSettings as Emulated, Role};
use rolecall_testkit::clock::ManualClock;
use rolecalld::aws::keys::{KeyAlgorithm, KeyDirectory, KeyUse, Urgency};
use rolecalld::aws::{AwsSettings, ResponseIssuer, StsClient, http_client};
use rolecalld::world::SystemEntropy;
use serde_json::json;

use super::fixture::{ACCOUNT, key_directory, refusal, saml_claims, settings};

const RECIPIENT: &str = "https://eu-west-1.signin.aws.amazon.com/saml";

/// An issuer with a key for SAML at `https://sso.example.com`, which need not be reachable.
pub struct SamlIssuerFixture {
    pub clock: ManualClock,
    pub issuer: ResponseIssuer,
    pub directory: KeyDirectory,
    _home: tempfile::TempDir,
}

impl SamlIssuerFixture {
    pub fn new() -> Result<Self> {
        Self::with(settings(None)?)
    }

    fn with(settings: AwsSettings) -> Result<Self> {
        let clock = ManualClock::starting_now();
        let (home, tokens) = key_directory(KeyAlgorithm::Es256, clock.now())?;
        let directory = tokens.clone().used_for(KeyUse::Saml);
        directory.generate(KeyAlgorithm::Rs256, clock.now())?;
        let issuer = ResponseIssuer::open(
            "https://sso.example.com",
            tokens,
            settings,
            Arc::new(TestClock::from(&clock)),
            Arc::new(SystemEntropy),
        )?;
        Ok(Self {
            clock,
            issuer,
            directory,
            _home: home,
        })
    }

    pub async fn respond(&self, claims: &SamlClaims) -> Result<MintedSaml> {
        let minted = self.issuer.respond(claims).await;
        minted.map_err(|error| anyhow::anyhow!(error))
    }

    /// A request to STS with a new response.
    pub async fn request(&self, claims: &SamlClaims) -> Result<StsRequest> {
        Ok(StsRequest::AssumeRoleWithSaml(AssumeRoleWithSaml {
            session: RoleSessionParameters {
                role: claims.role.clone(),
                region: None,
                duration: claims.duration,
                session_policy: None,
                policy_arns: Vec::new(),
                predicted_percent: 0,
            },
            principal: claims.provider.clone(),
            response: self.respond(claims).await?.response,
        }))
    }

    /// An AWS that trusts the issuer.
    pub fn aws(&self) -> Result<(Aws, Account)> {
        let aws = Aws::start(Emulated {
            clock: self.clock.clock(),
            ..Emulated::default()
        })?;
        let account = aws.account(ACCOUNT)?;
        self.register(&account)?;
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": "arn:aws:iam::111122223333:saml-provider/rolecall" },
            "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"],
            "Condition": { "StringEquals": {
                "SAML:aud": RECIPIENT,
                "SAML:iss": "https://sso.example.com/saml/metadata",
                "SAML:sub_type": "persistent",
                "aws:RequestTag/rolecall:account": ACCOUNT,
                "aws:RequestTag/rolecall:permission-set": "Developer",
                "sts:SourceIdentity": "alice@example.com",
            } },
        }] });
        account.role(
            "rolecall/Developer",
            Role::with_trust_policy(policy)
                .with_max_session_duration(Duration::from_secs(4 * 3_600)),
        )?;
        Ok((aws, account))
    }

    fn metadata(&self) -> Result<String> {
        let metadata = self.issuer.metadata().context("there is a key")?;
        Ok(metadata.body.to_string())
    }

    fn register(&self, account: &Account) -> Result<()> {
        account.saml_provider("rolecall", &self.metadata()?)?;
        Ok(())
    }
}

fn sts(aws: &Aws) -> Result<StsClient> {
    Ok(StsClient::new(settings(Some(aws))?, http_client()))
}

#[tokio::test]
async fn response_yields_credentials() -> Result<()> {
    let fixture = SamlIssuerFixture::new()?;
    let (aws, _) = fixture.aws()?;
    let claims = saml_claims()?;
    let request = fixture.request(&claims).await?;
    let issued = sts(&aws)?.assume(&request).await?;
    let session = aws.issued().pop().context("a session")?;
    assert_eq!(issued.assumed_role_arn, session.assumed_role_arn);
    assert_eq!(issued.credentials.access_key_id, session.access_key_id);
    assert_eq!(issued.region, "eu-west-1");
    ensure!(issued.request_id.is_some());
    ensure!(
        session
            .assumed_role_arn
            .ends_with(claims.session_name.as_str())
    );
    assert_eq!(session.subject, "okta|00u1<alice>&\"'");
    assert_eq!(
        session.source_identity.as_deref(),
        Some("alice@example.com")
    );
    let request = aws.requests().pop().context("a request")?;
    assert_eq!(request.action, "AssumeRoleWithSAML");
    let mut fields: Vec<&str> = request.form.iter().map(|(name, _)| name.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "Action",
            "DurationSeconds",
            "PrincipalArn",
            "RoleArn",
            "SAMLAssertion",
            "Version"
        ]
    );
    ensure!(
        request.header("authorization").is_none(),
        "the request must be unsigned"
    );
    Ok(())
}

#[tokio::test]
async fn missing_account_setup_is_reported() -> Result<()> {
    let fixture = SamlIssuerFixture::new()?;
    let (aws, account) = fixture.aws()?;
    let (sts, claims) = (sts(&aws)?, saml_claims()?);
    let stranger = SamlIssuerFixture::new()?;
    let other = stranger.request(&claims).await?;
    assert_eq!(
        refusal(sts.assume(&other).await)?,
        StsRefusal::Metadata,
        "another key"
    );
    let mut elsewhere = claims.clone();
    elsewhere.audience = "urn:example".to_owned();
    let request = fixture.request(&elsewhere).await?;
    assert_eq!(refusal(sts.assume(&request).await)?, StsRefusal::Audience);
    let mut elsewhere = claims.clone();
    elsewhere.region = Some(Region::parse("eu-central-1")?);
    let request = fixture.request(&elsewhere).await?;
    assert_eq!(
        refusal(sts.assume(&request).await)?,
        StsRefusal::AccessDenied,
        "another recipient"
    );
    let mut long = claims.clone();
    long.duration = RoleSessionDuration::MAX;
    let request = fixture.request(&long).await?;
    assert_eq!(
        refusal(sts.assume(&request).await)?,
        StsRefusal::DurationTooLong
    );
    let request = fixture.request(&claims).await?;
    fixture.clock.advance(Duration::from_secs(300));
    assert_eq!(refusal(sts.assume(&request).await)?, StsRefusal::Expired);
    account.delete_saml_provider(claims.provider.as_str());
    let request = fixture.request(&claims).await?;
    assert_eq!(
        refusal(sts.assume(&request).await)?,
        StsRefusal::ProviderNotRegistered
    );
    Ok(())
}

#[tokio::test]
async fn rotation_works_once_iam_has_both_certificates() -> Result<()> {
    let fixture = SamlIssuerFixture::new()?;
    let (aws, account) = fixture.aws()?;
    let (sts, claims) = (sts(&aws)?, saml_claims()?);
    let certificates = |metadata: &str| metadata.matches("<md:KeyDescriptor").count();
    fixture
        .directory
        .generate(KeyAlgorithm::Rs256, fixture.clock.now())?;
    fixture.issuer.reload()?;
    assert_eq!(certificates(&fixture.metadata()?), 2);
    fixture.register(&account)?;
    sts.assume(&fixture.request(&claims).await?).await?;

    let early = fixture
        .directory
        .rotate(Urgency::Patient, fixture.clock.now());
    ensure!(
        early.is_err(),
        "rotation must wait for administrators to update IAM"
    );
    fixture.clock.advance(Duration::from_secs(24 * 3_600));
    fixture
        .directory
        .rotate(Urgency::Patient, fixture.clock.now())?;
    fixture.issuer.reload()?;
    sts.assume(&fixture.request(&claims).await?).await?;
    assert_eq!(
        certificates(&fixture.metadata()?),
        2,
        "the old key is published for a day"
    );
    fixture.clock.advance(Duration::from_secs(25 * 3_600));
    fixture.issuer.reload()?;
    assert_eq!(certificates(&fixture.metadata()?), 1);
    fixture.register(&account)?;
    sts.assume(&fixture.request(&claims).await?).await?;
    Ok(())
}

#[tokio::test]
async fn saml_requires_its_own_key() -> Result<()> {
    let clock = ManualClock::starting_now();
    let (_home, directory) = key_directory(KeyAlgorithm::Rs256, clock.now())?;
    let issuer = ResponseIssuer::open(
        "https://sso.example.com",
        directory.clone(),
        settings(None)?,
        Arc::new(TestClock::from(&clock)),
        Arc::new(SystemEntropy),
    )?;
    ensure!(issuer.metadata().is_none() && issuer.ready().is_err());
    let refused = issuer.respond(&saml_claims()?).await;
    let error = refused.err().context("no key for SAML")?.to_string();
    ensure!(error.contains("rolecalld keys generate --saml"), "{error}");
    let saml = directory.used_for(KeyUse::Saml);
    let wrong = saml.generate(KeyAlgorithm::Es256, clock.now());
    ensure!(wrong.is_err(), "SAML requires RSA");
    saml.generate(KeyAlgorithm::Rs256, clock.now())?;
    issuer.reload()?;
    ensure!(issuer.metadata().is_some() && issuer.ready().is_ok());
    Ok(())
}

#[tokio::test]
async fn recipient_depends_on_account_region_or_endpoint() -> Result<()> {
    let aws = settings(None)?;
    let own = AwsSettings {
        signin_endpoint: Some(url::Url::parse("http://127.0.0.1:8401/x?y")?),
        ..aws.clone()
    };
    let chosen = Recipient::parse("https://signin.aws.amazon.com/saml", Partition::Aws)?;
    let region = Region::parse("us-east-1")?;
    for (settings, recipient, region, expected) in [
        (aws.clone(), None, None, RECIPIENT),
        (
            aws,
            None,
            Some(region.clone()),
            "https://signin.aws.amazon.com/saml",
        ),
        (
            own.clone(),
            None,
            Some(region),
            "http://127.0.0.1:8401/saml",
        ),
        (
            own,
            Some(chosen),
            None,
            "https://signin.aws.amazon.com/saml",
        ),
    ] {
        let fixture = SamlIssuerFixture::with(settings)?;
        let claims = SamlClaims {
            recipient,
            region,
            ..saml_claims()?
        };
        let minted = fixture.respond(&claims).await?;
        assert_eq!(minted.recipient.to_string(), expected);
        let document = String::from_utf8(STANDARD.decode(minted.response.expose())?)?;
        for place in ["Recipient", "Destination"] {
            ensure!(document.contains(&format!("{place}=\"{expected}\"")));
        }
        ensure!(document.contains(&format!("ID=\"{}\"", minted.assertion)));
        let left = minted.expires_at - fixture.clock.now();
        assert_eq!(left, TimeDelta::minutes(5));
    }
    Ok(())
}

#[tokio::test]
async fn oversized_response_is_not_sent() -> Result<()> {
    let fixture = SamlIssuerFixture::new()?;
    let mut claims = saml_claims()?;
    for n in 0..48 {
        let key = format!("{n:02}{}", "𠀀".repeat(126));
        claims.tags.add(TagKey::parse(&key)?, &"𠀀".repeat(256))?;
    }
    let error = fixture.respond(&claims).await.err().context("too long")?;
    ensure!(error.to_string().contains("AWS accepts 100000"), "{error}");
    ensure!(
        !format!("{error:?}").contains('𠀀'),
        "the error must not contain the response"
    );
    Ok(())
}
