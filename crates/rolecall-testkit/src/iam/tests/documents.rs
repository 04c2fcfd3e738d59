//! Documents that AWS rejects, by kind of policy, and principals.

use serde_json::{Value, json};

use super::{PROVIDER, ROLE, policy, trusting};
use crate::iam::{Policies, Policy, PolicyKind, Principal, Request, RequestContext};

#[test]
fn malformed_trust_policy_is_rejected() {
    let good = trusting(&json!("*"));
    for bad in [
        json!("text"),
        json!({"Version": "2020-01-01", "Statement": good}),
        json!({"Version": "2012-10-17"}),
        document(&json!([])),
        document(&json!([{"Effect": "allow", "Principal": "*", "Action": "sts:*"}])),
        document(&json!([{"Effect": "Allow", "Action": "sts:*"}])),
        document(&json!([{"Effect": "Allow", "Principal": "*"}])),
        document(&json!([{"Effect": "Allow", "Principal": "*", "Action": []}])),
        document(&json!([{"Effect": "Allow", "Principal": "*", "NotAction": "sts:*"}])),
        document(&json!([{"Effect": "Allow", "NotPrincipal": "*", "Action": "sts:*"}])),
        document(&json!([trusting(&json!("alice"))])),
        document(&json!([trusting(&json!({"Person": "alice"}))])),
        document(&json!([trusting(&json!({"AWS": "gateway"}))])),
        document(&json!([trusting(&json!({"AWS": "arn:aws:iam::1:role/*"}))])),
        document(&json!([trusting(&json!({"AWS": "arn:aws:s3:::bucket"}))])),
        document(&json!([{"Effect": "Allow", "Principal": "*", "Action": "s3:*"}])),
        document(
            &json!([{"Effect": "Allow", "Principal": "*", "Action": "sts:*", "Resource": "*"}]),
        ),
        document(
            &json!([{"Sid": "x".repeat(2_048), "Effect": "Allow", "Principal": "*", "Action": "sts:*"}]),
        ),
        document(&json!([
            {"Sid": "A", "Effect": "Allow", "Principal": "*", "Action": "sts:*"},
            {"Sid": "A", "Effect": "Deny", "Principal": "*", "Action": "sts:*"},
        ])),
    ] {
        assert!(
            Policy::parse(PolicyKind::Trust, "x", &bad).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn each_kind_of_policy_has_its_elements() {
    let own = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
    let control = json!({"Effect": "Deny", "Principal": "*", "Action": "sts:*", "Resource": "*"});
    for (kind, statement, valid) in [
        (PolicyKind::Identity, own.clone(), true),
        (PolicyKind::Session, own.clone(), true),
        (PolicyKind::ServiceControl, own.clone(), true),
        (PolicyKind::ResourceControl, own, false),
        (PolicyKind::ResourceControl, control.clone(), true),
        (PolicyKind::Identity, control, false),
        (
            PolicyKind::Session,
            json!({"Effect": "Allow", "Action": "s3:*"}),
            false,
        ),
        (
            PolicyKind::Session,
            json!({"Effect": "Allow", "Action": "s3", "Resource": "*"}),
            false,
        ),
        (
            PolicyKind::Session,
            json!({"Effect": "Deny", "NotAction": "s3:*", "NotResource": "x"}),
            true,
        ),
        (
            PolicyKind::Session,
            json!({"Effect": "Deny", "Action": "*", "NotAction": "s3:*", "Resource": "*"}),
            false,
        ),
        (
            PolicyKind::ResourceControl,
            json!({"Effect": "Allow", "Principal": "*", "Action": "sts:*", "Resource": "*"}),
            false,
        ),
        (
            PolicyKind::ResourceControl,
            json!({"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:*", "Resource": "*"}),
            false,
        ),
        (
            PolicyKind::ResourceControl,
            json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}),
            false,
        ),
        (
            PolicyKind::ResourceControl,
            json!({"Effect": "Deny", "Principal": "*", "NotAction": "sts:*", "Resource": "*"}),
            false,
        ),
    ] {
        let document = document(&json!([statement]));
        let parsed = Policy::parse(kind, "x", &document);
        assert_eq!(parsed.is_ok(), valid, "{kind:?} {document}");
    }
    let empty = document(&json!([]));
    assert!(Policy::parse(PolicyKind::Session, "x", &empty).is_ok());
    assert!(Policy::parse(PolicyKind::Identity, "x", &empty).is_err());
}

fn document(statements: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Whether a trust policy with this `Principal` allows the principal to assume the role.
fn trusted(principal: &Value, who: &Principal) -> bool {
    let trust = policy(PolicyKind::Trust, &json!([trusting(principal)]));
    let administrator = Policy::administrator_access();
    let policies = Policies {
        resource: Some(&trust),
        identity: vec![&administrator],
        ..Policies::default()
    };
    let request = Request {
        principal: who.clone(),
        action: "sts:AssumeRole".to_owned(),
        resource: ROLE.to_owned(),
        context: RequestContext::default(),
    };
    policies.decide(&request).expect("a decision").is_allowed()
}

#[test]
fn federated_principal_must_match_provider() {
    let provider = Principal::Federated(PROVIDER.to_owned());
    for (principal, expected) in [
        (json!("*"), true),
        (json!({"AWS": "*"}), true),
        (
            json!({"Federated": ["arn:aws:iam::111122223333:saml-provider/x", PROVIDER]}),
            true,
        ),
        (
            json!({"Federated": "arn:aws:iam::444455556666:oidc-provider/sso.example"}),
            false,
        ),
        (json!({"AWS": "arn:aws:iam::111122223333:root"}), false),
        (json!({"Service": "ec2.amazonaws.com"}), false),
    ] {
        assert_eq!(trusted(&principal, &provider), expected, "{principal}");
    }
}

#[test]
fn aws_principal_is_named_by_session_role_or_account() {
    let session = Principal::Session {
        arn: "arn:aws:sts::999988887777:assumed-role/gateway/i-1".to_owned(),
        issuer: "arn:aws:iam::999988887777:role/tools/gateway".to_owned(),
    };
    for (principal, expected) in [
        (json!("arn:aws:iam::999988887777:role/tools/gateway"), true),
        (
            json!("arn:aws:sts::999988887777:assumed-role/gateway/i-1"),
            true,
        ),
        (json!("arn:aws:iam::999988887777:root"), true),
        (json!("999988887777"), true),
        (json!("*"), true),
        (json!("arn:aws-cn:iam::999988887777:root"), false),
        (json!("arn:aws:iam::999988887777:role/gateway"), false),
        (
            json!("arn:aws:sts::999988887777:assumed-role/gateway/i-2"),
            false,
        ),
        (json!(["111122223333"]), false),
    ] {
        let listed = json!({"AWS": principal});
        assert_eq!(trusted(&listed, &session), expected, "{principal}");
    }
}
