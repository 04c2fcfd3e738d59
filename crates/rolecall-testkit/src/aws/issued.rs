//! Issued sessions.

use std::fmt;

use chrono::{DateTime, Utc};

/// An issued role session.
pub struct IssuedSession {
    /// Access key ID, `ASIA…`.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Session token.
    pub session_token: String,
    /// Time of issue.
    pub issued_at: DateTime<Utc>,
    /// Time of expiry.
    pub expiration: DateTime<Utc>,
    /// The operation that issued it.
    pub kind: SessionKind,
    /// The account of the role.
    pub account_id: String,
    /// `arn:aws:iam::…:role/path/name`; empty for a federated user.
    pub role_arn: String,
    /// `arn:aws:sts::…:assumed-role/name/session`, or `…:federated-user/name`.
    pub assumed_role_arn: String,
    /// `AROA…:session`, or `account:name`.
    pub assumed_role_id: String,
    /// `sub` of the token, `NameID` of the SAML response, or the ARN of who signed the request.
    pub subject: String,
    /// Source identity, if the token or response has one.
    pub source_identity: Option<String>,
    /// Session tags, in the order of the token or response.
    pub tags: Vec<(String, String)>,
    /// Keys of the transitive tags.
    pub transitive_tag_keys: Vec<String>,
    /// ARN of the identity provider, if one vouched for the person.
    pub provider_arn: Option<String>,
    /// Whether the credentials were requested with an MFA code.
    pub mfa: bool,
    /// `Policy`
    pub policy: Option<String>,
    /// `PolicyArns`
    pub policy_arns: Vec<String>,
}

/// How a session came about, which decides what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// `AssumeRoleWithWebIdentity` or `AssumeRoleWithSAML`.
    Federated,
    /// `AssumeRole`, called with the keys of an IAM user.
    Assumed,
    /// `AssumeRole`, called with the credentials of a role session.
    Chained,
    /// `GetFederationToken`.
    FederatedUser,
    /// `GetSessionToken`.
    User,
}

impl IssuedSession {
    /// Whether the session has no permissions without a session policy.
    pub(super) fn needs_session_policy(&self) -> bool {
        self.kind == SessionKind::FederatedUser
    }
}

impl SessionKind {
    /// Whether the console's sign-in endpoint takes a `SessionDuration` for it.
    pub(super) fn takes_session_duration(self) -> bool {
        match self {
            SessionKind::Federated | SessionKind::Assumed => true,
            SessionKind::Chained | SessionKind::FederatedUser | SessionKind::User => false,
        }
    }
}

impl fmt::Debug for IssuedSession {
    /// Omits the secret access key and the session token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedSession")
            .field("access_key_id", &self.access_key_id)
            .field("assumed_role_arn", &self.assumed_role_arn)
            .field("expiration", &self.expiration)
            .field("source_identity", &self.source_identity)
            .field("tags", &self.tags)
            .finish_non_exhaustive()
    }
}
