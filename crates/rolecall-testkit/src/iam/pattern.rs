//! Texts in a policy: literal text, the wildcards `*` and `?` if the operator supports them, and policy variables.
//!
//! The value of a variable is literal: a user named `*` matches only that name.

use anyhow::{Context as _, bail, ensure};

use super::context::RequestContext;
use super::key::ConditionKey;

enum Piece {
    Text(String),
    /// `*`
    Any,
    /// `?`
    One,
    /// `${key}` or `${key, 'default'}`
    Variable {
        key: String,
        otherwise: Option<String>,
    },
}

/// A value of a condition, or an element of `Action` or `Resource`.
pub(super) struct Pattern(Vec<Piece>);

impl Pattern {
    /// Parses a value. `wildcards`: for operators with wildcards; `variables`: for policies of version 2012-10-17.
    ///
    /// # Errors
    /// If a `${` is not closed, or the variable is not a known condition key with one value.
    pub fn parse(text: &str, wildcards: bool, variables: bool) -> anyhow::Result<Pattern> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let piece = if variables && rest.starts_with("${") {
                let (inside, after) = rest[2..]
                    .split_once('}')
                    .with_context(|| format!("the policy variable in {text:?} is not closed"))?;
                rest = after;
                match variable(inside)? {
                    Piece::Text(one) => {
                        literal.push_str(&one);
                        continue;
                    }
                    special @ (Piece::Any | Piece::One | Piece::Variable { .. }) => special,
                }
            } else {
                rest = &rest[c.len_utf8()..];
                match c {
                    '*' if wildcards => Piece::Any,
                    '?' if wildcards => Piece::One,
                    other => {
                        literal.push(other);
                        continue;
                    }
                }
            };
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(piece);
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Pattern(pieces))
    }

    /// Whether the pattern matches the whole value. A variable without exactly one value and without a default never matches.
    pub fn matches(&self, value: &str, context: &RequestContext, ignore_case: bool) -> bool {
        let fold = |text: &str| {
            if ignore_case {
                text.to_lowercase()
            } else {
                text.to_owned()
            }
        };
        let mut tokens = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => tokens.extend(fold(text).chars().map(Token::Exactly)),
                Piece::Any => tokens.push(Token::Any),
                Piece::One => tokens.push(Token::One),
                Piece::Variable { key, otherwise } => match (context.values(key), otherwise) {
                    ([one], _) => tokens.extend(fold(one).chars().map(Token::Exactly)),
                    ([], Some(default)) => tokens.extend(fold(default).chars().map(Token::Exactly)),
                    ([] | [_, _, ..], _) => return false,
                },
            }
        }
        glob(&tokens, &fold(value).chars().collect::<Vec<_>>())
    }
}

/// The text between `${` and `}`. `${*}`, `${?}` and `${$}` are literal characters.
fn variable(inside: &str) -> anyhow::Result<Piece> {
    if matches!(inside, "*" | "?" | "$") {
        return Ok(Piece::Text(inside.to_owned()));
    }
    let (key, otherwise) = match inside.split_once(',') {
        None => (inside, None),
        Some((key, default)) => match default
            .trim()
            .strip_prefix('\'')
            .and_then(|d| d.strip_suffix('\''))
        {
            Some(default) => (key.trim_end(), Some(default.to_owned())),
            None => bail!("the default value in ${{{inside}}} must be in single quotes"),
        },
    };
    let known = ConditionKey::parse(key)?;
    ensure!(
        !known.multivalued,
        "{key:?} has several values, so it cannot be a policy variable"
    );
    Ok(Piece::Variable {
        key: key.to_owned(),
        otherwise,
    })
}

#[derive(Clone, Copy)]
enum Token {
    Exactly(char),
    Any,
    One,
}

/// Backtracks to the last `*` only: on a mismatch, it takes one more character.
fn glob(tokens: &[Token], value: &[char]) -> bool {
    let (mut t, mut v) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while v < value.len() {
        match tokens.get(t) {
            Some(Token::Any) => {
                retry = Some((t + 1, v));
                t += 1;
                continue;
            }
            Some(Token::One) => {
                (t, v) = (t + 1, v + 1);
                continue;
            }
            Some(Token::Exactly(c)) if *c == value[v] => {
                (t, v) = (t + 1, v + 1);
                continue;
            }
            Some(Token::Exactly(_)) | None => {}
        }
        match &mut retry {
            Some((after, from)) => {
                *from += 1;
                (t, v) = (*after, *from);
            }
            None => return false,
        }
    }
    tokens[t..].iter().all(|token| matches!(token, Token::Any))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, value: &str) -> bool {
        let context = RequestContext::default()
            .with("sso.example:sub", "al*ce")
            .with("aws:TagKeys", "1");
        Pattern::parse(pattern, true, true)
            .expect("a pattern")
            .matches(value, &context, false)
    }

    #[test]
    fn wildcards_and_variables_match() {
        for (pattern, value, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*@example.com", "alice@example.com", true),
            ("*@example.com", "alice@example.com.evil", false),
            ("a?c*", "abcdef", true),
            ("a?c", "ac", false),
            ("*ab*ab", "ababab", true),
            ("${SSO.example:sub}", "al*ce", true),
            ("${sso.example:sub}", "alice", false),
            ("${sso.example:sub}-*", "al*ce-7", true),
            ("${aws:username}", "", false),
            ("${aws:username, 'x'}", "x", true),
            ("${*}", "*", true),
            ("${*}", "a", false),
        ] {
            assert_eq!(fits(pattern, value), expected, "{pattern:?} on {value:?}");
        }
        for malformed in [
            "${open",
            "${aws:username, b}",
            "${unknown}",
            "${aws:TagKeys}",
        ] {
            assert!(
                Pattern::parse(malformed, true, true).is_err(),
                "{malformed}"
            );
        }
        assert!(Pattern::parse("${unknown}", true, false).is_ok());
    }
}
