//! Rate limits per client address, person or AWS account.
//!
//! Counters are in the store and shared by all replicas. A window begins with the first count and has a fixed length. A
//! limit is checked before anything is written or computed. It only rejects requests without a valid `state`, session
//! or token.

mod counter;
mod exceeded;
mod prefix;
mod shares;

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;

use crate::base::duration::parse_duration;
use crate::base::limits;

pub(crate) use counter::allow_if_unavailable;
pub use counter::{AddressSlots, RateCounters, RateLimitError, RateLimitSlot};
pub use prefix::{AddressPrefix, Width, rate_limit_prefix};
pub use shares::{AddressShares, AddressSource, Share, ShareBounds};

/// Maximum of a limit.
const MAX_LARGEST: u32 = 1_000_000;
/// Maximum window that the configuration accepts.
const WINDOW_LONGEST: TimeDelta = TimeDelta::hours(24);

/// A number of requests per window: `300/1m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    max: u32,
    window: TimeDelta,
}

/// Why a rate limit is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRateLimit {
    /// It is not a number and a duration.
    #[error("write a number and a duration, such as \"300/1m\"")]
    Form,
    /// The number is zero or too large.
    #[error("the number is between 1 and {MAX_LARGEST}")]
    Number,
    /// The window is too short or too long.
    #[error("the duration is between 1s and 24h")]
    Window,
}

impl RateLimit {
    /// At most `max` requests per window.
    pub const fn new(max: u32, window: TimeDelta) -> Self {
        Self { max, window }
    }

    /// Maximum number of requests per window.
    pub fn max(&self) -> u32 {
        self.max
    }

    /// Length of the window.
    pub fn window(&self) -> TimeDelta {
        self.window
    }
}

impl FromStr for RateLimit {
    type Err = InvalidRateLimit;

    fn from_str(text: &str) -> Result<Self, InvalidRateLimit> {
        let (number, window) = text.split_once('/').ok_or(InvalidRateLimit::Form)?;
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidRateLimit::Form);
        }
        let window = parse_duration(window).map_err(|_| InvalidRateLimit::Form)?;
        let max: u32 = number.parse().map_err(|_| InvalidRateLimit::Number)?;
        if !(1..=MAX_LARGEST).contains(&max) {
            return Err(InvalidRateLimit::Number);
        }
        if !(TimeDelta::seconds(1)..=WINDOW_LONGEST).contains(&window) {
            return Err(InvalidRateLimit::Window);
        }
        Ok(Self { max, window })
    }
}

/// The configured limits: `[limits]` and `[aws] sts_rate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Pending sign-ins, per client address.
    pub sign_in: RateLimit,
    /// Rejected requests without a valid `state`, session or token, and wrong user codes, per client address. SAML
    /// messages that fail verification have the same limit, with a counter of their own.
    pub failures: RateLimit,
    /// Client registrations, per client address.
    pub register: RateLimit,
    /// Requests for credentials, per person.
    pub credentials: RateLimit,
    /// STS calls per second, per account and Region.
    pub sts_rate: RateLimit,
}

impl RateLimits {
    /// Default of `[aws] sts_rate`: half of the 600 requests per second that AWS documents for STS, per account and
    /// Region.
    pub const STS_RATE: u32 = 300;

    /// `calls` per second.
    pub const fn per_second(calls: u32) -> RateLimit {
        RateLimit::new(calls, TimeDelta::seconds(1))
    }
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            sign_in: RateLimit::new(300, TimeDelta::minutes(1)),
            failures: RateLimit::new(60, TimeDelta::minutes(10)),
            register: RateLimit::new(600, TimeDelta::minutes(1)),
            credentials: RateLimit::new(1_200, TimeDelta::minutes(1)),
            sts_rate: Self::per_second(Self::STS_RATE),
        }
    }
}

/// The rate limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitName {
    /// `[limits] sign_in`
    SignIn,
    /// `[limits] failures`
    Failures,
    /// `[limits] failures`, for unsolicited SAML messages that fail verification.
    UnverifiedMessages,
    /// SAML messages of one address that wait for verification: [`limits::MESSAGES_WAITING_OF_ADDRESS_MAX`].
    WaitingMessages,
    /// Bytes of SAML forms in memory: [`limits::SAML_FORMS_BYTES_MAX`].
    SamlForms,
    /// Same as [`LimitName::UnverifiedMessages`], for messages in a frame: any page can cause them, so they are counted
    /// separately.
    UnverifiedFrames,
    /// `[limits] failures`, for refused sign-ins with a valid `state`. Beyond it they are summarized in the audit
    /// trail.
    RefusedSignIns,
    /// SAML responses to one sign-in: [`limits::SAML_RESPONSES_PER_SIGN_IN_MAX`].
    SamlResponses,
    /// [`limits::PENDING_MAX`] for sign-ins
    PendingSignIns,
    /// [`limits::PENDING_MAX`] for device authorizations
    PendingDevices,
    /// Completed sign-ins. They limit nothing; see [`limits::KNOWN_ADDRESS_LIFE`].
    CompletedSignIns,
    /// `[limits] register`
    Register,
    /// `[limits] credentials`
    Credentials,
    /// `[aws] sts_rate`
    StsRate,
    /// Device authorizations of one address: [`limits::DEVICE_AUTHORIZATIONS_MAX`].
    DeviceAuthorization,
    /// [`limits::WRONG_CODES_PER_SESSION_MAX`] and [`limits::WRONG_CODES_PER_PERSON_MAX`]
    UserCodes,
}

