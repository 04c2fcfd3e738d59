//! `AssumeRole` with the gateway's own credentials, at the emulated AWS: the whole request, hop by hop, and every refusal.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_credential_types::Credentials;
use rolecall_core::aws::{
    AssumeRole, AssumedRole, ExternalId, IntermediateSession, Partition, PolicyArn, PrincipalKind,
    RoleArn, RoleSessionDuration, RoleSessionName, RoleSessionParameters, RoleSessionTags,
    SessionPolicy, SourceIdentity, Sts as _, StsError, StsRefusal, StsRequest, TagKey,
};
use rolecall_testkit::aws::{AccessKey, Aws, AwsSettings as Emulated, Role, SessionKind};
use rolecalld::aws::{OwnCredentials, StsClient, http_client};
use rolecalld::world::SystemClock;
use serde_json::{Value, json};

use super::fixture::{alice, refusal, settings};

pub const GATEWAY: &str = "999988887777";
const TARGET: &str = "111122223333";
pub const ACTIONS: [&str; 3] = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"];

/// An IAM user of the gateway's account; the role `hub` beside it and `rolecall/Developer` elsewhere both trust the user.
pub struct CallerFixture {
    pub aws: Aws,
    pub user: AccessKey,
    pub hub: RoleArn,
    pub role: RoleArn,
}

fn trust(principal: &str, actions: &[&str], condition: &Value) -> Role {
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": principal}, "Action": actions, "Condition": condition,
    }]});
    Role::with_trust_policy(policy).with_max_session_duration(Duration::from_secs(12 * 3_600))
}

impl CallerFixture {
    pub fn new() -> Result<Self> {
        let aws = Aws::start(Emulated::default())?;
        let user = aws.account(GATEWAY)?.user("tools/gateway")?;
        let external = json!({"StringEquals": {"sts:ExternalId": "rolecall-1"}});
        let hub = trust(&user.user_arn, &ACTIONS, &external);
        let hub = aws.account(GATEWAY)?.role("hub", hub)?;
        let fixture = Self {
            role: "arn:aws:iam::111122223333:role/rolecall/Developer".parse()?,
            hub: hub.parse()?,
            aws,
            user,
        };
        fixture.target(&fixture.user.user_arn, &ACTIONS, &external)?;
        Ok(fixture)
    }

    /// Creates the target role again, with another trust policy.
    pub fn target(&self, principal: &str, actions: &[&str], condition: &Value) -> Result<()> {
        let role = trust(principal, actions, condition);
        self.aws.account(TARGET)?.role("rolecall/Developer", role)?;
        Ok(())
    }

    pub fn key(&self) -> Credentials {
        let AccessKey {
            access_key_id,
            secret_access_key,
            ..
        } = &self.user;
        Credentials::new(access_key_id, secret_access_key, None, None, "test")
    }

    pub fn sts(&self, own: Credentials) -> Result<StsClient> {
        let own = OwnCredentials::provided(own, Arc::new(SystemClock));
        Ok(StsClient::new(settings(Some(&self.aws))?, http_client()).signing_with(own))
    }

    pub fn request(&self, via: &[&RoleArn]) -> Result<AssumeRole> {
        let mut tags = RoleSessionTags::default();
        tags.add(TagKey::parse("rolecall:account")?, TARGET)?;
        tags.add(TagKey::parse("team")?, "payments")?;
        Ok(AssumeRole {
            session: RoleSessionParameters {
                role: self.role.clone(),
                region: None,
                duration: RoleSessionDuration::DEFAULT,
                session_policy: Some(SessionPolicy::parse(
                    r#"{"Version":"2012-10-17","Statement":[]}"#,
                )?),
                policy_arns: vec![PolicyArn::parse("arn:aws:iam::aws:policy/ReadOnlyAccess")?],
                predicted_percent: 0,
            },
            session_name: RoleSessionName::of(&alice()?),
            external_id: Some(ExternalId::parse("rolecall-1")?),
            source_identity: Some(SourceIdentity::parse("alice@example.com", Partition::Aws)?),
            tags: match via.is_empty() {
                true => tags,
                false => tags.all_transitive(),
            },
            via: via.iter().map(|&role| role.clone()).collect(),
        })
    }

    /// The request with the user's key.
    pub async fn assume(&self, request: AssumeRole) -> Result<Result<AssumedRole, StsError>> {
        let sts = self.sts(self.key())?;
        Ok(sts.assume(&StsRequest::AssumeRole(request)).await)
    }
}

