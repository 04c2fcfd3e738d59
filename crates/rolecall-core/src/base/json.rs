//! Strict JSON: duplicate members and deep nesting are rejected.
//!
//! Parsers disagree about which of two equal members is used (RFC 8259 4). The signer and the verifier of a document
//! must not disagree.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Maximum depth of external documents; usual ones have fewer than six levels.
const DEPTH_MAX: usize = 16;

/// Parses bytes that consist of exactly one JSON object.
///
/// # Errors
/// A description of the error, without the content.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict(DEPTH_MAX)
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(Value::Object(members)) => Ok(members),
        Ok(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_),
        ) => Err("not a JSON object".to_owned()),
        Err(error) => Err(reason(&error)),
    }
}

/// Messages of serde_json may quote the input. These contain only the kind of error and its position.
fn reason(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "duplicate member, or nested too deeply",
        serde_json::error::Category::Eof => "unexpected end",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "not JSON",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// A value within a larger document, parsed as strictly as an [`object`].
#[derive(Clone, Debug, PartialEq)]
pub struct StrictValue(pub Value);

impl<'de> Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Strict(DEPTH_MAX).deserialize(from).map(Self)
    }
}

/// Parses one value with this number of remaining levels.
struct Strict(usize);

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a number"))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let below = self.0.checked_sub(1).ok_or_else(too_deep)?;
        let mut items = Vec::new();
        while let Some(item) = from.next_element_seed(Strict(below))? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let below = self.0.checked_sub(1).ok_or_else(too_deep)?;
        let mut members = Map::new();
        while let Some(name) = from.next_key::<String>()? {
            let value = from.next_value_seed(Strict(below))?;
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("duplicate member"));
            }
        }
        Ok(Value::Object(members))
    }
}

fn too_deep<E: de::Error>() -> E {
    E::custom("nested too deeply")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_objects_are_parsed() {
        let members = object(br#" {"a":[1,-2,1.5,"x",null,true],"b":{"c":{}}} "#).unwrap();
        assert_eq!(
            Value::Object(members),
            serde_json::json!({"a": [1, -2, 1.5, "x", null, true], "b": {"c": {}}})
        );
    }

    #[test]
    fn ambiguous_json_is_rejected() {
        let deep = format!("{}1{}", "{\"a\":".repeat(17), "}".repeat(17));
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            r#"{"x":[{"a":1,"a":2}]}"#,
            r#"{"a":1}{"b":2}"#,
            r#"{"a":1} x"#,
            r#"{"a":1"#,
            r#"{"a":NaN}"#,
            "[1]",
            "\"text\"",
            "",
            "\u{feff}{}",
            &deep,
        ] {
            assert!(object(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(object(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn values_within_documents_are_strict() {
        let read = |text: &str| serde_json::from_str::<Vec<StrictValue>>(text);
        assert_eq!(
            read(r#"[{"a":[1]},"x"]"#).unwrap(),
            [serde_json::json!({"a": [1]}), "x".into()].map(StrictValue)
        );
        assert!(read(r#"[{"a":1,"a":2}]"#).is_err());
        assert!(read(&format!("[{}{}]", "[".repeat(17), "]".repeat(17))).is_err());
    }

    #[test]
    fn errors_do_not_contain_input() {
        let error = object(br#"{"secret-name":1,"secret-name":"hunter2"}"#).unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }

    /// JSONTestSuite: invalid JSON is rejected, valid JSON is accepted as the value of a member, and nothing panics.
    /// Stricter than RFC 8259 in one respect: duplicate members are rejected.
    #[test]
    #[expect(
        clippy::disallowed_methods,
        clippy::print_stderr,
        reason = "the corpus is not part of the repository; a test that is left out says so"
    )]
    fn json_test_suite_passes() {
        use base64::Engine as _;
        let Ok(corpus) = std::env::var("ROLECALL_CORPUS") else {
            eprintln!("LEFT OUT: ROLECALL_CORPUS is not set, so jsontestsuite.json was not run");
            return;
        };
        let path = std::path::PathBuf::from(corpus).join("json/jsontestsuite.json");
        let vectors: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut wrong = Vec::new();
        for vector in &vectors {
            let text = |name: &str| vector[name].as_str().unwrap();
            // The two deeply nested vectors are generated.
            let bytes = match (vector["b64"].as_str(), text("name")) {
                (Some(b64), _) => base64::engine::general_purpose::STANDARD
                    .decode(b64)
                    .unwrap(),
                (None, "n_structure_100000_opening_arrays.json") => b"[".repeat(100_000),
                (None, _) => b"[{\"\":".repeat(50_000),
            };
            let member = [b"{\"v\":".as_slice(), &bytes, b"}"].concat();
            let (alone, within) = (object(&bytes).is_ok(), object(&member).is_ok());
            let twice = text("name").contains("duplicated_key");
            let right = match text("expect") {
                "accept" => within != twice,
                "reject" => !alone && !within,
                _ => true,
            };
            if !right {
                wrong.push(text("name"));
            }
        }
        assert!(vectors.len() > 300 && wrong.is_empty(), "{wrong:?}");
    }
}
