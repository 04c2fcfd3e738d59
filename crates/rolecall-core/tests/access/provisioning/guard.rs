//! The resource control policy.

use rolecall_core::aws::{AccountId, Partition, Region};
use rolecall_core::provisioning::{GuardError, Installation, resource_control_policy};
use serde_json::{Value, json};
use url::Url;

#[test]
fn resource_control_policy_concerns_this_issuer_only() {
    let (issuer, region) = (
        Url::parse("https://sso.example.com").unwrap(),
        Region::parse("eu-west-1").unwrap(),
    );
    let installation = Installation::new(&issuer, &region);
    let document = resource_control_policy(&installation).unwrap();
    let account = AccountId::parse("111122223333").unwrap();
    let value: Value = serde_json::from_str(&document.node().fill(&account).compact()).unwrap();
    assert_eq!(
        value["Statement"],
        json!([
            {
                "Sid": "RolecallTokensNameTheirRole",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Resource": "*",
                "Condition": {
                    "ArnLike": { "aws:FederatedProvider": "arn:aws:iam::*:oidc-provider/sso.example.com" },
                    "BoolIfExists": { "sts:RoleAuthorizedByIdp": "false" },
                },
            },
            {
                "Sid": "RolecallSubjectsNameTheirRole",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Resource": "*",
                "Condition": {
                    "Null": { "sso.example.com:sub": "false" },
                    "BoolIfExists": { "sts:RoleAuthorizedByIdp": "false" },
                },
            },
        ])
    );
    let off = Installation {
        role_claim: false,
        ..installation
    };
    assert_eq!(resource_control_policy(&off), Err(GuardError::RoleClaim));
    let other = Installation {
        partition: Partition::China,
        ..installation
    };
    assert_eq!(resource_control_policy(&other), Err(GuardError::Partition));
}
