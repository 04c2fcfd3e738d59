//! In which order SAML messages of strangers are verified, and how many of them may wait.
//!
//! Verifying takes a processor, and whoever likes can send messages, or make a page send them from somebody's network. So
//! addresses take turns: one that sends many messages holds up its own. Which of them are the provider's is known only
//! afterwards.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::audit::RequestContext;
use crate::base::limits;
use crate::record::rate_limit::{AddressShares, LimitExceeded, LimitName, Share, ShareBounds};
use crate::sign_in::{OrderedBy, SignIns, Turn};

/// How many messages of one kind may be verified or wait for it at the same time.
const BOUNDS: ShareBounds = ShareBounds {
    all: limits::MESSAGES_WAITING_MAX,
    each: limits::MESSAGES_WAITING_OF_ADDRESS_MAX,
    reserved: limits::MESSAGES_WAITING_RESERVED,
    ceiling: 2 * limits::MESSAGES_WAITING_MAX,
};

/// The bytes of SAML forms that may be read or looked at, at the same time.
const FORM_BOUNDS: ShareBounds = ShareBounds {
    all: limits::SAML_FORMS_BYTES_MAX,
    each: limits::SAML_FORMS_BYTES_MAX / 8,
    reserved: limits::SAML_FORMS_RESERVED_BYTES,
    ceiling: 2 * limits::SAML_FORMS_BYTES_MAX,
};

/// When a form may be sent again for which there is no room.
const FORM_RETRY_AFTER: TimeDelta = TimeDelta::seconds(5);

/// When a message may be sent again whose address has too many that wait.
const RETRY_AFTER: TimeDelta = limits::SAML_VERIFICATION_WAIT_MAX;

/// The messages that are being verified or wait for it, by how they came. Any page can load a frame, so these have
/// places of their own.
#[derive(Debug)]
pub(crate) struct WaitingMessages {
    answers: Arc<AddressShares>,
    unasked: Arc<AddressShares>,
    frames: Arc<AddressShares>,
    /// The bytes of the forms that hold messages.
    forms: Arc<AddressShares>,
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
            forms: AddressShares::new(FORM_BOUNDS),
        }
    }
}

impl SignIns {
    /// Room for a form of so many bytes that another site's page sends, before a byte of it is read. The room is to be kept
    /// until the form is not looked at any more.
    ///
    /// # Errors
    /// [`LimitExceeded`], when this address, or all together, have no room left.
    pub fn room_for_form(
        &self,
        address: Option<IpAddr>,
        bytes: usize,
    ) -> Result<Share, LimitExceeded> {
        let share = self.waiting.forms.take(address, bytes);
        share.ok_or(LimitExceeded {
            limit: LimitName::SamlForms,
            retry_after: FORM_RETRY_AFTER,
        })
    }

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
