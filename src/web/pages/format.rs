//! Formats times, durations, addresses and browsers for pages.

use std::borrow::Cow;
use std::net::IpAddr;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use rolecall_core::access::{DurationReason, ProviderOidc, Unmet};
use rolecall_core::aws::RoleSessionDuration;
use rolecall_core::base::user_agent::UserAgent;
use rolecall_core::identity::ProviderId;

use super::layout::DisplayTime;

/// A point in time, for the script and as text.
pub fn moment(at: DateTime<Utc>) -> DisplayTime {
    DisplayTime {
        iso: at.to_rfc3339_opts(SecondsFormat::Secs, true),
        text: at.format("%-d %b %Y, %H:%M UTC").to_string(),
    }
}

/// An IP address as text.
pub fn address(address: Option<IpAddr>) -> String {
    address.map_or_else(
        || "Unknown address".to_owned(),
        |address| address.to_canonical().to_string(),
    )
}

/// A duration in minutes, hours or days: `6 h 12 min`, `2 d 3 h`.
pub fn span(delta: TimeDelta) -> String {
    let minutes = delta.num_minutes().max(0);
    let (days, hours, rest) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (days, hours, rest) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// The unmet conditions of a role as a predicate of the role: `needs a sign-in with a second factor`.
pub fn all_of(unmet: &[Unmet]) -> String {
    let parts: Vec<String> = unmet.iter().map(ToString::to_string).collect();
    parts.join(" and ")
}

/// Converts a phrase to a sentence with an initial capital and a full stop.
pub fn sentence(words: &str) -> String {
    let mut rest = words.chars();
    let first = rest
        .next()
        .map(|first| first.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", rest.as_str())
}

/// The maximum duration of a role session. Pages list hundreds of them, and most are whole hours, which need no allocation.
pub fn role_session(duration: RoleSessionDuration) -> Cow<'static, str> {
    const HOURS: [&str; 12] = [
        "1 h", "2 h", "3 h", "4 h", "5 h", "6 h", "7 h", "8 h", "9 h", "10 h", "11 h", "12 h",
    ];
    let whole = |(_, hours): &(&&str, u32)| duration.seconds() == hours * 3_600;
    match HOURS.iter().zip(1..).find(whole) {
        Some((text, _)) => Cow::Borrowed(text),
        None => Cow::Owned(duration.to_string()),
    }
}

/// What limits the duration of a role session: `limited by assignment payments-developers`. The pages name the permission set
/// and the variant already.
pub fn limit(reason: &DurationReason) -> Cow<'static, str> {
    match reason {
        DurationReason::PermissionSet(_) => Cow::Borrowed("limited by the permission set"),
        DurationReason::Variant(_) => Cow::Borrowed("limited by the variant"),
        DurationReason::AwsDefault => Cow::Borrowed("limited by the default of AWS"),
        DurationReason::RoleChaining => Cow::Borrowed("limited by role chaining"),
        DurationReason::Assignment(_)
        | DurationReason::RoleMaximum
        | DurationReason::AwsLogin
        | DurationReason::Decode
        | DurationReason::SamlResponse => Cow::Owned(format!("limited by {reason}")),
    }
}

/// How long a role that trusts ID tokens can be used by a user of `provider`, who must sign in again after `left`, or now.
pub fn sign_in_left(
    trusted: &ProviderOidc,
    provider: &ProviderId,
    left: Option<TimeDelta>,
) -> String {
    match left {
        _ if &trusted.provider != provider => {
            format!("requires a sign-in with {}", trusted.title)
        }
        Some(left) => format!("sign-in valid for {}", span(left)),
        None => "requires a new sign-in".to_owned(),
    }
}

/// The duration of a role session and what limits it: `1 h, limited by assignment payments-developers`.
pub fn duration_and_limit((duration, reason): &(RoleSessionDuration, DurationReason)) -> String {
    reason.line(*duration)
}

/// The browser and operating system of a user agent: `Firefox on Linux`.
pub fn browser(user_agent: Option<&str>) -> String {
    let Some(agent) = user_agent else {
        return "Unknown browser".to_owned();
    };
    let name = UserAgent::parse(agent).map(|agent| agent.family());
    let system = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]
    .into_iter()
    .find_map(|(mark, name)| agent.contains(mark).then_some(name));
    match (name, system) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name.to_owned(),
        (None, Some(system)) => format!("A program on {system}"),
        (None, None) => "Unknown browser".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_session_matches_display() {
        for seconds in (900..=43_200).step_by(450) {
            let duration = RoleSessionDuration::from_seconds(seconds).unwrap();
            assert_eq!(role_session(duration), duration.to_string());
        }
    }

    #[test]
    fn spans_are_formatted() {
        for (minutes, words) in [
            (-5, "less than a minute"),
            (0, "less than a minute"),
            (59, "59 min"),
            (60, "1 h"),
            (372, "6 h 12 min"),
            (1_440, "1 d"),
            (1_565, "1 d 2 h"),
        ] {
            assert_eq!(span(TimeDelta::minutes(minutes)), words);
        }
    }

    #[test]
    fn browsers_are_recognized() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36";
        assert_eq!(browser(Some(chrome)), "Chrome on Linux");
        assert_eq!(
            browser(Some(
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/17 Safari/605"
            )),
            "Safari on macOS"
        );
        assert_eq!(browser(None), "Unknown browser");
    }
}
