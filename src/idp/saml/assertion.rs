//! The expected values of a response, and the contents of a verified one.
//!
//! Only `verify` creates a [`VerifiedAssertion`].

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rolecall_core::base::secret::SecretDigest;
use rolecall_core::identity::{InvalidClaims, NameId, Subject, UnreadReason};

/// The values that a response must have.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Allowed values of `Destination` and `Recipient` (Bindings 3.5.5.2, Profiles 4.1.4.2).
    pub recipients: &'a [&'a str],
    /// Allowed audiences: each `AudienceRestriction` must contain one of them (Core 2.5.1.4).
    pub audiences: &'a [&'a str],
    /// `InResponseTo`. If `None`, it must be absent everywhere (Profiles 4.1.5).
    pub in_response_to: Option<&'a str>,
    /// The start of the sign-in, if it must be fresh (`ForceAuthn`, Core 3.4.1).
    pub fresh_since: Option<DateTime<Utc>>,
}

/// The signed elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// The `Response`, which contains the assertion.
    Response,
    /// Only the `Assertion`.
    Assertion,
    /// Both, with separate signatures.
    Both,
}

/// An attribute (Core 2.7.3.1). Attributes with the same `Name` are merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// `Name`: usually a URI or an OID.
    pub name: String,
    /// All values of `FriendlyName` that were used with this name.
    pub friendly_names: Vec<String>,
    /// The values, in order. The value of a `NameID` is its text.
    pub values: Vec<String>,
    /// Why the values are not completely known.
    pub unread: Option<UnreadReason>,
}

/// An assertion that passed all checks.
#[derive(Clone, Debug)]
pub struct VerifiedAssertion {
    /// `ID`
    pub assertion_id: String,
    /// Identifies the assertion: a digest of issuer and `ID`. It can be used once until [`Self::not_on_or_after`].
    pub digest: SecretDigest,
    /// After this time, the assertion is expired for any clock within the leeway.
    pub not_on_or_after: DateTime<Utc>,
    /// `Issuer`: the entity ID of the provider.
    pub issuer: String,
    /// The signed elements.
    pub signed: Signed,
    /// `NameID`, if present.
    pub name_id: Option<NameId>,
    /// The subject: the configured attribute, or the text of `NameID`.
    pub subject: Subject,
    /// The attributes, in order.
    pub attributes: Vec<Attribute>,
    /// `AuthnInstant`: when the provider authenticated the person.
    pub authn_instant: DateTime<Utc>,
    /// `SessionIndex`, which a logout request may contain.
    pub session_index: Option<String>,
    /// `SessionNotOnOrAfter`; the earliest, if there are several.
    pub session_not_on_or_after: Option<DateTime<Utc>>,
    /// `AuthnContextClassRef`
    pub authn_context: Option<String>,
}

impl Attribute {
    fn is_called(&self, name: &str) -> bool {
        self.name == name || self.friendly_names.iter().any(|friendly| friendly == name)
    }

    /// Whether both attributes have the same values, so that either can be used.
    fn has_same_values_as(&self, other: &Self) -> bool {
        let values = |one: &Self| -> BTreeSet<String> { one.values.iter().cloned().collect() };
        self.unread.is_none() && other.unread.is_none() && values(self) == values(other)
    }
}

/// The attribute with this `Name` or `FriendlyName`, if any.
///
/// # Errors
/// [`UnreadReason::Ambiguous`], if several attributes match and have different values.
pub fn named<'a>(
    attributes: &'a [Attribute],
    name: &str,
) -> Result<Option<&'a Attribute>, UnreadReason> {
    select_unambiguous(attributes.iter().filter(|one| one.is_called(name)))
}

/// Selects the only attribute of those that match a name.
///
/// # Errors
/// As [`named`].
pub fn select_unambiguous<'a>(
    mut called: impl Iterator<Item = &'a Attribute>,
) -> Result<Option<&'a Attribute>, UnreadReason> {
    let Some(first) = called.next() else {
        return Ok(None);
    };
    match called.all(|other| first.has_same_values_as(other)) {
        true => Ok(Some(first)),
        false => Err(UnreadReason::Ambiguous),
    }
}

impl VerifiedAssertion {
    /// The values of the attribute with this `Name` or `FriendlyName`; empty if it is absent.
    ///
    /// # Errors
    /// If the values are not strings, or several attributes match.
    pub fn values(&self, name: &str) -> Result<&[String], InvalidClaims> {
        let unread = |reason| InvalidClaims::Unread {
            name: name.to_owned(),
            reason,
        };
        match named(&self.attributes, name).map_err(unread)? {
            None => Ok(&[]),
            Some(attribute) => match attribute.unread {
                Some(reason) => Err(unread(reason)),
                None => Ok(&attribute.values),
            },
        }
    }
}
