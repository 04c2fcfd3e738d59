//! Name of a client. Anyone can register as "AWS CLI", so pages display it as unverified. It is sanitized to one line
//! without characters that reorder or hide text.

use serde::{Deserialize, Serialize};

use crate::base::{limits, text};

/// A sanitized `clientName`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ClientName(String);

impl ClientName {
    /// Sanitizes a name: removes control, formatting and bidirectional characters, and truncates it to
    /// [`limits::CLIENT_NAME_CHARS_MAX`] characters.
    pub fn new(given: &str) -> Self {
        let name = text::one_line(given, limits::CLIENT_NAME_CHARS_MAX);
        match name.is_empty() {
            true => Self("unnamed".to_owned()),
            false => Self(name),
        }
    }

    /// The name as shown on pages.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ClientName {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<ClientName> for String {
    fn from(name: ClientName) -> Self {
        name.0
    }
}

impl std::fmt::Display for ClientName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_names_are_sanitized() {
        for (given, shown) in [
            ("botocore-client-rc", "botocore-client-rc"),
            ("  Granted   CLI ", "Granted CLI"),
            ("a\r\nb\tc", "a b c"),
            ("evil\u{202e}txt.exe", "eviltxt.exe"),
            ("\u{200b}\u{2066}", "unnamed"),
            ("", "unnamed"),
            ("日本", "日本"),
        ] {
            assert_eq!(ClientName::new(given).as_str(), shown, "{given:?}");
        }
        let long = ClientName::new(&"é".repeat(300));
        assert_eq!(long.as_str().chars().count(), limits::CLIENT_NAME_CHARS_MAX);
    }
}
