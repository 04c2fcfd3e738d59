//! "Did you mean …?": the known word nearest to a mistyped one.

/// Longer words are not compared: nobody mistypes those by a letter.
const WORD_CHARS_MAX: usize = 64;

/// The known word nearest to `word`, if it is near enough to be what was meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(WORD_CHARS_MAX + 1).collect();
    if word.len() > WORD_CHARS_MAX {
        return None;
    }
    let near_enough = (word.len() / 3).max(1);
    known
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= near_enough * 4)
        .map(|candidate| (distance(&word, candidate, near_enough), candidate))
        .filter(|(distance, _)| *distance <= near_enough)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean "x"?`, or the sentence to say otherwise.
pub fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    nearest(word, known).map_or_else(
        || otherwise.to_owned(),
        |candidate| format!("did you mean {candidate:?}?"),
    )
}

/// The optimal string alignment distance, letters compared without regard to case; `max + 1` once it is above `max`.
fn distance(word: &[char], candidate: &str, max: usize) -> usize {
    let candidate: Vec<char> = candidate.chars().take(WORD_CHARS_MAX * 2).collect();
    if candidate.len().abs_diff(word.len()) > max {
        return max + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=candidate.len()).collect();
    for (i, a) in word.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in candidate.iter().enumerate() {
            let same = a.eq_ignore_ascii_case(b);
            let mut best = (above[j] + usize::from(!same))
                .min(above[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *a == candidate[j - 1] && word[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        if row.iter().all(|cell| *cell > max) {
            return max + 1;
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(max + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_seen_and_a_different_word_is_not() {
        let known = ["accounts", "permission_sets", "who", "when", "owner"];
        for (slip, meant) in [
            ("account", Some("accounts")),
            ("acconuts", Some("accounts")),
            ("permission_set", Some("permission_sets")),
            ("permissionsets", Some("permission_sets")),
            ("whom", Some("who")),
            ("Owner", Some("owner")),
            ("colour", None),
            ("", None),
            ("ü", None),
        ] {
            assert_eq!(nearest(slip, known), meant, "{slip}");
        }
        assert_eq!(nearest(&"x".repeat(1_000_000), known), None);
        assert_eq!(nearest("x", ["", "😀😀😀"]), Some(""));
    }
}
