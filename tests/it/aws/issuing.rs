//! AWS accepts tokens of the gateway, and each refusal of AWS is mapped.

use anyhow::{Context as _, Result};
use aws_credential_types::Credentials;
use aws_sdk_sts::config::{BehaviorVersion, Region as SdkRegion};
use rolecall_core::aws::{
    AccountId, Partition, PolicyArn, RoleArn, RolePath, RoleSessionDuration, SessionPolicy,
    Sts as _, StsError, StsRefusal, WebIdentityClaims,
};
use rolecall_testkit::aws::{Fault, Role};
use rolecalld::aws::http_client;
use rolecalld::aws::keys::KeyAlgorithm;

use super::fixture::{ACCOUNT, AUDIENCE, StsFixture, claims, refusal, session};

#[tokio::test]
async fn token_yields_valid_credentials() -> Result<()> {
    for algorithm in [KeyAlgorithm::Es256, KeyAlgorithm::Rs256] {
        let fixture = StsFixture::new(algorithm)?;
        let mut request = fixture.request().await?;
        session(&mut request).duration =
            RoleSessionDuration::from_seconds(7_200).context("two hours")?;
        session(&mut request).session_policy = Some(SessionPolicy::parse(
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
        )?);
        session(&mut request).policy_arns =
            vec![PolicyArn::parse("arn:aws:iam::aws:policy/ReadOnlyAccess")?];
        let issued = fixture.sts()?.assume(&request).await?;

        let seen = fixture.aws.issued();
        let session = seen.first().context("one session")?;
        assert_eq!(issued.credentials.access_key_id, session.access_key_id);
        assert_eq!(issued.assumed_role_arn, session.assumed_role_arn);
        assert_eq!(issued.credentials.expires_at, session.expiration);
        assert_eq!((session.expiration - session.issued_at).num_minutes(), 119);
        assert_eq!(issued.region, "eu-west-1");
        assert!(issued.request_id.is_some() && issued.packed_size_percent.is_some());
        assert_eq!(session.subject, "okta|00u1alice");
        assert_eq!(
            session.source_identity.as_deref(),
            Some("alice@example.com")
        );
        assert_eq!(session.tags.len(), 2);

        let requests = fixture.aws.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].header("authorization"), None);
        // What CloudTrail shows: the user agent of the SDK with our name, once.
        for name in ["user-agent", "x-amz-user-agent"] {
            let said = requests[0].headers.iter().filter(|(key, _)| key == name);
            let said: Vec<&str> = said.map(|(_, value)| value.as_str()).collect();
            let [agent] = said[..] else {
                anyhow::bail!("{name}: {said:?}");
            };
            assert!(agent.starts_with("aws-sdk-rust/"), "{agent}");
            assert!(
                agent.contains(" api/sts/") && agent.ends_with(" app/rolecalld"),
                "{agent}"
            );
        }
        assert_eq!(
            (requests[0].method.as_str(), requests[0].path.as_str()),
            ("POST", "/")
        );
        assert_eq!(requests[0].field("DurationSeconds"), Some("7200"));
        assert_eq!(
            requests[0].field("PolicyArns.member.1.arn"),
            Some("arn:aws:iam::aws:policy/ReadOnlyAccess")
        );

        let config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http_client())
            .region(SdkRegion::from_static("eu-west-1"))
            .endpoint_url(fixture.aws.url())
            .credentials_provider(Credentials::new(
                issued.credentials.access_key_id.clone(),
                issued.credentials.secret_access_key.expose(),
                Some(issued.credentials.session_token.expose().to_owned()),
                None,
                "test",
            ))
            .build();
        let caller = aws_sdk_sts::Client::from_conf(config)
            .get_caller_identity()
            .send()
            .await?;
        assert_eq!(caller.arn(), Some(issued.assumed_role_arn.as_str()));
    }
    Ok(())
}

#[tokio::test]
async fn refusals_are_mapped_and_not_retried() -> Result<()> {
    for (fault, meaning) in [
        (Fault::AccessDenied, StsRefusal::AccessDenied),
        (Fault::RegionDisabled, StsRefusal::RegionDisabled),
        (Fault::ExpiredToken, StsRefusal::Expired),
        (Fault::IdpRejectedClaim, StsRefusal::RejectedClaim),
        (Fault::PackedPolicyTooLarge, StsRefusal::PackedTooLarge),
        (Fault::MalformedPolicy, StsRefusal::MalformedPolicy),
    ] {
        let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
        fixture.aws.inject_fault(fault.clone());
        let answer = fixture.sts()?.assume(&fixture.request().await?).await;
        let Err(StsError::Refused {
            refusal,
            code,
            message,
            request_id,
        }) = answer
        else {
            anyhow::bail!("{fault:?} caused no refusal");
        };
        assert_eq!(refusal, meaning, "{fault:?}: {code}: {message}");
        assert!(
            !code.is_empty() && !message.is_empty() && request_id.is_some(),
            "{fault:?}"
        );
        assert_eq!(fixture.aws.requests().len(), 1, "{fault:?}");
    }
    Ok(())
}

#[tokio::test]
async fn missing_account_setup_is_reported() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let sts = fixture.sts()?;

    let other_audience = WebIdentityClaims {
        audience: "another".to_owned(),
        ..claims()?
    };
    let request = fixture
        .request_for("rolecall/Developer", &other_audience)
        .await?;
    assert_eq!(refusal(sts.assume(&request).await)?, StsRefusal::Audience);

    let mut for_another_role = claims()?;
    for_another_role.role = Some(RoleArn::new(
        Partition::Aws,
        AccountId::parse(ACCOUNT)?,
        RolePath::parse("rolecall/Administrator")?,
    ));
    let request = fixture
        .request_for("rolecall/Developer", &for_another_role)
        .await?;
    assert_eq!(refusal(sts.assume(&request).await)?, StsRefusal::RoleClaim);

    let request = fixture.request_for("rolecall/Nobody", &claims()?).await?;
    assert_eq!(
        refusal(sts.assume(&request).await)?,
        StsRefusal::AccessDenied
    );

    let mut request = fixture.request().await?;
    session(&mut request).duration = RoleSessionDuration::MAX;
    assert_eq!(
        refusal(sts.assume(&request).await)?,
        StsRefusal::DurationTooLong
    );

    let provider = fixture
        .account
        .oidc_provider(fixture.issuer.issuer(), &[AUDIENCE])?;
    let untagged = fixture.trust_policy(
        &provider,
        &["sts:AssumeRoleWithWebIdentity", "sts:SetSourceIdentity"],
    );
    fixture
        .account
        .role("Untagged", Role::with_trust_policy(untagged))?;
    let request = fixture.request_for("Untagged", &claims()?).await?;
    assert_eq!(
        refusal(sts.assume(&request).await)?,
        StsRefusal::AccessDenied
    );

    let request = fixture.request().await?;
    fixture
        .clock
        .advance(std::time::Duration::from_secs(5 * 60 + 301));
    assert_eq!(refusal(sts.assume(&request).await)?, StsRefusal::Expired);

    fixture
        .account
        .delete_oidc_provider(fixture.issuer.issuer());
    let request = fixture.request().await?;
    assert_eq!(
        refusal(sts.assume(&request).await)?,
        StsRefusal::ProviderNotRegistered
    );
    Ok(())
}
