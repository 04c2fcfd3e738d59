//! The number of changes between two policies.

use crate::support::policy;

const BASE: &str = r#"
[[account]]
id = "111122223333"
name = "prod"

[[account]]
id = "444455556666"
name = "dev"

[[permission_set]]
name = "Admin"
role = "Admin"

[[permission_set]]
name = "Look"
role = "Look"

[[assignment]]
id = "admins"
who = { groups = ["admins"] }
accounts = ["*"]
permission_sets = ["Admin"]

[[assignment]]
id = "everybody"
who = { everyone = true }
accounts = ["dev"]
permission_sets = ["Look"]

[[deny]]
id = "guests"
who = { groups = ["guests"] }
accounts = ["*"]
permission_sets = ["*"]
"#;

fn changed(old: &str, new: &str) -> [usize; 3] {
    let after = BASE.replace(old, new);
    assert!(old.is_empty() || after != BASE, "{old}");
    let changes = policy(&after).changes_since(&policy(BASE));
    let back = policy(BASE).changes_since(&policy(&after));
    assert_eq!(changes, back, "as many in either direction");
    [changes.assignments, changes.denies, changes.roles]
}

#[test]
fn each_changed_entry_counts_once() {
    for (old, new, counts) in [
        ("", "", [0, 0, 0]),
        // Positions and comments do not count.
        ("[[deny]]", "# no guests\n\n[[deny]]", [0, 0, 0]),
        (
            "groups = [\"admins\"]",
            "groups = [\"platform\"]",
            [1, 0, 0],
        ),
        ("groups = [\"guests\"]", "groups = [\"temps\"]", [0, 1, 0]),
        ("id = \"guests\"", "id = \"visitors\"", [0, 2, 0]),
        // One more role for everyone, and one with another definition.
        ("accounts = [\"dev\"]", "accounts = [\"*\"]", [1, 0, 1]),
        ("role = \"Admin\"", "role = \"path/Admin\"", [0, 0, 2]),
        (
            "role = \"Look\"",
            "role = \"Look\"\nsession_duration = \"2h\"",
            [0, 0, 1],
        ),
        // One more account, which the assignment of `*` covers as well.
        (
            "[[permission_set]]\nname = \"Admin\"",
            "[[account]]\nid = \"777788889999\"\nname = \"test\"\n\n[[permission_set]]\nname = \"Admin\"",
            [1, 1, 1],
        ),
    ] {
        assert_eq!(changed(old, new), counts, "{old} -> {new}");
    }
}

#[test]
fn policy_changes_are_formatted() {
    let after = BASE.replace("groups = [\"guests\"]", "groups = [\"temps\"]");
    let changes = policy(&after).changes_since(&policy(BASE));
    assert_eq!(
        changes.to_string(),
        "0 assignments, 1 deny rule and 0 roles changed"
    );
}
