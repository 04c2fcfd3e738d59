//! Which roles a person may use at this moment.

use crate::access::{Circumstances, Grants};
use crate::aws::AccountId;
use crate::client_session::Flow;
use crate::session::{Holder, Origin};

use super::Gateway;

impl Gateway {
    /// Today's grants of the session's person, from where they are now.
    pub fn grants<'a>(&self, holder: impl Into<Holder<'a>>, origin: &Origin) -> Grants {
        let holder = holder.into();
        let circumstances = self.circumstances(holder, origin);
        self.policy.load().grants(holder.identity, &circumstances)
    }

    /// Those of them that are in one account.
    pub fn grants_in<'a>(
        &self,
        account: &AccountId,
        holder: impl Into<Holder<'a>>,
        origin: &Origin,
    ) -> Grants {
        let holder = holder.into();
        let circumstances = self.circumstances(holder, origin);
        let policy = self.policy.load();
        policy.grants_in(account, holder.identity, &circumstances)
    }

    fn circumstances(&self, holder: Holder<'_>, origin: &Origin) -> Circumstances {
        Circumstances {
            now: self.world.clock.now(),
            address: origin.address,
            device_flow: holder.flow == Some(Flow::Device),
        }
    }
}
