//! A person some identity provider has vouched for.
//!
//! The key of a person is (provider, subject) and nothing else: two providers never share one, and an e-mail address
//! is a claim. There is no way to an [`Identity`] without [`Evidence`].

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::secret::{SecretDigest, SecretText};

/// Defines a newtype over a string with a parse rule.
macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident, $error:ident, $message:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        #[doc = concat!("Why a text is no [`", stringify!($name), "`].")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        #[error($message)]
        pub struct $error;

        impl $name {
            /// Parses it.
            ///
            /// # Errors
            /// When the text breaks the rule of the type.
            pub fn parse(text: &str) -> Result<Self, $error> {
                let ok: fn(&str) -> bool = $ok;
                if ok(text) { Ok(Self(text.into())) } else { Err($error) }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;
            fn try_from(text: String) -> Result<Self, $error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }

        impl std::str::FromStr for $name {
            type Err = $error;
            fn from_str(text: &str) -> Result<Self, $error> {
                Self::parse(text)
            }
        }
    };
}
pub(crate) use text_newtype;

text_newtype!(
    /// The id of a configured identity provider: part of its redirect URI, so it is short and plain.
    ProviderId,
    InvalidProviderId,
    "a provider id is 1 to 32 characters of a-z, 0-9 and -, beginning with a letter or digit",
    |text| (1..=32).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);

text_newtype!(
    /// `sub` (OIDC Core 2) or `NameID` (SAML Core 2.2.3): unique within one provider, compared byte for byte.
    Subject,
    InvalidSubject,
    "a subject is 1 to 255 bytes without control characters",
    |text| (1..=limits::SUBJECT_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
);

/// What the provider said: claim name to values, all as text. Nested objects appear under their JSON pointer
/// (`/realm_access/roles`); numbers and booleans as JSON writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims(BTreeMap<String, Vec<String>>);

/// Why claims are refused: never cut, since fewer claims may mean a deny that no longer applies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClaims {
    /// More than [`limits::CLAIMS_MAX`].
    #[error("the provider sent more than {} claims", limits::CLAIMS_MAX)]
    TooMany,
    /// More than [`limits::CLAIM_VALUES_MAX`] values.
    #[error("the claim {0:?} has more than {max} values", max = limits::CLAIM_VALUES_MAX)]
    TooManyValues(String),
    /// A value over [`limits::CLAIM_VALUE_BYTES_MAX`].
    #[error("a value of the claim {0:?} is longer than {max} bytes", max = limits::CLAIM_VALUE_BYTES_MAX)]
    ValueTooLong(String),
}

impl Claims {
    /// Checks the bounds.
    ///
    /// # Errors
    /// When there are too many claims or values, or one is too long.
    pub fn parse(claims: BTreeMap<String, Vec<String>>) -> Result<Self, InvalidClaims> {
        if claims.len() > limits::CLAIMS_MAX {
            return Err(InvalidClaims::TooMany);
        }
        for (name, values) in &claims {
            if values.len() > limits::CLAIM_VALUES_MAX {
                return Err(InvalidClaims::TooManyValues(name.clone()));
            }
            if values
                .iter()
                .any(|value| value.len() > limits::CLAIM_VALUE_BYTES_MAX)
            {
                return Err(InvalidClaims::ValueTooLong(name.clone()));
            }
        }
        Ok(Self(claims))
    }

    /// Reads the claims of a JSON object (an ID token, userinfo): scalars and arrays of scalars under their name,
    /// nested objects under their JSON pointer, `null` not at all.
    ///
    /// # Errors
    /// As [`Claims::parse`].
    pub fn from_json(
        object: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Self, InvalidClaims> {
        let mut claims = BTreeMap::new();
        for (name, value) in object {
            flatten(
                &mut claims,
                name,
                &format!("/{}", escape_pointer(name)),
                value,
            );
        }
        Self::parse(claims)
    }

    /// The values of a claim; none when it is absent.
    pub fn values(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The value of a claim that has exactly one.
    pub fn single(&self, name: &str) -> Option<&str> {
        match self.values(name) {
            [value] => Some(value),
            _ => None,
        }
    }

    /// All claims, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0
            .iter()
            .map(|(name, values)| (name.as_str(), values.as_slice()))
    }
}

fn escape_pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn flatten(
    into: &mut BTreeMap<String, Vec<String>>,
    name: &str,
    pointer: &str,
    value: &serde_json::Value,
) {
    use serde_json::Value;
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match value {
        Value::Null => {}
        Value::String(_) | Value::Number(_) | Value::Bool(_) => {
            into.insert(name.to_owned(), scalar(value).into_iter().collect());
        }
        Value::Array(items) => {
            into.insert(name.to_owned(), items.iter().filter_map(scalar).collect());
        }
        Value::Object(members) => {
            for (member, value) in members {
                let pointer = format!("{pointer}/{}", escape_pointer(member));
                flatten(into, &pointer.clone(), &pointer, value);
            }
        }
    }
}

/// The domain part of an e-mail address, ASCII lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EmailDomain(String);

/// An e-mail address with exactly one `@`, ASCII lower case. Whether it is *believed* is a property of the identity.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EmailAddress(String);

/// Why a text is no e-mail address or domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// Not `local@domain` with exactly one `@` and no spaces, quotes or non-ASCII characters.
    #[error("not an e-mail address: write it as name@example.com")]
    Address,
    /// Not a DNS name.
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

