//! Duration of a role session: `DurationSeconds` of STS.

use std::num::NonZeroU32;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// `DurationSeconds` (STS): 900 to 43,200 seconds for a role, and to 129,600 for a federated user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoleSessionDuration(NonZeroU32);

impl RoleSessionDuration {
    /// AWS's minimum: 15 minutes.
    pub const MIN: Self = Self(NonZeroU32::new(900).unwrap());
    /// AWS's default: one hour.
    pub const DEFAULT: Self = Self(NonZeroU32::new(3_600).unwrap());
    /// The longest for a role that is assumed with the credentials of another role: one hour.
    pub const CHAINED_MAX: Self = Self(NonZeroU32::new(3_600).unwrap());
    /// AWS's maximum for a role: 12 hours.
    pub const MAX: Self = Self(NonZeroU32::new(43_200).unwrap());
    /// AWS's maximum for a federated user (`GetFederationToken`): 36 hours.
    pub const FEDERATED_MAX: Self = Self(NonZeroU32::new(129_600).unwrap());

    /// A number of seconds; `None` if it is outside the limits of AWS.
    pub fn from_seconds(seconds: u32) -> Option<Self> {
        NonZeroU32::new(seconds)
            .map(Self)
            .filter(|duration| (Self::MIN..=Self::FEDERATED_MAX).contains(duration))
    }

    /// The duration in seconds.
    pub fn seconds(self) -> u32 {
        self.0.get()
    }

    /// The duration as a [`TimeDelta`].
    pub fn as_delta(self) -> TimeDelta {
        TimeDelta::seconds(i64::from(self.0.get()))
    }
}

impl std::fmt::Display for RoleSessionDuration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (hours, minutes, seconds) = (
            self.seconds() / 3_600,
            self.seconds() / 60 % 60,
            self.seconds() % 60,
        );
        let parts = [(hours, "h"), (minutes, "min"), (seconds, "s")];
        let mut first = true;
        for (amount, unit) in parts.into_iter().filter(|(amount, _)| *amount > 0) {
            write!(f, "{}{amount} {unit}", if first { "" } else { " " })?;
            first = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_bounded_and_formatted() {
        assert_eq!(RoleSessionDuration::from_seconds(899), None);
        assert_eq!(RoleSessionDuration::from_seconds(129_601), None);
        assert_eq!(
            RoleSessionDuration::from_seconds(129_600),
            Some(RoleSessionDuration::FEDERATED_MAX)
        );
        assert_eq!(
            RoleSessionDuration::from_seconds(5_400).map(|d| d.to_string()),
            Some("1 h 30 min".to_owned())
        );
        assert_eq!(RoleSessionDuration::MIN.to_string(), "15 min");
    }
}
