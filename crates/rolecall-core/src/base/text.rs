//! Text: parsing in records without a copy, and sanitizing of external text.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserializer, Error, Visitor};

/// Deserializes a text with the parser of its type.
///
/// # Errors
/// The value is not a string, or the parser rejects it.
pub(crate) fn parse<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    from.deserialize_str(Text(PhantomData))
}

/// Converts external text to one line of at most `chars_max` characters. White space becomes single spaces; control,
/// formatting and bidirectional characters are removed. Truncated text ends in an ellipsis.
pub fn one_line(text: &str, chars_max: usize) -> String {
    let visible: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !is_hidden(*c))
        .collect();
    let words: Vec<&str> = visible.split(' ').filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(chars_max) {
        None => line,
        Some(_) => line
            .chars()
            .take(chars_max.saturating_sub(1))
            .chain(['…'])
            .collect(),
    }
}

/// Whether all characters of the text are visible or spaces.
pub fn is_visible(text: &str) -> bool {
    !text.chars().any(is_hidden)
}

/// An error and its causes in one line. A cause that is already part of the text is not repeated.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Control characters, and characters that reorder or join text or are invisible (Unicode category Cf, tags and
/// fillers).
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{17b4}'
                | '\u{17b5}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
        )
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

struct Text<T>(PhantomData<T>);

impl<T: FromStr<Err: Display>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Told(&'static str, #[source] Option<Box<Told>>);

    #[test]
    fn repeated_causes_are_printed_once() {
        let chained = |texts: &[&'static str]| {
            let error = texts
                .iter()
                .rev()
                .fold(None, |cause, text| Some(Box::new(Told(text, cause))));
            chain(error.unwrap().as_ref())
        };
        assert_eq!(chained(&["a", "b", "c"]), "a: b: c");
        assert_eq!(chained(&["a", "b: c", "c"]), "a: b: c");
        assert_eq!(chained(&["a", "b: c", "c", "d"]), "a: b: c: d");
        assert_eq!(chained(&["a"]), "a");
    }

    #[test]
    fn one_line_truncates_and_removes_hidden_characters() {
        for (given, max, shown) in [
            ("AADSTS50105: not assigned", 64, "AADSTS50105: not assigned"),
            ("a\r\nb\t\u{2028}c", 64, "a b c"),
            ("a\u{1b}[31mb\u{202e}c\u{0}", 64, "a[31mbc"),
            ("12345", 5, "12345"),
            ("123456", 5, "1234…"),
            ("日本語日本語", 3, "日本…"),
            ("\u{200b}", 5, ""),
        ] {
            assert_eq!(one_line(given, max), shown, "{given:?}");
        }
    }
}
