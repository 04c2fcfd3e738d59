//! `[limits]`: rate limits per client address or per user.

use rolecall_core::config_file::{Reader, Value};
use rolecall_core::record::rate_limit::{RateLimit, RateLimits};

/// Reads the rate limits of `[limits]`, which all have defaults.
pub fn limits(section: &Reader<'_>) -> RateLimits {
    let mut limits = RateLimits::default();
    let keys: [(&'static str, &mut RateLimit); 4] = [
        ("sign_in", &mut limits.sign_in),
        ("failures", &mut limits.failures),
        ("register", &mut limits.register),
        ("credentials", &mut limits.credentials),
    ];
    for (key, limit) in keys {
        let value = section.value(key);
        if let Some(parsed) = value.and_then(|value: Value<'_>| value.parse::<RateLimit>()) {
            *limit = parsed.value;
        }
    }
    limits
}

/// Upper limit of `[aws] sts_rate`, in calls per second.
const STS_RATE_MAX: i64 = 100_000;

/// Reads `[aws] sts_rate`, in calls per second for one account and Region.
pub fn sts_rate(section: &Reader<'_>) -> RateLimit {
    let default = RateLimits::default().sts_rate;
    let value = section.value("sts_rate");
    let Some(calls) = value.and_then(|value: Value<'_>| value.integer()) else {
        return default;
    };
    match u32::try_from(calls.value) {
        Ok(number) if (1..=STS_RATE_MAX).contains(&calls.value) => RateLimits::per_second(number),
        Ok(_) | Err(_) => {
            calls.spot.error(
                "sts_rate is out of range",
                format!(
                    "write the STS calls per second for one account and Region, between 1 and {STS_RATE_MAX}; the AWS quota is 600"
                ),
            );
            default
        }
    }
}
