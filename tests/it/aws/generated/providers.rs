//! Accounts whose roles trust the people's own identity providers, and accounts without roles. The gateway's issuers stand for the
//! identity providers: their tokens and responses have everything that a policy can compare.

use rolecall_core::aws::{
    AccessKey, AccessKeyId, AccountId, FederatedUserName, GetFederationToken, PolicyArn,
    RoleSessionDuration, StsRequest,
};
use rolecall_core::base::secret::SecretText;
use rolecall_testkit::iam::RequestContext;

use super::*;
use crate::aws::fixture::alice;

/// A tag of the provider, which it should not set.
fn tagged(tags: &mut RoleSessionTags) -> Result<()> {
    set(tags, "rolecall:account", Some(ACCOUNT))
}

#[tokio::test]
async fn id_token_is_accepted_only_for_the_client() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    fixture.distrust();
    let keys = "trust = \"provider-oidc\"\nprovider = \"okta\"";
    let plan = generated(keys, fixture.issuer.issuer(), None, None)?;
    create(&fixture.aws, &plan)?;
    let good = WebIdentityClaims {
        audience: CLIENT_ID.to_owned(),
        tags: RoleSessionTags::default(),
        source_identity: None,
        ..claims()?
    };
    let sts = fixture.sts()?;
    let send = async |claims: &WebIdentityClaims| {
        let request = fixture.request_for(ROLE, claims).await?;
        Ok(sts.assume(&request).await)
    };
    let changes: [Change<WebIdentityClaims>; 4] = [
        ("other client", |claims| {
            claims.audience = "other".to_owned();
            Ok(())
        }),
        ("tags", |claims| tagged(&mut claims.tags)),
        ("source identity", |claims| {
            claims.source_identity = source("alice@example.com")?;
            Ok(())
        }),
        ("other role", |claims| {
            claims.role = Some(format!("arn:aws:iam::{ACCOUNT}:role/Other").parse()?);
            Ok(())
        }),
    ];
    accepts_only(&good, &changes, &send).await
}

#[tokio::test]
async fn saml_response_of_the_provider_is_accepted_only_as_it_is() -> Result<()> {
    let fixture = SamlIssuerFixture::new()?;
    let keys = format!(
        "trust = \"provider-saml\"\nsaml_provider_arn = \"arn:aws:iam::{ACCOUNT}:saml-provider/rolecall\""
    );
    let metadata = fixture.issuer.metadata().context("there is a key")?.body;
    let plan = generated(&keys, "https://sso.example.com", None, Some(&metadata))?;
    let aws = Aws::start(Emulated {
        clock: fixture.clock.clock(),
        ..Emulated::default()
    })?;
    create(&aws, &plan)?;
    let good = SamlClaims {
        tags: RoleSessionTags::default(),
        ..saml_claims()?
    };
    let sts = StsClient::new(settings(Some(&aws))?, http_client());
    let send = async |claims: &SamlClaims| {
        let request = fixture.request(claims).await?;
        Ok(sts.assume(&request).await)
    };
    let global = SamlClaims {
        recipient: Some(Recipient::parse(
            "https://signin.aws.amazon.com/saml",
            Partition::Aws,
        )?),
        ..good.clone()
    };
    send(&global).await?.context("the global endpoint")?;
    let changes: [Change<SamlClaims>; 4] = [
        ("other recipient", |claims| {
            let other = "https://eu-central-1.signin.aws.amazon.com/saml";
            claims.recipient = Some(Recipient::parse(other, Partition::Aws)?);
            Ok(())
        }),
        ("tags", |claims| tagged(&mut claims.tags)),
        ("other domain", |claims| {
            claims.source_identity = source("alice@example.com.evil")?;
            Ok(())
        }),
        ("no source identity", |claims| {
            claims.source_identity = None;
            Ok(())
        }),
    ];
    accepts_only(&good, &changes, &send).await
}

#[tokio::test]
async fn user_issues_sessions_of_its_account_and_nothing_else() -> Result<()> {
    let keys = "trust = \"federation-token\"\n\
        credentials = { access_key_id = { file = \"id\" }, secret_access_key = { file = \"secret\" } }";
    let plan = generated(keys, "https://sso.example.com", None, None)?;
    let aws = Aws::start(Emulated::default())?;
    let key = create(&aws, &plan)?.users.pop().context("a user")?;
    assert_eq!(
        key.user_arn,
        format!("arn:aws:iam::{ACCOUNT}:user/rolecall")
    );
    let mut request = GetFederationToken {
        partition: Partition::Aws,
        account: AccountId::parse(ACCOUNT)?,
        region: None,
        key: AccessKey {
            id: AccessKeyId::parse(&key.access_key_id)?,
            secret: SecretText::new(key.secret_access_key),
        },
        name: FederatedUserName::of(&alice()?),
        duration: RoleSessionDuration::DEFAULT,
        session_policy: None,
        policy_arns: vec!["arn:aws:iam::aws:policy/SecurityAudit".parse::<PolicyArn>()?],
        predicted_percent: 0,
        tags: claims()?.tags,
    };
    let sts = StsClient::new(settings(Some(&aws))?, http_client());
    sts.assume(&StsRequest::GetFederationToken(request.clone()))
        .await?;
    request.tags = RoleSessionTags::default();
    sts.assume(&StsRequest::GetFederationToken(request)).await?;
    let may = |action: &str, resource: &str| -> Result<bool> {
        let context = RequestContext::default();
        let decision = aws.simulate(&key.access_key_id, action, resource, context)?;
        Ok(decision.is_allowed())
    };
    let federated = "federated-user/alice@example.com-x";
    for (action, resource, allowed) in [
        (
            "sts:GetFederationToken",
            format!("arn:aws:sts::{ACCOUNT}:{federated}"),
            true,
        ),
        (
            "sts:TagSession",
            format!("arn:aws:sts::{ACCOUNT}:{federated}"),
            true,
        ),
        (
            "sts:GetFederationToken",
            format!("arn:aws:sts::444455556666:{federated}"),
            false,
        ),
        (
            "sts:AssumeRole",
            format!("arn:aws:iam::{ACCOUNT}:role/{ROLE}"),
            false,
        ),
        ("s3:GetBucketAcl", "arn:aws:s3:::bucket".to_owned(), true),
        ("s3:GetObject", "arn:aws:s3:::bucket/key".to_owned(), false),
    ] {
        assert_eq!(may(action, &resource)?, allowed, "{action} {resource}");
    }
    Ok(())
}
