//! Removes secrets from responses of providers before they are logged or displayed.
//!
//! Providers quote requests in various forms: percent-encoded (RFC 3986 section 2.1), form-encoded, in base64 (alone,
//! or as `Authorization: Basic`), with backslashes before quotes.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use rolecall_core::base::BoxError;
use rolecall_core::base::secret::SecretText;
use rolecall_core::base::text;
use rolecall_core::sign_in::ProviderError;

/// Secrets shorter than this are not redacted, because they would match by chance.
const SECRET_BYTES_MIN: usize = 6;
/// The replacement for a secret.
const CUT: &str = "[secret]";

/// Removes secrets in all forms in which a provider may quote them.
#[derive(Debug, Default)]
pub struct Redactor {
    forms: Vec<SecretText>,
}

impl Redactor {
    /// A redactor for these secrets.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s SecretText>) -> Self {
        let mut forms: Vec<SecretText> = Vec::new();
        for secret in secrets {
            let secret = secret.expose();
            let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            for written in [secret, &encoded] {
                if written.len() >= SECRET_BYTES_MIN {
                    forms.push(SecretText::new(written));
                    forms.extend(in_base64(written.as_bytes()).map(SecretText::new));
                }
            }
        }
        Self { forms }
    }

    /// The text without the secrets.
    pub fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut cleaned = String::new();
        let mut rest = text;
        let mut kept = 0;
        while let Some(next) = rest.get(kept..).and_then(|rest| rest.chars().next()) {
            let here = &rest.as_bytes()[kept..];
            let forms = self.forms.iter().map(|form| form.expose().as_bytes());
            match forms.filter_map(|form| quoted(here, form)).max() {
                Some(bytes) => {
                    cleaned.push_str(&rest[..kept]);
                    cleaned.push_str(CUT);
                    rest = rest.get(kept + bytes..).unwrap_or_default();
                    kept = 0;
                }
                None => kept += next.len_utf8(),
            }
        }
        if cleaned.is_empty() {
            return Cow::Borrowed(text);
        }
        cleaned.push_str(rest);
        Cow::Owned(cleaned)
    }

    /// An error without the secrets.
    pub fn error(&self, error: ProviderError) -> ProviderError {
        match error {
            ProviderError::Refused { error, explanation } => ProviderError::Refused {
                error,
                explanation: explanation.map(|text| self.clean(&text).into_owned()),
            },
            ProviderError::Rejected { reason, detail } => {
                ProviderError::rejected(reason, self.clean(&detail))
            }
            ProviderError::Misconfigured(source) => {
                ProviderError::Misconfigured(self.cause(source))
            }
            ProviderError::Unavailable(source) => ProviderError::Unavailable(self.cause(source)),
        }
    }

    fn cause(&self, source: BoxError) -> BoxError {
        match self.clean(&text::chain(source.as_ref())) {
            Cow::Borrowed(_) => source,
            Cow::Owned(cleaned) => cleaned.into(),
        }
    }
}

/// The base64 of a text that does not depend on the bytes before and after it, in both alphabets and at each of the
/// three offsets within a group.
fn in_base64(text: &[u8]) -> impl Iterator<Item = String> {
    let shifted = (0..3).flat_map(move |before| {
        let bytes = [&[0; 2][..before], text].concat();
        // Each character encodes six bits. Those that contain a bit of adjacent bytes are left out.
        let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        [
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
        ]
        .map(|encoded| encoded.get(from..to).unwrap_or_default().to_owned())
    });
    shifted.filter(|encoded| encoded.len() >= SECRET_BYTES_MIN)
}

/// The number of bytes at the beginning of the text that quote the secret, or `None`; the maximum, if there are several
/// readings. Each byte of the secret is matched once at each possible end of the previous byte. There are at most three
/// times as many of these as bytes read, which bounds the work for texts that consist of backslashes.
fn quoted(text: &[u8], secret: &[u8]) -> Option<usize> {
    let mut ends = vec![0];
    for wanted in secret {
        let mut next: Vec<usize> = ends
            .iter()
            .flat_map(|end| {
                quoted_byte(text.get(*end..).unwrap_or_default(), *wanted)
                    .map(|bytes| (*end, bytes))
            })
            .filter_map(|(end, bytes)| Some(end + bytes?))
            .collect();
        next.sort_unstable();
        next.dedup();
        if next.is_empty() {
            return None;
        }
        ends = next;
    }
    ends.last().copied()
}

