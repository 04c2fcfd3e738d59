//! Reads the claims of a provider into [`Claims`].
//!
//! A claim whose values cannot be compared is never dropped silently: a deny rule that uses it would no longer match. Its
//! name is kept as unread. A sign-in is rejected if the configuration or the policy uses such a claim.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Identity;
use super::claims::Claims;
use crate::base::limits;

/// Why the values of a claim are unknown although the provider sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadReason {
    /// The array contains an array or an object.
    #[error("holds an array or an object within its array, where strings are expected")]
    Nested,
    /// The value is an object, or contains XML elements.
    #[error("is an object, where a string or an array of strings is expected")]
    Object,
    /// It has more than [`limits::CLAIM_VALUES_MAX`] values.
    #[error("has more than {} values", limits::CLAIM_VALUES_MAX)]
    TooManyValues,
    /// A value is longer than [`limits::CLAIM_VALUE_BYTES_MAX`].
    #[error("has a value of more than {} bytes", limits::CLAIM_VALUE_BYTES_MAX)]
    ValueTooLong,
    /// The attribute contains text outside its values (SAML Core 2.7.3.1 allows none).
    #[error("has text outside of its AttributeValue elements")]
    OutsideValues,
    /// Two claims or attributes have this name.
    #[error("was sent twice")]
    Ambiguous,
    /// An aggregated or distributed claim (OIDC Core 5.6.2).
    #[error("is a distributed claim (_claim_names), which is not supported")]
    Elsewhere,
    /// It was not kept in the session, because nothing needed it at sign-in.
    #[error("was not kept when the person signed in")]
    NotKept,
}

/// Why claims are rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClaims {
    /// There are more than [`limits::CLAIMS_MAX`].
    #[error("there are more than {} claims", limits::CLAIMS_MAX)]
    TooMany,
    /// The configuration or the policy needs this claim, and its values cannot be read.
    #[error("the claim {name:?} {reason}; the configuration or the access policy depends on it")]
    Unread {
        /// Name of the claim, or its JSON pointer.
        name: String,
        /// Why it cannot be read.
        reason: UnreadReason,
    },
}

impl UnreadReason {
    /// Why these values of a claim are not accepted, if so.
    pub(super) fn of_values(values: &[String]) -> Option<Self> {
        let too_long = |value: &String| value.len() > limits::CLAIM_VALUE_BYTES_MAX;
        if values.len() > limits::CLAIM_VALUES_MAX {
            return Some(Self::TooManyValues);
        }
        values.iter().any(too_long).then_some(Self::ValueTooLong)
    }
}

/// The claims that the provider sent and whose values were not kept, by JSON pointer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct UnreadClaims {
    named: BTreeMap<String, UnreadReason>,
    /// Whether there are more, whose names were not kept either.
    more: bool,
}

/// JSON pointer of the whole document (RFC 6901 5). In a record it represents the claims without a name.
const MORE: &str = "";

/// A record contains only the names, and for an object that it has no members.
impl From<Vec<String>> for UnreadClaims {
    fn from(pointers: Vec<String>) -> Self {
        let more = pointers.iter().any(|pointer| pointer == MORE);
        let named = pointers.into_iter().filter(|pointer| pointer != MORE);
        let named = named
            .map(|pointer| (pointer, UnreadReason::NotKept))
            .collect();
        Self { named, more }
    }
}

impl From<UnreadClaims> for Vec<String> {
    fn from(unread: UnreadClaims) -> Self {
        let more = unread.more.then(|| MORE.to_owned());
        let named = unread.named.into_iter().map(|(mut pointer, reason)| {
            if reason == UnreadReason::Object {
                // As if a member with an empty name were unread: the object is unread, and its other members are not.
                pointer.push('/');
            }
            pointer
        });
        more.into_iter().chain(named).collect()
    }
}

