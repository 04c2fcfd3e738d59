//! The generated resource control policy at the emulated AWS: tokens of the gateway must name their role, and no other issuer is
//! concerned.

use anyhow::{Result, ensure};
use rolecall_core::aws::{Region, Sts as _, StsRefusal};
use rolecall_core::provisioning::{Installation, Node, resource_control_policy};
use rolecall_testkit::aws::Target;
use rolecall_testkit::iam::{Policies, Policy, PolicyKind, Principal, Request, RequestContext};
use rolecalld::aws::keys::KeyAlgorithm;
use serde_json::{Value, json};
use url::Url;

use super::fixture::{ACCOUNT, StsFixture, claims, refusal};

const ROLE: &str = "rolecall/Developer";
const ACTION: &str = "sts:AssumeRoleWithWebIdentity";

/// The policy for the gateway at this URL.
fn guard(issuer: &str) -> Result<Value> {
    let (issuer, region) = (Url::parse(issuer)?, Region::parse("eu-west-1")?);
    let document = resource_control_policy(&Installation::new(&issuer, &region))?;
    let node = document.node();
    let text = node.with_texts(&|text| Node::Text(text.to_string()));
    Ok(serde_json::from_str(&text.compact())?)
}

#[tokio::test]
async fn guard_refuses_tokens_that_name_no_role() -> Result<()> {
    // The role trusts every token for its audience.
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let sts = fixture.sts()?;
    let mut named = claims()?;
    named.role = Some(format!("arn:aws:iam::{ACCOUNT}:role/{ROLE}").parse()?);
    let unnamed = claims()?;
    for token in [&named, &unnamed] {
        sts.assume(&fixture.request_for(ROLE, token).await?).await?;
    }
    let document = guard(fixture.issuer.issuer())?;
    let organization = fixture.aws.organization();
    organization.resource_control_policy("rolecall", Target::Root, &document)?;
    sts.assume(&fixture.request_for(ROLE, &named).await?)
        .await?;
    let answer = sts
        .assume(&fixture.request_for(ROLE, &unnamed).await?)
        .await;
    assert_eq!(refusal(answer)?, StsRefusal::ResourceControlPolicy);
    Ok(())
}

#[tokio::test]
async fn guard_accepts_tokens_of_other_issuers() -> Result<()> {
    let (gateway, other) = (
        StsFixture::new(KeyAlgorithm::Es256)?,
        StsFixture::new(KeyAlgorithm::Es256)?,
    );
    let document = guard(gateway.issuer.issuer())?;
    let organization = gateway.aws.organization();
    organization.resource_control_policy("rolecall", Target::Root, &document)?;
    // The role trusts the other issuer, whose tokens name no role.
    other.trust(&gateway.aws)?;
    let request = other.request_for(ROLE, &claims()?).await?;
    gateway.sts()?.assume(&request).await?;
    Ok(())
}

/// What the request says about the issuer of its token, besides the keys of the issuer.
#[derive(Clone, Copy, Debug)]
enum FederatedProvider {
    /// The ARN of the provider, as documented.
    Arn,
    /// The issuer without its scheme.
    Issuer,
    Absent,
}

/// Whether a role that trusts the provider accepts its token, under the guard of sso.example.com.
fn accepts(issuer: &str, federated: FederatedProvider, named: Option<bool>) -> Result<bool> {
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}");
    let trust = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "Federated": provider }, "Action": ACTION,
    } });
    let trust = Policy::parse(PolicyKind::Trust, "any", &trust)?;
    let document = guard("https://sso.example.com")?;
    let guard = Policy::parse(PolicyKind::ResourceControl, "rolecall", &document)?;
    let mut context = RequestContext::default()
        .with(&format!("{issuer}:aud"), "sts.amazonaws.com")
        .with(&format!("{issuer}:sub"), "alice");
    match federated {
        FederatedProvider::Arn => context.add("aws:FederatedProvider", &provider),
        FederatedProvider::Issuer => context.add("aws:FederatedProvider", issuer),
        FederatedProvider::Absent => {}
    }
    if let Some(named) = named {
        context.add("sts:RoleAuthorizedByIdp", &named.to_string());
    }
    let policies = Policies {
        resource: Some(&trust),
        resource_control: vec![&guard],
        ..Policies::default()
    };
    let decision = policies.decide(&Request {
        principal: Principal::Federated(provider),
        action: ACTION.to_owned(),
        resource: format!("arn:aws:iam::{ACCOUNT}:role/{ROLE}"),
        context,
    })?;
    Ok(decision.is_allowed())
}

#[test]
fn tokens_of_other_issuers_are_not_affected() -> Result<()> {
    for (issuer, unnamed) in [
        ("sso.example.com", false),
        ("token.actions.githubusercontent.com", true),
        ("oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF", true),
        ("cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc", true),
        ("sso.example.com.evil.example", true),
        ("other.sso.example.com", true),
        ("sso.example.com/other", true),
    ] {
        for federated in [
            FederatedProvider::Arn,
            FederatedProvider::Issuer,
            FederatedProvider::Absent,
        ] {
            let context = format!("{issuer} {federated:?}");
            ensure!(accepts(issuer, federated, None)? == unnamed, "{context}");
            ensure!(accepts(issuer, federated, Some(true))?, "{context}");
            let refused = accepts(issuer, federated, Some(false))?;
            ensure!(refused == unnamed, "{context}");
        }
    }
    Ok(())
}
