//! Where a claim is found: its name, or the path to a member of a nested object.

use std::fmt;

/// A claim's name or a JSON pointer (RFC 6901) to a member of an object, such as `/realm_access/roles`; as
/// [`Claims`](super::Claims) keep it. A pointer of one step is the name of the claim.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimPath(String);

impl ClaimPath {
    /// Parses what a configuration says. Every text names a claim.
    pub fn parse(written: &str) -> Self {
        Self(match written.strip_prefix('/') {
            Some(step) if !step.contains('/') => unescaped(step),
            Some(_) | None => written.to_owned(),
        })
    }

    /// The name under which [`Claims`](super::Claims) keep the claim.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For a path of several steps: the claim in which it begins, and the JSON pointer from there.
    pub fn nested(&self) -> Option<(String, &str)> {
        let (first, _) = self.0.strip_prefix('/')?.split_once('/')?;
        Some((unescaped(first), &self.0[1 + first.len()..]))
    }
}

/// One step of a JSON pointer (RFC 6901 4).
fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointer_of_one_step_is_a_name() {
        for (written, name, nested) in [
            ("groups", "groups", None),
            ("/groups", "groups", None),
            ("/a~1b~0c", "a/b~c", None),
            (
                "https://example.com/groups",
                "https://example.com/groups",
                None,
            ),
            ("/a~1b/c/d", "/a~1b/c/d", Some(("a/b", "/c/d"))),
        ] {
            let path = ClaimPath::parse(written);
            assert_eq!(path.as_str(), name);
            let nested_at = path.nested();
            let nested_at = nested_at
                .as_ref()
                .map(|(first, rest)| (first.as_str(), *rest));
            assert_eq!(nested_at, nested, "{written}");
        }
    }
}
