//! Generated templates at the emulated AWS: the session that the gateway requests is accepted. With any part of it changed or left
//! out, it is refused.

mod caller;
mod providers;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use rolecall_core::access::{
    Files, OidcClientFacts, Policy, PolicyContext, PolicyFile, ProviderFacts, ProviderProtocol,
    UnsupportedFacts,
};
use rolecall_core::aws::{
    AssumedRole, Partition, Recipient, Region, RoleSessionTags, SamlClaims, SourceIdentity,
    Sts as _, StsError, TagKey, WebIdentityClaims,
};
use rolecall_core::identity::{EmailDomain, ProviderId};
use rolecall_core::provisioning::{
    AccountPlan, GatewayPrincipal, Installation, ProviderPlan, plan,
};
use rolecall_testkit::aws::{Aws, AwsSettings as Emulated, Deployed};
use rolecalld::aws::keys::KeyAlgorithm;
use rolecalld::aws::{StsClient, http_client};
use rolecalld::provisioning::cloudformation::{self, Delivery};
use url::Url;

use super::fixture::{ACCOUNT, StsFixture, claims, refusal, saml_claims, settings};
use super::saml::SamlIssuerFixture;

const ROLE: &str = "rolecall/Developer";
/// `client_id` of the gateway at the identity provider, whose issuer is that of the gateway.
pub const CLIENT_ID: &str = "0oa1b2c3d4e5f6g7h8i9";

/// An access key in the files `id` and `secret`.
struct KeyFiles;

impl Files for KeyFiles {
    fn read(&self, _: &Path, path: &str) -> Result<String, String> {
        match path {
            "id" => Ok("AKIAIOSFODNN7EXAMPLE".to_owned()),
            "secret" => Ok("secret".to_owned()),
            other => Err(format!("{other} does not exist")),
        }
    }
}

/// The plan of an account with the role [`ROLE`] and these keys, for the gateway at `issuer`.
pub fn generated(
    keys: &str,
    issuer: &str,
    principal: Option<&str>,
    metadata: Option<&str>,
) -> Result<AccountPlan> {
    let plans = all_generated(keys, issuer, principal, metadata)?;
    let mut plans = plans.into_iter();
    plans
        .find(|plan| plan.id.as_str() == ACCOUNT)
        .context("no plan of the account")
}

/// As [`generated`], with the accounts of the gateway and of intermediate roles.
fn all_generated(
    keys: &str,
    issuer: &str,
    principal: Option<&str>,
    metadata: Option<&str>,
) -> Result<Vec<AccountPlan>> {
    let text = format!(
        "[[account]]\nid = \"{ACCOUNT}\"\nname = \"prod\"\n{keys}\n\
         [[permission_set]]\nname = \"Developer\"\nrole = \"{ROLE}\"\nsession_duration = \"4h\"\nsource_identity = \"{{email|aws}}\"\n\
         policy_arns = [\"arn:aws:iam::aws:policy/SecurityAudit\"]\nmanaged_policies = [\"arn:aws:iam::aws:policy/SecurityAudit\"]\n\
         [[assignment]]\nid = \"a\"\nwho = {{ everyone = true }}\naccounts = [\"prod\"]\npermission_sets = [\"Developer\"]\n"
    );
    let domain = EmailDomain::parse("example.com")?;
    let provider = ProviderFacts {
        id: ProviderId::parse("okta")?,
        title: "Okta".to_owned(),
        domains: vec![domain.clone()],
        unsupported: UnsupportedFacts::default(),
        protocol: ProviderProtocol::Oidc(OidcClientFacts {
            issuer: issuer.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            is_confidential: true,
            has_extra_audiences: false,
        }),
    };
    let context = PolicyContext {
        partition: Partition::Aws,
        providers: &[provider],
        files: &KeyFiles,
        trusted_proxies: &[],
    };
    let source = PolicyFile {
        path: "access.toml".into(),
        text,
    };
    let policy = Policy::parse(&[source], &context)?;
    let principal = principal.map(GatewayPrincipal::parse).transpose()?;
    let (issuer, region) = (Url::parse(issuer)?, Region::parse("eu-west-1")?);
    let provider_metadata = metadata.map(|metadata| ("rolecall".to_owned(), metadata.to_owned()));
    let provider_metadata: BTreeMap<String, String> = provider_metadata.into_iter().collect();
    let installation = Installation {
        email_domains: &[domain],
        principal: principal.as_ref(),
        saml_metadata: metadata,
        provider_metadata: Some(&provider_metadata),
        ..Installation::new(&issuer, &region)
    };
    let plan =
        plan(&policy, &installation, None).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    Ok(plan.accounts)
}

