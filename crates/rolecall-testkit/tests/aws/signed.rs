//! Operations that are signed: AssumeRole with the key of a user and with the credentials of a session, and GetFederationToken.

use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_sdk_sts::Client;
use aws_sdk_sts::config::Credentials;
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder;
use aws_sdk_sts::types::Tag;
use rolecall_testkit::aws::{AccessKey, Role, SessionKind};
use serde_json::{Value, json};

use crate::caller::sdk;
use crate::setup::Setup;

const HUB: &str = "999988887777";

/// A user and the role `hub` in an account of their own, which the role `spoke` trusts.
struct Signed {
    setup: Setup,
    user: AccessKey,
    hub: String,
    spoke: String,
}

const ALL: [&str; 3] = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"];

fn trust(principal: &str, actions: &[&str], condition: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": actions, "Condition": condition}
    ]})
}

impl Signed {
    async fn new() -> Result<Self> {
        let setup = Setup::new().await?;
        let user = setup.aws.account(HUB)?.user("tools/gateway")?;
        let hours = Duration::from_secs(12 * 3_600);
        let external = json!({"StringEquals": {"sts:ExternalId": "rolecall-1"}});
        let hub = Role::with_trust_policy(trust(&user.user_arn, &ALL, external))
            .with_max_session_duration(hours);
        let hub = setup.aws.account(HUB)?.role("hub", hub)?;
        let mut signed = Self {
            setup,
            user,
            spoke: String::new(),
            hub,
        };
        signed.spoke = signed.spoke(&ALL, json!({}))?;
        Ok(signed)
    }

    /// Creates the role again, with other actions or conditions.
    fn spoke(&self, actions: &[&str], condition: Value) -> Result<String> {
        let hours = Duration::from_secs(12 * 3_600);
        let role = Role::with_trust_policy(trust(&self.hub, actions, condition))
            .with_max_session_duration(hours);
        self.setup.aws.account("111122223333")?.role("spoke", role)
    }

    fn user(&self) -> Client {
        let AccessKey {
            access_key_id,
            secret_access_key,
            ..
        } = &self.user;
        let key = Credentials::new(access_key_id, secret_access_key, None, None, "test");
        sdk(&self.setup, Some(key))
    }

    fn assume_hub(&self) -> AssumeRoleFluentBuilder {
        let tag = |key: &str| Tag::builder().key(key).value("x").build().ok();
        self.user()
            .assume_role()
            .role_arn(&self.hub)
            .role_session_name("alice")
            .external_id("rolecall-1")
            .source_identity("alice@example.com")
            .set_tags(["Team", "Cost"].map(tag).into_iter().collect())
            .transitive_tag_keys("Team")
    }

    async fn in_hub(&self) -> Result<Client> {
        let output = self.assume_hub().duration_seconds(43_200).send().await?;
        Ok(sdk(&self.setup, Some(credentials(&output)?)))
    }

    fn assume_spoke(&self, hub: &Client) -> AssumeRoleFluentBuilder {
        let assume = hub.assume_role().role_arn(&self.spoke);
        assume.role_session_name("alice")
    }
}

pub fn credentials(output: &AssumeRoleOutput) -> Result<Credentials> {
    let given = output.credentials().context("credentials")?;
    Ok(Credentials::new(
        given.access_key_id(),
        given.secret_access_key(),
        Some(given.session_token().to_owned()),
        None,
        "test",
    ))
}

/// Code and message of a refusal.
pub async fn refused(request: AssumeRoleFluentBuilder) -> Result<(String, String)> {
    match request.send().await {
        Ok(_) => anyhow::bail!("it was granted"),
        Err(error) => Ok((
            error.code().context("a code")?.to_owned(),
            error.message().unwrap_or_default().to_owned(),
        )),
    }
}

