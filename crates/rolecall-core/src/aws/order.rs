//! The order to STS: a role, a proof and a duration. STS's own asymmetries are a sum type, so no call can carry a
//! parameter that its operation lacks.

use std::num::NonZeroU32;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Credentials, PolicyArn, Region, RoleArn, RoleSessionName, RoleSessionTags, SamlProviderArn,
    SessionPolicy, SourceIdentity,
};
use crate::base::Source;
use crate::base::secret::{SamlResponse, SecretText, WebIdentityToken};
use crate::identity::Subject;

/// `DurationSeconds` (STS): 900 to 43,200 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoleSessionDuration(NonZeroU32);

impl RoleSessionDuration {
    /// AWS's shortest: 15 minutes.
    pub const MIN: Self = Self(NonZeroU32::new(900).unwrap());
    /// AWS's default: one hour.
    pub const DEFAULT: Self = Self(NonZeroU32::new(3_600).unwrap());
    /// AWS's longest: 12 hours.
    pub const MAX: Self = Self(NonZeroU32::new(43_200).unwrap());

    /// Parses a number of seconds; none outside AWS's bounds.
    pub fn from_seconds(seconds: u32) -> Option<Self> {
        NonZeroU32::new(seconds)
            .map(Self)
            .filter(|duration| (Self::MIN..=Self::MAX).contains(duration))
    }

    /// Seconds.
    pub fn seconds(self) -> u32 {
        self.0.get()
    }

    /// As a span of time.
    pub fn as_delta(self) -> TimeDelta {
        TimeDelta::seconds(i64::from(self.0.get()))
    }
}

impl std::fmt::Display for RoleSessionDuration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (hours, minutes, seconds) = (
            self.seconds() / 3_600,
            self.seconds() / 60 % 60,
            self.seconds() % 60,
        );
        let parts = [(hours, "h"), (minutes, "min"), (seconds, "s")];
        let mut first = true;
        for (amount, unit) in parts.into_iter().filter(|(amount, _)| *amount > 0) {
            write!(f, "{}{amount} {unit}", if first { "" } else { " " })?;
            first = false;
        }
        Ok(())
    }
}

/// What STS is shown.
#[derive(Clone, Debug)]
pub enum Proof {
    /// `AssumeRoleWithWebIdentity`: source identity and tags ride in the token.
    WebIdentity {
        /// `RoleSessionName`
        session_name: RoleSessionName,
        /// `WebIdentityToken`
        token: WebIdentityToken,
    },
    /// `AssumeRoleWithSAML`: even the session name rides in the assertion.
    Saml {
        /// `PrincipalArn`
        principal: SamlProviderArn,
        /// `SAMLAssertion`
        response: SamlResponse,
    },
}

/// Everything one call to STS needs.
#[derive(Clone, Debug)]
pub struct AssumeRole {
    /// `RoleArn`
    pub role: RoleArn,
    /// What convinces STS.
    pub proof: Proof,
    /// The Region whose endpoint is asked first; the configured one when the account names none.
    pub region: Option<Region>,
    /// `DurationSeconds`
    pub duration: RoleSessionDuration,
    /// `Policy`
    pub session_policy: Option<SessionPolicy>,
    /// `PolicyArns`
    pub policy_arns: Vec<PolicyArn>,
}

/// What STS answered.
#[derive(Clone, Debug)]
pub struct Issued {
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

/// AWS's reasons to refuse (`aws-protocol` of STS: the error codes of `AssumeRole*`), as far as somebody can act on them.
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
    /// One call of the operation that the proof names, at the Region's endpoint and, in an outage, at the fallbacks.
    ///
    /// # Errors
    /// [`StsError`].
    async fn assume(&self, order: &AssumeRole) -> Result<Issued, StsError>;
}

/// What a token for AWS says (section 2.3 of AWS's web identity rules).
#[derive(Clone, Debug)]
pub struct WebIdentityClaims {
    /// `sub`, 6 to 255 characters: provider and subject.
    pub subject: Subject,
    /// `aud`: a single text, one of the client ids of the account's OIDC provider.
    pub audience: String,
    /// `https://aws.amazon.com/tags`
    pub tags: RoleSessionTags,
    /// `https://aws.amazon.com/source_identity`
    pub source_identity: Option<SourceIdentity>,
}

/// What the ID token of `aws login` says (AWS Sign-In, `CreateOAuth2Token`). It names the session to the client, which
/// takes account and profile from `sub`; nobody is convinced of anything by it.
#[derive(Clone, Debug)]
pub struct LoginTokenClaims {
    /// `sub`: the session's ARN.
    pub session_arn: String,
    /// `aud`: the client id.
    pub client_id: &'static str,
    /// `exp`: when the session ends at the latest.
    pub expires_at: DateTime<Utc>,
}

/// Mints tokens that IAM trusts, signed with the gateway's own key.
#[async_trait]
pub trait WebIdentityIssuer: Send + Sync {
    /// A token of at most [`crate::base::limits::WEB_IDENTITY_TOKEN_LIFE`].
    ///
    /// # Errors
    /// When no key can sign, or the token is larger than STS takes.
    async fn mint(&self, claims: &WebIdentityClaims) -> Result<WebIdentityToken, Source>;

    /// The ID token of `aws login`. Its issuer is not the one that IAM knows, so that no account can take it for a
    /// [`WebIdentityToken`].
    ///
    /// # Errors
    /// When no key can sign.
    async fn mint_login_token(&self, claims: &LoginTokenClaims) -> Result<SecretText, Source>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_to_aws_bounds_and_read_well() {
        assert_eq!(RoleSessionDuration::from_seconds(899), None);
        assert_eq!(RoleSessionDuration::from_seconds(43_201), None);
        assert_eq!(
            RoleSessionDuration::from_seconds(5_400).map(|d| d.to_string()),
            Some("1 h 30 min".to_owned())
        );
        assert_eq!(RoleSessionDuration::MIN.to_string(), "15 min");
    }
}
