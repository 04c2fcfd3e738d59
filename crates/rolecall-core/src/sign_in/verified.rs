//! The result of a sign-in that a provider's adapter verified.

use chrono::{DateTime, Utc};

use super::{ProviderError, RejectReason};
use crate::aws::ProviderIdToken;
use crate::base::secret::SecretDigest;
use crate::identity::Identity;

/// Identifies a message that is accepted once, and the time until which a replay must be detected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayKey {
    /// Digest of the message's identifier, unique for its provider.
    pub digest: SecretDigest,
    /// Time after which the message is rejected as too old.
    pub until: DateTime<Utc>,
}

/// The provider omitted the person's groups because there are too many ("overage" of Entra ID), so the groups are
/// unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupsOverage {
    /// What the provider's administrators can change, for the operator's log.
    pub advice: &'static str,
}

/// Verified result of a sign-in at a provider.
#[derive(Clone, Debug)]
pub struct VerifiedSignIn {
    /// Identity of the person; without groups in an overage.
    pub identity: Identity,
    /// Key of the bearer assertion, which could be replayed (SAML Profiles 4.1.4.5).
    pub replay_key: Option<ReplayKey>,
    /// Set if the groups of the person are unknown.
    pub groups_overage: Option<GroupsOverage>,
    /// The ID token, for accounts that trust the provider directly; none for SAML providers.
    pub id_token: Option<ProviderIdToken>,
}

impl VerifiedSignIn {
    /// Refuses a person whose groups are unknown: a deny rule by group would not apply to them.
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
            replay_key: None,
            groups_overage: None,
            id_token: None,
        }
    }
}
