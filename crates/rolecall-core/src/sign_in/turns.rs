//! In which order SAML messages of strangers are verified, and how many of them may wait.
//!
//! Verifying takes a processor, and whoever likes can send messages, or make a page send them from somebody's network. So
//! addresses take turns: one that sends many messages holds up its own. Which of them are the provider's is known only
//! afterwards.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::audit::RequestContext;
use crate::base::limits;
use crate::record::rate_limit::{AddressShares, LimitExceeded, LimitName, ShareBounds};
use crate::sign_in::{OrderedBy, SignIns, Turn};

/// How many messages of one kind may be verified or wait for it at the same time.
const BOUNDS: ShareBounds = ShareBounds {
    all: limits::MESSAGES_WAITING_MAX,
    each: limits::MESSAGES_WAITING_OF_ADDRESS_MAX,
    reserved: limits::MESSAGES_WAITING_RESERVED,
    ceiling: 2 * limits::MESSAGES_WAITING_MAX,
};

/// When a message may be sent again whose address has too many that wait.
const RETRY_AFTER: TimeDelta = limits::SAML_VERIFICATION_WAIT_MAX;

/// The messages that are being verified or wait for it, by how they came. Any page can load a frame, so these have
/// places of their own.
#[derive(Debug)]
pub(crate) struct WaitingMessages {
    answers: Arc<AddressShares>,
    unasked: Arc<AddressShares>,
    frames: Arc<AddressShares>,
}

/// How a message came.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message {
    /// It answers a sign-in or a sign-out that was begun here.
    Answer,
    /// Nobody here asked for it.
    Unasked(OrderedBy),
}

impl Default for WaitingMessages {
    fn default() -> Self {
        let shares = || AddressShares::new(BOUNDS);
        Self {
            answers: shares(),
            unasked: shares(),
            frames: shares(),
        }
    }
}

impl SignIns {
    /// The place of a message of this address among those that wait.
    ///
    /// # Errors
    /// [`LimitExceeded`], when too many messages of the address wait already.
    pub(crate) fn turn(
        &self,
        context: &RequestContext,
        message: Message,
    ) -> Result<Turn, LimitExceeded> {
        let waiting = match message {
            Message::Answer => &self.waiting.answers,
            Message::Unasked(OrderedBy::Navigation) => &self.waiting.unasked,
            Message::Unasked(OrderedBy::Frame) => &self.waiting.frames,
        };
        let share = waiting.take(context.origin.address, 1);
        share.map(Turn::Of).ok_or(LimitExceeded {
            limit: LimitName::WaitingMessages,
            retry_after: RETRY_AFTER,
        })
    }
}
