//! Patterns: `*` in names, and `*` and `**` in paths of organizational units.

/// Whether the pattern matches the whole text. `*` matches any number of characters. Takes time linear in the length of
/// the text times the number of stars.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Whether the pattern matches the path. A segment `**` matches any number of segments, also none; `*` matches within
/// one segment.
pub(super) fn path_matches(pattern: &str, path: &str) -> bool {
    let steps: Vec<&str> = path.split('/').collect();
    // reachable[n]: the pattern up to here matches the first n segments.
    let mut reachable = vec![false; steps.len() + 1];
    reachable[0] = true;
    for part in pattern.split('/') {
        if part == "**" {
            let first = reachable.iter().position(|reached| *reached);
            for (n, reached) in reachable.iter_mut().enumerate() {
                *reached = first.is_some_and(|first| n >= first);
            }
        } else {
            for n in (0..steps.len()).rev() {
                reachable[n + 1] = reachable[n] && matches(part, steps[n]);
            }
            reachable[0] = false;
        }
    }
    reachable.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_matches_any_characters_of_a_name() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*bc", "abbc", true),
            ("ab*bc", "abc", false),
            ("a*b*c", "axbxc", true),
            ("**", "x", true),
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        let many = "a*".repeat(2_000) + "b";
        assert!(!matches(&many, &"a".repeat(20_000)));
    }

    #[test]
    fn ou_path_patterns_match_by_segment() {
        for (pattern, path, expected) in [
            ("Workloads", "Workloads", true),
            ("Workloads", "Workloads/Prod", false),
            ("Workloads/*", "Workloads/Prod", true),
            ("Workloads/*", "Workloads", false),
            ("Workloads/*", "Workloads/Prod/Eu", false),
            ("Workloads/**", "Workloads", true),
            ("Workloads/**", "Workloads/Prod/Eu", true),
            ("Workloads/**", "WorkloadsX", false),
            ("**/Prod", "Workloads/Prod", true),
            ("**/Prod", "Prod", true),
            ("**/Prod", "Workloads/Prod/Eu", false),
            ("W*/P*", "Workloads/Prod", true),
            ("**", "a/b", true),
        ] {
            assert_eq!(path_matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
