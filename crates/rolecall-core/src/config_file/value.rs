//! One value of a TOML document: what it is asked to be, or a report that it is something else.

use std::fmt::Display;
use std::str::FromStr;

use chrono::TimeDelta;
use toml::Spanned;
use toml::de::DeValue;
use toml::value::Datetime;

use crate::base::duration::parse_duration;
use crate::config_file::{Document, Reader, Spot};

/// Something read, and where it stood.
#[derive(Clone, Copy)]
pub struct At<'d, T> {
    /// What.
    pub value: T,
    /// Where.
    pub spot: Spot<'d>,
}

/// A value, not yet known to be of the right kind.
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

    /// Where it stands.
    pub fn spot(&self) -> Spot<'d> {
        self.document.spot(self.value.span().start)
    }

    /// A text.
    pub fn string(&self) -> Option<At<'d, &'d str>> {
        let text = self
            .value
            .get_ref()
            .as_str()
            .or_else(|| self.wrong("a text", "put it in quotes: \"…\""))?;
        Some(self.at(text))
    }

    /// The text, if it is one; no report otherwise. For keys that take a text or a table.
    pub fn as_text(&self) -> Option<&'d str> {
        self.value.get_ref().as_str()
    }

    /// Whether it is a table. For keys that take a text or a table.
    pub fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    /// A truth value.
    pub fn boolean(&self) -> Option<bool> {
        self.value
            .get_ref()
            .as_bool()
            .or_else(|| self.wrong("true or false", "write true or false, without quotes"))
    }

    /// A whole number.
    pub fn integer(&self) -> Option<At<'d, i64>> {
        let number = self
            .value
            .get_ref()
            .as_integer()
            .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
            .or_else(|| self.wrong("a whole number", "write a number, without quotes"))?;
        Some(self.at(number))
    }

    /// A date or a point in time.
    pub fn datetime(&self) -> Option<At<'d, Datetime>> {
        let datetime = self
            .value
            .get_ref()
            .as_datetime()
            .copied()
            .or_else(|| self.wrong("a date", "write 2026-12-31, without quotes"))?;
        Some(self.at(datetime))
    }

    /// A text that is parsed; the error's text becomes the hint.
    pub fn parse<T>(&self) -> Option<At<'d, T>>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.parse_with(T::from_str)
    }

    /// A text that is parsed in a way of its own; the error's text becomes the hint.
    pub fn parse_with<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<At<'d, T>> {
        let text = self.string()?;
        match parse(text.value) {
            Ok(value) => Some(self.at(value)),
            Err(error) => {
                self.invalid(error.to_string());
                None
            }
        }
    }

    /// A span of time, such as `"4h30m"`.
    pub fn duration(&self) -> Option<At<'d, TimeDelta>> {
        self.parse_with(parse_duration)
    }

    /// The members of a list, each under the list's key.
    pub fn list(&self) -> Option<Vec<Value<'d>>> {
        let array = self
            .value
            .get_ref()
            .as_array()
            .or_else(|| self.wrong("a list", "put it in brackets: [ … ]"))?;
        let member = |value| Value::new(self.document, self.key.clone(), value);
        Some(array.iter().map(member).collect())
    }

    /// A table; `title` names it in messages.
    pub fn table(&self, title: &str) -> Option<Reader<'d>> {
        let table = self
            .value
            .get_ref()
            .as_table()
            .or_else(|| self.wrong("a table", "write it as { key = … }"))?;
        let offset = self.value.span().start;
        Some(Reader::new(self.document, table, offset, title.to_owned()))
    }

    /// Reports that the value is of the right kind but cannot be; `hint` says how it must be.
    pub fn invalid(&self, hint: impl Into<String>) {
        self.spot().error(format!("invalid `{}`", self.key), hint);
    }

    fn at<T>(&self, value: T) -> At<'d, T> {
        let spot = self.spot();
        At { value, spot }
    }

    fn wrong<T>(&self, wanted: &str, hint: &str) -> Option<T> {
        let found = match self.value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let message = format!("`{}` must be {wanted}, not {found}", self.key);
        self.spot().error(message, hint);
        None
    }
}
