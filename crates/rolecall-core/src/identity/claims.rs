//! What a provider said of a person: every claim as a list of texts, bounded and never cut.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::read::{InvalidClaims, UnreadReason};
use crate::base::limits;

/// What the provider said: claim name to values, all as text. Nested objects appear under their JSON pointer
/// (`/realm_access/roles`); numbers and booleans as JSON writes them.
///
/// They are read with the session at each request, so they lie in one text instead of a hundred.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// Each name followed by its values, claims in the order of their names.
    text: String,
    /// Where each name and each value ends in `text`.
    ends: Vec<usize>,
    /// Which of the `ends` are those of names.
    names: Vec<usize>,
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
            if let Some(reason) = UnreadReason::of_values(values) {
                let name = name.clone();
                return Err(InvalidClaims::Unread { name, reason });
            }
        }
        Ok(Self::packed(claims.iter()))
    }

    /// Packs claims, given in the order of their names.
    pub(super) fn packed<N, V>(claims: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<str>,
        V: IntoIterator,
        V::Item: AsRef<str>,
    {
        let mut packed = Self::default();
        for (name, values) in claims {
            packed.push_name(name.as_ref());
            for value in values {
                packed.push_value(value.as_ref());
            }
        }
        packed
    }

    /// Whether there is a claim of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.position(name).is_ok()
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.names
            .binary_search_by(|&place| self.piece(place).cmp(name))
    }

    /// How many claims there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether any claim's name begins with this.
    pub(super) fn any_begins_with(&self, prefix: &str) -> bool {
        let at = self
            .names
            .partition_point(|&place| self.piece(place) < prefix);
        let found = self.names.get(at);
        found.is_some_and(|&place| self.piece(place).starts_with(prefix))
    }

    /// The values of a claim; none when it is absent.
    pub fn values(&self, name: &str) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.values_of(self.position(name).unwrap_or(self.names.len()))
    }

    /// The value of a claim that has exactly one.
    pub fn single(&self, name: &str) -> Option<&str> {
        let mut values = self.values(name);
        values.next().filter(|_| values.len() == 0)
    }

    /// All claims, by name.
    pub fn iter(
        &self,
    ) -> impl Iterator<Item = (&str, impl ExactSizeIterator<Item = &str> + Clone)> {
        let claims = self.names.iter().enumerate();
        claims.map(|(claim, &place)| (self.piece(place), self.values_of(claim)))
    }

    /// Of the claim with this number; none when there is no such claim.
    fn values_of(&self, claim: usize) -> impl ExactSizeIterator<Item = &str> + Clone {
        let from = self
            .names
            .get(claim)
            .map_or(self.ends.len(), |&name| name + 1);
        let to = self
            .names
            .get(claim + 1)
            .copied()
            .unwrap_or(self.ends.len());
        (from..to).map(|place| self.piece(place))
    }

    fn piece(&self, place: usize) -> &str {
        let before = place
            .checked_sub(1)
            .and_then(|before| self.ends.get(before));
        let from = before.copied().unwrap_or(0);
        let to = self.ends.get(place).copied().unwrap_or(from);
        self.text.get(from..to).unwrap_or_default()
    }

    fn push_name(&mut self, name: &str) {
        self.names.push(self.ends.len());
        self.push_value(name);
    }

    fn push_value(&mut self, value: &str) {
        self.text.push_str(value);
        self.ends.push(self.text.len());
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let claims = self.iter();
        f.debug_map()
            .entries(claims.map(|(name, values)| (name, values.collect::<Vec<_>>())))
            .finish()
    }
}

impl Serialize for Claims {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        into.collect_map(self.iter().map(|(name, values)| (name, Values(values))))
    }
}

struct Values<I>(I);

impl<'a, I: Iterator<Item = &'a str> + Clone> Serialize for Values<I> {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        into.collect_seq(self.0.clone())
    }
}

/// Reads what `Serialize` wrote; in any other order claims would not be found, and what is not found denies nothing.
impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AsMap;
        impl<'de> Visitor<'de> for AsMap {
            type Value = Claims;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("claims")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
                let mut claims = Claims::default();
                while map
                    .next_key_seed(Push(&mut claims, Claims::push_name))?
                    .is_some()
                {
                    if let [.., before, last] = claims.names[..]
                        && claims.piece(before) >= claims.piece(last)
                    {
                        return Err(A::Error::custom("claims out of order"));
                    }
                    map.next_value_seed(PushAll(&mut claims))?;
                }
                Ok(claims)
            }
        }
        from.deserialize_map(AsMap)
    }
}

/// Takes over one text.
struct Push<'c>(&'c mut Claims, fn(&mut Claims, &str));

impl<'de> DeserializeSeed<'de> for Push<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Push<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        (self.1)(self.0, text);
        Ok(())
    }
}

/// Takes over the values of one claim.
struct PushAll<'c>(&'c mut Claims);

impl<'de> DeserializeSeed<'de> for PushAll<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for PushAll<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claim's values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while values
            .next_element_seed(Push(self.0, Claims::push_value))?
            .is_some()
        {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_round_trip_through_a_record() {
        let claims = [
            ("", vec![""]),
            ("a", vec![]),
            ("b", vec!["ä", "", "\"q\n"]),
            ("c", vec!["1"]),
        ];
        let claims = claims.map(|(name, values)| {
            (
                name.to_owned(),
                values.into_iter().map(str::to_owned).collect::<Vec<_>>(),
            )
        });
        let read = Claims::parse(BTreeMap::from(claims.clone())).unwrap();
        let text = serde_json::to_string(&read).unwrap();
        assert_eq!(
            text,
            serde_json::to_string(&BTreeMap::from(claims.clone())).unwrap()
        );
        assert_eq!(serde_json::from_str::<Claims>(&text).unwrap(), read);
        assert_eq!(read.iter().count(), claims.len());
        for ((name, values), found) in claims.iter().zip(read.iter()) {
            assert_eq!(
                (found.0, found.1.collect::<Vec<_>>()),
                (name.as_str(), values.iter().map(String::as_str).collect())
            );
            assert!(
                read.values(name).eq(values.iter().map(String::as_str)),
                "{name}"
            );
        }
        assert_eq!(
            (
                read.single("c"),
                read.single("b"),
                read.single("a"),
                read.single("d")
            ),
            (Some("1"), None, None, None)
        );
        assert_eq!(read.values("bb").len(), 0);
        for text in [
            "[]",
            "null",
            r#"{"a":"b"}"#,
            r#"{"a":[1]}"#,
            r#"{"a":["b"]"#,
            r#"{"b":[],"a":[]}"#,
            r#"{"a":[],"a":[]}"#,
        ] {
            assert!(serde_json::from_str::<Claims>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn too_many_values_are_rejected() {
        let many = BTreeMap::from([(
            "groups".to_owned(),
            vec![String::new(); limits::CLAIM_VALUES_MAX + 1],
        )]);
        assert_eq!(
            Claims::parse(many),
            Err(InvalidClaims::Unread {
                name: "groups".to_owned(),
                reason: UnreadReason::TooManyValues
            })
        );
    }
}
