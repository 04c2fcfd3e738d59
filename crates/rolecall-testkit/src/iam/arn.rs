//! ARNs with wildcards. Each of the six parts is compared by itself, so a wildcard does not match across a colon, except in the
//! last part.

use anyhow::ensure;

use super::context::RequestContext;
use super::pattern::Pattern;

const PARTS: usize = 6;

/// A value of `ArnLike` or `ArnEquals`.
pub(super) struct ArnPattern(Vec<Pattern>);

impl ArnPattern {
    pub(super) fn parse(text: &str, variables: bool) -> anyhow::Result<Self> {
        let parts = split(text, variables);
        ensure!(
            parts.len() == PARTS && parts[0] == "arn",
            "{text:?} is not an ARN with six parts"
        );
        let parts = parts
            .into_iter()
            .map(|part| Pattern::parse(part, true, variables));
        Ok(ArnPattern(parts.collect::<anyhow::Result<_>>()?))
    }

    pub(super) fn matches(&self, value: &str, context: &RequestContext) -> bool {
        let parts: Vec<&str> = value.splitn(PARTS, ':').collect();
        parts.len() == PARTS
            && self
                .0
                .iter()
                .zip(parts)
                .all(|(pattern, part)| pattern.matches(part, context, false))
    }
}

/// The account in an ARN; empty if it has none.
pub(super) fn account(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// Splits at colons outside policy variables, into six parts at most.
fn split(text: &str, variables: bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut inside) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '{' if variables && text[..at].ends_with('$') => inside = true,
            '}' => inside = false,
            ':' if !inside && parts.len() < PARTS - 1 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}
