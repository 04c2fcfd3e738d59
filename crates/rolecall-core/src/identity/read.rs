//! Reading what a provider sent into [`Claims`].
//!
//! A claim whose values cannot be compared with a rule is never dropped silently: a deny that names it would no longer
//! hold. Its name is kept as unread. A sign-in is refused when configuration or policy name such a claim, and goes on
//! when nothing depends on it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Identity;
use super::claims::Claims;
use crate::limits;

/// Why the values of a claim are not known, although the provider sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// An array or an object within its array.
    #[error("holds an array or an object within its array, where strings are expected")]
    Nested,
    /// An object, or XML elements, where values are expected.
    #[error("is an object, where a string or an array of strings is expected")]
    Object,
    /// More than [`limits::CLAIM_VALUES_MAX`] values.
    #[error("has more than {} values", limits::CLAIM_VALUES_MAX)]
    TooManyValues,
    /// A value over [`limits::CLAIM_VALUE_BYTES_MAX`].
    #[error("has a value of more than {} bytes", limits::CLAIM_VALUE_BYTES_MAX)]
    ValueTooLong,
    /// Two claims or attributes that go by this name.
    #[error("is sent twice, by two claims of this name")]
    Ambiguous,
    /// Not kept in the session, since nothing depended on it when the person signed in.
    #[error("was not kept when the person signed in")]
    NotKept,
}

/// Why claims are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClaims {
    /// More than are kept, even by name.
    #[error("the provider sent too many claims; let it send fewer")]
    TooMany,
    /// Something depends on this claim, and its values cannot be read.
    #[error("the claim {name:?} {why}; the configuration or the access policy depends on it")]
    Unread {
        /// Its name, or its JSON pointer.
        name: String,
        /// Why.
        why: Unread,
    },
}

impl Unread {
    /// Whether values of a claim are more than are taken.
    pub(super) fn of_values(values: &[String]) -> Option<Self> {
        let too_long = |value: &String| value.len() > limits::CLAIM_VALUE_BYTES_MAX;
        if values.len() > limits::CLAIM_VALUES_MAX {
            return Some(Self::TooManyValues);
        }
        values.iter().any(too_long).then_some(Self::ValueTooLong)
    }
}

/// The claims that the provider sent and whose values are not kept, by JSON pointer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct UnreadClaims(BTreeMap<String, Unread>);

/// A record keeps the names alone.
impl From<Vec<String>> for UnreadClaims {
    fn from(pointers: Vec<String>) -> Self {
        let unread = pointers
            .into_iter()
            .map(|pointer| (pointer, Unread::NotKept));
        Self(unread.collect())
    }
}

impl From<UnreadClaims> for Vec<String> {
    fn from(unread: UnreadClaims) -> Self {
        unread.0.into_keys().collect()
    }
}

impl UnreadClaims {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, name: &str, why: Unread) {
        self.0.insert(pointer(name), why);
    }

    /// Why the claim is unread, itself or the one that it would be a member of.
    fn why(&self, pointer: &str) -> Option<Unread> {
        if self.0.is_empty() {
            return None;
        }
        if let Some(why) = self.0.get(pointer) {
            return Some(*why);
        }
        let within = |prefix: &str| match self.0.get(prefix) {
            // An object without members has none of this name either.
            None | Some(Unread::Object) => None,
            Some(why) => Some(*why),
        };
        let ends = pointer.match_indices('/').skip(1);
        let member = format!("{pointer}/");
        let mut members = self.0.range(member.clone()..);
        ends.map(|(end, _)| &pointer[..end])
            .find_map(within)
            .or_else(|| {
                let next = members.next()?;
                next.0.starts_with(&member).then_some(Unread::Object)
            })
    }
}

/// What a provider sent, read: every claim is either among the claims or among the unread ones.
#[derive(Clone, Debug, Default)]
pub struct ReadClaims {
    claims: Claims,
    unread: UnreadClaims,
}

impl ReadClaims {
    /// Reads a JSON object (an ID token, userinfo): scalars and arrays of scalars under their name, members of objects
    /// under their JSON pointer, `null` not at all.
    pub fn from_json(object: &Map<String, Value>) -> Self {
        let mut claims = BTreeMap::new();
        for (name, value) in object {
            flatten(&mut claims, name, &pointer_to(name), value);
        }
        Self::of(claims)
    }

