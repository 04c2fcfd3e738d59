//! `GetFederationToken` (STS): temporary credentials that are derived from the long-term access key of an IAM user.

use std::fmt;
use std::sync::Arc;

use super::name::unique_name;
use super::{
    AccountId, Partition, PolicyArn, Region, RoleSessionDuration, RoleSessionTags, SessionPolicy,
};
use crate::base::secret::SecretText;
use crate::base::text_newtype;
use crate::identity::Identity;

text_newtype!(
    /// The id of a long-term access key. It is not a secret.
    AccessKeyId,
    InvalidAccessKeyId,
    "the id of a long-term access key begins with AKIA and has 16 to 128 characters of A-Z 0-9",
    |text| (16..=128).contains(&text.len())
        && text.starts_with("AKIA")
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
);

/// The long-term access key of an IAM user.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// `aws_access_key_id`
    pub id: AccessKeyId,
    /// `aws_secret_access_key`
    pub secret: SecretText,
}

impl AccessKey {
    /// Stands for a key that was not read, in a policy that is only examined. AWS does not accept it.
    pub(crate) fn unread() -> Self {
        Self {
            id: AccessKeyId("AKIA000000000000".into()),
            secret: SecretText::new(""),
        }
    }
}

/// `Name` (STS): 2 to 32 characters of `[\w+=,.@-]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FederatedUserName(Arc<str>);

impl FederatedUserName {
    /// Maximum length that STS accepts, in characters.
    const CHARS_MAX: usize = 32;

    /// Derives the name from the identity as [`super::RoleSessionName::of`] does: always the same name for one person, and
    /// different names for different people.
    pub fn of(identity: &Identity) -> Self {
        Self(unique_name(identity, Self::CHARS_MAX))
    }

    /// The value of `Name`: 2 to 32 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The ARN of the session in an account.
    pub fn arn(&self, partition: Partition, account: &AccountId) -> String {
        format!("arn:{partition}:sts::{account}:federated-user/{self}")
    }
}

impl fmt::Display for FederatedUserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `GetFederationToken`, signed with the key of an IAM user of the account. There is no role and no source identity.
#[derive(Clone, Debug)]
pub struct GetFederationToken {
    /// The partition of the account.
    pub partition: Partition,
    /// The account of the IAM user.
    pub account: AccountId,
    /// The Region whose endpoint is asked first; the configured one when the account names none.
    pub region: Option<Region>,
    /// The key that signs the request.
    pub key: AccessKey,
    /// `Name` of the federated user.
    pub name: FederatedUserName,
    /// `DurationSeconds`
    pub duration: RoleSessionDuration,
    /// `Policy`. Without this and `policy_arns` the session has no permissions.
    pub session_policy: Option<SessionPolicy>,
    /// `PolicyArns`: managed policies of the account, at most 10.
    pub policy_arns: Vec<PolicyArn>,
    /// As in [`super::RoleSessionParameters`].
    pub predicted_percent: usize,
    /// `Tags`: session tags; at most 50.
    pub tags: RoleSessionTags,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_long_term_one() {
        assert!(AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").is_ok());
        for bad in [
            "",
            "AKIA",
            "ASIAIOSFODNN7EXAMPLE",
            "AKIAIOSFODNN7exAMPLE",
            "AKIAIOSFODNN7 EXAMPLE",
        ] {
            assert!(AccessKeyId::parse(bad).is_err(), "{bad}");
        }
    }
}
