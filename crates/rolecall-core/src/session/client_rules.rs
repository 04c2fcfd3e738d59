//! How long clients stay signed in, and how they may sign in.

use chrono::TimeDelta;

/// What `[clients]` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientRules {
    /// Whether the device flow (RFC 8628) may be used at all.
    pub device_flow: bool,
    /// Life of an access token.
    pub access_token: TimeDelta,
    /// How long a client may get new ones without asking the person again; never beyond the end of the session that
    /// allowed it.
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
