//! Suggestions for misspelled words: "did you mean …?".

/// Longer words get no suggestion.
const WORD_CHARS_MAX: usize = 64;

/// The known word that is most similar to `word`, if it is similar enough.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().take(WORD_CHARS_MAX + 1).count();
    if length > WORD_CHARS_MAX {
        return None;
    }
    let near_enough = (length / 3).max(1);
    let word = word.to_ascii_lowercase();
    known
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(length) <= near_enough * 4)
        .map(|candidate| {
            let distance = strsim::osa_distance(&word, &candidate.to_ascii_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= near_enough)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean "x"?`, or the given alternative.
pub fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    nearest(word, known).map_or_else(
        || otherwise.to_owned(),
        |candidate| format!("did you mean {candidate:?}?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_similar_words() {
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
