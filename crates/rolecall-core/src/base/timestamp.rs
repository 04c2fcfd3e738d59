//! External timestamps: of tokens, SAML documents, AWS's responses and files. They are parsed here and are between
//! [`EARLIEST`] and [`LATEST`], so adding a leeway or a lifetime cannot overflow.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// 1 January of the year 1: `DateTime.MinValue` of .NET, which some providers send for "no limit".
pub const EARLIEST: DateTime<Utc> = at(-62_135_596_800);
/// The last second of the year 9999, the last one in RFC 3339.
pub const LATEST: DateTime<Utc> = at(LATEST_SECONDS);
const LATEST_SECONDS: i64 = 253_402_300_799;

const fn at(seconds: i64) -> DateTime<Utc> {
    match DateTime::from_timestamp(seconds, 0) {
        Some(at) => at,
        None => DateTime::UNIX_EPOCH,
    }
}

/// The timestamp, if it is between [`EARLIEST`] and [`LATEST`].
pub fn bounded(at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    (EARLIEST..=LATEST).contains(&at).then_some(at)
}

/// Parses seconds since 1970 and nanoseconds; `None` before 1970, after [`LATEST`] or for invalid nanoseconds.
pub fn from_unix(seconds: i64, nanoseconds: u32) -> Option<DateTime<Utc>> {
    let at = DateTime::from_timestamp(seconds, nanoseconds)?;
    bounded(at).filter(|_| seconds >= 0)
}

/// Parses a NumericDate of a JWT (RFC 7519 section 2). Fractions of a second are truncated.
pub fn from_numeric_date(value: &Value) -> Option<DateTime<Utc>> {
    let seconds = match value.as_i64() {
        Some(seconds) => seconds,
        // Every integer up to `LATEST` has an exact f64.
        None => value
            .as_f64()
            .filter(|seconds| (0.0..=LATEST_SECONDS as f64).contains(seconds))?
            as i64,
    };
    from_unix(seconds, 0)
}

/// Parses a date and time of RFC 3339 or of SAML (Core 1.3.3).
pub fn from_rfc3339(text: &str) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    bounded(at.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::base::limits;

    /// Whether no arithmetic of the gateway with this timestamp overflows.
    fn is_safe(at: DateTime<Utc>) -> bool {
        let longest = chrono::TimeDelta::days(366 * 100);
        (EARLIEST..=LATEST).contains(&at)
            && at.checked_add_signed(longest).is_some()
            && at.checked_sub_signed(longest).is_some()
            && at.checked_add_signed(limits::LEEWAY_MAX).is_some()
    }

    #[test]
    fn timestamp_bounds_are_correct() {
        assert_eq!(EARLIEST.to_rfc3339(), "0001-01-01T00:00:00+00:00");
        assert_eq!(LATEST.to_rfc3339(), "9999-12-31T23:59:59+00:00");
        assert!(is_safe(EARLIEST) && is_safe(LATEST));
    }

    #[test]
    fn timestamps_out_of_bounds_are_rejected() {
        for seconds in [
            i64::MIN,
            -1,
            LATEST_SECONDS + 1,
            8_210_266_876_799,
            8_210_266_876_800,
            i64::MAX,
        ] {
            assert_eq!(from_unix(seconds, 0), None, "{seconds}");
            assert_eq!(from_numeric_date(&json!(seconds)), None, "{seconds}");
        }
        assert_eq!(from_unix(0, u32::MAX), None);
        for value in [
            json!(u64::MAX),
            json!(1e300),
            json!(-1e300),
            json!(f64::MAX),
            json!(-f64::MIN_POSITIVE),
            json!(-0.5),
            json!(253_402_300_799.5),
            json!("1"),
            json!(null),
            json!(true),
            json!([1]),
        ] {
            assert_eq!(from_numeric_date(&value), None, "{value}");
        }
        for text in [
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-14:00",
            "+262142-12-31T23:59:59Z",
            "-262143-01-01T00:00:00Z",
            "2026-01-01",
        ] {
            assert_eq!(from_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn fractions_of_seconds_are_truncated() {
        let at = |value: Value| from_numeric_date(&value).map(|at| at.timestamp());
        assert_eq!(at(json!(1_700_000_000)), Some(1_700_000_000));
        assert_eq!(at(json!(1_700_000_000.75)), Some(1_700_000_000));
        assert_eq!(at(json!(LATEST_SECONDS)), Some(LATEST_SECONDS));
        assert_eq!(at(json!(0.0)), Some(0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn accepted_timestamps_do_not_overflow(
            seconds in any::<i64>(),
            nanoseconds in any::<u32>(),
            number in proptest::num::f64::ANY,
            year in -300_000..300_000_i64,
        ) {
            prop_assert!(from_unix(seconds, nanoseconds).is_none_or(is_safe));
            prop_assert!(from_numeric_date(&json!(seconds)).is_none_or(is_safe));
            prop_assert!(from_numeric_date(&json!(number)).is_none_or(is_safe));
            let text = format!("{year:05}-06-15T12:00:00Z");
            prop_assert!(from_rfc3339(&text).is_none_or(is_safe));
        }
    }
}
