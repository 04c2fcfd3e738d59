//! Policies beside the trust policy: of the organization, of the caller, and of its session.

use anyhow::{Context as _, Result};
use aws_sdk_sts::Client;
use aws_sdk_sts::config::Credentials;
use rolecall_testkit::aws::{AccessKey, Role, SessionKind, Target};
use rolecall_testkit::iam::{Decision, PolicyKind, RequestContext};
use serde_json::{Value, json};

use crate::caller::sdk;
use crate::setup::{ACCOUNT, ROLES, Setup};
use crate::signed::{credentials, refused};

const HUB: &str = "999988887777";

fn document(statement: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

/// A user and the role `hub` of one account, and the role `spoke` of another, which trusts `hub`.
struct Accounts {
    setup: Setup,
    user: AccessKey,
    hub: String,
    spoke: String,
}

impl Accounts {
    async fn new() -> Result<Self> {
        let setup = Setup::new().await?;
        let user = setup.aws.account(HUB)?.user("gateway")?;
        let trust = |arn: &str| {
            Role::with_trust_policy(document(json!({
                "Effect": "Allow", "Principal": {"AWS": arn},
                "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
            })))
        };
        let hub = setup.aws.account(HUB)?.role("hub", trust(&user.user_arn))?;
        let spoke = setup.aws.account(ACCOUNT)?.role("spoke", trust(&hub))?;
        Ok(Self {
            setup,
            user,
            hub,
            spoke,
        })
    }

    fn user(&self) -> Client {
        let (id, secret) = (&self.user.access_key_id, &self.user.secret_access_key);
        sdk(
            &self.setup,
            Some(Credentials::new(id, secret, None, None, "test")),
        )
    }

    /// A session of `hub` with the source identity of this person, and with these session policies.
    async fn hub(&self, person: &str, policy: Option<&Value>) -> Result<Client> {
        let assume = self.user().assume_role().role_arn(&self.hub);
        let output = assume
            .role_session_name(person)
            .source_identity(person)
            .set_policy(policy.map(Value::to_string))
            .send()
            .await?;
        Ok(sdk(&self.setup, Some(credentials(&output)?)))
    }

    /// The message of the refusal of `spoke`; empty if it is allowed.
    async fn to_spoke(&self, client: &Client) -> Result<String> {
        let assume = client.assume_role().role_arn(&self.spoke);
        let assume = assume.role_session_name("next");
        match assume.clone().send().await {
            Ok(_) => Ok(String::new()),
            Err(_) => {
                let (code, message) = refused(assume).await?;
                assert_eq!(code, "AccessDenied");
                Ok(message)
            }
        }
    }
}

#[tokio::test]
async fn service_control_policy_ends_sessions_of_one_person() -> Result<()> {
    let accounts = Accounts::new().await?;
    let (alice, bob) = (
        accounts.hub("alice", None).await?,
        accounts.hub("bob", None).await?,
    );
    assert_eq!(accounts.to_spoke(&alice).await?, "");
    let later = accounts.setup.clock.now() + chrono::TimeDelta::seconds(60);
    let organization = accounts.setup.aws.organization();
    organization.service_control_policy(
        "leaver",
        Target::Root,
        &document(
            json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {
                "StringEquals": {"aws:SourceIdentity": "alice"},
                "DateLessThan": {"aws:TokenIssueTime": later.to_rfc3339()},
            }}),
        ),
    )?;
    let denied = accounts.to_spoke(&alice).await?;
    assert!(
        denied.ends_with("with an explicit deny in a service control policy"),
        "{denied}"
    );
    assert_eq!(accounts.to_spoke(&bob).await?, "");
    accounts
        .setup
        .clock
        .advance(std::time::Duration::from_secs(90));
    let again = accounts.hub("alice", None).await?;
    assert_eq!(accounts.to_spoke(&again).await?, "");
    // It is evaluated in the account of the caller, which the management account is exempt from.
    organization.set_management_account(HUB);
    assert_eq!(accounts.to_spoke(&alice).await?, "");
    Ok(())
}

#[tokio::test]
async fn account_without_full_access_needs_an_allowing_policy() -> Result<()> {
    let accounts = Accounts::new().await?;
    let hub = accounts.hub("alice", None).await?;
    let organization = accounts.setup.aws.organization();
    let target = Target::Account(HUB.to_owned());
    organization.detach("FullAWSAccess", &target);
    let denied = accounts.to_spoke(&hub).await?;
    assert!(
        denied.ends_with("because no service control policy allows the sts:AssumeRole action"),
        "{denied}"
    );
    let sts = document(json!({"Effect": "Allow", "Action": "sts:*", "Resource": "*"}));
    organization.service_control_policy("sts", target.clone(), &sts)?;
    assert_eq!(accounts.to_spoke(&hub).await?, "");
    organization.detach("sts", &target);
    assert_ne!(accounts.to_spoke(&hub).await?, "");
    hub.get_caller_identity().send().await?;
    Ok(())
}

#[tokio::test]
async fn resource_control_policy_protects_roles_of_its_accounts() -> Result<()> {
    let accounts = Accounts::new().await?;
    let setup = &accounts.setup;
    let organization = setup.aws.organization();
    organization.resource_control_policy(
        "role-bound",
        Target::Account(ACCOUNT.to_owned()),
        &document(json!({
            "Effect": "Deny", "Principal": "*", "Action": ["sts:AssumeRoleWithWebIdentity", "sts:AssumeRole"],
            "Resource": "*", "Condition": {"BoolIfExists": {"sts:RoleAuthorizedByIdp": "false"}},
        })),
    )?;
    setup.present(&setup.token()?).await?.assert_error(
        403,
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity with an explicit deny in a resource control policy",
    );
    let bound = setup.token_with(&json!({ROLES: setup.role_arn}))?;
    setup.present(&bound).await?.assert_success();
    let hub = accounts.hub("alice", None).await?;
    let denied = accounts.to_spoke(&hub).await?;
    assert!(
        denied.ends_with("with an explicit deny in a resource control policy"),
        "{denied}"
    );
    organization.set_management_account(ACCOUNT);
    setup.present(&setup.token()?).await?.assert_success();
    Ok(())
}

