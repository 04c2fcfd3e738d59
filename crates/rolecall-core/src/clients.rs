//! AWS's clients: a client such as the AWS CLI registers, is approved by a person, and gets tokens (RFC 6749, RFC 7591,
//! RFC 8628, AWS's sso-oidc and portal APIs).
//!
//! May import [`crate::session`] and what that may import.

mod admission;
mod authorization_code;
mod authorize;
mod authorize_device;
mod client;
mod consent;
mod decide;
mod device;
mod listing;
mod location;
mod pkce;
mod redirect;
mod register;
mod registration;
mod start_url;
#[cfg(test)]
pub(crate) mod stored_tests;
mod token;

use std::sync::Arc;

use crate::audit::Journal;
use crate::base::{Clock, Entropy};
use crate::record::Records;
use crate::record::rate_limit::RateCounters;
use crate::session::{ClientRules, Sessions};

pub use authorization_code::{
    AuthorizationParameters, AuthorizationRequest, CodeState, IssuedCode, UnusedCode,
};
pub use authorize::{AuthorizationForm, AuthorizationStep, AuthorizeError, ValidatedAuthorization};
pub(crate) use authorize_device::Freshness;
pub use authorize_device::{DeviceConsent, DeviceError, StartedDeviceAuthorization};
pub use client::{
    ClientId, GrantType, InvalidClientId, RegisteredClient, client_key, is_secret_of, secret_of,
};
pub use consent::{
    ConsentChoice, ConsentDecision, ConsentRequest, NotPending, OtherRequest, PendingRequest,
    PendingRequests, RequestId, Requester,
};
pub use decide::ConsentError;
pub use device::{DeviceAuthorization, InvalidUserCode, PollResult, UserCode, UserCodeEntry};
pub use listing::{InvalidPageToken, Page, PageRequest};
pub use location::ClientLocation;
pub use pkce::{CodeChallenge, InvalidCodeChallenge};
pub use redirect::{InvalidRedirectUri, RedirectUri};
pub use register::IssuedRegistration;
pub use registration::{InvalidRegistration, Registration, RegistrationForm, Scope};
pub use start_url::{InvalidStartLabel, StartLabel, StartUrlMismatch, StartUrls};
pub use token::{CodeRedemption, TokenError};

/// Registration, consent, tokens and listings of AWS's clients.
pub struct Clients {
    pub(crate) records: Records,
    pub(crate) journal: Arc<Journal>,
    pub(crate) rates: Arc<RateCounters>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) rules: ClientRules,
    pub(crate) start_urls: StartUrls,
}
