//! The query protocol of STS (version 2011-06-15): parameters, their validation, and escaping for XML.
//!
//! All invalid parameters are reported together in AWS's wording: "2 validation errors detected: …".

use std::borrow::Cow;

use super::error::{AwsError, ErrorCode};

/// XML namespace of STS responses.
pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// The only version of the API.
pub(super) const VERSION: &str = "2011-06-15";

/// Parameters of a request, and the validation errors found so far.
pub(super) struct Parameters<'a> {
    form: &'a [(String, String)],
    errors: Vec<String>,
}

impl<'a> Parameters<'a> {
    pub fn new(form: &'a [(String, String)]) -> Self {
        Parameters {
            form,
            errors: Vec::new(),
        }
    }

    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.form
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns a required parameter and checks its length.
    pub fn required(&mut self, name: &str, min: usize, max: usize) -> &'a str {
        match self.get(name) {
            Some(value) => {
                self.length(&member(name), value, min, max);
                value
            }
            None => {
                self.add_error("null", &member(name), "Member must not be null");
                ""
            }
        }
    }

    /// Values of `prefix.member.N.suffix` in order of N, up to the first N that is missing.
    pub fn list(&self, prefix: &str, suffix: &str) -> Vec<&'a str> {
        (1..)
            .map_while(|n| self.get(&format!("{prefix}.member.{n}{suffix}")))
            .collect()
    }

    pub fn length(&mut self, member: &str, value: &str, min: usize, max: usize) {
        let length = value.chars().count();
        if length < min {
            self.add_error(
                &quoted(value),
                member,
                &format!("Member must have length greater than or equal to {min}"),
            );
        } else if length > max {
            self.add_error(
                &quoted(value),
                member,
                &format!("Member must have length less than or equal to {max}"),
            );
        }
    }

    /// Checks against `[\w<more>]*`, where `\w` is ASCII as in Java.
    pub fn pattern(&mut self, member: &str, value: &str, more: &str, shown: &str) {
        if !letters_digits(value, more) {
            self.add_error(
                &quoted(value),
                member,
                &format!("Member must satisfy regular expression pattern: {shown}"),
            );
        }
    }

    /// DurationSeconds, 900 to `max`; `default` when absent.
    pub fn duration(&mut self, default: u64, max: i64) -> u64 {
        let Some(text) = self.get("DurationSeconds") else {
            return default;
        };
        let Ok(seconds) = text.parse::<i64>() else {
            self.add_error(
                &quoted(text),
                "durationSeconds",
                "Member must be an integer",
            );
            return 0;
        };
        if seconds < 900 {
            self.add_error(
                &quoted(text),
                "durationSeconds",
                "Member must have value greater than or equal to 900",
            );
        } else if seconds > max {
            self.add_error(
                &quoted(text),
                "durationSeconds",
                &format!("Member must have value less than or equal to {max}"),
            );
        }
        u64::try_from(seconds).unwrap_or(0)
    }

    pub fn add_error(&mut self, value: &str, member: &str, constraint: &str) {
        self.errors.push(format!(
            "Value {value} at '{member}' failed to satisfy constraint: {constraint}"
        ));
    }

    /// Returns all validation errors as one `ValidationError`.
    pub fn finish(self) -> Result<(), AwsError> {
        match self.errors.len() {
            0 => Ok(()),
            1 => Err(AwsError::new(
                ErrorCode::ValidationError,
                format!("1 validation error detected: {}", self.errors.join("")),
            )),
            n => Err(AwsError::new(
                ErrorCode::ValidationError,
                format!("{n} validation errors detected: {}", self.errors.join("; ")),
            )),
        }
    }
}

/// A value as AWS quotes it in an error. Long values, such as tokens, are not echoed.
fn quoted(value: &str) -> String {
    if value.len() <= 128 {
        format!("'{value}'")
    } else {
        "'***'".to_owned()
    }
}

/// Name of a parameter in errors: `RoleArn` becomes `roleArn`.
fn member(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_ascii_lowercase().to_string() + chars.as_str()
    })
}

/// Whether the text has only ASCII letters, digits and characters of `more`.
pub(super) fn letters_digits(text: &str, more: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

/// Escapes text for XML and HTML elements and for attributes in double quotes.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// `N` random characters of the alphabet of AWS's unique IDs.
pub(super) fn random_letters<const N: usize>() -> anyhow::Result<String> {
    let mut bytes = [0_u8; N];
    openssl::rand::rand_bytes(&mut bytes)?;
    Ok(bytes
        .iter()
        .map(|b| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(b % 32)]))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_validation_errors_are_reported() {
        let form = [
            ("RoleSessionName".to_owned(), "a b".to_owned()),
            ("DurationSeconds".to_owned(), "60".to_owned()),
        ];
        let mut parameters = Parameters::new(&form);
        parameters.required("RoleArn", 20, 2048);
        let name = parameters.required("RoleSessionName", 2, 64);
        parameters.pattern("roleSessionName", name, "_+=,.@-", "[\\w+=,.@-]*");
        parameters.duration(3_600, 43_200);
        let error = parameters.finish().expect_err("three errors");
        assert_eq!(
            error.message,
            "3 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; \
             Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*; \
             Value '60' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"
        );
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escape("<b a='\"'>&"), "&lt;b a='&quot;'&gt;&amp;");
        assert!(matches!(escape("plain"), Cow::Borrowed("plain")));
    }
}
