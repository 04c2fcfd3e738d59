//! A JSON value whose members have an order, so that the same plan has the same bytes.

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Number, Value};

use super::AccountText;
use crate::aws::AccountId;

/// A JSON value with texts of type `T`. Members of an object keep their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node<T> {
    /// `null`
    Null,
    /// `true` or `false`
    Flag(bool),
    /// A number.
    Number(Number),
    /// A string.
    Text(T),
    /// An array.
    List(Vec<Self>),
    /// An object.
    Map(Members<T>),
}

/// The members of an object, in order.
pub type Members<T> = Vec<(String, Node<T>)>;

impl<T> Node<T> {
    /// An object with these members, in this order.
    pub fn map<const N: usize>(members: [(&str, Self); N]) -> Self {
        let members = members.into_iter();
        Self::Map(
            members
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    }

    /// A string.
    pub fn text(text: impl Into<T>) -> Self {
        Self::Text(text.into())
    }

    /// An integer.
    pub fn number(number: u32) -> Self {
        Self::Number(number.into())
    }

    /// One string, or an array of several. IAM reads both in the same way.
    pub fn one_or_list(texts: impl IntoIterator<Item = T>) -> Self {
        let mut nodes: Vec<Self> = texts.into_iter().map(Self::Text).collect();
        match nodes.pop() {
            Some(only) if nodes.is_empty() => only,
            Some(last) => {
                nodes.push(last);
                Self::List(nodes)
            }
            None => Self::List(nodes),
        }
    }

    /// The same value with other texts.
    pub fn with_texts<U>(&self, text: &impl Fn(&T) -> Node<U>) -> Node<U> {
        match self {
            Self::Null => Node::Null,
            Self::Flag(flag) => Node::Flag(*flag),
            Self::Number(number) => Node::Number(number.clone()),
            Self::Text(own) => text(own),
            Self::List(items) => {
                Node::List(items.iter().map(|item| item.with_texts(text)).collect())
            }
            Self::Map(members) => {
                let members = members.iter();
                let members = members.map(|(key, value)| (key.clone(), value.with_texts(text)));
                Node::Map(members.collect())
            }
        }
    }
}

impl Node<AccountText> {
    /// The value for one account.
    pub fn fill(&self, account: &AccountId) -> Node<String> {
        self.with_texts(&|text| Node::Text(text.fill(account)))
    }
}

impl Node<String> {
    /// JSON without white space.
    pub fn compact(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// JSON with line breaks and an indentation of two spaces.
    pub fn pretty(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl<T: From<String>> From<&Value> for Node<T> {
    /// Members are sorted by name.
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(text.clone().into()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(members) => {
                let members = members.iter();
                let mut members: Members<T> = members
                    .map(|(key, value)| (key.clone(), Self::from(value)))
                    .collect();
                members.sort_by(|a, b| a.0.cmp(&b.0));
                Self::Map(members)
            }
        }
    }
}

impl Serialize for Node<String> {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => into.serialize_unit(),
            Self::Flag(flag) => into.serialize_bool(*flag),
            Self::Number(number) => number.serialize(into),
            Self::Text(text) => into.serialize_str(text),
            Self::List(items) => into.collect_seq(items),
            Self::Map(members) => {
                let mut map = into.serialize_map(Some(members.len()))?;
                for (key, value) in members {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_texts_are_filled() {
        let account = AccountId::parse("111122223333").unwrap();
        let node = Node::map([
            ("b", Node::text(AccountText::account_id())),
            ("a", Node::one_or_list(["x", "y"].map(AccountText::from))),
            ("c", Node::one_or_list(["x"].map(AccountText::from))),
            ("d", Node::number(1)),
        ]);
        assert_eq!(
            node.fill(&account).compact(),
            r#"{"b":"111122223333","a":["x","y"],"c":"x","d":1}"#
        );
        let value = serde_json::json!({ "b": [true, null, 1.5], "a": { "z": 1, "y": "t" } });
        let node: Node<String> = Node::from(&value);
        assert_eq!(
            node.compact(),
            r#"{"a":{"y":"t","z":1},"b":[true,null,1.5]}"#
        );
    }
}
