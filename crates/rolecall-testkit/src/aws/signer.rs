//! Who signed a request: an IAM user with a long-term key, or a session.

use std::sync::Arc;

use super::iam::IamUser;
use super::state::{IssuedSession, SessionKind};

/// See the module.
pub(super) enum Signer {
    User(Arc<IamUser>),
    Session(Arc<IssuedSession>),
}

impl Signer {
    pub fn arn(&self) -> &str {
        match self {
            Signer::User(user) => &user.arn,
            Signer::Session(session) => &session.assumed_role_arn,
        }
    }

    /// `UserId`
    pub fn id(&self) -> &str {
        match self {
            Signer::User(user) => &user.id,
            Signer::Session(session) => &session.assumed_role_id,
        }
    }

    pub fn account(&self) -> &str {
        match self {
            Signer::User(user) => &user.account,
            Signer::Session(session) => &session.account_id,
        }
    }

    pub fn secret_access_key(&self) -> &str {
        match self {
            Signer::User(user) => &user.secret_access_key,
            Signer::Session(session) => &session.secret_access_key,
        }
    }

    /// The session, if the request was not signed with a long-term key.
    pub fn session(&self) -> Option<&IssuedSession> {
        match self {
            Signer::User(_) => None,
            Signer::Session(session) => Some(session),
        }
    }

    /// Whether it may call an operation that issues credentials at all.
    pub fn may_assume_roles(&self) -> bool {
        self.session()
            .is_none_or(|session| session.kind != SessionKind::FederatedUser)
    }

    /// `aws:PrincipalArn`: the ARN of the user or of the session's role.
    pub fn principal_arn(&self) -> &str {
        match self {
            Signer::User(user) => &user.arn,
            Signer::Session(session) => &session.role_arn,
        }
    }

    /// The ARNs by which a trust policy can name it.
    pub fn names(&self) -> Vec<String> {
        vec![
            self.arn().to_owned(),
            self.principal_arn().to_owned(),
            format!("arn:aws:iam::{}:root", self.account()),
        ]
    }
}
