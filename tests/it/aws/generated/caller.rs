//! Accounts whose roles the gateway assumes with its own AWS credentials, directly and through intermediate roles.

use std::sync::Arc;

use aws_credential_types::Credentials;
use rolecall_core::aws::{
    AssumeRole, ExternalId, RoleArn, RoleSessionDuration, RoleSessionName, RoleSessionParameters,
    StsRequest,
};
use rolecall_testkit::aws::{AccessKey, Role};
use rolecall_testkit::iam::RequestContext;
use rolecalld::aws::OwnCredentials;
use rolecalld::world::SystemClock;

use super::*;
use crate::aws::fixture::alice;

const GATEWAY: &str = "999988887777";
const SPOKE: &str = "555566667777";

/// A request with the keys of one of two IAM users.
#[derive(Clone)]
struct Called {
    request: AssumeRole,
    by_other: bool,
    tags: RoleSessionTags,
    source_identity: Option<SourceIdentity>,
}

impl SessionRequest for Called {
    fn tags(&mut self) -> &mut RoleSessionTags {
        &mut self.tags
    }

    fn source_identity(&mut self) -> &mut Option<SourceIdentity> {
        &mut self.source_identity
    }
}

struct Callers {
    aws: Aws,
    gateway: AccessKey,
    other: AccessKey,
}

impl Callers {
    /// An AWS that is set up with the generated templates of all accounts, for an account with these keys.
    fn new(keys: &str) -> Result<Self> {
        let aws = Aws::start(Emulated::default())?;
        let account = aws.account(GATEWAY)?;
        let callers = Self {
            gateway: account.user("gateway")?,
            other: account.user("other")?,
            aws,
        };
        let principal = Some(callers.gateway.user_arn.as_str());
        for plan in all_generated(keys, "https://sso.example.com", principal, None)? {
            create(&callers.aws, &plan)?;
        }
        Ok(callers)
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

    /// Whether the principal of the gateway may assume a role that trusts everybody.
    fn gateway_may_assume(&self, account: &str, role: &str) -> Result<bool> {
        let anybody = serde_json::json!({ "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{GATEWAY}:root") }, "Action": "sts:AssumeRole",
        } });
        let account = self.aws.account(account)?;
        let arn = account.role(role, Role::with_trust_policy(anybody))?;
        let key = &self.gateway.access_key_id;
        let context = RequestContext::default();
        let decision = self.aws.simulate(key, "sts:AssumeRole", &arn, context)?;
        Ok(decision.is_allowed())
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
    let callers = Callers::new("trust = \"caller\"\nexternal_id = \"rolecall-1\"")?;
    let send = async |called: &Called| callers.send(called).await;
    let good = Callers::good(Vec::new())?;
    accepts_only(&good, &session_changes(), &send).await?;
    accepts_only(&good, &CALLER_CHANGES, &send).await
}

#[tokio::test]
async fn chained_request_is_accepted_only_as_it_is() -> Result<()> {
    let hops = [
        format!("arn:aws:iam::{GATEWAY}:role/hub"),
        format!("arn:aws:iam::{SPOKE}:role/rolecall/Spoke"),
    ];
    let keys = format!("trust = \"caller\"\nexternal_id = \"rolecall-1\"\nvia = {hops:?}");
    let callers = Callers::new(&keys)?;
    let send = async |called: &Called| callers.send(called).await;
    let via: Vec<RoleArn> = hops
        .iter()
        .map(|hop| Ok(hop.parse()?))
        .collect::<Result<_>>()?;
    let good = Callers::good(via)?;
    accepts_only(&good, &session_changes(), &send).await?;
    accepts_only(&good, &CALLER_CHANGES, &send).await?;
    let changes: [Change<Called>; 3] = [
        ("not through the hubs", |called| {
            called.request.via.clear();
            Ok(())
        }),
        ("not through the second hub", |called| {
            called.request.via.truncate(1);
            Ok(())
        }),
        ("not through the first hub", |called| {
            called.request.via.remove(0);
            Ok(())
        }),
    ];
    accepts_only(&good, &changes, &send).await
}

#[tokio::test]
async fn gateway_may_assume_only_its_roles() -> Result<()> {
    let callers = Callers::new("trust = \"caller\"\nexternal_id = \"rolecall-1\"")?;
    assert!(callers.gateway_may_assume(ACCOUNT, ROLE)?);
    for (account, role) in [
        (ACCOUNT, "rolecall/Other"),
        (SPOKE, ROLE),
        (ACCOUNT, "Developer2"),
        (GATEWAY, "hub"),
    ] {
        assert!(
            !callers.gateway_may_assume(account, role)?,
            "{account} {role}"
        );
    }
    Ok(())
}
