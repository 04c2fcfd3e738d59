//! The advice names what its reader needs.

use super::*;
use crate::aws::{AccountId, Partition, RolePath};

fn role() -> RoleArn {
    RoleArn::new(
        Partition::Aws,
        AccountId::parse("111122223333").unwrap(),
        RolePath::parse("rolecall/Developer").unwrap(),
    )
}

#[test]
fn unregistered_issuer_is_explained() {
    let issuer = Url::parse("https://sso.example.com/").unwrap();
    let facts = AdviceFacts {
        issuer: &issuer,
        proof: ProofFacts::WebIdentity {
            audience: "sts.amazonaws.com",
            provider: None,
        },
        role: &role(),
        duration: RoleSessionDuration::DEFAULT,
        answer: "",
    };
    let advice = advice(StsRefusal::ProviderNotRegistered, &facts);
    assert_eq!(
        advice.explanation,
        "Account 111122223333 has no OIDC provider for https://sso.example.com."
    );
}

#[test]
fn every_refusal_of_a_token_has_a_code_and_advice() {
    let issuer = Url::parse("https://sso.example.com/").unwrap();
    let facts = AdviceFacts {
        issuer: &issuer,
        proof: ProofFacts::WebIdentity {
            audience: "rolecall-payments",
            provider: None,
        },
        role: &role(),
        duration: RoleSessionDuration::from_seconds(7_200).unwrap(),
        answer: "HTTP 403: Blocked",
    };
    let origin = "https://sso.example.com";
    for (refusal, code, text) in [
        (
            StsRefusal::AccessDenied,
            "access_denied",
            "trust policy allows sts:AssumeRoleWithWebIdentity",
        ),
        (
            StsRefusal::ProviderNotRegistered,
            "provider_not_registered",
            "create-open-id-connect-provider --url https://sso.example.com --client-id-list rolecall-payments",
        ),
        (
            StsRefusal::Audience,
            "audience",
            "--client-id rolecall-payments",
        ),
        (StsRefusal::Metadata, "metadata", origin),
        (
            StsRefusal::KeysUnreachable,
            "keys_unreachable",
            "https://sso.example.com/jwks",
        ),
        (
            StsRefusal::TagSession,
            "tag_session",
            "Add sts:TagSession to the actions",
        ),
        (
            StsRefusal::SetSourceIdentity,
            "set_source_identity",
            "Add sts:SetSourceIdentity to the actions",
        ),
        (
            StsRefusal::ServiceControlPolicy,
            "service_control_policy",
            "administrators of the AWS organization",
        ),
        (
            StsRefusal::ResourceControlPolicy,
            "resource_control_policy",
            "sts:RoleAuthorizedByIdp",
        ),
        (StsRefusal::ExternalId, "external_id", "external_id"),
        (
            StsRefusal::Thumbprint,
            "thumbprint",
            "update-open-id-connect-provider-thumbprint",
        ),
        (StsRefusal::Subject, "subject", "sso.example.com:sub"),
        (
            StsRefusal::AccountInactive,
            "account_inactive",
            "owner of account",
        ),
        (StsRefusal::NotSts, "not_sts", "[egress]"),
        (StsRefusal::InvalidProof, "invalid_proof", origin),
        (StsRefusal::RejectedClaim, "rejected_claim", origin),
        (
            StsRefusal::ProviderUnreachable,
            "provider_unreachable",
            "/.well-known/openid-configuration",
        ),
        (StsRefusal::Expired, "expired", "clock"),
        (
            StsRefusal::DurationTooLong,
            "duration_too_long",
            "--max-session-duration 7200",
        ),
        (
            StsRefusal::PackedTooLarge,
            "packed_too_large",
            "session_policy",
        ),
        (
            StsRefusal::MalformedPolicy,
            "malformed_policy",
            "policy_arns",
        ),
        (StsRefusal::RegionDisabled, "region_disabled", "sts_region"),
        (StsRefusal::Throttled, "throttled", "seconds"),
        (StsRefusal::Other, "other", "administrator"),
    ] {
        assert_eq!(refusal.code(), code);
        let transient = ["provider_unreachable", "throttled"].contains(&code);
        assert_eq!(refusal.is_transient(), transient, "{code}");
        let hint = advice(refusal, &facts).hint;
        assert!(hint.contains(text), "{code}: {hint}");
    }
}

#[test]
fn response_of_another_server_is_quoted() {
    let issuer = Url::parse("https://sso.example.com/").unwrap();
    let facts = AdviceFacts {
        issuer: &issuer,
        proof: ProofFacts::WebIdentity {
            audience: "x",
            provider: None,
        },
        role: &role(),
        duration: RoleSessionDuration::DEFAULT,
        answer: "HTTP 403: Blocked",
    };
    let explanation = advice(StsRefusal::NotSts, &facts).explanation;
    assert!(explanation.ends_with("HTTP 403: Blocked."), "{explanation}");
}

#[test]
fn missing_saml_provider_advice_names_the_command() {
    let issuer = Url::parse("https://sso.example.com/").unwrap();
    let provider = "arn:aws:iam::111122223333:saml-provider/rolecall";
    let facts = AdviceFacts {
        issuer: &issuer,
        proof: ProofFacts::Saml {
            provider: &SamlProviderArn::parse(provider).unwrap(),
            audience: "urn:amazon:webservices",
        },
        role: &role(),
        duration: RoleSessionDuration::DEFAULT,
        answer: "",
    };
    for (refusal, text) in [
        (StsRefusal::AccessDenied, "sts:AssumeRoleWithSAML"),
        (
            StsRefusal::ProviderNotRegistered,
            "aws iam create-saml-provider --name rolecall ",
        ),
        (
            StsRefusal::Metadata,
            "aws iam update-saml-provider --saml-provider-arn arn:aws:iam::111122223333:saml-provider/rolecall ",
        ),
        (StsRefusal::Audience, "audience of account 111122223333"),
        (StsRefusal::Subject, "NameID"),
        (StsRefusal::TagSession, "Add sts:TagSession"),
        (StsRefusal::SetSourceIdentity, "Add sts:SetSourceIdentity"),
        (StsRefusal::InvalidProof, provider),
        (StsRefusal::RejectedClaim, provider),
        (
            StsRefusal::Expired,
            "clock of the gateway or of the identity provider",
        ),
        (StsRefusal::DurationTooLong, "--max-session-duration 3600"),
        (StsRefusal::PackedTooLarge, "session_tags"),
        (StsRefusal::MalformedPolicy, "session_policy"),
        (StsRefusal::ServiceControlPolicy, "AWS organization"),
        (StsRefusal::ResourceControlPolicy, "AWS organization"),
        (StsRefusal::RegionDisabled, "sts_region"),
        (StsRefusal::AccountInactive, "Billing"),
        (StsRefusal::NotSts, "endpoints.sts"),
        (StsRefusal::Throttled, "seconds"),
    ] {
        let hint = advice(refusal, &facts).hint;
        assert!(hint.contains(text), "{hint}");
    }
}
