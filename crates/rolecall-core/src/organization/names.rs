//! Values of AWS as values of the access files, which accept fewer characters.

use std::collections::BTreeMap;

use super::account::Placement;
use crate::access::{AccountName, OuPath, is_tag_key, is_tag_value};
use crate::aws::AccountId;

const NAME_CHARS_MAX: usize = 64;

/// The name of an account, with `-` for what a name cannot contain. `suffixed`: the name of another account is the same, so
/// the ID is part of it.
pub(super) fn account_name(name: &str, id: &AccountId, suffixed: bool) -> String {
    let mut written = String::new();
    for c in name.chars() {
        match c.is_ascii_alphanumeric() || " ._+=&()-".contains(c) {
            true => written.push(c),
            false if written.ends_with('-') => {}
            false => written.push('-'),
        }
    }
    let written = written.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let end = if suffixed {
        format!("-{id}")
    } else {
        String::new()
    };
    let cut = &written[..written.len().min(NAME_CHARS_MAX - end.len())];
    let cut = cut.trim_end_matches(|c: char| !(c.is_ascii_alphanumeric() || c == ')'));
    let whole = format!("{cut}{end}");
    match !cut.is_empty() && AccountName::parse(&whole).is_ok() {
        true => whole,
        false => format!("account-{id}"),
    }
}

/// `ou` of an account; `None` in the root.
///
/// # Errors
/// If a path cannot contain the name of a unit: why.
pub(super) fn ou(placement: &Placement) -> Result<Option<String>, String> {
    let Placement::Units(names) = placement else {
        return Ok(None);
    };
    let shown = |name: &str| crate::config_file::quoted(name);
    for name in names {
        // A name with a slash would be two units in a path.
        if name.contains('/') || OuPath::parse(name).is_err() {
            return Err(format!(
                "the organizational unit {} cannot be part of a path: rename it without /, * and spaces at its ends",
                shown(name)
            ));
        }
    }
    let path = names.join("/");
    match OuPath::parse(&path) {
        Ok(_) => Ok(Some(path)),
        Err(_) => Err(format!("the path {} is too long", shown(&path))),
    }
}

/// The tags that an access file can contain, and the keys of the others.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> (BTreeMap<&str, &str>, Vec<&str>) {
    let (mut accepted, mut omitted) = (BTreeMap::new(), Vec::new());
    for (key, value) in tags {
        match is_tag_key(key) && is_tag_value(value) {
            true => {
                accepted.insert(key.as_str(), value.as_str());
            }
            false => omitted.push(key.as_str()),
        }
    }
    (accepted, omitted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_only_characters_of_account_names() {
        let id = AccountId::parse("111122223333").unwrap();
        for (name, written) in [
            ("payments-prod", "payments-prod"),
            ("Payments (prod)", "Payments (prod)"),
            ("O'Brien's: prod!", "O-Brien-s- prod"),
            ("  \"quoted\"\n", "quoted"),
            ("'''\"\"\"", "account-111122223333"),
            ("", "account-111122223333"),
            ("999988887777", "account-111122223333"),
            ("日本", "account-111122223333"),
            ("\u{202e}prod", "prod"),
            ("a/b@c", "a-b-c"),
        ] {
            let found = account_name(name, &id, false);
            assert_eq!(found, written, "{name:?}");
            AccountName::parse(&found).unwrap();
        }
        assert_eq!(account_name("prod", &id, true), "prod-111122223333");
        for (length, suffixed) in [(64, false), (250, false), (64, true), (250, true)] {
            let found = account_name(&"x".repeat(length), &id, suffixed);
            assert_eq!(found.len(), NAME_CHARS_MAX);
            AccountName::parse(&found).unwrap();
        }
        assert_eq!(account_name("", &id, true), "account-111122223333");
    }

    #[test]
    fn units_with_a_slash_have_no_path() {
        let units =
            |names: &[&str]| Placement::Units(names.iter().map(|n| (*n).to_owned()).collect());
        assert_eq!(ou(&Placement::Root), Ok(None));
        assert_eq!(
            ou(&units(&["Workloads", "Prod"])),
            Ok(Some("Workloads/Prod".to_owned()))
        );
        for name in ["A/B", "*", " a", "a ", "", "a\nb", "/"] {
            assert!(ou(&units(&["Workloads", name])).is_err(), "{name:?}");
        }
        assert!(ou(&units(&["x".repeat(128).as_str(); 5])).is_err());
    }
}
