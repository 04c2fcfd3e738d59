//! Generated trust policies at the emulated AWS: the session that the gateway requests is accepted. With any part of it changed
//! or left out, it is refused.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_credential_types::Credentials;
use rolecall_core::access::{
    Files, Policy, PolicyContext, PolicyFile, ProviderFacts, UnsupportedFacts,
};
use rolecall_core::aws::{
    AssumeRole, AssumedRole, ExternalId, Partition, Recipient, Region, RoleArn,
    RoleSessionDuration, RoleSessionName, RoleSessionParameters, RoleSessionTags, SamlClaims,
    SourceIdentity, Sts as _, StsError, StsRequest, TagKey, WebIdentityClaims,
};
use rolecall_core::identity::{EmailDomain, ProviderId};
use rolecall_core::provisioning::{
    AccountPlan, GatewayPrincipal, Installation, ProviderPlan, plan,
};
use rolecall_testkit::aws::{AccessKey, Aws, AwsSettings as Emulated, Role};
use rolecalld::aws::keys::KeyAlgorithm;
use rolecalld::aws::{OwnCredentials, StsClient, http_client};
use rolecalld::world::SystemClock;
use url::Url;

use super::fixture::{ACCOUNT, StsFixture, alice, claims, refusal, saml_claims, settings};
use super::saml::SamlIssuerFixture;

const ROLE: &str = "rolecall/Developer";
const GATEWAY: &str = "999988887777";

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &Path, path: &str) -> Result<String, String> {
        Err(format!("{path} does not exist"))
    }
}

/// The plan of an account with the role [`ROLE`] and these keys, for the gateway at `issuer`.
pub fn generated(
    keys: &str,
    issuer: &str,
    principal: Option<&str>,
    metadata: Option<&str>,
) -> Result<AccountPlan> {
    let text = format!(
        "[[account]]\nid = \"{ACCOUNT}\"\nname = \"prod\"\n{keys}\n\
         [[permission_set]]\nname = \"Developer\"\nrole = \"{ROLE}\"\nsession_duration = \"4h\"\nsource_identity = \"{{email|aws}}\"\n\
         [[assignment]]\nid = \"a\"\nwho = {{ everyone = true }}\naccounts = [\"prod\"]\npermission_sets = [\"Developer\"]\n"
    );
    let domain = EmailDomain::parse("example.com")?;
    let provider = ProviderFacts {
        id: ProviderId::parse("okta")?,
        title: "Okta".to_owned(),
        domains: vec![domain.clone()],
        unsupported: UnsupportedFacts::default(),
        protocol: rolecall_core::access::ProviderProtocol::default(),
    };
    let context = PolicyContext {
        partition: Partition::Aws,
        providers: &[provider],
        files: &NoFiles,
        trusted_proxies: &[],
    };
    let source = PolicyFile {
        path: "access.toml".into(),
        text,
    };
    let policy = Policy::parse(&[source], &context)?;
    let principal = principal.map(GatewayPrincipal::parse).transpose()?;
    let (issuer, region) = (Url::parse(issuer)?, Region::parse("eu-west-1")?);
    let installation = Installation {
        issuer: &issuer,
        public_url: &issuer,
        partition: Partition::Aws,
        role_claim: true,
        sts_region: &region,
        signin_endpoint: None,
        email_domains: &[domain],
        principal: principal.as_ref(),
        saml_metadata: metadata,
    };
    let plan =
        plan(&policy, &installation, None).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    plan.accounts.into_iter().next().context("one account")
}

/// Creates what the plan contains. The provider also accepts another audience, so that only the trust policy refuses it.
fn create(aws: &Aws, plan: &AccountPlan) -> Result<()> {
    let account = aws.account(plan.id.as_str())?;
    match &plan.provider {
        Some(ProviderPlan::Oidc { url, client_id }) => {
            account.oidc_provider(url, &[client_id, "other"])?;
        }
        Some(ProviderPlan::Saml { name, metadata }) => {
            account.saml_provider(name, metadata)?;
        }
        None => {}
    }
    for role in &plan.roles {
        let trust = role.trust().node().fill(&plan.id).compact();
        let longest = Duration::from_secs(role.max_session_seconds().into());
        let created = Role::with_trust_policy(serde_json::from_str(&trust)?)
            .with_max_session_duration(longest);
        account.role(role.path().as_str(), created)?;
    }
    Ok(())
}

