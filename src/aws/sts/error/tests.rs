//! Codes and messages of AWS have one meaning, and messages lose what looks like a secret.

use super::*;

#[test]
fn error_codes_map_to_refusals() {
    use StsRefusal as R;
    let no_provider = "No OpenIDConnect provider found in your account for https://sso.example.com";
    for (code, message, meaning) in [
        (
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            R::AccessDenied,
        ),
        (
            "InvalidIdentityToken",
            no_provider,
            R::ProviderNotRegistered,
        ),
        (
            "InvalidIdentityToken",
            "Incorrect token audience",
            R::Audience,
        ),
        (
            "InvalidIdentityToken",
            "Couldn't retrieve verification key from your identity provider, please reference …",
            R::KeysUnreachable,
        ),
        (
            "InvalidIdentityToken",
            "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
            R::Thumbprint,
        ),
        (
            "InvalidIdentityToken",
            "The target role ARN is not present in the roles claim of the identity token",
            R::RoleClaim,
        ),
        (
            "InvalidIdentityToken",
            "Missing a required claim: subject",
            R::Subject,
        ),
        ("InvalidIdentityToken", "", R::InvalidProof),
        (
            "InvalidIdentityToken",
            "Specified provider doesn't exist",
            R::ProviderNotRegistered,
        ),
        (
            "InvalidIdentityToken",
            "Response signature invalid",
            R::Metadata,
        ),
        (
            "AuthSamlInvalidSamlResponseException",
            "Issuer not present in specified provider",
            R::Metadata,
        ),
        (
            "InvalidIdentityToken",
            "Response does not contain the required audience",
            R::Audience,
        ),
        (
            "InvalidIdentityToken",
            "RoleSessionName is required in AuthnResponse",
            R::InvalidProof,
        ),
        (
            "AccessDenied",
            "User: arn:aws:iam::999988887777:user/gateway is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/x",
            R::AccessDenied,
        ),
        (
            "AccessDenied",
            "User: arn:aws:iam::999988887777:user/gateway is not authorized to perform: sts:TagSession on resource: arn:aws:iam::111122223333:role/x",
            R::TagSession,
        ),
        (
            "AccessDenied",
            "User: arn:aws:iam::999988887777:user/gateway is not authorized to perform: sts:SetSourceIdentity on resource: arn:aws:iam::111122223333:role/x",
            R::SetSourceIdentity,
        ),
        ("ExpiredToken", "", R::InvalidCredentials),
        ("InvalidClientTokenId", "", R::InvalidCredentials),
        ("SignatureDoesNotMatch", "", R::InvalidCredentials),
        (
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
            R::ChainedDurationTooLong,
        ),
        ("IDPRejectedClaim", "", R::RejectedClaim),
        ("IDPCommunicationError", "", R::ProviderUnreachable),
        ("ExpiredTokenException", "", R::Expired),
        (
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            R::DurationTooLong,
        ),
        (
            "ValidationError",
            "1 validation error detected: Value at 'roleArn' failed",
            R::Other,
        ),
        (
            "ValidationError",
            "1 validation error detected: Value at 'externalId' failed to satisfy constraint",
            R::ExternalId,
        ),
        (
            "ValidationError",
            "1 validation error detected: Value 'role chaining maxsessionduration' at 'tags.1.member.value' failed",
            R::Other,
        ),
        ("PackedPolicyTooLarge", "", R::PackedTooLarge),
        ("MalformedPolicyDocument", "", R::MalformedPolicy),
        ("RegionDisabledException", "", R::RegionDisabled),
        ("InvalidClientTokenId", "", R::InvalidCredentials),
        ("SignatureDoesNotMatch", "", R::InvalidCredentials),
        ("OptInRequired", "", R::AccountInactive),
        ("Throttling", "Rate exceeded", R::Throttled),
        ("RequestLimitExceeded", "", R::Throttled),
        ("SomethingNew", "", R::Other),
    ] {
        assert_eq!(refusal(code, message), meaning, "{code}: {message}");
    }
}

#[test]
fn denial_names_kind_of_policy() {
    use StsRefusal as R;
    let denied = |why: &str| {
        format!(
            "User: arn:aws:sts::111122223333:assumed-role/x/y is not authorized to perform: sts:AssumeRoleWithWebIdentity on resource: arn:aws:iam::111122223333:role/Developer {why}"
        )
    };
    for (message, meaning) in [
        (
            denied("with an explicit deny in a service control policy"),
            R::ServiceControlPolicy,
        ),
        (
            denied(
                "because no service control policy allows the sts:AssumeRoleWithWebIdentity action",
            ),
            R::ServiceControlPolicy,
        ),
        (
            denied(
                "with an explicit deny in a resource control policy: arn:aws:organizations::111122223333:policy/o-1/resource_control_policy/p-1",
            ),
            R::ResourceControlPolicy,
        ),
        (
            denied("because no identity-based policy allows it"),
            R::AccessDenied,
        ),
        (
            "Not authorized to perform sts:TagSession".to_owned(),
            R::TagSession,
        ),
        (
            "Not authorized to perform sts:SetSourceIdentity".to_owned(),
            R::SetSourceIdentity,
        ),
        (
            "Not authorized: the External ID does not match".to_owned(),
            R::ExternalId,
        ),
        (String::new(), R::AccessDenied),
    ] {
        assert_eq!(refusal("AccessDenied", &message), meaning, "{message}");
    }
}

#[test]
fn messages_are_sanitized_and_truncated() {
    assert_eq!(
        clean("The token eyJhbGciOi.x.y is bad\n", 512, 100),
        "The token [removed] is bad "
    );
    assert_eq!(
        clean(&format!("key={}", "A".repeat(120)), 512, 100),
        "[removed]"
    );
    assert_eq!(clean("ünï\u{202e}\u{7}", 512, 100), "ünï\u{202e} ");
    assert_eq!(clean(&"é ".repeat(600), 512, 100).chars().count(), 512);
    let role = "arn:aws:iam::111122223333:role/rolecall/Developer";
    assert_eq!(clean(role, 512, 100), role);
    assert_eq!(clean("", 512, 100), "");
}
