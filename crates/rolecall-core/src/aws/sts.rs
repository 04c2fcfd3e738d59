//! AWS Security Token Service: requests, responses, refusals and the port.
//!
//! A request is an enum by operation, so it cannot have a parameter that its operation lacks.

use async_trait::async_trait;

use super::{
    CallerIdentity, Credentials, EarlierCalls, EncodedMessage, ExternalId, GetFederationToken,
    IntermediateSession, Partition, PolicyArn, Region, RoleArn, RoleSessionDuration,
    RoleSessionName, RoleSessionTags, SamlProviderArn, SessionPolicy, SourceIdentity, StsRefusal,
};
use crate::base::BoxError;
use crate::base::secret::{SamlResponse, SecretText, WebIdentityToken};

/// A request to STS, by operation.
#[derive(Clone, Debug)]
pub enum StsRequest {
    /// `AssumeRoleWithWebIdentity` with a token of the gateway.
    AssumeRoleWithWebIdentity(AssumeRoleWithWebIdentity),
    /// `AssumeRoleWithSAML` with a response of the gateway or of the person's provider.
    AssumeRoleWithSaml(AssumeRoleWithSaml),
    /// `AssumeRole`, once for each hop
    AssumeRole(AssumeRole),
    /// `GetFederationToken`, signed with the key of an IAM user.
    GetFederationToken(GetFederationToken),
}

/// The parameters of all operations, and the Region of the request.
#[derive(Clone, Debug)]
pub struct RoleSessionParameters {
    /// `RoleArn`
    pub role: RoleArn,
    /// Region whose endpoint is called first; default: the configured one.
    pub region: Option<Region>,
    /// `DurationSeconds`
    pub duration: RoleSessionDuration,
    /// `Policy`
    pub session_policy: Option<SessionPolicy>,
    /// `PolicyArns`: managed policies of the account, at most 10.
    pub policy_arns: Vec<PolicyArn>,
    /// Percent of STS's space that session policies and session tags probably take; not sent.
    pub predicted_percent: usize,
}

/// `AssumeRoleWithWebIdentity`. Source identity and session tags are claims of the token.
#[derive(Clone, Debug)]
pub struct AssumeRoleWithWebIdentity {
    /// The common parameters.
    pub session: RoleSessionParameters,
    /// `RoleSessionName`
    pub session_name: RoleSessionName,
    /// `WebIdentityToken`
    pub token: WebIdentityToken,
}

/// `AssumeRoleWithSAML`. Session name, source identity and session tags are attributes of the assertion.
#[derive(Clone, Debug)]
pub struct AssumeRoleWithSaml {
    /// The common parameters.
    pub session: RoleSessionParameters,
    /// `PrincipalArn`
    pub principal: SamlProviderArn,
    /// `SAMLAssertion`: the complete response in base64.
    pub response: SamlResponse,
}

/// `AssumeRole`, signed with the gateway's own credentials. With `via`, one role is assumed after the other: each call is signed
/// with the credentials of the role before.
///
/// External id, tags and source identity are parameters of the first call. The source identity follows the session by itself;
/// a tag does if it is transitive.
#[derive(Clone, Debug)]
pub struct AssumeRole {
    /// The common parameters. Session policies and duration are those of the last role.
    pub session: RoleSessionParameters,
    /// `RoleSessionName` of every role.
    pub session_name: RoleSessionName,
    /// `ExternalId`; `None` if the account configures none.
    pub external_id: Option<ExternalId>,
    /// `SourceIdentity`; `None` if the permission set configures none.
    pub source_identity: Option<SourceIdentity>,
    /// `Tags` and `TransitiveTagKeys`
    pub tags: RoleSessionTags,
    /// The intermediate roles, in order; none if the role is assumed directly.
    pub via: Vec<RoleArn>,
}

impl StsRequest {
    /// The parameters of the role session; none for a federated user.
    pub fn role_session(&self) -> Option<&RoleSessionParameters> {
        match self {
            Self::AssumeRoleWithWebIdentity(request) => Some(&request.session),
            Self::AssumeRoleWithSaml(request) => Some(&request.session),
            Self::AssumeRole(request) => Some(&request.session),
            Self::GetFederationToken(_) => None,
        }
    }

    /// The Region whose endpoint is asked first; none for the configured one.
    pub fn region(&self) -> Option<&Region> {
        match self {
            Self::AssumeRoleWithWebIdentity(AssumeRoleWithWebIdentity { session, .. })
            | Self::AssumeRoleWithSaml(AssumeRoleWithSaml { session, .. })
            | Self::AssumeRole(AssumeRole { session, .. }) => session.region.as_ref(),
            Self::GetFederationToken(request) => request.region.as_ref(),
        }
    }

