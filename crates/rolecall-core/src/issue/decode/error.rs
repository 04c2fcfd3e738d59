//! Why a message was not decoded.

use crate::access::Grant;
use crate::aws::{
    AccessDenied, DenyingPolicy, InvalidDecodedMessage, PolicyKind, RefusalSubject, StsError,
    StsRefusal,
};
use crate::base::BoxError;
use crate::issue::IssueError;

/// Why a role cannot be used to decode messages. AWS is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotDecode {
    /// Its credentials need a visit to the identity provider, and the message is not kept that long.
    #[error("the role requires a visit to your identity provider")]
    Browser,
    /// STS answers federated users to `GetCallerIdentity` alone (IAM User Guide, "Compare AWS STS credentials").
    #[error("AWS does not let federated users decode messages")]
    FederatedUser,
    /// The session policies of the permission set or variant do not allow it.
    #[error("the session policy of the role does not allow sts:DecodeAuthorizationMessage")]
    SessionPolicy,
    /// The statement that narrows the session policy does not fit into it.
    #[error("the session policy of the role is too long to be narrowed")]
    SessionPolicyTooLong,
}

/// Why a message was not decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// No credentials were issued to decode it with.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// AWS cannot read the message: it is incomplete, or of another account.
    #[error("AWS cannot read the encoded message")]
    InvalidMessage,
    /// AWS does not let the role decode messages.
    #[error("the role is not allowed to perform sts:DecodeAuthorizationMessage")]
    NotAllowed {
        /// The role's ARN.
        role: String,
        /// The policy that AWS names as the cause.
        cause: Option<DenyingPolicy>,
    },
    /// AWS refused for another reason.
    #[error("AWS refused: {code}")]
    Refused {
        /// The reason.
        refusal: StsRefusal,
        /// AWS's error code.
        code: String,
        /// AWS's message. It can repeat a part of the encoded message, so it is not logged.
        message: String,
    },
    /// STS did not answer.
    #[error("AWS STS is unavailable")]
    Unavailable(#[source] BoxError),
    /// STS answered something else.
    #[error(transparent)]
    InvalidAnswer(#[from] InvalidDecodedMessage),
}

impl DecodeError {
    /// A stable word for logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Issue(error) => error.code(),
            Self::InvalidMessage => "invalid_encoded_message",
            Self::NotAllowed { .. } => "decode_not_allowed",
            Self::Refused { .. } => "decode_refused",
            Self::Unavailable(_) => "sts_unavailable",
            Self::InvalidAnswer(_) => "invalid_decoded_message",
        }
    }

    /// What STS's error means for a session of this role.
    pub(super) fn of(error: StsError, grant: &Grant) -> Self {
        let (refusal, code, message) = match error {
            StsError::Refused {
                refusal,
                code,
                message,
                ..
            } => (refusal, code, message),
            StsError::Unavailable(source)
            | StsError::NoCredentials(source)
            | StsError::Unanswered { source, .. } => return Self::Unavailable(source),
            StsError::AfterEarlierCalls { error, .. } => return Self::of(*error, grant),
        };
        if refusal == StsRefusal::InvalidMessage {
            return Self::InvalidMessage;
        }
        let named = AccessDenied::read(&message).and_then(|denied| denied.denied_by);
        let cause = match refusal.subject() {
            RefusalSubject::Policies => named,
            RefusalSubject::Organization => Some(named.unwrap_or(DenyingPolicy {
                kind: match refusal == StsRefusal::ResourceControlPolicy {
                    true => PolicyKind::ResourceControl,
                    false => PolicyKind::ServiceControl,
                },
                explicit: true,
                arn: None,
            })),
            RefusalSubject::Proof
            | RefusalSubject::Signer
            | RefusalSubject::Parameters
            | RefusalSubject::Service => {
                return Self::Refused {
                    refusal,
                    code,
                    message,
                };
            }
        };
        Self::NotAllowed {
            role: grant.role().to_string(),
            cause,
        }
    }
}
