//! An issuer with keys and its published documents on loopback, and an AWS that trusts it.

use std::sync::{Arc, OnceLock};

use actix_web::{HttpResponse, web};
use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use rolecall_core::aws::{
    AccountId, AssumeRoleWithWebIdentity, AssumedRole, Partition, Region, RoleArn, RolePath,
    RoleSessionDuration, RoleSessionName, RoleSessionParameters, RoleSessionTags, SamlClaims,
    SamlProviderArn, SourceIdentity, Sts as _, StsError, StsRefusal, StsRequest, TagKey,
    WebIdentityClaims, WebIdentityIssuer as _,
};
use rolecall_core::base::secret::{SecretText, random_token};
use rolecall_core::identity::{AuthTime, Claims, Evidence, Identity, ProviderId, Subject};
use rolecall_harness::TestClock;
use rolecall_testkit::aws::{Account, Aws, AwsSettings as Emulated, Role};
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::serve::LocalServer;
use rolecalld::aws::keys::{KeyAlgorithm, KeyDirectory};
use rolecalld::aws::{AwsSettings, StsClient, TokenIssuer, http_client};
use rolecalld::world::SystemEntropy;
use serde_json::{Value, json};
use url::Url;

pub const ACCOUNT: &str = "111122223333";
pub const AUDIENCE: &str = "sts.amazonaws.com";

/// A temporary key directory with one active key.
pub fn key_directory(
    algorithm: KeyAlgorithm,
    now: DateTime<Utc>,
) -> Result<(tempfile::TempDir, KeyDirectory)> {
    let home = tempfile::tempdir()?;
    let directory = KeyDirectory::new(home.path().join("keys"));
    directory.generate(algorithm, now)?;
    Ok((home, directory))
}

/// The whole fixture. The role `rolecall/Developer` trusts the issuer, with tags and source identity, for four hours.
pub struct StsFixture {
    pub clock: ManualClock,
    pub aws: Aws,
    pub account: Account,
    pub issuer: Arc<TokenIssuer>,
    pub directory: KeyDirectory,
    _documents: LocalServer,
    _home: tempfile::TempDir,
}

impl StsFixture {
    pub fn new(algorithm: KeyAlgorithm) -> Result<Self> {
        let clock = ManualClock::starting_now();
        let (home, directory) = key_directory(algorithm, clock.now())?;
        let issuer: Arc<OnceLock<Arc<TokenIssuer>>> = Arc::default();
        let served = Arc::clone(&issuer);
        let documents = LocalServer::start(0, move |routes| {
            let (discovery, jwks) = (Arc::clone(&served), Arc::clone(&served));
            let answer = |document: Option<rolecalld::aws::IssuerDocument>| async move {
                document.map_or_else(
                    || HttpResponse::NotFound().finish(),
                    |document| {
                        HttpResponse::Ok()
                            .content_type("application/json")
                            .body(document.body.to_string())
                    },
                )
            };
            routes
                .route(
                    "/.well-known/openid-configuration",
                    web::get().to(move || answer(discovery.get().map(|i| i.discovery()))),
                )
                .route(
                    "/jwks",
                    web::get().to(move || answer(jwks.get().map(|i| i.jwks()))),
                );
        })?;
        let opened = Arc::new(TokenIssuer::open(
            documents.url(),
            directory.clone(),
            Arc::new(TestClock::from(&clock)),
        )?);
        issuer.set(Arc::clone(&opened)).ok().context("set once")?;
        let aws = Aws::start(Emulated {
            clock: clock.clock(),
            ..Emulated::default()
        })?;
        let account = aws.account(ACCOUNT)?;
        let fixture = Self {
            clock,
            aws,
            account,
            issuer: opened,
            directory,
            _documents: documents,
            _home: home,
        };
        fixture.trust(&fixture.aws)?;
        Ok(fixture)
    }

    /// Makes another AWS trust the same issuer.
    pub fn trust(&self, aws: &Aws) -> Result<()> {
        let account = aws.account(ACCOUNT)?;
        let provider = account.oidc_provider(self.issuer.issuer(), &[AUDIENCE])?;
        let policy = self.trust_policy(
            &provider,
            &[
                "sts:AssumeRoleWithWebIdentity",
                "sts:TagSession",
                "sts:SetSourceIdentity",
            ],
        );
        account.role(
            "rolecall/Developer",
            Role::with_trust_policy(policy)
                .with_max_session_duration(std::time::Duration::from_secs(4 * 3_600)),
        )?;
        Ok(())
    }

    /// Deletes the provider and the role.
    pub fn distrust(&self) {
        self.account.delete_oidc_provider(self.issuer.issuer());
        self.account.delete_role("rolecall/Developer");
    }

