//! How often something happened lately, counted in the store and so by all replicas together. What is counted is an
//! address or a session, never the person somebody may want to lock out.

use std::net::{IpAddr, Ipv6Addr};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::port::StoreError;
use crate::record::Record;
use crate::secret::SecretDigest;

use super::Gateway;

/// How many within which time.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) max: u32,
    pub(super) window: TimeDelta,
}

#[derive(Serialize, Deserialize)]
struct Tally {
    since: DateTime<Utc>,
    count: u32,
}

impl Record for Tally {
    const KIND: &'static str = "tally";
}

/// Whose doings are counted together: an IPv6 address stands for its /64, which is one household's or one machine's.
pub(super) fn neighbourhood(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let mut segments = address.segments();
            segments[4..].fill(0);
            Ipv6Addr::from(segments).to_string()
        }
    }
}

/// The tally of `who` doing `what`.
pub(super) fn tally_key(what: &str, who: &str) -> SecretDigest {
    SecretDigest::of("rolecall/tally/v1", &[what.as_bytes(), who.as_bytes()])
}

impl Gateway {
    /// Counts one more; whether it is within the limit. When too many do it at once to be counted, it is not.
    pub(super) async fn count(&self, key: SecretDigest, limit: Limit) -> Result<bool, StoreError> {
        let now = self.world.clock.now();
        let change = |old: Option<Tally>| {
            let old = old.filter(|old| now < old.since + limit.window);
            let mut tally = old.unwrap_or(Tally {
                since: now,
                count: 0,
            });
            let within = tally.count < limit.max;
            tally.count = tally.count.saturating_add(1);
            let until = tally.since + limit.window;
            (tally, until, within)
        };
        match self.world.records.update(key, change).await {
            Err(StoreError::Conflict | StoreError::Exists) => Ok(false),
            counted => counted,
        }
    }

    /// Takes back one that was counted and should not have been.
    pub(super) async fn discount(&self, key: SecretDigest, limit: Limit) -> Result<(), StoreError> {
        let now = self.world.clock.now();
        let change = |old: Option<Tally>| {
            let tally = Tally {
                since: old.as_ref().map_or(now, |old| old.since),
                count: old.map_or(0, |old| old.count.saturating_sub(1)),
            };
            let until = tally.since + limit.window;
            (tally, until, ())
        };
        match self.world.records.update(key, change).await {
            Err(StoreError::Conflict | StoreError::Exists) => Ok(()),
            changed => changed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_prefix_count_together() {
        let of = |text: &str| neighbourhood(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.1.2.3"), of("10.1.2.3"));
        assert_ne!(of("10.1.2.3"), of("10.1.2.4"));
    }
}
