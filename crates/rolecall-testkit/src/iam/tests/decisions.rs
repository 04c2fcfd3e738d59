//! Decisions over several policies, with the statement that decided.

use serde_json::{Value, json};

use super::{PROVIDER, ROLE, policy, trusting};
use crate::iam::{Decision, Policies, Policy, PolicyKind, Principal, Request, RequestContext};

const HUB: &str = "arn:aws:iam::999988887777:role/hub";
const SPOKE: &str = "arn:aws:iam::999988887777:role/spoke";

fn web_identity(context: RequestContext) -> Request {
    Request {
        principal: Principal::Federated(PROVIDER.to_owned()),
        action: "sts:AssumeRoleWithWebIdentity".to_owned(),
        resource: ROLE.to_owned(),
        context,
    }
}

/// A session of the role `hub` makes a request.
fn of_hub(action: &str, resource: &str) -> Request {
    Request {
        principal: Principal::Session {
            arn: "arn:aws:sts::999988887777:assumed-role/hub/alice".to_owned(),
            issuer: HUB.to_owned(),
        },
        action: action.to_owned(),
        resource: resource.to_owned(),
        context: RequestContext::default(),
    }
}

fn decide(policies: &Policies<'_>, request: &Request) -> Decision {
    policies.decide(request).expect("a decision")
}

fn allow(action: &str) -> Value {
    json!([{"Effect": "Allow", "Action": action, "Resource": "*"}])
}

#[test]
fn explicit_deny_overrides_allow() {
    let allowing = trusting(&json!({"Federated": PROVIDER}));
    let denying = json!({"Sid": "Leaver", "Effect": "Deny", "Principal": "*", "Action": "sts:*",
        "Condition": {"StringLike": {"sts:SourceIdentity": "*@example.com"}}});
    let alice = RequestContext::default().with("sts:SourceIdentity", "alice@example.com");
    for statements in [json!([allowing, denying]), json!([denying, allowing])] {
        let trust = policy(PolicyKind::Trust, &statements);
        let policies = Policies {
            resource: Some(&trust),
            ..Policies::default()
        };
        let decision = decide(&policies, &web_identity(alice.clone()));
        assert!(!decision.is_allowed());
        let by = decision.statement().expect("a statement");
        assert_eq!(by.sid.as_deref(), Some("Leaver"));
        assert_eq!(
            decision.reason(""),
            "with an explicit deny in the role trust policy"
        );
        assert!(decide(&policies, &web_identity(RequestContext::default())).is_allowed());
    }
    let trust = policy(PolicyKind::Trust, &json!([denying]));
    let policies = Policies {
        resource: Some(&trust),
        ..Policies::default()
    };
    let decision = decide(&policies, &web_identity(RequestContext::default()));
    assert_eq!(decision, Decision::ImplicitDeny(PolicyKind::Trust));
}

/// The key may be absent or `false` without the claim: `BoolIfExists` denies both.
#[test]
fn resource_control_policy_requires_roles_claim() {
    let trust = policy(
        PolicyKind::Trust,
        &json!([trusting(&json!({"Federated": PROVIDER}))]),
    );
    let control = policy(
        PolicyKind::ResourceControl,
        &json!([{
            "Sid": "RoleBound", "Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRoleWithWebIdentity", "Resource": "*",
            "Condition": {
                "ArnLike": {"aws:FederatedProvider": "arn:aws:iam::*:oidc-provider/sso.example"},
                "BoolIfExists": {"sts:RoleAuthorizedByIdp": "false"},
            },
        }]),
    );
    let policies = Policies {
        resource: Some(&trust),
        resource_control: vec![&control],
        ..Policies::default()
    };
    let ours = || RequestContext::default().with("aws:FederatedProvider", PROVIDER);
    let bound = |value| ours().with("sts:RoleAuthorizedByIdp", value);
    assert!(decide(&policies, &web_identity(bound("true"))).is_allowed());
    for denied in [ours(), bound("false")] {
        let decision = decide(&policies, &web_identity(denied));
        let by = decision.statement().expect("a statement");
        assert_eq!(
            (by.kind, by.sid.as_deref()),
            (PolicyKind::ResourceControl, Some("RoleBound"))
        );
    }
    assert!(decide(&policies, &web_identity(RequestContext::default())).is_allowed());
}

#[test]
fn cross_account_needs_trust_and_identity_policy() {
    let trust = policy(PolicyKind::Trust, &json!([trusting(&json!({"AWS": HUB}))]));
    let (all, s3) = (
        Policy::administrator_access(),
        policy(PolicyKind::Identity, &allow("s3:*")),
    );
    let with = |resource, identity| Policies {
        resource: Some(resource),
        identity: vec![identity],
        ..Policies::default()
    };
    let elsewhere = of_hub("sts:AssumeRole", ROLE);
    assert!(decide(&with(&trust, &all), &elsewhere).is_allowed());
    let decision = decide(&with(&trust, &s3), &elsewhere);
    assert_eq!(decision, Decision::ImplicitDeny(PolicyKind::Identity));
    // In the same account the trust policy suffices, unless it names the account.
    let here = of_hub("sts:AssumeRole", SPOKE);
    assert!(decide(&with(&trust, &s3), &here).is_allowed());
    let account = policy(
        PolicyKind::Trust,
        &json!([trusting(&json!({"AWS": "999988887777"}))]),
    );
    let decision = decide(&with(&account, &s3), &here);
    assert_eq!(decision, Decision::ImplicitDeny(PolicyKind::Identity));
    assert!(decide(&with(&account, &all), &here).is_allowed());
}