    pub fn trust_policy(&self, provider: &str, actions: &[&str]) -> Value {
        let host = self
            .issuer
            .issuer()
            .trim_start_matches("http://")
            .to_owned();
        json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Federated": provider },
                "Action": actions,
                "Condition": { "StringEquals": { format!("{host}:aud"): AUDIENCE } },
            }],
        })
    }

    pub fn sts(&self) -> Result<StsClient> {
        Ok(StsClient::new(settings(Some(&self.aws))?, http_client()))
    }

    /// A request with a new token.
    pub async fn request(&self) -> Result<StsRequest> {
        self.request_for("rolecall/Developer", &claims()?).await
    }

    pub async fn request_for(&self, role: &str, claims: &WebIdentityClaims) -> Result<StsRequest> {
        let token = self
            .issuer
            .mint(claims)
            .await
            .map_err(|error| anyhow::anyhow!(error))?;
        Ok(StsRequest::AssumeRoleWithWebIdentity(
            AssumeRoleWithWebIdentity {
                session: RoleSessionParameters {
                    role: RoleArn::new(
                        Partition::Aws,
                        AccountId::parse(ACCOUNT)?,
                        RolePath::parse(role)?,
                    ),
                    region: None,
                    duration: RoleSessionDuration::DEFAULT,
                    session_policy: None,
                    policy_arns: Vec::new(),
                    predicted_percent: 0,
                },
                session_name: RoleSessionName::of(&alice()?),
                token,
            },
        ))
    }

    pub async fn issued(&self) -> Result<AssumedRole> {
        Ok(self.sts()?.assume(&self.request().await?).await?)
    }
}

/// The parameters of a role session, to be changed.
pub fn session(request: &mut StsRequest) -> &mut RoleSessionParameters {
    match request {
        StsRequest::GetFederationToken(_) => panic!("a federated user has no role session"),
        StsRequest::AssumeRoleWithWebIdentity(request) => &mut request.session,
        StsRequest::AssumeRoleWithSaml(request) => &mut request.session,
        StsRequest::AssumeRole(request) => &mut request.session,
    }
}

pub fn settings(aws: Option<&Aws>) -> Result<AwsSettings> {
    let endpoint = aws.map(|aws| Url::parse(&aws.url())).transpose()?;
    Ok(AwsSettings {
        partition: Partition::Aws,
        sts_region: Region::parse("eu-west-1")?,
        sts_fallback_regions: vec![Region::parse("eu-central-1")?],
        role_claim: true,
        sts_endpoint: endpoint.clone(),
        signin_endpoint: endpoint,
    })
}

/// The claims of a token for alice.
pub fn claims() -> Result<WebIdentityClaims> {
    let mut tags = RoleSessionTags::default();
    tags.add(TagKey::parse("rolecall:account")?, ACCOUNT)?;
    tags.add(TagKey::parse("rolecall:permission-set")?, "Developer")?;
    Ok(WebIdentityClaims {
        token_id: random_token(&SystemEntropy),
        role: None,
        subject: Subject::parse("okta|00u1alice")?,
        audience: AUDIENCE.to_owned(),
        tags,
        source_identity: Some(SourceIdentity::parse("alice@example.com", Partition::Aws)?),
    })
}

/// The claims of a SAML response for alice, with a name that requires escaping.
pub fn saml_claims() -> Result<SamlClaims> {
    let WebIdentityClaims {
        tags,
        source_identity,
        ..
    } = claims()?;
    Ok(SamlClaims {
        role: RoleArn::new(
            Partition::Aws,
            AccountId::parse(ACCOUNT)?,
            RolePath::parse("rolecall/Developer")?,
        ),
        provider: SamlProviderArn::parse("arn:aws:iam::111122223333:saml-provider/rolecall")?,
        subject: Subject::parse("okta|00u1<alice>&\"'")?,
        authenticated_at: DateTime::UNIX_EPOCH,
        session_name: RoleSessionName::of(&alice()?),
        duration: RoleSessionDuration::DEFAULT,
        tags,
        source_identity,
        audience: Partition::Aws.saml_audience().to_owned(),
        recipient: None,
        region: None,
    })
}

pub fn alice() -> Result<Identity> {
    Ok(Identity {
        provider: ProviderId::parse("okta")?,
        subject: Subject::parse("00u1alice")?,
        email: None,
        name: None,
        groups: Vec::new(),
        claims: Claims::default(),
        unread_claims: Default::default(),
        untrusted_email: None,
        mfa: true,
        unconfirmed_mfa: None,
        asserted_at: DateTime::UNIX_EPOCH,
        auth_time: AuthTime::Stated,
        evidence: Evidence::IdToken {
            token: SecretText::new("upstream"),
            sid: None,
        },
    })
}

/// The refusal of a call.
pub fn refusal(answer: Result<AssumedRole, StsError>) -> Result<StsRefusal> {
    match answer {
        Err(StsError::Refused { refusal, .. }) => Ok(refusal),
        Err(
            error @ (StsError::Unavailable(_)
            | StsError::Unanswered { .. }
            | StsError::AfterEarlierCalls { .. }
            | StsError::NoCredentials(_)),
        ) => Err(error.into()),
        Ok(issued) => anyhow::bail!("issued {}", issued.credentials.access_key_id),
    }
}
