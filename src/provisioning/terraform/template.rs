//! Text in templates: strings of Terraform are templates in both syntaxes.

/// The text as a template without interpolation: `${` and `%{` are escaped.
///
/// A marker before them would change the meaning of the escape, so it is written as an interpolated string.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['$', '%']) {
        let (before, from) = rest.split_at(at);
        escaped.push_str(before);
        let end = from.find(|c| c != '$' && c != '%').unwrap_or(from.len());
        let (markers, after) = from.split_at(end);
        match markers.char_indices().next_back() {
            Some((last, marker)) if after.starts_with('{') => {
                for earlier in markers[..last].chars() {
                    escaped.push_str(&format!("${{\"{earlier}\"}}"));
                }
                escaped.extend([marker, marker]);
            }
            Some(_) | None => escaped.push_str(markers),
        }
        rest = after;
    }
    escaped.push_str(rest);
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_escaped() {
        for (text, escaped) in [
            ("", ""),
            ("$ % { }", "$ % { }"),
            ("${aws:username}", "$${aws:username}"),
            ("%{if}", "%%{if}"),
            ("$${x}", "${\"$\"}$${x}"),
            ("$%{x}", "${\"$\"}%%{x}"),
            ("$", "$"),
            ("a$b{", "a$b{"),
        ] {
            assert_eq!(escape(text), escaped, "{text}");
        }
    }
}
