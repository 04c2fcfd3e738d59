//! Order in which SAML messages of unauthenticated clients are verified, and their maximum number.
//!
//! Verification uses a processor, and anyone can send messages, or let a page send them from another network. Addresses
//! therefore take turns: one that sends many messages delays only its own. Only verification shows which of them are
//! from the provider.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::audit::RequestContext;
use crate::base::limits;
use crate::record::rate_limit::{AddressShares, LimitExceeded, LimitName, Share, ShareBounds};
use crate::sign_in::{BrowserDelivery, QueuePosition, SignIns};

/// Maximum number of messages of one kind that are being verified or wait.
const BOUNDS: ShareBounds = ShareBounds {
    all: limits::MESSAGES_WAITING_MAX,
    each: limits::MESSAGES_WAITING_OF_ADDRESS_MAX,
    reserved: limits::MESSAGES_WAITING_RESERVED,
    ceiling: 2 * limits::MESSAGES_WAITING_MAX,
};

/// Maximum size of the SAML forms that are read or processed at the same time, in bytes.
const FORM_BOUNDS: ShareBounds = ShareBounds {
    all: limits::SAML_FORMS_BYTES_MAX,
    each: limits::SAML_FORMS_BYTES_MAX / 8,
    reserved: limits::SAML_FORMS_RESERVED_BYTES,
    ceiling: 2 * limits::SAML_FORMS_BYTES_MAX,
};

/// Time after which a form may be sent again if there was no capacity for it.
const FORM_RETRY_AFTER: TimeDelta = TimeDelta::seconds(5);

/// Time after which a message may be sent again if its address has too many waiting messages.
const RETRY_AFTER: TimeDelta = limits::SAML_VERIFICATION_WAIT_MAX;

/// Messages that are being verified or wait, by their delivery. Any page can load a frame, so messages in frames have
/// separate slots.
#[derive(Debug)]
pub(crate) struct WaitingMessages {
    solicited: Arc<AddressShares>,
    unsolicited: Arc<AddressShares>,
    frames: Arc<AddressShares>,
    /// Bytes of the forms that contain messages.
    forms: Arc<AddressShares>,
}

/// How a message is delivered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message {
    /// As the response to a sign-in or sign-out in progress.
    Solicited,
    /// Without a request, with this delivery.
    Unsolicited(BrowserDelivery),
}

impl Default for WaitingMessages {
    fn default() -> Self {
        let shares = || AddressShares::new(BOUNDS);
        Self {
            solicited: shares(),
            unsolicited: shares(),
            frames: shares(),
            forms: AddressShares::new(FORM_BOUNDS),
        }
    }
}

impl SignIns {
    /// Reserves capacity for a form of this size that another site's page posts, before it is read. The caller keeps
    /// the reservation until the form is processed.
    ///
    /// # Errors
    /// [`LimitExceeded`] if the limit of this address, or of all addresses, is reached.
    pub fn reserve_form(
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

    /// Returns the position of a message from this address among the waiting messages.
    ///
    /// # Errors
    /// [`LimitExceeded`] if too many messages of the address are waiting.
    pub(crate) fn queue_position(
        &self,
        context: &RequestContext,
        message: Message,
    ) -> Result<QueuePosition, LimitExceeded> {
        let waiting = match message {
            Message::Solicited => &self.waiting.solicited,
            Message::Unsolicited(BrowserDelivery::Navigation) => &self.waiting.unsolicited,
            Message::Unsolicited(BrowserDelivery::Frame) => &self.waiting.frames,
        };
        let share = waiting.take(context.client_info.address, 1);
        share.map(QueuePosition::OfAddress).ok_or(LimitExceeded {
            limit: LimitName::WaitingMessages,
            retry_after: RETRY_AFTER,
        })
    }
}
