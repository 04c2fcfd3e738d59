//! What to do about a provider's clock that differs from ours.

use chrono::TimeDelta;

/// The longest difference that `leeway` can mend (five minutes), with room for the lifetime of what was sent.
const BEYOND_LEEWAY: TimeDelta = TimeDelta::minutes(20);

/// The advice for a time that lies this far from ours.
pub fn clock_advice(difference: TimeDelta) -> &'static str {
    if difference.abs() < BEYOND_LEEWAY {
        "compare this machine's clock with the provider's, or set leeway for the provider"
    } else {
        "compare this machine's clock with the provider's; a difference of whole hours means that one of them takes its local time for UTC"
    }
}
