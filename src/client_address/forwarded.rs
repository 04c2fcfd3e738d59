//! `Forwarded` (RFC 7239 4): elements between commas, pairs between semicolons, values as tokens or quoted strings.

use std::net::IpAddr;

use super::node;

/// The `for` of each element of one line, in order. A line that breaks the grammar is one unreadable entry, whatever else
/// stands in it: where a quoted string ends can then not be told, and a client may have opened it.
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

    /// One element up to its comma; its `for` where there is exactly one that is an address.
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
        // RFC 7239 4: no parameter occurs twice.
        Some(match found[..] {
            [node] => node,
            _ => None,
        })
    }

    /// A token or a quoted string. Colons and brackets are let pass in tokens: programs leave out the quotes.
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
