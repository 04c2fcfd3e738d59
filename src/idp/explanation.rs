//! Formats error texts of providers for log lines: sanitized, truncated and quoted.

use rolecall_core::base::limits::{NAME_SHOWN_CHARS_MAX, PROVIDER_TEXT_CHARS_MAX};
use rolecall_core::base::text::one_line;

/// Formats `error` and `error_description` of any response (RFC 6749 4.1.2.1 and 5.2, RFC 6750 3); `None` if both are
/// empty.
pub fn of(error: Option<&str>, description: Option<&str>) -> Option<String> {
    let quotable = |text: Option<&str>, chars_max: usize| {
        let line = one_line(text?, chars_max);
        (!line.is_empty()).then_some(line)
    };
    let error = quotable(error, NAME_SHOWN_CHARS_MAX);
    let description = quotable(description, PROVIDER_TEXT_CHARS_MAX);
    match (error, description) {
        (Some(error), Some(description)) => Some(format!("{error:?} {description:?}")),
        (Some(one), None) | (None, Some(one)) => Some(format!("{one:?}")),
        (None, None) => None,
    }
}

/// Formats a text of the provider for the log.
pub fn shown(text: &str) -> String {
    one_line(text, PROVIDER_TEXT_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_and_sanitized() {
        assert_eq!(
            of(
                Some("access_denied"),
                Some("AADSTS50105: not\r\nassigned\u{202e}.")
            )
            .as_deref(),
            Some("\"access_denied\" \"AADSTS50105: not assigned.\"")
        );
        assert_eq!(of(Some(""), Some("reason")).as_deref(), Some("\"reason\""));
        assert_eq!(of(None, Some("\u{7}")), None);
        let long = of(None, Some(&"x".repeat(10_000))).unwrap();
        assert!(long.chars().count() <= PROVIDER_TEXT_CHARS_MAX + 2 && long.ends_with("…\""));
    }
}
