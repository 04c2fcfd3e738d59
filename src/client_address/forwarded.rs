//! Parser for `Forwarded` (RFC 7239 4): elements separated by commas, pairs by semicolons, values as tokens or quoted
//! strings.

use std::net::IpAddr;

use super::node;

/// The `for` value of each element of a line, in order. A line with a syntax error counts as one unreadable entry,
/// because the end of a quoted string is ambiguous, and a client may have opened it.
pub fn nodes(line: &[u8]) -> Vec<Option<IpAddr>> {
    Scanner { rest: line }
        .elements()
        .unwrap_or_else(|| vec![None])
}

struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    fn elements(mut self) -> Option<Vec<Option<IpAddr>>> {
        let mut nodes = Vec::new();
        loop {
            nodes.push(self.element()?);
            match self.advance() {
                None => return Some(nodes),
                Some(b',') => {}
                Some(_) => return None,
            }
        }
    }

    /// Parses one element up to its comma; returns `for` if it occurs exactly once and is an address.
    fn element(&mut self) -> Option<Option<IpAddr>> {
        let mut found: Vec<Option<IpAddr>> = Vec::new();
        loop {
            self.skip_space();
            let name = self.take(is_token);
            if !name.is_empty() {
                if self.advance()? != b'=' {
                    return None;
                }
                let value = self.value()?;
                if name.eq_ignore_ascii_case(b"for") {
                    found.push(node::parse(&value));
                }
            }
            self.skip_space();
            if self.rest.first() != Some(&b';') {
                break;
            }
            self.advance();
        }
        // RFC 7239 4: each parameter occurs at most once.
        Some(match found[..] {
            [node] => node,
            _ => None,
        })
    }

    /// Parses a token or a quoted string. Tokens can contain colons and brackets, because some programs omit the quotes.
    fn value(&mut self) -> Option<Vec<u8>> {
        if self.rest.first() != Some(&b'"') {
            let value = self.take(|byte| is_token(byte) || matches!(byte, b':' | b'[' | b']'));
            return (!value.is_empty()).then(|| value.to_vec());
        }
        self.advance();
        let mut value = Vec::new();
        loop {
            match self.advance()? {
                b'"' => return Some(value),
                b'\\' => value.push(self.advance()?),
                byte => value.push(byte),
            }
        }
    }

    fn advance(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn take(&mut self, fits: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !fits(*byte));
        let (taken, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn skip_space(&mut self) {
        self.take(|byte| matches!(byte, b' ' | b'\t'));
    }
}

/// `tchar` (RFC 9110 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
