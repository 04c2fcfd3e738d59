//! E-mail addresses and their domains.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::limits;

/// Domain of an e-mail address, in ASCII lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EmailDomain(String);

/// An e-mail address with exactly one `@`, in ASCII lower case. Whether it is trusted is a property of the identity.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EmailAddress(String);

/// Why an e-mail address or domain is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// The text is not `local@domain` with exactly one `@` and without spaces, quotes and non-ASCII characters.
    #[error("not an e-mail address: write it as name@example.com")]
    Address,
    /// The text is not a DNS name.
    #[error("not a mail domain: write it as example.com")]
    Domain,
}

impl EmailDomain {
    /// Parses a DNS name of at least two labels.
    ///
    /// # Errors
    /// [`InvalidEmail::Domain`].
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let labels = text.split('.').count();
        if text.len() <= 253 && labels >= 2 && text.split('.').all(label) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidEmail::Domain)
        }
    }

    /// The domain in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EmailAddress {
    /// Parses an address; see [`InvalidEmail::Address`].
    ///
    /// # Errors
    /// [`InvalidEmail`].
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail::Address)?;
        let plain = |b: u8| {
            b.is_ascii_graphic()
                && !matches!(
                    b,
                    b'"' | b'@' | b'\\' | b',' | b';' | b'<' | b'>' | b'(' | b')' | b'[' | b']'
                )
        };
        if local.is_empty()
            || local.len() > 64
            || text.len() > limits::EMAIL_BYTES_MAX
            || !local.bytes().all(plain)
        {
            return Err(InvalidEmail::Address);
        }
        EmailDomain::parse(domain).map_err(|_| InvalidEmail::Address)?;
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The address in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the last `@`.
    pub fn domain(&self) -> EmailDomain {
        EmailDomain(
            self.0
                .split_once('@')
                .map_or("", |(_, domain)| domain)
                .to_owned(),
        )
    }
}

impl fmt::Display for EmailDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_addresses_are_rejected() {
        for bad in [
            "a@corp.example@evil.example",
            "\"a@evil\"@corp.example",
            "a@localhost",
            "@x.example",
            "a",
            "a@",
            "a b@x.example",
            "ä@x.example",
            "a@x..example",
            "a@-x.example",
        ] {
            assert_eq!(
                EmailAddress::parse(bad),
                Err(InvalidEmail::Address),
                "{bad}"
            );
        }
        assert_eq!(
            EmailAddress::parse("Alice+aws@Example.COM").map(|a| a.to_string()),
            Ok("alice+aws@example.com".to_owned())
        );
    }
}
