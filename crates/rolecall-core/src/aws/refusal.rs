//! Reasons of STS to refuse a request.

/// Reasons of AWS to refuse a request (STS API Reference, errors of the `AssumeRole*` operations), as far as they can
/// be acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StsRefusal {
    /// `AccessDenied`: the role does not exist, or its trust policy does not allow this session.
    AccessDenied,
    /// `AccessDenied`, "Not authorized to perform sts:TagSession".
    TagSession,
    /// `AccessDenied`, "Not authorized to perform sts:SetSourceIdentity".
    SetSourceIdentity,
    /// `AccessDenied`, "with an explicit deny in a service control policy": the organization forbids it.
    ServiceControlPolicy,
    /// `AccessDenied`, "with an explicit deny in a resource control policy": the organization forbids it for the role.
    ResourceControlPolicy,
    /// `AccessDenied` or `ValidationError` about the external id.
    ExternalId,
    /// `InvalidIdentityToken`, "No OpenIDConnect provider found" or "Specified provider doesn't exist": the issuer is
    /// not registered in the account.
    ProviderNotRegistered,
    /// `InvalidIdentityToken`, "Incorrect token audience" or "Response does not contain the required audience".
    Audience,
    /// `InvalidIdentityToken`, "Response signature invalid" or "Issuer not present in specified provider": the SAML
    /// provider of the account has other metadata than the current signer.
    Metadata,
    /// `InvalidIdentityToken`, "Couldn't retrieve verification key": AWS cannot read the public keys of the gateway.
    KeysUnreachable,
    /// `InvalidIdentityToken`, "HTTPS certificate doesn't match configured thumbprint": AWS does not trust the certificate of the gateway.
    Thumbprint,
    /// `InvalidIdentityToken`, "The target role ARN is not present in the roles claim": the token is for another role.
    RoleClaim,
    /// `InvalidIdentityToken` about `sub` or `NameID`.
    Subject,
    /// `InvalidIdentityToken` with any other message.
    InvalidProof,
    /// `IDPRejectedClaim`
    RejectedClaim,
    /// `IDPCommunicationError`: AWS could not reach the issuer, even after a retry.
    ProviderUnreachable,
    /// `ExpiredTokenException`: the clock of the gateway is wrong. Of a signed request: the credentials have expired.
    Expired,
    /// `ValidationError`: the duration exceeds `MaxSessionDuration` of the role.
    DurationTooLong,
    /// `ValidationError`: longer than one hour, in role chaining.
    ChainedDurationTooLong,
    /// `InvalidClientTokenId`, `SignatureDoesNotMatch`, `ExpiredToken` and similar: STS does not accept the credentials that signed
    /// the request.
    InvalidCredentials,
    /// `PackedPolicyTooLarge`: session policies and tags together are too large.
    PackedTooLarge,
    /// `MalformedPolicyDocument`
    MalformedPolicy,
    /// `RegionDisabledException`
    RegionDisabled,
    /// `OptInRequired`: the account is not subscribed, or suspended.
    AccountInactive,
    /// A proxy or another server answered in place of STS, with a status that is not an outage and without AWS's error
    /// document.
    NotSts,
    /// `Throttling` and similar codes, after retries.
    Throttled,
    /// `InvalidAuthorizationMessageException`: the encoded message cannot be decoded.
    InvalidMessage,
    /// Any other code.
    Other,
}

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalSubject {
    /// The policies of the account: the trust policy of the role, or those of the caller.
    Policies,
    /// A policy of the organization.
    Organization,
    /// The token or the SAML response, or its issuer.
    Proof,
    /// The credentials that signed the request, or the time.
    Signer,
    /// Duration, session policies, session tags or message of the request.
    Parameters,
    /// The endpoint, the Region or the status of the account; or it is not known.
    Service,
}

impl StsRefusal {
    /// What the refusal is about.
    pub fn subject(self) -> RefusalSubject {
        match self {
            Self::AccessDenied | Self::TagSession | Self::SetSourceIdentity | Self::ExternalId => {
                RefusalSubject::Policies
            }
            Self::ServiceControlPolicy | Self::ResourceControlPolicy => {
                RefusalSubject::Organization
            }
            Self::ProviderNotRegistered
            | Self::Audience
            | Self::Metadata
            | Self::KeysUnreachable
            | Self::Thumbprint
            | Self::RoleClaim
            | Self::Subject
            | Self::InvalidProof
            | Self::RejectedClaim
            | Self::ProviderUnreachable => RefusalSubject::Proof,
            Self::Expired | Self::InvalidCredentials => RefusalSubject::Signer,
            Self::DurationTooLong
            | Self::ChainedDurationTooLong
            | Self::PackedTooLarge
            | Self::MalformedPolicy
            | Self::InvalidMessage => RefusalSubject::Parameters,
            Self::RegionDisabled
            | Self::AccountInactive
            | Self::NotSts
            | Self::Throttled
            | Self::Other => RefusalSubject::Service,
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Throttled | Self::ProviderUnreachable)
    }

    /// Whether STS does not accept the credentials that signed the request, whatever it is for.
    pub fn rejects_signer(self) -> bool {
        matches!(
            self,
            Self::InvalidCredentials | Self::Expired | Self::AccountInactive
        )
    }

    /// Stable code for the audit trail and for metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::TagSession => "tag_session",
            Self::SetSourceIdentity => "set_source_identity",
            Self::ServiceControlPolicy => "service_control_policy",
            Self::ResourceControlPolicy => "resource_control_policy",
            Self::ExternalId => "external_id",
            Self::ProviderNotRegistered => "provider_not_registered",
            Self::Audience => "audience",
            Self::Metadata => "metadata",
            Self::KeysUnreachable => "keys_unreachable",
            Self::Thumbprint => "thumbprint",
            Self::RoleClaim => "role_claim",
            Self::Subject => "subject",
            Self::InvalidProof => "invalid_proof",
            Self::RejectedClaim => "rejected_claim",
            Self::ProviderUnreachable => "provider_unreachable",
            Self::Expired => "expired",
            Self::DurationTooLong => "duration_too_long",
            Self::ChainedDurationTooLong => "chained_duration_too_long",
            Self::InvalidCredentials => "invalid_credentials",
            Self::PackedTooLarge => "packed_too_large",
            Self::MalformedPolicy => "malformed_policy",
            Self::RegionDisabled => "region_disabled",
            Self::AccountInactive => "account_inactive",
            Self::NotSts => "not_sts",
            Self::Throttled => "throttled",
            Self::InvalidMessage => "invalid_message",
            Self::Other => "other",
        }
    }
}
