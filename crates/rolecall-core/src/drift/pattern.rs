//! Sets of texts: a literal, or a pattern with `*` and `?`. Compared as sets, so that the comparison does not depend on how a
//! policy is written.

/// Characters of a value that is compared. Longer ones are compared as a whole.
const CHARS_MAX: usize = 2_048;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Exactly(char),
    /// `?`
    One,
    /// `*`
    Any,
}

/// A set of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Content);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Tokens(Vec<Token>),
    /// With policy variables, or too long: nothing is known but the text.
    Opaque(String),
}

impl Pattern {
    /// The set with only this text.
    pub fn literal(text: &str) -> Self {
        Self::of(text, Token::Exactly)
    }

    /// The texts that a pattern matches.
    pub fn glob(text: &str) -> Self {
        Self::of(text, |c| match c {
            '*' => Token::Any,
            '?' => Token::One,
            other => Token::Exactly(other),
        })
    }

    fn of(text: &str, token: impl Fn(char) -> Token) -> Self {
        if text.contains("${") || text.len() > CHARS_MAX {
            return Self(Content::Opaque(text.to_owned()));
        }
        let mut tokens: Vec<Token> = Vec::new();
        for token in text.chars().map(token) {
            // `**` is `*`, and `*?` is `?*`.
            match (tokens.last(), token) {
                (Some(Token::Any), Token::Any) => {}
                (Some(Token::Any), Token::One) => tokens.insert(tokens.len() - 1, Token::One),
                (_, token) => tokens.push(token),
            }
        }
        Self(Content::Tokens(tokens))
    }

    /// Whether it has more than one text.
    pub fn has_wildcards(&self) -> bool {
        match &self.0 {
            Content::Tokens(tokens) => tokens
                .iter()
                .any(|token| matches!(token, Token::Any | Token::One)),
            Content::Opaque(_) => false,
        }
    }

    /// Whether nothing is known about the texts.
    pub fn is_opaque(&self) -> bool {
        matches!(self.0, Content::Opaque(_))
    }

    /// Whether each text of `other` is known to be in this set.
    pub fn includes(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Content::Tokens(own), Content::Tokens(other)) => matches(own, other),
            (own, other) => own == other,
        }
    }

    /// Whether a text can be in both sets.
    pub fn intersects(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Content::Tokens(own), Content::Tokens(other)) => meet(own, other),
            (Content::Opaque(_), _) | (_, Content::Opaque(_)) => true,
        }
    }
}

/// Matches the tokens of a pattern as if they were a text: `*` in it is only matched by `*`. Backtracks to the last `*` only.
fn matches(pattern: &[Token], text: &[Token]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Token::Any) => {
                retry = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(Token::One) if text[t] != Token::Any => {
                (p, t) = (p + 1, t + 1);
                continue;
            }
            Some(exactly @ Token::Exactly(_)) if *exactly == text[t] => {
                (p, t) = (p + 1, t + 1);
                continue;
            }
            Some(Token::One | Token::Exactly(_)) | None => {}
        }
        match &mut retry {
            Some((after, from)) => {
                *from += 1;
                (p, t) = (*after, *from);
            }
            None => return false,
        }
    }
    pattern[p..].iter().all(|token| *token == Token::Any)
}

/// Whether a text matches both. `reached[j]`: the first tokens of `one` and the first `j` of `other` can match the same text.
fn meet(one: &[Token], other: &[Token]) -> bool {
    let skips = |reached: &mut Vec<bool>| {
        for (j, token) in other.iter().enumerate() {
            if reached[j] && *token == Token::Any {
                reached[j + 1] = true;
            }
        }
    };
    let mut reached = vec![false; other.len() + 1];
    reached[0] = true;
    skips(&mut reached);
    for token in one {
        let mut next = vec![false; other.len() + 1];
        for (j, was) in reached.iter().enumerate() {
            if !was {
                continue;
            }
            match (token, other.get(j)) {
                // `*` may match nothing, or one more token of the other.
                (Token::Any, _) => next[j..].fill(true),
                (_, Some(Token::Any)) => next[j] = true,
                (Token::One, Some(_)) | (_, Some(Token::One)) => next[j + 1] = true,
                (Token::Exactly(a), Some(Token::Exactly(b))) if a == b => next[j + 1] = true,
                (Token::Exactly(_), Some(Token::Exactly(_)))
                | (Token::One | Token::Exactly(_), None) => {}
            }
        }
        skips(&mut next);
        reached = next;
    }
    reached.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_include_and_meet() {
        for (one, other, includes, meets) in [
            ("*", "*@example.com", true, true),
            ("*@example.com", "*", false, true),
            ("*@example.com", "*@example.com", true, true),
            ("*@example.com", "*@example.com.evil", false, false),
            ("*@example.com", "alice@example.com", true, true),
            ("*@example.com", "*@a.example.com", false, false),
            ("*example.com", "*@example.com", true, true),
            ("a?c", "a*c", false, true),
            ("a*c", "a?c", true, true),
            ("a?c", "a?c", true, true),
            ("?*", "*?", true, true),
            ("**", "", true, true),
            ("a*b*c", "a*c", false, true),
            ("a*", "*b", false, true),
            ("a*c", "b*c", false, false),
            ("x", "y", false, false),
            ("", "", true, true),
            ("", "?", false, false),
            ("*a*", "b?b", false, true),
            ("*a*", "bcb", false, false),
        ] {
            let (one_set, other_set) = (Pattern::glob(one), Pattern::glob(other));
            assert_eq!(
                one_set.includes(&other_set),
                includes,
                "{one} includes {other}"
            );
            assert_eq!(one_set.intersects(&other_set), meets, "{one} meets {other}");
            assert_eq!(other_set.intersects(&one_set), meets, "{other} meets {one}");
        }
        let literal = Pattern::literal("*@example.com");
        assert!(Pattern::glob("*@example.com").includes(&literal));
        assert!(!literal.includes(&Pattern::glob("*@example.com")));
        assert!(!literal.has_wildcards() && Pattern::glob("a?").has_wildcards());
    }

    #[test]
    fn variables_are_compared_as_text() {
        let variable = Pattern::glob("${aws:username}");
        assert!(variable.is_opaque() && variable.includes(&variable.clone()));
        assert!(!Pattern::glob("*x").includes(&variable));
        assert!(!variable.includes(&Pattern::literal("alice")));
        assert!(variable.intersects(&Pattern::literal("alice")));
    }

    #[test]
    fn long_patterns_take_little_time() {
        let long = Pattern::glob(&"*a".repeat(1_000));
        let other = Pattern::glob(&"a*".repeat(1_000));
        assert!(long.intersects(&other) && !long.includes(&other));
        assert!(Pattern::glob(&"*".repeat(3_000)).is_opaque());
    }
}
