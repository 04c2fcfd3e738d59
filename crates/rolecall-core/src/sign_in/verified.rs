//! The result of a sign-in that a provider's adapter verified.

use chrono::{DateTime, Utc};

use super::{ProviderError, RejectReason};
use crate::base::secret::SecretDigest;
use crate::identity::Identity;

/// Something that counts once, and until when it could be shown again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayKey {
    /// Names it, among everything of its provider.
    pub digest: SecretDigest,
    /// After this it would be refused for its age.
    pub until: DateTime<Utc>,
}

/// The provider left the person's groups out because there are too many ("overage" of Entra ID): which groups they have is
/// not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupsOverage {
    /// What the provider's administrators can change, for the operator's log.
    pub advice: &'static str,
}

/// A person, as a provider has just vouched for them.
#[derive(Clone, Debug)]
pub struct VerifiedSignIn {
    /// Who. Without groups in an overage.
    pub identity: Identity,
    /// What vouched, where it is a bearer document that somebody could show again (SAML Profiles 4.1.4.5).
    pub once: Option<ReplayKey>,
    /// Whether the groups of the identity are unknown.
    pub groups_overage: Option<GroupsOverage>,
}

impl VerifiedSignIn {
    /// Refuses a person whose groups are not known: a deny by groups would not apply to them.
    ///
    /// # Errors
    /// [`RejectReason::TooManyGroups`].
    pub fn require_groups(&self) -> Result<(), ProviderError> {
        match &self.groups_overage {
            None => Ok(()),
            Some(GroupsOverage { advice }) => {
                let reason = RejectReason::TooManyGroups;
                Err(ProviderError::rejected(reason, *advice))
            }
        }
    }
}

impl From<Identity> for VerifiedSignIn {
    fn from(identity: Identity) -> Self {
        Self {
            identity,
            once: None,
            groups_overage: None,
        }
    }
}
