//! A value of a TOML document, with reports about wrong types.

use std::fmt::Display;
use std::str::FromStr;

use chrono::TimeDelta;
use toml::Spanned;
use toml::de::DeValue;
use toml::value::Datetime;

use crate::base::duration::parse_duration;
use crate::config_file::{Document, Reader, Spot};

/// A value and its position.
#[derive(Clone, Copy)]
pub struct Located<'d, T> {
    /// The parsed value.
    pub value: T,
    /// Position in the document, for errors that are found later.
    pub spot: Spot<'d>,
}

/// A value of unknown type.
pub struct Value<'d> {
    document: &'d Document<'d>,
    key: String,
    value: &'d Spanned<DeValue<'d>>,
}

impl<'d> Value<'d> {
    pub(super) fn new(
        document: &'d Document<'d>,
        key: String,
        value: &'d Spanned<DeValue<'d>>,
    ) -> Self {
        Self {
            document,
            key,
            value,
        }
    }

    /// The position of the value.
    pub fn spot(&self) -> Spot<'d> {
        self.document.spot(self.value.span().start)
    }

    /// The value as a string.
    pub fn string(&self) -> Option<Located<'d, &'d str>> {
        let text = self
            .value
            .get_ref()
            .as_str()
            .or_else(|| self.wrong("a string", "put it in quotes: \"…\""))?;
        Some(self.at(text))
    }

    /// The value as a string; no report otherwise. For keys that accept a string or a table.
    pub fn as_text(&self) -> Option<&'d str> {
        self.value.get_ref().as_str()
    }

    /// Whether the value is a table. For keys that accept a string or a table.
    pub fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    /// The value as a boolean.
    pub fn boolean(&self) -> Option<bool> {
        self.value
            .get_ref()
            .as_bool()
            .or_else(|| self.wrong("true or false", "write true or false without quotes"))
    }

    /// The value as an integer.
    pub fn integer(&self) -> Option<Located<'d, i64>> {
        let number = self
            .value
            .get_ref()
            .as_integer()
            .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
            .or_else(|| self.wrong("an integer", "write an integer without quotes"))?;
        Some(self.at(number))
    }

    /// The value as a date or a date with time.
    pub fn datetime(&self) -> Option<Located<'d, Datetime>> {
        let datetime = self
            .value
            .get_ref()
            .as_datetime()
            .copied()
            .or_else(|| self.wrong("a date", "write 2026-12-31 without quotes"))?;
        Some(self.at(datetime))
    }

    /// The value as a string that is parsed. The text of the error becomes the hint.
    pub fn parse<T>(&self) -> Option<Located<'d, T>>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.parse_with(T::from_str)
    }

    /// The value as a string that `parse` parses. The text of the error becomes the hint.
    pub fn parse_with<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Located<'d, T>> {
        let text = self.string()?;
        match parse(text.value) {
            Ok(value) => Some(self.at(value)),
            Err(error) => {
                self.invalid(error.to_string());
                None
            }
        }
    }

    /// The value as a duration, such as `"4h30m"`.
    pub fn duration(&self) -> Option<Located<'d, TimeDelta>> {
        self.parse_with(parse_duration)
    }

    /// The members of an array, each with the key of the array.
    pub fn list(&self) -> Option<Vec<Value<'d>>> {
        let array = self
            .value
            .get_ref()
            .as_array()
            .or_else(|| self.wrong("an array", "put it in brackets: [ … ]"))?;
        let member = |value| Value::new(self.document, self.key.clone(), value);
        Some(array.iter().map(member).collect())
    }

    /// The value as a table; `title` is its name in messages.
    pub fn table(&self, title: &str) -> Option<Reader<'d>> {
        let table = self
            .value
            .get_ref()
            .as_table()
            .or_else(|| self.wrong("a table", "write it as { key = … }"))?;
        let offset = self.value.span().start;
        Some(Reader::new(self.document, table, offset, title.to_owned()))
    }

    /// Reports an invalid value of the correct type; `hint` describes valid ones.
    pub fn invalid(&self, hint: impl Into<String>) {
        self.spot().error(format!("invalid `{}`", self.key), hint);
    }

    fn at<T>(&self, value: T) -> Located<'d, T> {
        let spot = self.spot();
        Located { value, spot }
    }

    fn wrong<T>(&self, wanted: &str, hint: &str) -> Option<T> {
        let found = match self.value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        let message = format!("`{}` must be {wanted}, not {found}", self.key);
        self.spot().error(message, hint);
        None
    }
}
