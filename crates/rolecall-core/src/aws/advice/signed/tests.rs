//! People read what happened, operators what to check; no name of the gateway's infrastructure is shown.

use url::Url;

use super::super::{AdviceFacts, ProofFacts, advice};
use super::*;
use crate::aws::RoleSessionDuration;

const REFUSALS: [StsRefusal; 27] = [
    StsRefusal::AccessDenied,
    StsRefusal::TagSession,
    StsRefusal::SetSourceIdentity,
    StsRefusal::ServiceControlPolicy,
    StsRefusal::ResourceControlPolicy,
    StsRefusal::ExternalId,
    StsRefusal::ProviderNotRegistered,
    StsRefusal::Audience,
    StsRefusal::Metadata,
    StsRefusal::KeysUnreachable,
    StsRefusal::Thumbprint,
    StsRefusal::RoleClaim,
    StsRefusal::Subject,
    StsRefusal::InvalidProof,
    StsRefusal::RejectedClaim,
    StsRefusal::ProviderUnreachable,
    StsRefusal::Expired,
    StsRefusal::DurationTooLong,
    StsRefusal::ChainedDurationTooLong,
    StsRefusal::InvalidCredentials,
    StsRefusal::PackedTooLarge,
    StsRefusal::MalformedPolicy,
    StsRefusal::RegionDisabled,
    StsRefusal::AccountInactive,
    StsRefusal::NotSts,
    StsRefusal::Throttled,
    StsRefusal::Other,
];

fn role() -> RoleArn {
    "arn:aws:iam::111122223333:role/rolecall/Developer"
        .parse()
        .unwrap()
}

fn hub() -> RoleArn {
    "arn:aws:iam::999988887777:role/hub".parse().unwrap()
}

fn of(refusal: StsRefusal, proof: ProofFacts<'_>) -> Advice {
    let issuer = Url::parse("https://sso.example.com/").unwrap();
    let facts = AdviceFacts {
        issuer: &issuer,
        proof,
        role: &role(),
        duration: RoleSessionDuration::MAX,
        answer: "HTTP 403: Blocked",
    };
    advice(refusal, &facts)
}

#[test]
fn operators_read_which_role_refused_whom() {
    let own = CallerIdentity::parse("arn:aws:iam::999988887777:user/gateway").unwrap();
    let hops = [hub()];
    let caller = |own, external_id, via, assumed| ProofFacts::Caller {
        own,
        external_id,
        via,
        assumed,
    };
    let first = of(StsRefusal::AccessDenied, caller(Some(&own), true, &hops, 0));
    assert!(
        first
            .explanation
            .starts_with("The intermediate role before the role Developer")
    );
    let second = of(StsRefusal::AccessDenied, caller(Some(&own), true, &hops, 1));
    assert!(
        second
            .explanation
            .starts_with("The role Developer in account 111122223333")
    );
    for (advice, texts) in [
        (
            first,
            [
                "trust policy of arn:aws:iam::999988887777:role/hub must allow sts:AssumeRole",
                "Principal AWS of arn:aws:iam::999988887777:user/gateway",
                "must be external_id of the account",
            ],
        ),
        (
            second,
            [
                "trust policy of arn:aws:iam::111122223333:role/rolecall/Developer must allow",
                "Principal AWS of arn:aws:iam::999988887777:role/hub",
                "sent to the first role only",
            ],
        ),
    ] {
        let operators = advice.operators.unwrap();
        for text in texts {
            assert!(operators.contains(text), "{text}: {operators}");
        }
    }
    let none = of(StsRefusal::AccessDenied, caller(None, false, &[], 0));
    let operators = none.operators.unwrap();
    assert!(operators.contains("has no external_id") && operators.contains("check --online"));
}

/// Each error of STS that an operation can return has a cause and a next step of its own.
#[test]
fn each_refusal_of_a_signed_request_has_a_cause() {
    let key = AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap();
    let own = CallerIdentity::parse("arn:aws:sts::999988887777:assumed-role/gateway/i-0").unwrap();
    let caller = ProofFacts::Caller {
        own: Some(&own),
        external_id: true,
        via: &[],
        assumed: 0,
    };
    let token = ProofFacts::FederationToken { key: &key };
    for (refusal, of_caller, of_token) in [
        (
            StsRefusal::AccessDenied,
            "sts:AssumeRole",
            "sts:GetFederationToken",
        ),
        (
            StsRefusal::TagSession,
            "must allow sts:TagSession",
            "sts:TagSession on",
        ),
        (
            StsRefusal::SetSourceIdentity,
            "must allow sts:SetSourceIdentity",
            "",
        ),
        (StsRefusal::ExternalId, "sts:ExternalId", ""),
        (
            StsRefusal::ServiceControlPolicy,
            "service control policy",
            "service control policy",
        ),
        (
            StsRefusal::ResourceControlPolicy,
            "resource control policy",
            "organization",
        ),
        (
            StsRefusal::InvalidCredentials,
            "check --online",
            "exists and is active",
        ),
        (StsRefusal::Expired, "clock", "clock"),
        (
            StsRefusal::RegionDisabled,
            "account of the role of",
            "sts_region",
        ),
        (StsRefusal::AccountInactive, "Billing", "Billing"),
        (StsRefusal::Throttled, "sts_rate", "seconds"),
        (StsRefusal::ChainedDurationTooLong, "at most 1 h", ""),
        (StsRefusal::DurationTooLong, "MaxSessionDuration", ""),
        (
            StsRefusal::PackedTooLarge,
            "session_policy",
            "session_policy",
        ),
        (StsRefusal::MalformedPolicy, "policy_arns", "policy_arns"),
        (StsRefusal::NotSts, "[egress]", "[egress]"),
    ] {
        for (proof, text) in [(caller, of_caller), (token, of_token)] {
            let advice = of(refusal, proof);
            let all = format!("{} {:?}", advice.hint, advice.operators);
            assert!(all.contains(text), "{refusal:?}, {text}: {all}");
        }
    }
}

#[test]
fn nothing_of_the_infrastructure_is_shown() {
    let key = AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap();
    let own = CallerIdentity::parse("arn:aws:iam::999988887777:user/gateway").unwrap();
    let hops = [hub()];
    for refusal in REFUSALS {
        for assumed in [0, 1] {
            for proof in [
                ProofFacts::Caller {
                    own: Some(&own),
                    external_id: true,
                    via: &hops,
                    assumed,
                },
                ProofFacts::FederationToken { key: &key },
            ] {
                let Advice {
                    explanation, hint, ..
                } = of(refusal, proof);
                let shown = format!("{explanation} {hint}");
                for name in ["999988887777", "gateway/", "role/hub", "AKIA"] {
                    assert!(!shown.contains(name), "{refusal:?}: {shown}");
                }
            }
        }
    }
}

#[test]
fn names_are_removed_from_messages() {
    for (message, shown) in [
        (
            "User: arn:aws:sts::999988887777:assumed-role/gateway/i-0 is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::999988887777:role/hub",
            "User: [ARN] is not authorized to perform: sts:AssumeRole on resource: [ARN]",
        ),
        (
            "The key 'AKIAIOSFODNN7EXAMPLE' is inactive",
            "The key [access key] is inactive",
        ),
        ("denied (arn:aws-cn:iam::1:user/x)", "denied [ARN]"),
        ("ASIA is a continent", "ASIA is a continent"),
        ("", ""),
    ] {
        assert_eq!(without_names(message), shown);
    }
}