/// The numbers of bytes with which this byte may be quoted here.
fn quoted_byte(text: &[u8], wanted: u8) -> [Option<usize>; 2] {
    let encoded = match text {
        [b'%', high, low, ..] if hexadecimal(*high, *low) == Some(wanted) => Some(3),
        [b'\\', byte, ..] if *byte == wanted => Some(2),
        [b'+', ..] if wanted == b' ' => Some(1),
        _ => None,
    };
    [
        encoded,
        text.first().filter(|byte| **byte == wanted).map(|_| 1),
    ]
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;
    use rolecall_core::sign_in::RejectReason;

    const SECRET: &str = "s3cr\"et +%/\\é?&~end";

    fn encoded(secret: &str, each: impl Fn(u8) -> String) -> String {
        secret.bytes().map(each).collect()
    }

    /// Forms that providers use, and a few more.
    fn quotes(secret: &str) -> Vec<String> {
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        vec![
            secret.to_owned(),
            form.clone(),
            form.replace('+', "%20"),
            form.to_lowercase(),
            encoded(secret, |byte| format!("%{byte:02x}")),
            encoded(secret, |byte| format!("%{byte:02X}")),
            format!("{secret:?}"),
            STANDARD.encode(secret),
            URL_SAFE.encode(secret),
            STANDARD.encode(format!("rolecall:{secret}")),
            STANDARD.encode(format!("client:{form}")),
            STANDARD.encode(format!("cl:{secret}x")),
            encoded(
                &STANDARD.encode(format!("id:{secret}")),
                |byte| match byte {
                    b'+' | b'/' | b'=' => format!("%{byte:02X}"),
                    other => char::from(other).to_string(),
                },
            ),
        ]
    }

    #[test]
    fn secrets_are_redacted_in_every_form() {
        let redactor = Redactor::new([&SecretText::new(SECRET)]);
        let innermost = &SECRET[1..SECRET.len() - 1];
        for quote in quotes(SECRET) {
            let text = format!("ü: the client sent {quote}, twice {quote}.");
            let cleaned = redactor.clean(&text);
            assert_eq!(cleaned.matches(CUT).count(), 2, "{quote}: {cleaned}");
            assert!(!cleaned.contains(innermost), "{cleaned}");
        }
    }

    #[test]
    fn other_text_is_unchanged() {
        let redactor = Redactor::new([&SecretText::new(SECRET), &SecretText::new("x")]);
        for text in ["", "invalid_client: x and s3cr", "%", "%e", "ü%C3"] {
            assert!(matches!(redactor.clean(text), Cow::Borrowed(same) if same == text));
        }
        let unavailable = ProviderError::Unavailable("no answer".into());
        assert!(format!("{:?}", redactor.error(unavailable)).contains("no answer"));
    }

    #[test]
    fn secrets_are_redacted_in_all_causes() {
        let redactor = Redactor::new([&SecretText::new("hunter2hunter2")]);
        let text = "client_secret hunter2hunter2 is wrong";
        for error in [
            ProviderError::rejected(RejectReason::Code, text),
            ProviderError::Misconfigured(text.into()),
            ProviderError::Unavailable(text.into()),
        ] {
            let cleaned = format!("{:?}", redactor.error(error));
            assert!(
                cleaned.contains(CUT) && !cleaned.contains("hunter2"),
                "{cleaned}"
            );
        }
        assert!(!format!("{redactor:?}").contains("hunter2"));
    }

    #[test]
    fn runs_of_backslashes_take_bounded_work() {
        let secret = "\\".repeat(64);
        let redactor = Redactor::new([&SecretText::new(&*secret)]);
        // An incomplete secret is not found, whichever way each pair is read.
        let almost = format!("{}x", "\\".repeat(63));
        let text = almost.repeat(40);
        assert_eq!(redactor.clean(&text), text);
        let ended = SecretText::new(format!("{}!", "\\".repeat(64)));
        let run = "\\".repeat(4_096);
        assert_eq!(Redactor::new([&ended]).clean(&run), run);
        assert!(redactor.clean(&run).contains(CUT));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn redacted_text_contains_no_secret(secret in "[ -~]{8,40}", before in "\\PC{0,12}", after in "\\PC{0,12}") {
            let redactor = Redactor::new([&SecretText::new(&*secret)]);
            let text = format!("{before}{secret}{after}");
            prop_assert!(!redactor.clean(&text).contains(&secret), "{text}");
            let basic = STANDARD.encode(format!("{before}:{secret}{after}"));
            prop_assert!(redactor.clean(&basic).contains(CUT), "{basic}");
        }
    }
}
