//! The person whose session ends.

use crate::audit::Actor;
use crate::base::secret::SecretDigest;
use crate::identity::{Identity, ProviderId, Subject, person_key};

/// The owner of a session that ends.
pub(crate) struct Owner {
    /// Key of the person; see [`Identity::key`].
    pub(crate) person: SecretDigest,
    /// The person for the audit trail, if the record of the session is lost.
    pub(super) actor: Actor,
}

impl Owner {
    pub(crate) fn of(provider: &ProviderId, subject: &Subject) -> Self {
        Self {
            person: person_key(provider, subject),
            actor: Actor {
                provider: provider.as_str().to_owned(),
                subject: subject.as_str().to_owned(),
                email: None,
            },
        }
    }
}

impl From<&Identity> for Owner {
    fn from(identity: &Identity) -> Self {
        Self {
            person: identity.key(),
            actor: Actor::from(identity),
        }
    }
}
