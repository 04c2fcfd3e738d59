//! Room for the bodies of SAML forms: they are large, and whoever likes can send them slowly.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rolecall_core::limits;
use rolecall_core::rate_limit::{AddressPrefix, Width, rate_limit_prefix};

/// The bytes of all forms that are being read or looked at.
#[derive(Default)]
pub struct FormRoom {
    // Not a Tokio mutex: nothing is awaited while it is held.
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_address: HashMap<Option<AddressPrefix>, usize>,
}

/// Room of one form, for as long as this exists.
pub struct TakenRoom {
    room: Arc<FormRoom>,
    address: Option<AddressPrefix>,
    bytes: usize,
}

impl FormRoom {
    /// Takes room for a form of so many bytes from this address. None where the address, or all together, have as much as
    /// they may ([`limits::SAML_FORMS_BYTES_MAX`]). A little is left to each address whatever others take, so that nobody
    /// can lock all others out.
    pub fn take(self: &Arc<Self>, address: Option<IpAddr>, bytes: usize) -> Option<TakenRoom> {
        let address = address.and_then(|address| rate_limit_prefix(address, Width::Address));
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let all = taken.all.saturating_add(bytes);
        let own = taken.by_address.get(&address).copied().unwrap_or(0);
        let own = own.saturating_add(bytes);
        let full = all > limits::SAML_FORMS_BYTES_MAX || own > limits::SAML_FORMS_BYTES_MAX / 8;
        if full && own > limits::SAML_FORMS_FEW_BYTES {
            return None;
        }
        taken.all = all;
        taken.by_address.insert(address, own);
        Some(TakenRoom {
            room: Arc::clone(self),
            address,
            bytes,
        })
    }
}

impl Drop for TakenRoom {
    fn drop(&mut self) {
        let taken = &self.room.taken;
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(self.bytes);
        if let Some(own) = taken.by_address.get_mut(&self.address) {
            *own = own.saturating_sub(self.bytes);
            if *own == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_all_together_have_a_bound() {
        let room = Arc::new(FormRoom::default());
        let share = limits::SAML_FORMS_BYTES_MAX / 8;
        let address = |last| Some(IpAddr::from([192, 0, 2, last]));
        let held: Vec<TakenRoom> = (0..8)
            .filter_map(|last| room.take(address(last), share))
            .collect();
        assert_eq!(held.len(), 8);
        assert!(room.take(address(1), 1).is_none());
        let few = limits::SAML_FORMS_FEW_BYTES;
        let others: Vec<TakenRoom> = (100..200)
            .filter_map(|last| room.take(address(last), few))
            .collect();
        assert_eq!(others.len(), 100, "each has a little when all is taken");
        assert!(room.take(address(100), 1).is_none());
        assert!(room.take(address(250), few + 1).is_none());
        drop((held, others));
        let mine = room.take(address(1), share);
        assert!(mine.is_some());
        assert!(room.take(address(1), 1).is_none(), "its share is taken");
        assert!(room.take(address(2), share).is_some());
        assert!(room.take(None, share).is_some());
        assert!(room.take(address(2), usize::MAX).is_none());
        drop(mine);
        let taken = room.taken.lock().unwrap();
        assert!(taken.all == 0 && taken.by_address.is_empty());
    }
}