#[tokio::test]
async fn a_user_assumes_a_role_for_twelve_hours() -> Result<()> {
    let signed = Signed::new().await?;
    let caller = signed.user().get_caller_identity().send().await?;
    assert_eq!(caller.arn(), Some(signed.user.user_arn.as_str()));
    assert_eq!(caller.account(), Some(HUB));
    let hub = signed.in_hub().await?;
    let caller = hub.get_caller_identity().send().await?;
    assert_eq!(
        caller.arn(),
        Some("arn:aws:sts::999988887777:assumed-role/hub/alice")
    );
    let session = signed.setup.aws.issued().pop().context("a session")?;
    assert_eq!(session.kind, SessionKind::Assumed);
    assert_eq!(
        session.source_identity.as_deref(),
        Some("alice@example.com")
    );
    assert_eq!(session.tags.len(), 2);
    assert_eq!(session.transitive_tag_keys, ["Team"]);
    Ok(())
}

#[tokio::test]
async fn a_chained_session_keeps_transitive_tags_and_source_identity_for_an_hour() -> Result<()> {
    let signed = Signed::new().await?;
    let hub = signed.in_hub().await?;
    let (code, message) = refused(signed.assume_spoke(&hub).duration_seconds(3_601)).await?;
    assert_eq!(code, "ValidationError");
    assert_eq!(
        message,
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
    );
    signed.assume_spoke(&hub).send().await?;
    let session = signed.setup.aws.issued().pop().context("a session")?;
    assert_eq!(session.kind, SessionKind::Chained);
    assert_eq!(
        session.source_identity.as_deref(),
        Some("alice@example.com")
    );
    assert_eq!(session.tags, [("Team".to_owned(), "x".to_owned())]);
    assert_eq!(session.transitive_tag_keys, ["Team"]);
    Ok(())
}

#[tokio::test]
async fn what_a_session_inherits_cannot_be_set_again() -> Result<()> {
    let signed = Signed::new().await?;
    let hub = signed.in_hub().await?;
    let tag = Tag::builder().key("team").value("y").build()?;
    let (code, message) = refused(signed.assume_spoke(&hub).tags(tag)).await?;
    assert_eq!(code, "InvalidParameterValue");
    assert!(message.contains("conflicts with a transitive tag key"));
    let other = signed
        .assume_spoke(&hub)
        .source_identity("mallory@example.com");
    assert_eq!(refused(other).await?.0, "ValidationError");
    let same = signed
        .assume_spoke(&hub)
        .source_identity("alice@example.com");
    same.send().await?;
    Ok(())
}

#[tokio::test]
async fn the_trust_policy_decides_about_each_part() -> Result<()> {
    let signed = Signed::new().await?;
    let hub = signed.in_hub().await?;
    for (actions, denied) in [
        (
            vec!["sts:TagSession", "sts:SetSourceIdentity"],
            "sts:AssumeRole",
        ),
        (
            vec!["sts:AssumeRole", "sts:SetSourceIdentity"],
            "sts:TagSession",
        ),
        (
            vec!["sts:AssumeRole", "sts:TagSession"],
            "sts:SetSourceIdentity",
        ),
    ] {
        signed.spoke(&actions, json!({}))?;
        let (code, message) = refused(signed.assume_spoke(&hub)).await?;
        assert_eq!(code, "AccessDenied");
        assert_eq!(
            message,
            format!(
                "User: arn:aws:sts::999988887777:assumed-role/hub/alice is not authorized to perform: {denied} on resource: {}",
                signed.spoke
            )
        );
    }
    for (condition, expected) in [
        (
            json!({"StringEquals": {"aws:PrincipalTag/Team": "x"}}),
            true,
        ),
        (
            json!({"StringEquals": {"aws:PrincipalTag/Team": "y"}}),
            false,
        ),
        (
            json!({"StringEquals": {"aws:SourceIdentity": "alice@example.com"}}),
            true,
        ),
        (
            json!({"StringEquals": {"aws:PrincipalArn": signed.hub}}),
            true,
        ),
        (
            json!({"StringEquals": {"sts:RoleSessionName": "bob"}}),
            false,
        ),
    ] {
        signed.spoke(&ALL, condition.clone())?;
        let answer = signed.assume_spoke(&hub).send().await;
        assert_eq!(answer.is_ok(), expected, "{condition}");
    }
    let stranger = signed.setup.aws.account("444455556666")?.user("stranger")?;
    let key = Credentials::new(
        stranger.access_key_id,
        stranger.secret_access_key,
        None,
        None,
        "test",
    );
    let stranger = sdk(&signed.setup, Some(key));
    assert_eq!(
        refused(signed.assume_spoke(&stranger)).await?.0,
        "AccessDenied"
    );
    Ok(())
}