#[test]
fn session_policy_limits_role() {
    let all = Policy::administrator_access();
    let get = policy(PolicyKind::Session, &allow("s3:Get*"));
    let in_session = |session| Policies {
        identity: vec![&all],
        session,
        ..Policies::default()
    };
    let limited = in_session(Some(vec![&get]));
    assert!(decide(&limited, &of_hub("s3:GetObject", "arn:aws:s3:::b/k")).is_allowed());
    let decision = decide(&limited, &of_hub("s3:PutObject", "arn:aws:s3:::b/k"));
    assert_eq!(decision, Decision::ImplicitDeny(PolicyKind::Session));
    assert!(decide(&in_session(None), &of_hub("s3:PutObject", "*")).is_allowed());
    let none = decide(&in_session(Some(Vec::new())), &of_hub("s3:GetObject", "*"));
    assert_eq!(none, Decision::ImplicitDeny(PolicyKind::Session));
    // A trust policy of the same account that names the session itself is not limited by it, one that names the role is.
    let named = |arn: &str| policy(PolicyKind::Trust, &json!([trusting(&json!({"AWS": arn}))]));
    for (arn, expected) in [
        ("arn:aws:sts::999988887777:assumed-role/hub/alice", true),
        (HUB, false),
    ] {
        let trust = named(arn);
        let policies = Policies {
            resource: Some(&trust),
            ..in_session(Some(vec![&get]))
        };
        let decision = decide(&policies, &of_hub("sts:AssumeRole", SPOKE));
        assert_eq!(decision.is_allowed(), expected, "{arn}");
    }
}

#[test]
fn service_control_policy_limits_each_level() {
    let (all, full) = (Policy::administrator_access(), Policy::full_aws_access());
    let sts = policy(PolicyKind::ServiceControl, &allow("sts:*"));
    let levels = |service_control| Policies {
        identity: vec![&all],
        service_control,
        ..Policies::default()
    };
    let put = of_hub("s3:PutObject", "*");
    assert!(decide(&levels(vec![vec![&full], vec![&sts, &full]]), &put).is_allowed());
    let decision = decide(&levels(vec![vec![&full], vec![&sts]]), &put);
    assert_eq!(decision, Decision::ImplicitDeny(PolicyKind::ServiceControl));
    assert_eq!(
        decision.reason("s3:PutObject"),
        "because no service control policy allows the s3:PutObject action"
    );
}

#[test]
fn one_person_is_denied_by_source_identity_and_issue_time() {
    let (all, full) = (Policy::administrator_access(), Policy::full_aws_access());
    let leaver = policy(
        PolicyKind::ServiceControl,
        &json!([{
            "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {
                "StringEquals": {"aws:SourceIdentity": "alice@example.com"},
                "DateLessThan": {"aws:TokenIssueTime": "2026-11-30T06:00:00Z"},
            },
        }]),
    );
    let policies = Policies {
        identity: vec![&all],
        service_control: vec![vec![&full, &leaver]],
        ..Policies::default()
    };
    for (person, issued, expected) in [
        (Some("alice@example.com"), "2026-11-30T05:59:59Z", false),
        (Some("alice@example.com"), "2026-11-30T06:00:00Z", true),
        (Some("bob@example.com"), "2026-11-30T05:59:59Z", true),
        (None, "2026-11-30T05:59:59Z", true),
    ] {
        let mut request = of_hub("s3:GetObject", "*");
        request.context.add("aws:TokenIssueTime", issued);
        if let Some(person) = person {
            request.context.add("aws:SourceIdentity", person);
        }
        let decision = decide(&policies, &request);
        assert_eq!(decision.is_allowed(), expected, "{person:?} {issued}");
    }
}

#[test]
fn invalid_context_is_an_error() {
    let all = Policy::administrator_access();
    let policies = Policies {
        identity: vec![&all],
        ..Policies::default()
    };
    for (key, values) in [
        ("aws:Nobody", vec!["x"]),
        ("aws:TokenIssueTime", vec!["yesterday"]),
        ("aws:MultiFactorAuthPresent", vec!["yes"]),
        ("sts:SourceIdentity", vec!["alice", "bob"]),
    ] {
        let mut request = of_hub("s3:GetObject", "*");
        for value in values {
            request.context.add(key, value);
        }
        assert!(policies.decide(&request).is_err(), "{key}");
    }
}