/// A change of a request, by name.
type Change<T> = (&'static str, fn(&mut T) -> Result<()>);

/// The request is accepted, and refused with each of the changes.
async fn accepts_only<T: Clone>(
    good: &T,
    changes: &[Change<T>],
    send: impl AsyncFn(&T) -> Result<Result<AssumedRole, StsError>>,
) -> Result<()> {
    send(good).await?.context("the good request")?;
    for (name, change) in changes {
        let mut changed = good.clone();
        change(&mut changed).context(*name)?;
        let answer = send(&changed).await?.map_err(|error| match error {
            // The intermediate roles were assumed.
            StsError::AfterEarlierCalls { error, .. } => *error,
            error @ (StsError::Refused { .. }
            | StsError::NoCredentials(_)
            | StsError::Unavailable(_)
            | StsError::Unanswered { .. }) => error,
        });
        refusal(answer).context(*name)?;
    }
    send(good).await?.context("the good request, again")?;
    Ok(())
}

fn set(tags: &mut RoleSessionTags, key: &str, value: Option<&str>) -> Result<()> {
    let key = TagKey::parse(key)?;
    tags.remove(&key);
    match value {
        Some(value) => Ok(tags.add(key, value)?),
        None => Ok(()),
    }
}

fn source(text: &str) -> Result<Option<SourceIdentity>> {
    Ok(Some(SourceIdentity::parse(text, Partition::Aws)?))
}

/// The changes of session tags and source identity.
macro_rules! session_changes {
    ($request:ty) => {{
        let changes: [Change<$request>; 7] = [
            ("other account", |it| {
                set(&mut it.tags, "rolecall:account", Some("444455556666"))
            }),
            ("no account", |it| {
                set(&mut it.tags, "rolecall:account", None)
            }),
            ("other permission set", |it| {
                set(
                    &mut it.tags,
                    "rolecall:permission-set",
                    Some("Administrator"),
                )
            }),
            ("unknown variant", |it| {
                set(&mut it.tags, "rolecall:permission-set", Some("Developer@x"))
            }),
            ("no permission set", |it| {
                set(&mut it.tags, "rolecall:permission-set", None)
            }),
            ("other domain", |it| {
                it.source_identity = source("alice@example.com.evil")?;
                Ok(())
            }),
            ("no source identity", |it| {
                it.source_identity = None;
                Ok(())
            }),
        ];
        changes
    }};
}

#[tokio::test]
async fn token_is_accepted_only_as_it_is() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let plan = generated("", fixture.issuer.issuer(), None, None)?;
    create(&fixture.aws, &plan)?;
    let mut good = claims()?;
    good.role = Some(format!("arn:aws:iam::{ACCOUNT}:role/{ROLE}").parse()?);
    let sts = fixture.sts()?;
    let send = async |claims: &WebIdentityClaims| {
        let request = fixture.request_for(ROLE, claims).await?;
        Ok(sts.assume(&request).await)
    };
    accepts_only(&good, &session_changes!(WebIdentityClaims), &send).await?;
    let changes: [Change<WebIdentityClaims>; 3] = [
        ("other audience", |claims| {
            claims.audience = "other".to_owned();
            Ok(())
        }),
        ("other role", |claims| {
            claims.role = Some(format!("arn:aws:iam::{ACCOUNT}:role/Other").parse()?);
            Ok(())
        }),
        ("no role", |claims| {
            claims.role = None;
            Ok(())
        }),
    ];
    accepts_only(&good, &changes, &send).await?;
    Ok(())
}

#[tokio::test]
async fn saml_response_is_accepted_only_as_it_is() -> Result<()> {
    let fixture = SamlIssuerFixture::new()?;
    let keys = format!(
        "trust = \"gateway-saml\"\nsaml_provider_arn = \"arn:aws:iam::{ACCOUNT}:saml-provider/rolecall\""
    );
    let metadata = fixture.issuer.metadata().context("there is a key")?.body;
    let plan = generated(&keys, "https://sso.example.com", None, Some(&metadata))?;
    let aws = Aws::start(Emulated {
        clock: fixture.clock.clock(),
        ..Emulated::default()
    })?;
    create(&aws, &plan)?;
    let good = saml_claims()?;
    let sts = StsClient::new(settings(Some(&aws))?, http_client());
    let send = async |claims: &SamlClaims| {
        let request = fixture.request(claims).await?;
        Ok(sts.assume(&request).await)
    };
    accepts_only(&good, &session_changes!(SamlClaims), &send).await?;
    let changes: [Change<SamlClaims>; 1] = [("other recipient", |claims| {
        let other = "https://eu-central-1.signin.aws.amazon.com/saml";
        claims.recipient = Some(Recipient::parse(other, Partition::Aws)?);
        Ok(())
    })];
    accepts_only(&good, &changes, &send).await
}

