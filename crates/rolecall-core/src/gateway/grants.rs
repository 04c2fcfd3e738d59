//! Which roles a person may use at this moment.

use crate::access::{Circumstances, Grants, Locked};
use crate::client_session::Flow;
use crate::session::{Holder, Origin};

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
    pub fn grants<'a>(&self, holder: impl Into<Holder<'a>>, origin: &Origin) -> Grants {
        let holder = holder.into();
        let circumstances = Circumstances {
            now: self.world.clock.now(),
            address: origin.address,
            device_flow: holder.flow == Some(Flow::Device),
        };
        self.policy.load().grants(holder.identity, &circumstances)
    }
}
