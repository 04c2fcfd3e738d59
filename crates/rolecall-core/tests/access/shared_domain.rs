//! Addresses of a domain for which two providers are trusted.

use crate::support::{parse_for, provider};

const FIXTURE: &str = r#"
[[account]]
id = "111122223333"
name = "one"
[[permission_set]]
name = "Traced"
source_identity = "{email}"
[[permission_set]]
name = "Plain"
"#;

fn warnings(domains: [&[&str]; 2], rules: &str) -> Vec<String> {
    let providers = [provider("okta", domains[0]), provider("google", domains[1])];
    let text = format!("{FIXTURE}{rules}");
    let policy = parse_for(&providers, &[("access.toml", &text)]).unwrap();
    let warnings = policy.warnings().iter();
    warnings
        .map(|warning| format!("{}: {}", warning.line, warning.message))
        .collect()
}

fn assignment(who: &str, set: &str) -> String {
    format!(
        "[[assignment]]\nid = \"a\"\nwho = {{ {who} }}\naccounts = [\"*\"]\npermission_sets = [\"{set}\"]\n"
    )
}

#[test]
fn address_of_two_providers_causes_a_warning() {
    let both: [&[&str]; 2] = [&["example.com"], &["corp.example", "example.com"]];
    let alice = "users = [\"alice@example.com\", \"bob@example.com\"]";
    let of_users = warnings(both, &assignment(alice, "Plain"));
    assert_eq!(of_users.len(), 1, "{of_users:?}");
    assert!(
        of_users[0].contains("alice@example.com")
            && of_users[0].contains("okta, google")
            && of_users[0].contains("without `provider`"),
        "{of_users:?}"
    );
    let of_template = warnings(both, &assignment("everyone = true", "Traced"));
    assert_eq!(of_template.len(), 1, "{of_template:?}");
    assert!(of_template[0].contains("{email}"), "{of_template:?}");
}

#[test]
fn unambiguous_provider_causes_no_warning() {
    let both: [&[&str]; 2] = [&["example.com"], &["corp.example", "example.com"]];
    let one: [&[&str]; 2] = [&["example.com"], &["corp.example"]];
    let named = "provider = \"okta\", users = [\"alice@example.com\"]";
    let alice = "users = [\"alice@example.com\"]";
    for (domains, rules) in [
        (both, assignment(named, "Traced")),
        (both, assignment("users = [\"a@corp.example\"]", "Plain")),
        (both, assignment("everyone = true", "Plain")),
        (one, assignment(alice, "Traced")),
        (one, assignment("everyone = true", "Traced")),
    ] {
        assert_eq!(warnings(domains, &rules), Vec::<String>::new(), "{rules}");
    }
    // A deny rule that applies to both is as intended.
    let deny = format!(
        "{}[[deny]]\nid = \"d\"\nwho = {{ {alice} }}\npermission_sets = [\"Plain\"]\n",
        assignment("everyone = true", "Plain")
    );
    assert_eq!(warnings(both, &deny), Vec::<String>::new());
}
