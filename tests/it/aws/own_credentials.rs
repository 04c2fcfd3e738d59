//! The gateway's own credentials at the emulated AWS: per person, per Region, and rejected ones.

use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use aws_credential_types::Credentials;
use rolecall_core::aws::{
    AssumeRole, Region, RoleSessionName, Sts as _, StsError, StsRefusal, StsRequest,
};
use rolecall_core::identity::{Identity, Subject};
use rolecalld::aws::{OwnCredentials, StsClient, http_client};
use rolecalld::world::SystemClock;
use serde_json::json;
use url::Url;

use super::caller::{ACTIONS, CallerFixture, GATEWAY};
use super::fixture::{alice, refusal, settings};

/// Credentials of an intermediate role carry the tags and the name of one person.
#[tokio::test]
async fn intermediate_credentials_are_not_shared_between_people() -> Result<()> {
    let fixture = CallerFixture::new()?;
    fixture.target(fixture.hub.as_str(), &ACTIONS, &json!({}))?;
    let sts = fixture.sts(fixture.key())?;
    let bob = Identity {
        subject: Subject::parse("00u1bob")?,
        ..alice()?
    };
    let names = [RoleSessionName::of(&alice()?), RoleSessionName::of(&bob)];
    // The second request of one person calls the hub again as well.
    for name in [&names[0], &names[1], &names[0]] {
        let request = AssumeRole {
            session_name: name.clone(),
            ..fixture.request(&[&fixture.hub])?
        };
        sts.assume(&StsRequest::AssumeRole(request)).await?;
    }
    let requests = fixture.aws.requests();
    let hub: Vec<_> = requests
        .iter()
        .filter(|request| request.field("RoleArn") == Some(fixture.hub.as_str()))
        .map(|request| request.field("RoleSessionName").unwrap_or_default())
        .collect();
    assert_eq!(
        hub,
        [names[0].as_str(), names[1].as_str(), names[0].as_str()]
    );
    let sessions = fixture.aws.issued();
    for (pair, n) in requests.chunks(2).zip((0..).step_by(2)) {
        let authorization = pair[1].header("authorization").context("unsigned")?;
        assert!(authorization.contains(&sessions[n].access_key_id));
        assert_eq!(
            pair[0].field("RoleSessionName"),
            pair[1].field("RoleSessionName")
        );
    }
    Ok(())
}

/// Each hop goes to the account's Region and is signed for it.
#[tokio::test]
async fn signed_requests_use_the_region_of_the_account() -> Result<()> {
    let fixture = CallerFixture::new()?;
    fixture.target(fixture.hub.as_str(), &ACTIONS, &json!({}))?;
    let aws = Url::parse(&fixture.aws.url())?;
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let regions = asked.clone();
    let endpoints = Arc::new(move |region: &Region| {
        let mut asked = regions.lock().ok()?;
        asked.push(region.to_string());
        // Other Regions are unreachable.
        let here = region.as_str() == "us-east-1";
        here.then(|| aws.clone())
            .or(Url::parse("http://127.0.0.1:1").ok())
    });
    let own = OwnCredentials::provided(fixture.key(), Arc::new(SystemClock));
    let sts = StsClient::with_endpoints(settings(None)?, http_client(), endpoints);
    let sts = sts.signing_with(own);
    let region = Region::parse("us-east-1")?;
    let mut request = fixture.request(&[&fixture.hub])?;
    request.session.region = Some(region.clone());
    let issued = sts.assume(&StsRequest::AssumeRole(request)).await?;
    assert_eq!(issued.region, "us-east-1");
    sts.identity_of(&issued.credentials, Some(&region)).await?;
    let requests = fixture.aws.requests();
    assert_eq!(requests.len(), 3);
    for request in requests {
        let authorization = request.header("authorization").context("unsigned")?;
        assert!(
            authorization.contains("/us-east-1/sts/aws4_request"),
            "{authorization}"
        );
    }
    assert_eq!(
        asked
            .lock()
            .ok()
            .and_then(|asked| asked.first().cloned())
            .as_deref(),
        Some("us-east-1")
    );
    Ok(())
}

#[tokio::test]
async fn get_caller_identity_returns_the_principal() -> Result<()> {
    let fixture = CallerFixture::new()?;
    let sts = fixture.sts(fixture.key())?;
    let own = sts.own_identity().await?;
    assert_eq!(own.arn(), fixture.user.user_arn);
    assert!(own.user_id().starts_with("AIDA"), "{own:?}");
    let issued = fixture.assume(fixture.request(&[])?).await??;
    let identity = sts.identity_of(&issued.credentials, None).await?;
    assert_eq!(identity.arn(), issued.assumed_role_arn);
    assert!(identity.is_session_of(&fixture.role));
    Ok(())
}

#[tokio::test]
async fn rejected_credentials_are_not_an_outage() -> Result<()> {
    let fixture = CallerFixture::new()?;
    let account = fixture.aws.account(GATEWAY)?;
    account.forget_access_key(&fixture.user.access_key_id);
    let answer = fixture.assume(fixture.request(&[])?).await?;
    assert_eq!(refusal(answer)?, StsRefusal::InvalidCredentials);
    let sts = fixture.sts(fixture.key())?;
    let answer = sts.own_identity().await;
    assert!(
        matches!(&answer, Err(StsError::Refused { refusal, .. }) if *refusal == StsRefusal::InvalidCredentials),
        "{answer:?}"
    );
    let wrong = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wrong", None, None, "test");
    let answer = fixture.sts(wrong)?.own_identity().await;
    assert!(matches!(answer, Err(StsError::Refused { .. })));

    let none = StsClient::new(settings(Some(&fixture.aws))?, http_client());
    let request = StsRequest::AssumeRole(fixture.request(&[])?);
    let answer = none.assume(&request).await;
    assert!(matches!(answer, Err(StsError::NoCredentials(_))));
    assert!(!format!("{answer:?}").contains(&fixture.user.secret_access_key));
    Ok(())
}