    /// The domain.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EmailAddress {
    /// Parses it; see [`InvalidEmail::Address`].
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

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its domain.
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

/// What convinced us. It is kept with the identity for what can be proven with it later, and to sign out upstream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Evidence {
    /// A verified ID token (OIDC Core 2).
    IdToken {
        /// The token itself.
        #[serde(with = "crate::secret::sealed_text")]
        token: SecretText,
        /// The provider's session id (`sid`, OIDC Front-Channel Logout 3) where it gave one.
        sid: Option<String>,
    },
}

/// A person some provider has vouched for, as of [`Identity::authenticated_at`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// Who vouched.
    pub provider: ProviderId,
    /// For whom.
    pub subject: Subject,
    /// The address, only where the provider is believed about its domain.
    pub email: Option<EmailAddress>,
    /// For display only; any text.
    pub name: Option<String>,
    /// Group names, compared byte for byte, within this provider.
    pub groups: Vec<String>,
    /// Everything the provider said.
    pub claims: Claims,
    /// Whether a second factor was used, by the provider's `amr` or `acr` as configured.
    pub mfa: bool,
    /// When the person proved who they are (`auth_time`, OIDC Core 2); the sign-in's own time when not told.
    pub authenticated_at: DateTime<Utc>,
    /// What convinced us.
    pub evidence: Evidence,
}

impl Identity {
    /// How the person is addressed: name, else e-mail, else subject.
    pub fn display_name(&self) -> &str {
        self.name
            .as_deref()
            .filter(|name| !name.trim().is_empty())
            .or(self.email.as_ref().map(EmailAddress::as_str))
            .unwrap_or(self.subject.as_str())
    }

    /// The person's key: a digest of provider and subject.
    pub fn key(&self) -> SecretDigest {
        person_key(&self.provider, &self.subject)
    }
}

/// The key of a person: a digest of provider and subject.
pub fn person_key(provider: &ProviderId, subject: &Subject) -> SecretDigest {
    SecretDigest::of(
        "rolecall/person/v1",
        &[provider.as_str().as_bytes(), subject.as_str().as_bytes()],
    )
}

/// Decides whether an address is believed: a provider is authoritative for the domains it is configured with and for
/// no others, and not even there when it says `email_verified: false`.
pub fn believed_email(
    address: Option<&str>,
    verified: Option<bool>,
    domains: &[EmailDomain],
) -> Option<EmailAddress> {
    let address = EmailAddress::parse(address?).ok()?;
    (verified != Some(false) && domains.contains(&address.domain())).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_two_ats_quotes_or_no_domain_are_none() {
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

    #[test]
    fn a_provider_is_believed_about_its_domains_only() {
        let domains = [EmailDomain("example.com".to_owned())];
        assert!(believed_email(Some("a@example.com"), None, &domains).is_some());
        assert!(believed_email(Some("a@example.com"), Some(false), &domains).is_none());
        assert!(believed_email(Some("a@sub.example.com"), Some(true), &domains).is_none());
        assert!(believed_email(Some("a@example.com"), Some(true), &[]).is_none());
    }

    #[test]
    fn nested_claims_are_found_by_pointer() {
        let serde_json::Value::Object(object) = serde_json::json!({"realm_access": {"roles": ["a", 1, true]}, "x": null, "a/b": {"c": "d"}})
        else {
            return;
        };
        let claims = Claims::from_json(&object).unwrap_or_default();
        assert_eq!(claims.values("/realm_access/roles"), ["a", "1", "true"]);
        assert_eq!(claims.single("/a~1b/c"), Some("d"));
        assert_eq!(claims.values("x"), [] as [&str; 0]);
    }

    #[test]
    fn too_many_values_are_refused_not_cut() {
        let many = BTreeMap::from([(
            "groups".to_owned(),
            vec![String::new(); limits::CLAIM_VALUES_MAX + 1],
        )]);
        assert_eq!(
            Claims::parse(many),
            Err(InvalidClaims::TooManyValues("groups".to_owned()))
        );
    }
}
