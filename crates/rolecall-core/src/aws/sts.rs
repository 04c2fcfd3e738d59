//! AWS's Security Token Service: requests, answers, refusals and the port.
//!
//! A request is a sum type by operation, so that no request can carry a parameter that its operation lacks.

use async_trait::async_trait;

use super::{
    Credentials, PolicyArn, Region, RoleArn, RoleSessionDuration, RoleSessionName, SamlProviderArn,
    SessionPolicy,
};
use crate::base::Source;
use crate::base::secret::{SamlResponse, WebIdentityToken};

/// One request to STS, by operation.
#[derive(Clone, Debug)]
pub enum StsRequest {
    /// `AssumeRoleWithWebIdentity`
    AssumeRoleWithWebIdentity(AssumeRoleWithWebIdentity),
    /// `AssumeRoleWithSAML`
    AssumeRoleWithSaml(AssumeRoleWithSaml),
}

/// The parameters that all operations take, and the Region whose STS gets the request.
#[derive(Clone, Debug)]
pub struct RoleSessionParameters {
    /// `RoleArn`
    pub role: RoleArn,
    /// The Region whose endpoint is asked first; the configured one when the account names none.
    pub region: Option<Region>,
    /// `DurationSeconds`
    pub duration: RoleSessionDuration,
    /// `Policy`
    pub session_policy: Option<SessionPolicy>,
    /// `PolicyArns`
    pub policy_arns: Vec<PolicyArn>,
}

/// `AssumeRoleWithWebIdentity`: source identity and session tags are claims of the token.
#[derive(Clone, Debug)]
pub struct AssumeRoleWithWebIdentity {
    /// The common parameters.
    pub session: RoleSessionParameters,
    /// `RoleSessionName`
    pub session_name: RoleSessionName,
    /// `WebIdentityToken`
    pub token: WebIdentityToken,
}

/// `AssumeRoleWithSAML`: session name, source identity and session tags are attributes of the assertion.
#[derive(Clone, Debug)]
pub struct AssumeRoleWithSaml {
    /// The common parameters.
    pub session: RoleSessionParameters,
    /// `PrincipalArn`
    pub principal: SamlProviderArn,
    /// `SAMLAssertion`: the whole response, in base64.
    pub response: SamlResponse,
}

impl StsRequest {
    /// The parameters that every operation takes.
    pub fn session(&self) -> &RoleSessionParameters {
        match self {
            Self::AssumeRoleWithWebIdentity(request) => &request.session,
            Self::AssumeRoleWithSaml(request) => &request.session,
        }
    }
}

/// What STS answered.
#[derive(Clone, Debug)]
pub struct AssumedRole {
    /// The credentials.
    pub credentials: Credentials,
    /// `AssumedRoleUser.Arn`
    pub assumed_role_arn: String,
    /// STS's request id.
    pub request_id: Option<String>,
    /// The Region whose endpoint answered.
    pub region: String,
    /// `PackedPolicySize` or its successor, in percent of what fits.
    pub packed_size_percent: Option<u8>,
    /// Earlier tries that STS may have answered too, with credentials which never arrived.
    pub unanswered: u32,
}

/// AWS's reasons to refuse (STS API Reference: the errors of the `AssumeRole*` operations), as far as somebody can act on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StsRefusal {
    /// `AccessDenied`: the role is not there, or its trust policy does not let this token in (`sts:TagSession` and
    /// `sts:SetSourceIdentity` included).
    AccessDenied,
    /// `InvalidIdentityToken`, "No OpenIDConnect provider found" or "Specified provider doesn't exist": the account does
    /// not know the issuer.
    ProviderNotRegistered,
    /// `InvalidIdentityToken`, "Incorrect token audience" or "Response does not contain the required audience".
    Audience,
    /// `InvalidIdentityToken`, "Response signature invalid" or "Issuer not present in specified provider": the account's
    /// SAML provider has other metadata than the signer of today.
    Metadata,
    /// `InvalidIdentityToken`, "Couldn't retrieve verification key": AWS cannot read our keys.
    KeysUnreachable,
    /// `InvalidIdentityToken`, "The target role ARN is not present in the roles claim": the token is for another role.
    RoleClaim,
    /// `InvalidIdentityToken`, anything else.
    InvalidProof,
    /// `IDPRejectedClaim`
    RejectedClaim,
    /// `IDPCommunicationError`: AWS could not reach the issuer, even when asked again.
    ProviderUnreachable,
    /// `ExpiredTokenException`: our clock or AWS's is off.
    Expired,
    /// `ValidationError`: longer than the role's `MaxSessionDuration`.
    DurationTooLong,
    /// `PackedPolicyTooLarge`: session policies and tags together.
    PackedTooLarge,
    /// `MalformedPolicyDocument`
    MalformedPolicy,
    /// `RegionDisabledException`
    RegionDisabled,
    /// `Throttling` and its like, also after retries.
    Throttled,
    /// A code we have no advice for.
    Other,
}

impl StsRefusal {
    /// Whether the same request may well succeed in a while.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Throttled | Self::ProviderUnreachable)
    }

    /// A stable word for the audit trail and for metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::ProviderNotRegistered => "provider_not_registered",
            Self::Audience => "audience",
            Self::Metadata => "metadata",
            Self::KeysUnreachable => "keys_unreachable",
            Self::RoleClaim => "role_claim",
            Self::InvalidProof => "invalid_proof",
            Self::RejectedClaim => "rejected_claim",
            Self::ProviderUnreachable => "provider_unreachable",
            Self::Expired => "expired",
            Self::DurationTooLong => "duration_too_long",
            Self::PackedTooLarge => "packed_too_large",
            Self::MalformedPolicy => "malformed_policy",
            Self::RegionDisabled => "region_disabled",
            Self::Throttled => "throttled",
            Self::Other => "other",
        }
    }
}

/// What a call to STS can end in.
#[derive(Debug, thiserror::Error)]
pub enum StsError {
    /// AWS said no.
    #[error("AWS refused: {code}: {message}")]
    Refused {
        /// What somebody can act on.
        refusal: StsRefusal,
        /// AWS's error code.
        code: String,
        /// AWS's message, at most 512 characters; it names no secret.
        message: String,
        /// STS's request id.
        request_id: Option<String>,
    },
    /// No endpoint could be reached, or all failed.
    #[error("AWS STS is unavailable")]
    Unavailable(#[source] Source),
    /// No endpoint answered, but at least one was sent the whole request: it may have issued credentials which never arrived.
    #[error("AWS STS was asked and did not answer")]
    Unanswered {
        /// How many tries it may have answered.
        tries: u32,
        /// What happened.
        #[source]
        source: Source,
    },
}

/// AWS's Security Token Service.
#[async_trait]
pub trait Sts: Send + Sync {
    /// One request, at the Region's endpoint and, in an outage, at the fallbacks.
    ///
    /// # Errors
    /// [`StsError`].
    async fn assume(&self, request: &StsRequest) -> Result<AssumedRole, StsError>;
}
