//! Which roles a person may use at this moment.

use crate::access::{Circumstances, Grants, Locked};
use crate::session::{Origin, Session};

use super::{Gateway, RoleRequest};

impl RoleRequest {
    /// The role among those that the person would have in other circumstances.
    pub fn find_locked(&self, grants: &Grants) -> Option<Locked> {
        grants.locked().find(|locked| {
            locked.account.id == self.account
                && locked.permission_set.name.as_str() == self.permission_set
                && locked
                    .variant
                    .as_ref()
                    .map(crate::access::VariantName::as_str)
                    == self.variant.as_deref()
        })
    }
}

impl Gateway {
    /// Today's grants of the session's person, from where they are now.
    pub fn grants(&self, session: &Session, origin: &Origin) -> Grants {
        self.policy
            .load()
            .grants(&session.identity, &self.circumstances(origin))
    }

    fn circumstances(&self, origin: &Origin) -> Circumstances {
        Circumstances {
            now: self.world.clock.now(),
            address: origin.address,
            device_flow: false,
        }
    }
}
