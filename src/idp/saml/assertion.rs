//! What is expected of a response, and what one that was verified says.
//!
//! A [`VerifiedAssertion`] is made by `verify` alone.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rolecall_core::base::secret::SecretDigest;
use rolecall_core::identity::{InvalidClaims, NameId, Subject, UnreadReason};

/// What a response is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Where it must have been sent: `Destination` and `Recipient` are one of these (Bindings 3.5.5.2, Profiles 4.1.4.2).
    pub recipients: &'a [&'a str],
    /// Whom it must be for: each `AudienceRestriction` names one of these (Core 2.5.1.4).
    pub audiences: &'a [&'a str],
    /// The id of the request it answers. Without one it must answer none: `InResponseTo` is nowhere (Profiles 4.1.5).
    pub in_response_to: Option<&'a str>,
    /// When the sign-in began, if it must have been a fresh one (`ForceAuthn`, Core 3.4.1).
    pub fresh_since: Option<DateTime<Utc>>,
}

/// Which elements were signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// The `Response`, and the assertion as a part of it.
    Response,
    /// The `Assertion` alone.
    Assertion,
    /// Each with a signature of its own.
    Both,
}

/// One attribute (Core 2.7.3.1); those of the same `Name` are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// `Name`
    pub name: String,
    /// `FriendlyName`: each that was written beside this name.
    pub friendly_names: Vec<String>,
    /// The values, in order. One that is a `NameID` is its text.
    pub values: Vec<String>,
    /// Why its values are not all known.
    pub unread: Option<UnreadReason>,
}

/// An assertion that passed every check.
#[derive(Clone, Debug)]
pub struct VerifiedAssertion {
    /// `ID`
    pub assertion_id: String,
    /// Names the assertion: a digest of issuer and `ID`. It counts once, until [`Self::not_on_or_after`].
    pub digest: SecretDigest,
    /// After this it would be refused for its age by any clock within the leeway.
    pub not_on_or_after: DateTime<Utc>,
    /// `Issuer`: the provider's entity id.
    pub issuer: String,
    /// Which elements were signed.
    pub signed: Signed,
    /// `NameID`, where there is one.
    pub name_id: Option<NameId>,
    /// The person: the configured attribute, else the text of `NameID`.
    pub subject: Subject,
    /// The attributes, in order.
    pub attributes: Vec<Attribute>,
    /// `AuthnInstant`
    pub authn_instant: DateTime<Utc>,
    /// `SessionIndex`
    pub session_index: Option<String>,
    /// `SessionNotOnOrAfter`, the earliest where there are several.
    pub session_not_on_or_after: Option<DateTime<Utc>>,
    /// `AuthnContextClassRef`
    pub authn_context: Option<String>,
}

impl Attribute {
    fn is_called(&self, name: &str) -> bool {
        self.name == name || self.friendly_names.iter().any(|friendly| friendly == name)
    }

    /// Whether nothing depends on which of the two is meant.
    fn says_the_same_as(&self, other: &Self) -> bool {
        let values = |one: &Self| -> BTreeSet<String> { one.values.iter().cloned().collect() };
        self.unread.is_none() && other.unread.is_none() && values(self) == values(other)
    }
}

/// The attribute that goes by this `Name` or `FriendlyName`; none when there is none.
///
/// # Errors
/// [`UnreadReason::Ambiguous`], when several do and have other values: nobody knows which is meant.
pub fn named<'a>(
    attributes: &'a [Attribute],
    name: &str,
) -> Result<Option<&'a Attribute>, UnreadReason> {
    the_one(attributes.iter().filter(|one| one.is_called(name)))
}

/// The attribute that is meant by a name, of those that go by it.
///
/// # Errors
/// As [`named`].
pub fn the_one<'a>(
    mut called: impl Iterator<Item = &'a Attribute>,
) -> Result<Option<&'a Attribute>, UnreadReason> {
    let Some(first) = called.next() else {
        return Ok(None);
    };
    match called.all(|other| first.says_the_same_as(other)) {
        true => Ok(Some(first)),
        false => Err(UnreadReason::Ambiguous),
    }
}

impl VerifiedAssertion {
    /// The values of an attribute, found by `Name` or `FriendlyName`; none when it is absent.
    ///
    /// # Errors
    /// When they are not known: they are no strings, or several attributes go by this name.
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
