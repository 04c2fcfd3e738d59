//! Strings and keys in the syntax of TOML.

use std::fmt::Write as _;

/// A basic string. Control characters and characters that change the direction of text or are invisible are escaped.
pub(super) fn string(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            c if is_escaped(c) && u32::from(c) <= 0xffff => {
                // Writing to a String cannot fail.
                let _ = write!(text, "\\u{:04X}", u32::from(c));
            }
            c if is_escaped(c) => {
                let _ = write!(text, "\\U{:08X}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

fn is_escaped(c: char) -> bool {
    crate::base::text::is_hidden(c) || matches!(c, '\u{2028}' | '\u{2029}')
}

/// As [`string`], in the quotes of `former` where the value needs no escape in them.
pub(super) fn string_like(value: &str, former: &str) -> String {
    let is_literal = former.starts_with('\'') && !former.starts_with("'''");
    match is_literal && !value.chars().any(|c| c == '\'' || is_escaped(c)) {
        true => format!("'{value}'"),
        false => string(value),
    }
}

/// A key: bare where possible.
pub(super) fn key(name: &str) -> String {
    let is_bare = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    match !name.is_empty() && name.bytes().all(is_bare) {
        true => name.to_owned(),
        false => string(name),
    }
}

/// An inline table of strings: `{ env = "prod", team = "payments" }`.
pub(super) fn inline_table<'t>(entries: impl Iterator<Item = (&'t str, &'t str)>) -> String {
    let entries: Vec<String> = entries.map(|(name, value)| entry(name, value)).collect();
    match entries.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{ {} }}", entries.join(", ")),
    }
}

/// `env = "prod"`
pub(super) fn entry(name: &str, value: &str) -> String {
    format!("{} = {}", key(name), string(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_and_strings_are_quoted_where_necessary() {
        assert_eq!(entry("env", "prod"), "env = \"prod\"");
        assert_eq!(
            entry("aws:cost.center", "a\"b\\c"),
            "\"aws:cost.center\" = \"a\\\"b\\\\c\""
        );
        assert_eq!(
            string("\u{202e}x\u{7f}\u{e0001}"),
            "\"\\u202Ex\\u007F\\U000E0001\""
        );
        assert_eq!(string_like("dev", "'prod'"), "'dev'");
        assert_eq!(string_like("d'ev", "'prod'"), "\"d'ev\"");
        assert_eq!(string_like("dev", "'''prod'''"), "\"dev\"");
        assert_eq!(inline_table(std::iter::empty()), "{}");
    }

    proptest! {
        #[test]
        fn every_text_is_read_back(name in any::<String>(), value in any::<String>()) {
            let text = format!("{}\nt = {}\nl = {}\n", entry(&name, &value), inline_table([(&*name, &*value)].into_iter()), string_like(&value, "'x'"));
            let table: toml::Table = text.parse().unwrap();
            if name != "t" && name != "l" {
                prop_assert_eq!(table[&name].as_str().unwrap(), &value);
                prop_assert_eq!(table["t"][&name].as_str().unwrap(), &value);
                prop_assert_eq!(table["l"].as_str().unwrap(), &value);
            }
        }
    }
}
