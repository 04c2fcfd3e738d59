//! Which limit ends a session, in the words of every page and of the command line.

use std::fmt;

use crate::aws::RoleSessionDuration;

/// Which setting limits the duration of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DurationReason {
    /// An assignment; its ID.
    Assignment(String),
    /// The permission set; its name.
    PermissionSet(String),
    /// The variant; its name.
    Variant(String),
    /// AWS's default of one hour, because nothing is configured.
    AwsDefault,
    /// `MaxSessionDuration` of the IAM role, which AWS has enforced recently.
    RoleMaximum,
    /// `aws login`: its clients renew credentials every 15 minutes as long as the sign-in lasts.
    AwsLogin,
    /// Decoding of an authorization message: one request.
    Decode,
    /// `SessionNotOnOrAfter` or `SessionDuration` of the SAML response that AWS received.
    SamlResponse,
    /// One hour, the longest that STS allows for a role that is assumed with the credentials of another role.
    RoleChaining,
}

impl DurationReason {
    /// A duration and what limits it: `4 h, limited by permission set Developer`.
    pub fn line(&self, duration: RoleSessionDuration) -> String {
        format!("{duration}, limited by {self}")
    }
}

impl fmt::Display for DurationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assignment(id) => write!(f, "assignment {id}"),
            Self::PermissionSet(name) => write!(f, "permission set {name}"),
            Self::Variant(name) => write!(f, "variant {name}"),
            Self::AwsDefault => f.write_str("the default of AWS"),
            Self::RoleMaximum => f.write_str("the MaxSessionDuration of the IAM role"),
            Self::AwsLogin => f.write_str("aws login, which renews them until the sign-in ends"),
            Self::Decode => f.write_str("the one request that they are for"),
            Self::SamlResponse => f.write_str("the SAML response of the identity provider"),
            Self::RoleChaining => f.write_str("role chaining"),
        }
    }
}