impl UnreadClaims {
    /// Whether there are no unread claims.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && !self.more
    }

    /// Every claim that is not among the read claims, without their names.
    pub(crate) fn all_others() -> Self {
        Self {
            named: BTreeMap::new(),
            more: true,
        }
    }

    fn add(&mut self, name: &str, reason: UnreadReason) {
        self.named.insert(pointer(name), reason);
    }

    /// Why the claim, or the claim that contains it, is unread.
    fn reason_for(&self, pointer: &str) -> Option<UnreadReason> {
        if self.named.is_empty() {
            return None;
        }
        if let Some(reason) = self.named.get(pointer) {
            return Some(*reason);
        }
        let within = |prefix: &str| match self.named.get(prefix) {
            // An object without members does not have this one either.
            None | Some(UnreadReason::Object) => None,
            Some(reason) => Some(*reason),
        };
        let ends = pointer.match_indices('/').skip(1);
        let member = format!("{pointer}/");
        let mut members = self.named.range(member.clone()..);
        ends.map(|(end, _)| &pointer[..end])
            .find_map(within)
            .or_else(|| {
                let next = members.next()?;
                next.0.starts_with(&member).then_some(UnreadReason::Object)
            })
    }
}

/// The claims of a provider. Every claim is either among the claims or among the unread ones.
#[derive(Clone, Debug, Default)]
pub struct ReadClaims {
    claims: Claims,
    unread: UnreadClaims,
}

impl ReadClaims {
    /// Reads a JSON object (an ID token, userinfo): scalars and arrays of scalars by their name, members of objects by
    /// their JSON pointer, `null` not at all. A claim that `_claim_names` (OIDC Core 5.6.2) declares as distributed is
    /// unread, whatever value it has here.
    pub fn from_json(object: &Map<String, Value>) -> Self {
        let mut claims = BTreeMap::new();
        for (name, value) in object {
            flatten(&mut claims, name, &pointer_to(name), value);
        }
        let elsewhere = object.get("_claim_names").and_then(Value::as_object);
        for (name, source) in elsewhere.into_iter().flatten() {
            if !source.is_null() {
                claims.insert(name.clone(), Err(UnreadReason::Elsewhere));
            }
        }
        Self::of(claims)
    }

    /// Creates claims from lists; `Err` for a claim that cannot be read.
    pub fn of(claims: BTreeMap<String, Result<Vec<String>, UnreadReason>>) -> Self {
        let mut unread = UnreadClaims::default();
        let mut read = BTreeMap::new();
        for (name, values) in claims {
            let values = values.and_then(|values| match UnreadReason::of_values(&values) {
                Some(reason) => Err(reason),
                None => Ok(values),
            });
            match values {
                Ok(values) => drop(read.insert(name, values)),
                Err(reason) => unread.add(&name, reason),
            }
        }
        Self {
            claims: Claims::of_checked_values(read),
            unread,
        }
    }

    /// Whether the provider sent the claim, readable or not.
    pub fn has(&self, name: &str) -> bool {
        self.claims.has(name) || unread_reason(&self.claims, &self.unread, name).is_some()
    }

    /// The values of a claim that the configuration or the policy needs; empty if it is absent.
    ///
    /// # Errors
    /// [`InvalidClaims::Unread`].
    pub fn values(
        &self,
        name: &str,
    ) -> Result<impl ExactSizeIterator<Item = &str> + Clone, InvalidClaims> {
        match unread_reason(&self.claims, &self.unread, name) {
            Some(reason) => Err(InvalidClaims::Unread {
                name: name.to_owned(),
                reason,
            }),
            None => Ok(self.claims.values(name)),
        }
    }

    /// The value of an optional claim that has exactly one.
    pub fn single(&self, name: &str) -> Option<&str> {
        self.claims.single(name)
    }

    /// The claims and the unread claims.
    pub fn into_parts(self) -> (Claims, UnreadClaims) {
        (self.claims, self.unread)
    }
}

impl Identity {
    /// Why the values of this claim are unknown although the provider sent it.
    pub fn unread_claim(&self, name: &str) -> Option<UnreadReason> {
        unread_reason(&self.claims, &self.unread_claims, name)
    }

    /// Whether [`Identity::unread_claim`] can have an answer for any name.
    pub(crate) fn may_have_unread_claims(&self) -> bool {
        !self.unread_claims.is_empty() || self.claims.any_begins_with("/")
    }