    /// Takes claims that are lists already; `Err` for one that cannot be read.
    pub fn of(claims: BTreeMap<String, Result<Vec<String>, Unread>>) -> Self {
        let mut unread = UnreadClaims::default();
        let mut read = BTreeMap::new();
        for (name, values) in claims {
            let values = values.and_then(|values| match Unread::of_values(&values) {
                Some(why) => Err(why),
                None => Ok(values),
            });
            match values {
                Ok(values) => drop(read.insert(name, values)),
                Err(why) => unread.add(&name, why),
            }
        }
        Self {
            claims: Claims::packed(&read),
            unread,
        }
    }

    /// Whether the provider sent it, readable or not.
    pub fn has(&self, name: &str) -> bool {
        self.claims.has(name) || why(&self.claims, &self.unread, name).is_some()
    }

    /// The values of a claim on which something depends; none when it is absent.
    ///
    /// # Errors
    /// [`InvalidClaims::Unread`].
    pub fn values(
        &self,
        name: &str,
    ) -> Result<impl ExactSizeIterator<Item = &str> + Clone, InvalidClaims> {
        match why(&self.claims, &self.unread, name) {
            Some(why) => Err(InvalidClaims::Unread {
                name: name.to_owned(),
                why,
            }),
            None => Ok(self.claims.values(name)),
        }
    }

    /// The value of a claim that has exactly one and on which nothing depends.
    pub fn single(&self, name: &str) -> Option<&str> {
        self.claims.single(name)
    }

    /// The claims, and those that could not be read.
    pub fn into_parts(self) -> (Claims, UnreadClaims) {
        (self.claims, self.unread)
    }
}

impl Identity {
    /// Why the values of this claim are not known, although the provider sent it.
    pub fn unread_claim(&self, name: &str) -> Option<Unread> {
        why(&self.claims, &self.unread_claims, name)
    }

    /// Whether [`Identity::unread_claim`] can have an answer for any name.
    pub(crate) fn may_have_unread_claims(&self) -> bool {
        !self.unread_claims.is_empty() || self.claims.any_begins_with("/")
    }

    /// Leaves claims out that are not `needed`, until as many are left as a record may hold.
    ///
    /// # Errors
    /// [`InvalidClaims::TooMany`], when even their names are too many.
    pub(crate) fn bound_claims(
        &mut self,
        needed: impl Fn(&str) -> bool,
    ) -> Result<(), InvalidClaims> {
        if self.claims.len() > limits::CLAIMS_MAX {
            let mut room = limits::CLAIMS_MAX;
            let mut kept = Vec::new();
            for (name, values) in self.claims.iter() {
                let fits = needed(name) || room > 0;
                room = room.saturating_sub(usize::from(fits));
                match fits {
                    true => kept.push((name, values)),
                    false => self.unread_claims.add(name, Unread::NotKept),
                }
            }
            self.claims = Claims::packed(kept);
        }
        let names = &self.unread_claims.0;
        let bytes: usize = names.keys().map(String::len).sum();
        if names.len() > limits::UNREAD_CLAIMS_MAX || bytes > limits::UNREAD_CLAIMS_BYTES_MAX {
            return Err(InvalidClaims::TooMany);
        }
        Ok(())
    }
}

fn why(claims: &Claims, unread: &UnreadClaims, name: &str) -> Option<Unread> {
    let pointer = pointer(name);
    let object = || {
        let has_members = claims.any_begins_with(&format!("{pointer}/"));
        has_members.then_some(Unread::Object)
    };
    unread.why(&pointer).or_else(object)
}

/// The name under which [`Claims`] keep a claim: a JSON pointer (RFC 6901) of one step is the claim itself.
pub fn claim_name(written: &str) -> String {
    match written.strip_prefix('/') {
        Some(step) if !step.contains('/') => step.replace("~1", "/").replace("~0", "~"),
        Some(_) | None => written.to_owned(),
    }
}

/// The JSON pointer of a claim by the name that [`Claims`] keep it under.
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

type Flat = BTreeMap<String, Result<Vec<String>, Unread>>;

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
        Value::Object(_) => Err(Unread::Object),
        Value::Array(items) => {
            let values = items.iter().filter(|item| !item.is_null()).map(scalar);
            values.collect::<Option<_>>().ok_or(Unread::Nested)
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) => {
            Ok(scalar(value).into_iter().collect())
        }
    };
    match into.entry(name.to_owned()) {
        Entry::Vacant(free) => drop(free.insert(values)),
        // A claim whose name is written like the pointer of another.
        Entry::Occupied(mut taken) => drop(taken.insert(Err(Unread::Ambiguous))),
    }
}

#[cfg(test)]
mod tests;