/// A request with the keys of one of two IAM users.
#[derive(Clone)]
struct Called {
    request: AssumeRole,
    by_other: bool,
    tags: RoleSessionTags,
    source_identity: Option<SourceIdentity>,
}

struct Callers {
    aws: Aws,
    gateway: AccessKey,
    other: AccessKey,
}

impl Callers {
    fn new() -> Result<Self> {
        let aws = Aws::start(Emulated::default())?;
        let account = aws.account(GATEWAY)?;
        Ok(Self {
            gateway: account.user("gateway")?,
            other: account.user("other")?,
            aws,
        })
    }

    fn good(via: Vec<RoleArn>) -> Result<Called> {
        let claims = claims()?;
        Ok(Called {
            request: AssumeRole {
                session: RoleSessionParameters {
                    role: format!("arn:aws:iam::{ACCOUNT}:role/{ROLE}").parse()?,
                    region: None,
                    duration: RoleSessionDuration::DEFAULT,
                    session_policy: None,
                    policy_arns: Vec::new(),
                    predicted_percent: 0,
                },
                session_name: RoleSessionName::of(&alice()?),
                external_id: Some(ExternalId::parse("rolecall-1")?),
                source_identity: None,
                tags: RoleSessionTags::default(),
                via,
            },
            by_other: false,
            tags: claims.tags,
            source_identity: claims.source_identity,
        })
    }

    async fn send(&self, called: &Called) -> Result<Result<AssumedRole, StsError>> {
        let mut request = called.request.clone();
        request.source_identity.clone_from(&called.source_identity);
        request.tags = match request.via.is_empty() {
            true => called.tags.clone(),
            false => called.tags.clone().all_transitive(),
        };
        let key = if called.by_other {
            &self.other
        } else {
            &self.gateway
        };
        let AccessKey {
            access_key_id,
            secret_access_key,
            ..
        } = key;
        let own = Credentials::new(access_key_id, secret_access_key, None, None, "test");
        let own = OwnCredentials::provided(own, Arc::new(SystemClock));
        let sts = StsClient::new(settings(Some(&self.aws))?, http_client()).signing_with(own);
        Ok(sts.assume(&StsRequest::AssumeRole(request)).await)
    }
}

const CALLER_CHANGES: [Change<Called>; 3] = [
    ("other external id", |called| {
        called.request.external_id = Some(ExternalId::parse("rolecall-2")?);
        Ok(())
    }),
    ("no external id", |called| {
        called.request.external_id = None;
        Ok(())
    }),
    ("other principal", |called| {
        called.by_other = true;
        Ok(())
    }),
];

#[tokio::test]
async fn signed_request_is_accepted_only_as_it_is() -> Result<()> {
    let callers = Callers::new()?;
    let keys = "trust = \"caller\"\nexternal_id = \"rolecall-1\"";
    let principal = Some(callers.gateway.user_arn.as_str());
    create(
        &callers.aws,
        &generated(keys, "https://sso.example.com", principal, None)?,
    )?;
    let send = async |called: &Called| callers.send(called).await;
    let good = Callers::good(Vec::new())?;
    accepts_only(&good, &session_changes!(Called), &send).await?;
    accepts_only(&good, &CALLER_CHANGES, &send).await
}

#[tokio::test]
async fn chained_request_is_accepted_only_as_it_is() -> Result<()> {
    let callers = Callers::new()?;
    let hub = serde_json::json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "AWS": [callers.gateway.user_arn, callers.other.user_arn] },
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    } });
    let account = callers.aws.account(GATEWAY)?;
    let hub = account.role("hub", Role::with_trust_policy(hub.clone()))?;
    let keys = format!("trust = \"caller\"\nvia = \"{hub}\"");
    create(
        &callers.aws,
        &generated(&keys, "https://sso.example.com", None, None)?,
    )?;
    let send = async |called: &Called| callers.send(called).await;
    let good = Callers::good(vec![hub.parse()?])?;
    accepts_only(&good, &session_changes!(Called), &send).await?;
    let changes: [Change<Called>; 1] = [("not through the hub", |called| {
        called.request.via.clear();
        Ok(())
    })];
    accepts_only(&good, &changes, &send).await
}