    /// Those of the named claims that were read. A claim that the provider did not send has no values.
    pub(crate) fn read_claims<'n>(&self, named: impl Iterator<Item = &'n str>) -> Claims {
        let read = named.filter(|name| self.unread_claim(name).is_none());
        let values = |name| self.claims.values(name).map(str::to_owned).collect();
        Claims::of_checked_values(read.map(|name| (name.to_owned(), values(name))).collect())
    }

    /// Drops claims that are not `needed`, until a record can hold the rest.
    pub(crate) fn bound_claims<'n>(&mut self, needed: impl Iterator<Item = &'n str>) {
        let needed: BTreeSet<&str> = needed.collect();
        if self.claims.len() > limits::CLAIMS_MAX {
            let mut room = limits::CLAIMS_MAX;
            let unread = &mut self.unread_claims;
            self.claims.retain(|name| {
                let fits = needed.contains(name) || room > 0;
                room = room.saturating_sub(usize::from(fits));
                if !fits {
                    unread.add(name, UnreadReason::NotKept);
                }
                fits
            });
        }
        self.bound_unread_names(&needed);
    }

    /// Drops names of unread claims beyond the limits. After that, every unknown claim counts as unread, so absent
    /// claims that are needed are kept as claims without values.
    fn bound_unread_names(&mut self, needed: &BTreeSet<&str>) {
        let names = &self.unread_claims.named;
        let bytes: usize = names.keys().map(String::len).sum();
        if names.len() <= limits::UNREAD_CLAIMS_MAX && bytes <= limits::UNREAD_CLAIMS_BYTES_MAX {
            return;
        }
        let absent: Vec<String> = needed
            .iter()
            .filter(|name| !self.claims.has(name) && self.unread_claim(name).is_none())
            .map(|name| (*name).to_owned())
            .collect();
        let needed: BTreeSet<String> = needed.iter().map(|name| pointer(name)).collect();
        let around_needed = |name: &str| {
            let member = format!("{name}/");
            let within = |one: &String| one.starts_with(&member);
            needed.contains(name) || needed.range(member.clone()..).next().is_some_and(within)
        };
        let (mut count, mut bytes) = (0, 0);
        self.unread_claims.named.retain(|name, _| {
            count += 1;
            bytes += name.len();
            around_needed(name)
                || (count <= limits::UNREAD_CLAIMS_MAX && bytes <= limits::UNREAD_CLAIMS_BYTES_MAX)
        });
        self.unread_claims.more = true;
        for name in absent {
            self.claims.add_empty(name);
        }
    }
}

fn unread_reason(claims: &Claims, unread: &UnreadClaims, name: &str) -> Option<UnreadReason> {
    let pointer = pointer(name);
    let is_known = || claims.has(name);
    let object = || {
        let has_members = claims.any_begins_with(&format!("{pointer}/"));
        (has_members && !is_known()).then_some(UnreadReason::Object)
    };
    let not_named = || (unread.more && !is_known()).then_some(UnreadReason::NotKept);
    unread
        .reason_for(&pointer)
        .or_else(object)
        .or_else(not_named)
}

/// The JSON pointer of a claim, from its name in [`Claims`].
fn pointer(name: &str) -> String {
    let is_pointer = name
        .strip_prefix('/')
        .is_some_and(|rest| rest.contains('/'));
    match is_pointer {
        true => name.to_owned(),
        false => pointer_to(name),
    }
}

fn pointer_to(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

type Flat = BTreeMap<String, Result<Vec<String>, UnreadReason>>;

fn flatten(into: &mut Flat, name: &str, pointer: &str, value: &Value) {
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let values = match value {
        Value::Null => return,
        Value::Object(members) if !members.values().all(Value::is_null) => {
            for (member, value) in members {
                let pointer = format!("{pointer}{}", pointer_to(member));
                flatten(into, &pointer.clone(), &pointer, value);
            }
            return;
        }
        Value::Object(_) => Err(UnreadReason::Object),
        Value::Array(items) => {
            let values = items.iter().filter(|item| !item.is_null()).map(scalar);
            values.collect::<Option<_>>().ok_or(UnreadReason::Nested)
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) => {
            Ok(scalar(value).into_iter().collect())
        }
    };
    match into.entry(name.to_owned()) {
        Entry::Vacant(free) => drop(free.insert(values)),
        // A claim whose name equals the pointer of another one.
        Entry::Occupied(mut taken) => drop(taken.insert(Err(UnreadReason::Ambiguous))),
    }
}

#[cfg(test)]
mod tests;
