//! Messages that an address over its limit may still have verified: in turn, and a bounded number of them.
//!
//! Whoever sends messages that fail verification, or makes a page do so in somebody's browser, uses up the limit of that
//! address. The provider's own messages come by the same address, and which is which is known only afterwards; so they are
//! not refused for it, but wait for their turn.

use crate::limits;
use crate::rate_limit::{AddressShares, LimitExceeded, LimitName, ShareBounds};
use crate::sign_in::Turn;

use super::{Gateway, RequestContext};

/// How many messages may be in turn at the same time.
pub(super) const BOUNDS: ShareBounds = ShareBounds {
    all: limits::SLOW_LANE_MAX,
    each: limits::SLOW_LANE_OF_ADDRESS_MAX,
    few: limits::SLOW_LANE_FEW,
};

impl Gateway {
    /// When a message of this address is verified that nobody here asked for. What can be refused for free is refused
    /// before this is asked.
    ///
    /// # Errors
    /// The limit that was exceeded, when too many messages of the address wait already.
    pub(super) fn turn(
        &self,
        context: &RequestContext,
        limit: LimitName,
    ) -> Result<Turn, LimitExceeded> {
        let Some(exceeded) = self.too_many_refusals(context, limit) else {
            return Ok(Turn::AtOnce);
        };
        let share = AddressShares::take(&self.in_turn, context.origin.address, 1);
        share.map(Turn::InTurn).ok_or(exceeded)
    }
}