impl LimitName {
    /// Stable code for metrics, logs and store keys.
    pub fn code(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Failures => "failures",
            Self::UnverifiedMessages => "unverified_messages",
            Self::WaitingMessages => "waiting_messages",
            Self::SamlForms => "saml_forms",
            Self::UnverifiedFrames => "unverified_frames",
            Self::RefusedSignIns => "refused_sign_ins",
            Self::SamlResponses => "saml_responses",
            Self::PendingSignIns => "pending_sign_ins",
            Self::PendingDevices => "pending_devices",
            Self::CompletedSignIns => "completed_sign_ins",
            Self::Register => "register",
            Self::Credentials => "credentials",
            Self::StsRate => "sts_rate",
            Self::DeviceAuthorization => "device_authorization",
            Self::UserCodes => "user_codes",
        }
    }
}

/// A limit is exceeded. Nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// The exceeded limit.
    pub limit: LimitName,
    /// Time until the end of the window.
    pub retry_after: TimeDelta,
}

impl LimitExceeded {
    /// `Retry-After` (RFC 9110 10.2.3): whole seconds, rounded up, at least one.
    pub fn retry_after_seconds(&self) -> u32 {
        let milliseconds = self.retry_after.num_milliseconds().max(1);
        u32::try_from((milliseconds + 999) / 1_000).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.retry_after_seconds();
        let unit = if seconds == 1 { "second" } else { "seconds" };
        write!(f, "too many requests; try again in {seconds} {unit}")
    }
}

impl std::error::Error for LimitExceeded {}

/// Limit of [`limits::SAML_RESPONSES_PER_SIGN_IN_MAX`].
pub(crate) const SAML_RESPONSES: RateLimit =
    RateLimit::new(limits::SAML_RESPONSES_PER_SIGN_IN_MAX, limits::SIGN_IN_MAX);

/// Counter of all pending sign-ins, or device authorizations. It limits nothing by itself; see [`limits::PENDING_MAX`].
const PENDING: RateLimit = RateLimit::new(u32::MAX, limits::SIGN_IN_MAX);

/// Counter of completed sign-ins per address.
const SIGNED_IN: RateLimit = RateLimit::new(u32::MAX, limits::KNOWN_ADDRESS_LIFE);

/// Limit of [`limits::DEVICE_AUTHORIZATIONS_MAX`].
pub(crate) const DEVICE_AUTHORIZATIONS: RateLimit = RateLimit::new(
    limits::DEVICE_AUTHORIZATIONS_MAX,
    limits::DEVICE_AUTHORIZATIONS_WINDOW,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_limits_are_parsed() {
        for (text, max, seconds) in [
            ("300/1m", 300, 60),
            ("60/10m", 60, 600),
            ("1/1s", 1, 1),
            ("1000000/24h", 1_000_000, 86_400),
        ] {
            let limit: RateLimit = text.parse().unwrap();
            assert_eq!(
                limit,
                RateLimit::new(max, TimeDelta::seconds(seconds)),
                "{text}"
            );
        }
        use InvalidRateLimit::{Form, Number, Window};
        for (text, error) in [
            ("", Form),
            ("300", Form),
            ("300/", Form),
            ("/1m", Form),
            ("+3/1m", Form),
            ("3.5/1m", Form),
            ("300/1m/1m", Form),
            ("300 / 1m", Form),
            ("300/minute", Form),
            ("0/1m", Number),
            ("1000001/1m", Number),
            ("99999999999999999999/1m", Number),
            ("1/0s", Window),
            ("1/25h", Window),
        ] {
            let refused = text.parse::<RateLimit>().unwrap_err();
            assert_eq!(refused, error, "{text}");
        }
    }

    #[test]
    fn retry_after_is_rounded_up() {
        for (milliseconds, seconds) in [
            (-5, 1),
            (0, 1),
            (1, 1),
            (1_000, 1),
            (1_001, 2),
            (59_999, 60),
        ] {
            let exceeded = LimitExceeded {
                limit: LimitName::SignIn,
                retry_after: TimeDelta::milliseconds(milliseconds),
            };
            assert_eq!(exceeded.retry_after_seconds(), seconds, "{milliseconds}");
        }
    }
}
