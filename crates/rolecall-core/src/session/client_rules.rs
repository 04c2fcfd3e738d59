//! Settings of client sessions.

use chrono::TimeDelta;

/// The settings of `[clients]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientRules {
    /// Whether the device flow (RFC 8628) is enabled.
    pub device_flow: bool,
    /// Lifetime of an access token.
    pub access_token: TimeDelta,
    /// How long a client can refresh its tokens. It never exceeds the browser session in which it was approved.
    pub refresh_token: TimeDelta,
}

impl Default for ClientRules {
    fn default() -> Self {
        Self {
            device_flow: true,
            access_token: TimeDelta::hours(1),
            refresh_token: TimeDelta::hours(8),
        }
    }
}