    /// `DurationSeconds`
    pub fn duration(&self) -> RoleSessionDuration {
        match self {
            Self::AssumeRoleWithWebIdentity(AssumeRoleWithWebIdentity { session, .. })
            | Self::AssumeRoleWithSaml(AssumeRoleWithSaml { session, .. })
            | Self::AssumeRole(AssumeRole { session, .. }) => session.duration,
            Self::GetFederationToken(request) => request.duration,
        }
    }

    /// The predicted size of session policies and session tags, in percent of the limit.
    pub fn predicted_percent(&self) -> usize {
        match self {
            Self::AssumeRoleWithWebIdentity(AssumeRoleWithWebIdentity { session, .. })
            | Self::AssumeRoleWithSaml(AssumeRoleWithSaml { session, .. })
            | Self::AssumeRole(AssumeRole { session, .. }) => session.predicted_percent,
            Self::GetFederationToken(request) => request.predicted_percent,
        }
    }

    /// The partition in which the session is valid.
    pub fn partition(&self) -> Partition {
        match self {
            Self::AssumeRoleWithWebIdentity(AssumeRoleWithWebIdentity { session, .. })
            | Self::AssumeRoleWithSaml(AssumeRoleWithSaml { session, .. })
            | Self::AssumeRole(AssumeRole { session, .. }) => session.role.partition(),
            Self::GetFederationToken(request) => request.partition,
        }
    }
}

/// The successful response of STS.
#[derive(Clone, Debug)]
pub struct AssumedRole {
    /// Temporary credentials of the role session.
    pub credentials: Credentials,
    /// `AssumedRoleUser.Arn`
    pub assumed_role_arn: String,
    /// Request ID of STS.
    pub request_id: Option<String>,
    /// Region of the endpoint that responded.
    pub region: String,
    /// `PackedPolicySize`, in percent of the limit.
    pub packed_size_percent: Option<u8>,
    /// Number of earlier attempts to which STS may have responded with credentials that were lost.
    pub unanswered: u32,
    /// The sessions of the intermediate roles ([`AssumeRole::via`]), in order.
    pub via: Vec<IntermediateSession>,
}

/// Why a call to STS failed.
#[derive(Debug, thiserror::Error)]
pub enum StsError {
    /// AWS refused the request, or another server answered in its place ([`StsRefusal::NotSts`]).
    #[error("AWS refused: {code}: {message}")]
    Refused {
        /// The reason, from the error code and the message of AWS.
        refusal: StsRefusal,
        /// Error code of AWS; `HTTP` and the status if another server answered.
        code: String,
        /// Message of AWS, at most 512 characters, or the first words of the other server's response. It contains no secret.
        message: String,
        /// Request ID of STS.
        request_id: Option<String>,
    },
    /// The gateway has no AWS credentials of its own to sign the request with.
    #[error("the gateway has no AWS credentials")]
    NoCredentials(#[source] BoxError),
    /// No endpoint could be reached, or all of them failed.
    #[error("AWS STS is unavailable")]
    Unavailable(#[source] BoxError),
    /// No endpoint responded, but at least one received the complete request: it may have issued credentials that were
    /// lost.
    #[error("AWS STS received the request and did not respond")]
    Unanswered {
        /// Number of attempts to which STS may have responded.
        attempts: u32,
        /// The error of the last attempt.
        #[source]
        source: BoxError,
    },
    /// The request failed after STS had issued credentials for intermediate roles, or had not responded to other attempts.
    #[error("{error}")]
    AfterEarlierCalls {
        /// What STS issued, or may have issued.
        earlier: EarlierCalls,
        /// Why the request failed; not another error of this kind.
        #[source]
        error: Box<StsError>,
    },
}

/// AWS Security Token Service.
#[async_trait]
pub trait Sts: Send + Sync {
    /// Sends a request to the endpoint of the Region and, during an outage, to the fallback Regions.
    ///
    /// # Errors
    /// [`StsError`].
    async fn assume(&self, request: &StsRequest) -> Result<AssumedRole, StsError>;

    /// `GetCallerIdentity` with the gateway's own credentials.
    ///
    /// # Errors
    /// [`StsError`].
    async fn own_identity(&self) -> Result<CallerIdentity, StsError>;

    /// `GetCallerIdentity` with these credentials, at the Region's endpoint first.
    ///
    /// # Errors
    /// [`StsError`].
    async fn identity_of(
        &self,
        credentials: &Credentials,
        region: Option<&Region>,
    ) -> Result<CallerIdentity, StsError>;

    /// `DecodeAuthorizationMessage`, signed with these credentials. The answer is `DecodedMessage`: JSON that can contain details
    /// of the request, so it is neither logged nor stored.
    ///
    /// # Errors
    /// [`StsError`]; [`StsRefusal::InvalidMessage`] if AWS cannot read the message.
    async fn decode_authorization_message(
        &self,
        credentials: &Credentials,
        region: Option<&Region>,
        message: &EncodedMessage,
    ) -> Result<SecretText, StsError>;
}
