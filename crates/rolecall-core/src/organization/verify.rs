//! Compares an access file before and after an import: only the accounts differ, and only as planned.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// What an import sets in one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    pub name: Option<String>,
    /// `Some(None)` removes it.
    pub ou: Option<Option<String>>,
    /// All tags of the result.
    pub tags: Option<BTreeMap<String, String>>,
}

/// Whether `new` is `old` with these changes of accounts by ID, and these accounts added.
pub(super) fn is_as_planned(
    old: &str,
    new: &str,
    changed: &BTreeMap<String, Expected>,
    added: &[(String, Expected)],
) -> bool {
    let (Ok(mut old), Ok(mut new)) = (old.parse::<Table>(), new.parse::<Table>()) else {
        return false;
    };
    for account in accounts(&mut old) {
        let id = account.get("id").and_then(Value::as_str);
        if let Some(expected) = id.and_then(|id| changed.get(id)).cloned() {
            set(account, expected);
        }
    }
    for (id, expected) in added {
        let mut account = Table::new();
        account.insert("id".to_owned(), Value::String(id.clone()));
        set(&mut account, expected.clone());
        let list = old
            .entry("account")
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(Value::Table(account));
        }
    }
    without_empty_tags(&mut old);
    without_empty_tags(&mut new);
    old == new
}

fn accounts(root: &mut Table) -> impl Iterator<Item = &mut Table> {
    let list = root.get_mut("account").and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_table_mut)
}

fn set(account: &mut Table, expected: Expected) {
    if let Some(name) = expected.name {
        account.insert("name".to_owned(), Value::String(name));
    }
    match expected.ou {
        Some(Some(ou)) => {
            account.insert("ou".to_owned(), Value::String(ou));
        }
        Some(None) => {
            account.remove("ou");
        }
        None => {}
    }
    if let Some(tags) = expected.tags {
        let tags = tags
            .into_iter()
            .map(|(key, value)| (key, Value::String(value)));
        account.insert("tags".to_owned(), Value::Table(tags.collect()));
    }
}

/// No tags are the same as an empty table of tags.
fn without_empty_tags(root: &mut Table) {
    for account in accounts(root) {
        if account
            .get("tags")
            .and_then(Value::as_table)
            .is_some_and(Table::is_empty)
        {
            account.remove("tags");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_change_is_found() {
        const OLD: &str =
            "x = 1\n[[account]]\nid = \"1\"\nname = \"a\"\nverify = true\n[[deny]]\nid = \"d\"\n";
        let expected = Expected {
            ou: Some(Some("Prod".to_owned())),
            ..Expected::default()
        };
        let changed = BTreeMap::from([("1".to_owned(), expected)]);
        let planned = OLD.replace("name = \"a\"\n", "name = \"a\"\nou = \"Prod\"\n");
        assert!(is_as_planned(OLD, &planned, &changed, &[]));
        for other in [
            OLD.to_owned(),
            planned.replace("x = 1", "x = 2"),
            planned.replace("true", "false"),
            planned.replace("\"d\"", "\"e\""),
            planned.replace("\"a\"", "\"b\""),
            planned.replace("ou = \"Prod\"", "ou = \"prod\""),
            planned.replace("[[deny]]\nid = \"d\"\n", ""),
            format!("{planned}[[account]]\nid = \"2\"\n"),
            format!("{planned}]"),
        ] {
            assert!(!is_as_planned(OLD, &other, &changed, &[]), "{other}");
        }
        let added = [("2".to_owned(), Expected::default())];
        let with_added = format!("{planned}[[account]]\nid = \"2\"\ntags = {{}}\n");
        assert!(is_as_planned(OLD, &with_added, &changed, &added));
    }
}
