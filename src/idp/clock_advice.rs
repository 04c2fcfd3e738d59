//! Hints for differences between the provider's clock and the gateway's.

use chrono::TimeDelta;

/// Maximum difference that `leeway` can cover (five minutes), plus the lifetime of messages.
const BEYOND_LEEWAY: TimeDelta = TimeDelta::minutes(20);

/// The hint for a time that differs by this much.
pub fn clock_advice(difference: TimeDelta) -> &'static str {
    if difference.abs() < BEYOND_LEEWAY {
        "synchronize the clock of this host and of the provider, or set leeway for the provider"
    } else {
        "synchronize the clock of this host and of the provider; a difference of whole hours means that one of them uses local time instead of UTC"
    }
}