#[tokio::test]
async fn request_has_exactly_the_given_parameters() -> Result<()> {
    let fixture = CallerFixture::new()?;
    let mut request = fixture.request(&[])?;
    request.session.duration = RoleSessionDuration::MAX;
    let name = request.session_name.clone();
    let issued = fixture.assume(request).await??;

    let requests = fixture.aws.requests();
    let [seen] = &requests[..] else {
        anyhow::bail!("{} requests", requests.len());
    };
    let form: Vec<(&str, &str)> = seen
        .form
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    let mut expected = vec![
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        (
            "RoleArn",
            "arn:aws:iam::111122223333:role/rolecall/Developer",
        ),
        ("RoleSessionName", name.as_str()),
        (
            "PolicyArns.member.1.arn",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
        ),
        ("Policy", r#"{"Statement":[],"Version":"2012-10-17"}"#),
        ("DurationSeconds", "43200"),
        ("Tags.member.1.Key", "rolecall:account"),
        ("Tags.member.1.Value", TARGET),
        ("Tags.member.2.Key", "team"),
        ("Tags.member.2.Value", "payments"),
        ("ExternalId", "rolecall-1"),
        ("SourceIdentity", "alice@example.com"),
    ];
    expected.sort_unstable();
    let mut form = form;
    form.sort_unstable();
    assert_eq!(form, expected);
    let authorization = seen.header("authorization").context("unsigned")?;
    assert!(
        authorization.contains(&fixture.user.access_key_id),
        "{authorization}"
    );
    let session = fixture.aws.issued().remove(0);
    assert_eq!(session.kind, SessionKind::Assumed);
    assert_eq!(issued.credentials.access_key_id, session.access_key_id);
    assert_eq!(issued.assumed_role_arn, session.assumed_role_arn);
    assert_eq!(issued.region, "eu-west-1");
    Ok(())
}

#[tokio::test]
async fn each_hop_is_signed_with_the_previous_credentials() -> Result<()> {
    let fixture = CallerFixture::new()?;
    let middle = trust(fixture.hub.as_str(), &ACTIONS, &json!({}));
    let middle = fixture.aws.account("444455556666")?.role("spoke", middle)?;
    let middle: RoleArn = middle.parse()?;
    let tagged = json!({"StringEquals": {"aws:PrincipalTag/rolecall:account": TARGET}});
    fixture.target(middle.as_str(), &ACTIONS, &tagged)?;
    let request = fixture.request(&[&fixture.hub, &middle])?;
    let name = request.session_name.clone();
    let issued = fixture.assume(request).await??;

    let sessions = fixture.aws.issued();
    assert_eq!(sessions.len(), 3);
    let requests = fixture.aws.requests();
    let signers = [
        fixture.user.access_key_id.as_str(),
        &sessions[0].access_key_id,
        &sessions[1].access_key_id,
    ];
    let roles = [fixture.hub.as_str(), middle.as_str(), fixture.role.as_str()];
    assert_eq!(requests.len(), 3);
    for ((request, signer), role) in requests.iter().zip(signers).zip(roles) {
        let authorization = request.header("authorization").context("unsigned")?;
        assert!(authorization.contains(signer), "{authorization}");
        assert_eq!(request.field("RoleArn"), Some(role));
        assert_eq!(request.field("RoleSessionName"), Some(name.as_str()));
    }
    let via = |n: usize, role: &RoleArn| IntermediateSession {
        role: role.clone(),
        access_key_id: sessions[n].access_key_id.clone(),
        request_id: issued.via.get(n).and_then(|one| one.request_id.clone()),
    };
    assert_eq!(issued.via, [via(0, &fixture.hub), via(1, &middle)]);
    assert!(issued.via.iter().all(|one| one.request_id.is_some()));
    assert_eq!(requests[0].field("ExternalId"), Some("rolecall-1"));
    let source_identity = requests[0].field("SourceIdentity");
    assert_eq!(source_identity, Some("alice@example.com"));
    // What says whose session it is, is said once; session policies and duration are those of the last role.
    let mut first: Vec<&str> = requests[0]
        .form
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    first.sort_unstable();
    assert_eq!(
        first,
        [
            "Action",
            "DurationSeconds",
            "ExternalId",
            "RoleArn",
            "RoleSessionName",
            "SourceIdentity",
            "Tags.member.1.Key",
            "Tags.member.1.Value",
            "Tags.member.2.Key",
            "Tags.member.2.Value",
            "TransitiveTagKeys.member.1",
            "TransitiveTagKeys.member.2",
            "Version",
        ]
    );
    assert_eq!(requests[0].field("DurationSeconds"), Some("900"));
    assert_eq!(
        requests[1].form,
        [
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", middle.as_str()),
            ("RoleSessionName", name.as_str()),
            ("DurationSeconds", "900"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
    let mut last: Vec<&str> = requests[2]
        .form
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    last.sort_unstable();
    assert_eq!(
        last,
        [
            "Action",
            "DurationSeconds",
            "Policy",
            "PolicyArns.member.1.arn",
            "RoleArn",
            "RoleSessionName",
            "Version",
        ]
    );
    assert_eq!(requests[2].field("DurationSeconds"), Some("3600"));
    assert_eq!(issued.credentials.access_key_id, sessions[2].access_key_id);
    assert_eq!(sessions[2].kind, SessionKind::Chained);
    assert_eq!(sessions[2].tags.len(), 2);
    assert_eq!(
        sessions[2].source_identity.as_deref(),
        Some("alice@example.com")
    );
    Ok(())
}

#[tokio::test]
async fn refusals_are_classified_and_end_the_chain() -> Result<()> {
    let fixture = CallerFixture::new()?;
    let wrong = AssumeRole {
        external_id: Some(ExternalId::parse("rolecall-2")?),
        ..fixture.request(&[])?
    };
    assert_eq!(
        refusal(fixture.assume(wrong).await?)?,
        StsRefusal::AccessDenied
    );
    let none = AssumeRole {
        external_id: None,
        ..fixture.request(&[])?
    };
    assert_eq!(
        refusal(fixture.assume(none).await?)?,
        StsRefusal::AccessDenied
    );

    for (actions, expected) in [
        (
            ["sts:AssumeRole", "sts:SetSourceIdentity"],
            StsRefusal::TagSession,
        ),
        (
            ["sts:AssumeRole", "sts:TagSession"],
            StsRefusal::SetSourceIdentity,
        ),
        (
            ["sts:TagSession", "sts:SetSourceIdentity"],
            StsRefusal::AccessDenied,
        ),
    ] {
        fixture.target(&fixture.user.user_arn, &actions, &json!({}))?;
        let answer = fixture.assume(fixture.request(&[])?).await?;
        assert_eq!(refusal(answer)?, expected, "{actions:?}");
    }

    // The target trusts the hub; another account's hub is not that one, and refuses itself.
    fixture.target(fixture.hub.as_str(), &ACTIONS, &json!({}))?;
    let foreign: RoleArn = "arn:aws:iam::444455556666:role/hub".parse()?;
    for via in [&foreign, &fixture.role] {
        let before = fixture.aws.issued().len();
        let answer = fixture.assume(fixture.request(&[via])?).await?;
        assert_eq!(refusal(answer)?, StsRefusal::AccessDenied, "{via}");
        assert_eq!(fixture.aws.issued().len(), before, "{via}");
    }
    // A hop that is admitted, to a role that does not trust it.
    fixture.target("444455556666", &ACTIONS, &json!({}))?;
    let answer = fixture.assume(fixture.request(&[&fixture.hub])?).await?;
    let Err(error) = answer else {
        anyhow::bail!("not refused");
    };
    // The error contains the session of the hub, which was issued.
    let (earlier, error) = error.into_parts();
    let hub = fixture.aws.issued().pop().context("a session")?;
    let via: Vec<_> = earlier.via.iter().map(|one| &one.access_key_id).collect();
    assert_eq!(via, [&hub.access_key_id]);
    let StsError::Refused { message, .. } = &error else {
        anyhow::bail!("not refused");
    };
    assert!(message.contains("assumed-role/hub/"), "{message}");
    assert!(message.ends_with(fixture.role.as_str()), "{message}");
    Ok(())
}

#[tokio::test]
async fn chained_session_is_limited_to_one_hour() -> Result<()> {
    let fixture = CallerFixture::new()?;
    fixture.target(fixture.hub.as_str(), &ACTIONS, &json!({}))?;
    let to_hub = AssumeRole {
        // A session policy would not permit AssumeRole.
        session: RoleSessionParameters {
            role: fixture.hub.clone(),
            session_policy: None,
            policy_arns: Vec::new(),
            ..fixture.request(&[])?.session
        },
        ..fixture.request(&[])?
    };
    let hub = fixture.assume(to_hub).await??.credentials;
    let own = Credentials::new(
        &hub.access_key_id,
        hub.secret_access_key.expose(),
        Some(hub.session_token.expose().to_owned()),
        None,
        "test",
    );
    let sts = fixture.sts(own)?;
    let identity = sts.own_identity().await?;
    assert_eq!(identity.kind(), PrincipalKind::RoleSession);
    let mut request = AssumeRole {
        source_identity: None,
        tags: RoleSessionTags::default(),
        ..fixture.request(&[])?
    };
    request.session.duration = RoleSessionDuration::MAX;
    let answer = sts.assume(&StsRequest::AssumeRole(request.clone())).await;
    assert_eq!(refusal(answer)?, StsRefusal::ChainedDurationTooLong);
    request.session.duration = RoleSessionDuration::CHAINED_MAX;
    sts.assume(&StsRequest::AssumeRole(request)).await?;
    Ok(())
}
