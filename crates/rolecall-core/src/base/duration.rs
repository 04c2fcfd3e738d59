//! Durations in text form: `15m`, `4h30m`, `7d`.

use chrono::TimeDelta;

/// Why a duration is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a duration as 90s, 15m, 1h, 4h30m or 7d")]
pub struct InvalidDuration;

/// Upper bound of a configured duration: ten years.
const DURATION_MAX: TimeDelta = TimeDelta::days(3_653);

/// Parses days, hours, minutes and seconds. Longer units come first, and each occurs at most once.
///
/// # Errors
/// [`InvalidDuration`].
pub fn parse_duration(text: &str) -> Result<TimeDelta, InvalidDuration> {
    const UNITS: [(char, i64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
    let mut units = UNITS.iter();
    let mut total = TimeDelta::zero();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (amount, tail) = rest.split_at(digits);
        let amount: i64 = amount.parse().map_err(|_| InvalidDuration)?;
        let unit = tail.chars().next().ok_or(InvalidDuration)?;
        let (_, seconds) = units
            .find(|(name, _)| *name == unit)
            .ok_or(InvalidDuration)?;
        total = amount
            .checked_mul(*seconds)
            .and_then(TimeDelta::try_seconds)
            .and_then(|part| total.checked_add(&part))
            .filter(|total| *total <= DURATION_MAX)
            .ok_or(InvalidDuration)?;
        rest = tail.get(1..).unwrap_or_default();
    }
    if text.is_empty() {
        Err(InvalidDuration)
    } else {
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed() {
        for (text, seconds) in [
            ("15m", 900),
            ("1h", 3_600),
            ("4h30m", 16_200),
            ("90s", 90),
            ("1d", 86_400),
            ("1d1h1m1s", 90_061),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(TimeDelta::seconds(seconds)),
                "{text}"
            );
        }
        for bad in [
            "",
            "1",
            "h",
            "1H",
            "1 h",
            "30m4h",
            "1h1h",
            "-1h",
            "1.5h",
            "1hour",
            "99999999999999999999h",
            "9223372036854775807d",
            "3654d",
            "１h",
            "1ä",
        ] {
            assert_eq!(parse_duration(bad), Err(InvalidDuration), "{bad}");
        }
    }
}
