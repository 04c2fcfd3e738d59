//! The answer of `GetCallerIdentity` (STS): whose credentials signed a request.

use std::fmt;

use super::{AccountId, Partition, RoleArn};

/// Length of `UserId`: the ID of a role, a colon and a session name of 64 characters.
const USER_ID_BYTES_MAX: usize = 256;

/// Which kind of principal an ARN names (IAM User Guide, "IAM identifiers").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalKind {
    /// An IAM user: `arn:aws:iam::111122223333:user/gateway`.
    User,
    /// A session of a role: `arn:aws:sts::111122223333:assumed-role/NAME/SESSION`.
    RoleSession,
    /// A session of `GetFederationToken`: `arn:aws:sts::111122223333:federated-user/NAME`. It cannot assume roles.
    FederatedUser,
    /// The root user of the account. It cannot assume roles.
    Root,
}

/// `Arn` of `GetCallerIdentity`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    arn: String,
    partition: Partition,
    account: AccountId,
    kind: PrincipalKind,
    /// The name of the user, of the role without its path, or of the federated user.
    name: String,
    user_id: String,
}

/// A text is not the ARN of a principal that can sign requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("STS answered with an ARN that names no user and no role session")]
pub struct InvalidCallerIdentity;

impl CallerIdentity {
    /// Parses the ARN.
    ///
    /// # Errors
    /// [`InvalidCallerIdentity`].
    pub fn parse(arn: &str) -> Result<Self, InvalidCallerIdentity> {
        Self::from_arn(arn).ok_or(InvalidCallerIdentity)
    }

    fn from_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.strip_prefix("arn:")?.splitn(5, ':');
        let partition = Partition::parse(parts.next()?)?;
        let (service, region) = (parts.next()?, parts.next()?);
        let account = AccountId::parse(parts.next()?).ok()?;
        let resource = parts.next()?;
        let (prefix, rest) = resource.split_once('/').unwrap_or((resource, ""));
        let (kind, name) = match (service, prefix) {
            ("iam", "user") => (PrincipalKind::User, rest.rsplit('/').next()?),
            ("iam", "root") if rest.is_empty() => (PrincipalKind::Root, "root"),
            ("sts", "assumed-role") => {
                let (role, session) = rest.split_once('/')?;
                let whole = !session.is_empty() && !session.contains('/');
                (PrincipalKind::RoleSession, whole.then_some(role)?)
            }
            ("sts", "federated-user") => (PrincipalKind::FederatedUser, rest),
            _ => return None,
        };
        let sound =
            region.is_empty() && !name.is_empty() && arn.bytes().all(|b| b.is_ascii_graphic());
        sound.then(|| Self {
            arn: arn.to_owned(),
            partition,
            account,
            kind,
            name: name.to_owned(),
            user_id: String::new(),
        })
    }

    /// The same, with `UserId`. A value that no document of AWS allows is left out.
    #[must_use]
    pub fn with_user_id(self, user_id: &str) -> Self {
        let is_valid =
            user_id.len() <= USER_ID_BYTES_MAX && user_id.bytes().all(|b| b.is_ascii_graphic());
        let user_id = if is_valid { user_id } else { "" };
        Self {
            user_id: user_id.to_owned(),
            ..self
        }
    }

    /// `Arn` as AWS returned it.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// `UserId`: the ID of the role and the session name, or the ID of the user; empty if it is unknown.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// AWS account of the principal, from the ARN.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// Partition of the principal, from the ARN.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The kind of principal.
    pub fn kind(&self) -> PrincipalKind {
        self.kind
    }

    /// Whether it is a session of this role. The ARN of a session does not contain the path of its role.
    pub fn is_session_of(&self, role: &RoleArn) -> bool {
        self.kind == PrincipalKind::RoleSession
            && self.partition == role.partition()
            && self.account == *role.account()
            && self.name == role.role().name()
    }
}

impl fmt::Display for CallerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_principal_is_told_apart() {
        for (arn, kind, name) in [
            (
                "arn:aws:iam::111122223333:user/tools/gateway",
                PrincipalKind::User,
                "gateway",
            ),
            (
                "arn:aws-cn:sts::111122223333:assumed-role/hub/i-0123",
                PrincipalKind::RoleSession,
                "hub",
            ),
            (
                "arn:aws:sts::111122223333:federated-user/alice",
                PrincipalKind::FederatedUser,
                "alice",
            ),
            (
                "arn:aws:iam::111122223333:root",
                PrincipalKind::Root,
                "root",
            ),
        ] {
            let caller = CallerIdentity::parse(arn).unwrap();
            assert_eq!((caller.kind(), &*caller.name), (kind, name), "{arn}");
            assert_eq!(caller.to_string(), arn);
        }
        for bad in [
            "",
            "arn:aws:iam::111122223333:role/hub",
            "arn:aws:sts::111122223333:assumed-role/hub",
            "arn:aws:sts::111122223333:assumed-role/hub/",
            "arn:aws:sts::111122223333:assumed-role/hub/a/b",
            "arn:aws:sts::111122223333:assumed-role//a",
            "arn:aws:sts:eu-west-1:111122223333:assumed-role/hub/a",
            "arn:aws:iam::1111:user/x",
            "arn:aws:iam::111122223333:user/",
            "arn:aws:iam::111122223333:user/a b",
            "arn:aws-x:iam::111122223333:user/a",
        ] {
            assert_eq!(
                CallerIdentity::parse(bad),
                Err(InvalidCallerIdentity),
                "{bad}"
            );
        }
    }

    #[test]
    fn user_id_is_one_word() {
        let caller = CallerIdentity::parse("arn:aws:iam::111122223333:root").unwrap();
        for (given, kept) in [
            (
                "AROAEXAMPLE:alice@example.com",
                "AROAEXAMPLE:alice@example.com",
            ),
            ("AROA EXAMPLE", ""),
            ("AROA\u{202e}", ""),
            (&"A".repeat(257), ""),
        ] {
            assert_eq!(
                caller.clone().with_user_id(given).user_id(),
                kept,
                "{given}"
            );
        }
    }

    #[test]
    fn a_session_is_one_of_its_role_in_its_account_and_partition() {
        let role: RoleArn = "arn:aws:iam::111122223333:role/rolecall/Developer"
            .parse()
            .unwrap();
        for (arn, expected) in [
            (
                "arn:aws:sts::111122223333:assumed-role/Developer/alice",
                true,
            ),
            (
                "arn:aws:sts::111122223333:assumed-role/developer/alice",
                false,
            ),
            (
                "arn:aws:sts::444455556666:assumed-role/Developer/alice",
                false,
            ),
            (
                "arn:aws-cn:sts::111122223333:assumed-role/Developer/alice",
                false,
            ),
            ("arn:aws:iam::111122223333:user/Developer", false),
            ("arn:aws:sts::111122223333:federated-user/Developer", false),
        ] {
            let caller = CallerIdentity::parse(arn).unwrap();
            assert_eq!(caller.is_session_of(&role), expected, "{arn}");
        }
    }
}