#[tokio::test]
async fn caller_and_session_policies_limit_later_requests() -> Result<()> {
    let accounts = Accounts::new().await?;
    let aws = &accounts.setup.aws;
    let get = document(json!({"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}));
    let limited = accounts.hub("alice", Some(&get)).await?;
    let denied = accounts.to_spoke(&limited).await?;
    assert!(
        denied.ends_with("because no session policy allows the sts:AssumeRole action"),
        "{denied}"
    );
    let session = aws.issued().pop().context("a session")?;
    let simulate = |action: &str| {
        aws.simulate(
            &session.access_key_id,
            action,
            "arn:aws:s3:::bucket/key",
            RequestContext::default(),
        )
    };
    assert!(simulate("s3:GetObject")?.is_allowed());
    assert_eq!(
        simulate("s3:PutObject")?,
        Decision::ImplicitDeny(PolicyKind::Session)
    );
    // The intersection: what the role may not do, its session may not do either.
    let list = document(json!({"Effect": "Allow", "Action": "s3:List*", "Resource": "*"}));
    let hub = aws.account(HUB)?;
    hub.set_permissions(&accounts.hub, &[list])?;
    assert_eq!(
        simulate("s3:GetObject")?,
        Decision::ImplicitDeny(PolicyKind::Identity)
    );
    assert!(hub.set_permissions(&accounts.spoke, &[]).is_err());
    // A policy that cannot be evaluated denies.
    let unknown = document(json!({"Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}));
    hub.set_permissions(&accounts.hub, std::slice::from_ref(&unknown))
        .expect_err("an operator that is not known");
    hub.set_permissions(
        &accounts.hub,
        &[document(
            json!({"Effect": "Allow", "Action": "*", "Resource": "*"}),
        )],
    )?;
    let hub = accounts.hub("alice", Some(&unknown)).await?;
    let denied = accounts.to_spoke(&hub).await?;
    assert!(denied.contains("cannot evaluate it"), "{denied}");
    Ok(())
}

#[tokio::test]
async fn federated_user_has_permissions_of_both_policies() -> Result<()> {
    let accounts = Accounts::new().await?;
    let aws = &accounts.setup.aws;
    let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let read = document(json!({"Effect": "Allow", "Action": ["s3:Get*"], "Resource": "*"}));
    aws.managed_policy(arn, &read)?;
    let decided = async |policy: Option<&str>| -> Result<Decision> {
        let policy = policy.map(|arn| {
            aws_sdk_sts::types::PolicyDescriptorType::builder()
                .arn(arn)
                .build()
        });
        let request = accounts.user().get_federation_token().name("alice");
        request
            .set_policy_arns(policy.map(|one| vec![one]))
            .send()
            .await?;
        let session = aws.issued().pop().context("a session")?;
        assert_eq!(session.kind, SessionKind::FederatedUser);
        let context = RequestContext::default();
        aws.simulate(&session.access_key_id, "s3:GetObject", "*", context)
    };
    assert_eq!(
        decided(None).await?,
        Decision::ImplicitDeny(PolicyKind::Session)
    );
    assert!(decided(Some(arn)).await?.is_allowed());
    assert!(
        decided(Some("arn:aws:iam::aws:policy/Unknown"))
            .await
            .is_err()
    );
    let account = aws.account(HUB)?;
    let tokens = json!({"Effect": "Allow", "Action": "sts:GetFederationToken", "Resource": "arn:aws:sts::*:federated-user/*"});
    account.set_permissions(&accounts.user.user_arn, &[document(tokens)])?;
    assert_eq!(
        decided(Some(arn)).await?,
        Decision::ImplicitDeny(PolicyKind::Identity)
    );
    let nothing = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
    account.set_permissions(&accounts.user.user_arn, &[document(nothing)])?;
    assert!(decided(Some(arn)).await.is_err());
    Ok(())
}

#[tokio::test]
async fn decisions_are_recorded_with_policies_and_condition_keys() -> Result<()> {
    let setup = Setup::new().await?;
    setup.present(&setup.token()?).await?.assert_success();
    let decisions = setup.aws.decisions();
    let actions: Vec<&str> = decisions
        .iter()
        .map(|one| one.request.action.as_str())
        .collect();
    assert_eq!(
        actions,
        [
            "sts:AssumeRoleWithWebIdentity",
            "sts:TagSession",
            "sts:SetSourceIdentity"
        ]
    );
    let first = &decisions[0];
    assert!(first.decision.is_allowed());
    assert_eq!(first.request.resource, setup.role_arn);
    let context = &first.request.context;
    assert_eq!(context.values("sts:SourceIdentity"), ["alice@example.com"]);
    assert_eq!(context.values("aws:TagKeys"), ["Team", "rolecall:account"]);
    let [trust] = &first.policies[..] else {
        anyhow::bail!("{:?}", first.policies);
    };
    assert_eq!(trust.kind, PolicyKind::Trust);
    assert_eq!(trust.document["Statement"][0]["Effect"], "Allow");
    Ok(())
}