#[tokio::test]
async fn the_external_id_must_be_the_one_of_the_trust_policy() -> Result<()> {
    let signed = Signed::new().await?;
    for external_id in [None, Some("rolecall-2"), Some("Rolecall-1")] {
        let request = signed.assume_hub();
        let request = request.set_external_id(external_id.map(str::to_owned));
        assert_eq!(refused(request).await?.0, "AccessDenied", "{external_id:?}");
    }
    let malformed = signed.assume_hub().external_id("a b");
    assert_eq!(refused(malformed).await?.0, "ValidationError");
    Ok(())
}

#[tokio::test]
async fn keys_and_credentials_end() -> Result<()> {
    let signed = Signed::new().await?;
    let hub = signed.in_hub().await?;
    signed.setup.clock.advance(Duration::from_secs(5 * 60));
    assert!(signed.assume_spoke(&hub).send().await.is_ok());
    let account = signed.setup.aws.account(HUB)?;
    account.forget_access_key(&signed.user.access_key_id);
    assert_eq!(
        refused(signed.assume_hub()).await?.0,
        "InvalidClientTokenId"
    );
    let form = [("Action", "AssumeRole"), ("Version", "2011-06-15")];
    let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let answer = signed.setup.post(&form).await?;
    answer.assert_error(403, "MissingAuthenticationToken", "");
    Ok(())
}

#[tokio::test]
async fn a_federated_user_is_issued_to_a_user_only_and_assumes_no_role() -> Result<()> {
    let signed = Signed::new().await?;
    let output = signed
        .user()
        .get_federation_token()
        .name("alice-0123456789")
        .duration_seconds(129_600)
        .policy(r#"{"Version":"2012-10-17","Statement":[]}"#)
        .send()
        .await?;
    let user = output.federated_user().context("a user")?;
    assert_eq!(
        user.arn(),
        "arn:aws:sts::999988887777:federated-user/alice-0123456789"
    );
    let given = output.credentials().context("credentials")?;
    let federated = sdk(
        &signed.setup,
        Some(Credentials::new(
            given.access_key_id(),
            given.secret_access_key(),
            Some(given.session_token().to_owned()),
            None,
            "test",
        )),
    );
    let caller = federated.get_caller_identity().send().await?;
    assert_eq!(caller.arn(), Some(user.arn()));
    assert_eq!(
        refused(signed.assume_spoke(&federated)).await?.0,
        "AccessDenied"
    );
    let hub = signed.in_hub().await?;
    for client in [&hub, &federated] {
        let again = client.get_federation_token().name("alice").send().await;
        assert_eq!(
            again
                .err()
                .and_then(|error| error.code().map(str::to_owned))
                .as_deref(),
            Some("AccessDenied")
        );
    }
    let long = "a".repeat(33);
    for (name, seconds) in [("a", 900), (long.as_str(), 900), ("alice", 129_601)] {
        let request = signed.user().get_federation_token().name(name);
        let answer = request.duration_seconds(seconds).send().await;
        let code = answer
            .err()
            .and_then(|error| error.code().map(str::to_owned));
        assert_eq!(code.as_deref(), Some("ValidationError"), "{name} {seconds}");
    }
    Ok(())
}