/// Deploys the template of the plan. The provider also accepts another audience, so that only the trust policy refuses it.
fn create(aws: &Aws, plan: &AccountPlan) -> Result<Deployed> {
    let account = aws.account(plan.id.as_str())?;
    let templates = cloudformation::templates(plan, Delivery::Inline)?;
    let [template] = templates.as_slice() else {
        anyhow::bail!("{} templates", templates.len())
    };
    let deployed = account.deploy("rolecall", template, &[])?;
    if let Some(ProviderPlan::Oidc { url, client_id }) = &plan.provider {
        account.oidc_provider(url, &[client_id, "other"])?;
    }
    Ok(deployed)
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

/// A request with session tags and source identity.
trait SessionRequest {
    fn tags(&mut self) -> &mut RoleSessionTags;
    fn source_identity(&mut self) -> &mut Option<SourceIdentity>;
}

impl SessionRequest for WebIdentityClaims {
    fn tags(&mut self) -> &mut RoleSessionTags {
        &mut self.tags
    }

    fn source_identity(&mut self) -> &mut Option<SourceIdentity> {
        &mut self.source_identity
    }
}

impl SessionRequest for SamlClaims {
    fn tags(&mut self) -> &mut RoleSessionTags {
        &mut self.tags
    }

    fn source_identity(&mut self) -> &mut Option<SourceIdentity> {
        &mut self.source_identity
    }
}

/// The changes of session tags and source identity.
fn session_changes<T: SessionRequest>() -> [Change<T>; 7] {
    const ACCOUNT_TAG: &str = "rolecall:account";
    const SET_TAG: &str = "rolecall:permission-set";
    [
        ("other account", |it| {
            set(it.tags(), ACCOUNT_TAG, Some("444455556666"))
        }),
        ("no account", |it| set(it.tags(), ACCOUNT_TAG, None)),
        ("other permission set", |it| {
            set(it.tags(), SET_TAG, Some("Administrator"))
        }),
        ("unknown variant", |it| {
            set(it.tags(), SET_TAG, Some("Developer@x"))
        }),
        ("no permission set", |it| set(it.tags(), SET_TAG, None)),
        ("other domain", |it| {
            *it.source_identity() = source("alice@example.com.evil")?;
            Ok(())
        }),
        ("no source identity", |it| {
            *it.source_identity() = None;
            Ok(())
        }),
    ]
}

#[tokio::test]
async fn token_is_accepted_only_as_it_is() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    fixture.distrust();
    let plan = generated("", fixture.issuer.issuer(), None, None)?;
    create(&fixture.aws, &plan)?;
    let mut good = claims()?;
    good.role = Some(format!("arn:aws:iam::{ACCOUNT}:role/{ROLE}").parse()?);
    let sts = fixture.sts()?;
    let send = async |claims: &WebIdentityClaims| {
        let request = fixture.request_for(ROLE, claims).await?;
        Ok(sts.assume(&request).await)
    };
    accepts_only(&good, &session_changes(), &send).await?;
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
    accepts_only(&good, &session_changes(), &send).await?;
    let changes: [Change<SamlClaims>; 1] = [("other recipient", |claims| {
        let other = "https://eu-central-1.signin.aws.amazon.com/saml";
        claims.recipient = Some(Recipient::parse(other, Partition::Aws)?);
        Ok(())
    })];
    accepts_only(&good, &changes, &send).await
}
