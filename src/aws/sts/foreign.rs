//! Responses that do not come from STS: the page of a proxy, the error document of another vendor, plain text.

use rolecall_core::base::text;

use super::error::{REMOVED, clean};

/// Bytes of a response that are read.
const BYTES_MAX: usize = 8 * 1024;
/// Characters that are kept.
const WORDS_CHARS_MAX: usize = 160;
/// A run of token characters of this length is treated as a secret. It is shorter than in AWS's messages, because other
/// servers may repeat parts of the request.
const SECRET_CHARS_MIN: usize = 40;

/// The first printable words of a response, without markup. They end where something looks like a token.
pub(super) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(BYTES_MAX)]);
    let plain = without_markup(&text);
    let mut cleaned = clean(&plain, BYTES_MAX, SECRET_CHARS_MIN);
    // A secret in several lines ends in a line that is shorter.
    if let Some(found) = cleaned.find(REMOVED) {
        cleaned.truncate(found + REMOVED.len());
    }
    match text::one_line(&cleaned, WORDS_CHARS_MAX) {
        words if words.is_empty() => "an empty response".to_owned(),
        words => words,
    }
}

/// The text without tags, and without the contents of scripts and style sheets. A tag that does not end hides the rest.
fn without_markup(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut plain = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(tag) = lower[at..].find('<').map(|found| at + found) {
        plain.push_str(&text[at..tag]);
        plain.push(' ');
        let hidden = ["<script", "<style", "<!--"]
            .into_iter()
            .zip(["</script", "</style", "-->"]);
        let end = hidden
            .filter(|(start, _)| lower[tag..].starts_with(start))
            .map(|(_, end)| lower[tag..].find(end).unwrap_or(lower.len() - tag))
            .next()
            .unwrap_or(0);
        at = match lower[tag + end..].find('>') {
            Some(found) => tag + end + found + 1,
            None => lower.len(),
        };
    }
    plain.push_str(&text[at..]);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_removed() {
        for (body, words) in [
            ("no", "no"),
            ("", "an empty response"),
            ("<html></html>", "an empty response"),
            ("<unfinished", "an empty response"),
            (
                "<!DOCTYPE html><html><head><style>p { color: red }</style><TITLE>403 Forbidden</TITLE><script>var token = 'x > y';</script></head>\n<body><!-- <b>no</b> --><h1>Blocked by policy</h1>",
                "403 Forbidden Blocked by policy",
            ),
            (
                "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><RequestId>tx01</RequestId></Error>",
                "AccessDenied tx01",
            ),
            (
                r#"{"error": "invalid_target"}"#,
                r#"{"error": "invalid_target"}"#,
            ),
            ("bad\u{202e}\u{7} answer\r\n\r\nnext", "bad answer next"),
        ] {
            assert_eq!(excerpt(body.as_bytes()), words);
        }
    }

    #[test]
    fn tokens_are_removed() {
        let token = format!("eyJhbGciOi.{}.sig", "x".repeat(90));
        let saml = "PHNhbWxwOlJlc3BvbnNl".repeat(40);
        for body in [
            format!("invalid token {token}"),
            format!("WebIdentityToken={token}&Version=2011-06-15"),
            format!("bad assertion <b>{saml}</b>"),
            // Line after line of 64 characters.
            saml.as_bytes()
                .chunks(64)
                .map(|line| String::from_utf8_lossy(line).into_owned() + "\n")
                .collect(),
        ] {
            let words = excerpt(body.as_bytes());
            assert!(
                !words.contains("eyJ") && !words.contains("PHNhbWx"),
                "{words}"
            );
        }
        let long = "word ".repeat(10_000);
        assert!(excerpt(long.as_bytes()).chars().count() <= WORDS_CHARS_MAX);
        assert!(!excerpt(&[0xff, 0xfe, 0x00, b'a']).is_empty());
    }
}
