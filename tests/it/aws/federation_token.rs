//! `GetFederationToken` with the key of an IAM user, at the emulated AWS.

use anyhow::{Context as _, Result};
use rolecall_core::aws::{
    AccessKey, AccessKeyId, AccountId, FederatedUserName, GetFederationToken, Partition, Region,
    RoleSessionDuration, RoleSessionTags, SessionPolicy, Sts as _, StsRefusal, StsRequest, TagKey,
};
use rolecall_core::base::secret::SecretText;
use rolecall_core::identity::{EmailAddress, Identity};
use rolecall_testkit::aws::{Aws, AwsSettings as Emulated, SessionKind};
use rolecalld::aws::{StsClient, http_client};

use super::fixture::{ACCOUNT, alice, refusal, settings};

/// A request with the key of an IAM user.
pub fn request(aws: &Aws) -> Result<GetFederationToken> {
    let key = aws.account(ACCOUNT)?.user("rolecall")?;
    let mut tags = RoleSessionTags::default();
    tags.add(TagKey::parse("rolecall:account")?, ACCOUNT)?;
    Ok(GetFederationToken {
        partition: Partition::Aws,
        account: AccountId::parse(ACCOUNT)?,
        region: None,
        key: AccessKey {
            id: AccessKeyId::parse(&key.access_key_id)?,
            secret: SecretText::new(key.secret_access_key),
        },
        name: FederatedUserName::of(&alice()?),
        duration: RoleSessionDuration::FEDERATED_MAX,
        session_policy: Some(SessionPolicy::parse(
            r#"{"Version":"2012-10-17","Statement":[]}"#,
        )?),
        policy_arns: Vec::new(),
        predicted_percent: 0,
        tags,
    })
}

#[tokio::test]
async fn a_federated_user_is_issued_with_exactly_these_parameters() -> Result<()> {
    let aws = Aws::start(Emulated::default())?;
    let sts = StsClient::new(settings(Some(&aws))?, http_client());
    let request = request(&aws)?;
    let name = request.name.to_string();
    let issued = sts.assume(&StsRequest::GetFederationToken(request)).await?;
    let arn = format!("arn:aws:sts::{ACCOUNT}:federated-user/{name}");
    assert_eq!(issued.assumed_role_arn, arn);
    let seen = aws.requests().pop().context("a request")?;
    let mut form: Vec<(&str, &str)> = seen.form.iter().map(|(k, v)| (&**k, &**v)).collect();
    form.sort_unstable();
    assert_eq!(
        form,
        [
            ("Action", "GetFederationToken"),
            ("DurationSeconds", "129600"),
            ("Name", &name),
            ("Policy", r#"{"Statement":[],"Version":"2012-10-17"}"#),
            ("Tags.member.1.Key", "rolecall:account"),
            ("Tags.member.1.Value", ACCOUNT),
            ("Version", "2011-06-15"),
        ]
    );
    assert_eq!(aws.issued().remove(0).kind, SessionKind::FederatedUser);
    let identity = sts.identity_of(&issued.credentials, None).await?;
    assert_eq!(identity.arn(), arn);
    Ok(())
}

/// `Name` has at most 32 characters, which STS checks.
#[tokio::test]
async fn a_long_address_gives_a_name_that_sts_accepts() -> Result<()> {
    let aws = Aws::start(Emulated::default())?;
    let sts = StsClient::new(settings(Some(&aws))?, http_client());
    let mut request = request(&aws)?;
    let address = format!("{}@example.com", "x".repeat(60));
    request.name = FederatedUserName::of(&Identity {
        email: Some(EmailAddress::parse(&address)?),
        ..alice()?
    });
    request.region = Some(Region::parse("eu-central-1")?);
    let issued = sts.assume(&StsRequest::GetFederationToken(request)).await?;
    assert_eq!(issued.region, "eu-central-1");
    let seen = aws.requests().pop().context("a request")?;
    let name = seen.field("Name").context("a name")?;
    assert_eq!(name.len(), 32, "{name}");
    let authorization = seen.header("authorization").context("unsigned")?;
    assert!(
        authorization.contains("/eu-central-1/sts/"),
        "{authorization}"
    );
    Ok(())
}

#[tokio::test]
async fn a_key_that_aws_does_not_know_is_told_apart() -> Result<()> {
    let aws = Aws::start(Emulated::default())?;
    let sts = StsClient::new(settings(Some(&aws))?, http_client());
    let request = request(&aws)?;
    let account = aws.account(ACCOUNT)?;
    account.forget_access_key(request.key.id.as_str());
    let answer = sts.assume(&StsRequest::GetFederationToken(request)).await;
    assert_eq!(refusal(answer)?, StsRefusal::InvalidCredentials);
    Ok(())
}
