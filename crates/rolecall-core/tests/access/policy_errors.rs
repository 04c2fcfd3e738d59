//! Every error has a line, a column and a hint, and all are reported together.

use rolecall_core::access::ConfigError;

use crate::support::{parse, parse_files, policy};

/// Three accounts and two permission sets in lines 1 to 3. The text of each test begins in line 5.
pub const FIXTURE: &str = r#"account = [{ id = "111122223333", name = "prod", ou = "Work/Prod", tags = { env = "prod" } }, { id = "444455556666", name = "dev", ou = "Work" }]

permission_set = [{ name = "Developer", variants = { readonly = { session_duration = "1h" } } }, { name = "Admin" }]

"#;

pub fn shown(error: &ConfigError) -> String {
    let hint = error.hint.as_deref().unwrap_or("-");
    format!("{}:{} {} | {hint}", error.line, error.column, error.message)
}

pub fn errors_of(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(shown).collect(),
    }
}

/// Checks the only error of an entry. The position of the error is marked with `<`.
#[track_caller]
fn one(marked: &str, expected: &str) {
    let at = marked.find('<').expect("mark the position with <");
    let text = format!("{FIXTURE}{}", marked.replacen('<', "", 1));
    let before = &marked[..at];
    let line = 5 + before.matches('\n').count();
    let column = at - before.rfind('\n').map_or(0, |end| end + 1) + 1;
    assert_eq!(errors_of(&text), [format!("{line}:{column} {expected}")]);
}

#[test]
fn errors_of_form() {
    for (marked, expected) in [
        (
            "<acount = 1",
            "unknown key \"acount\" | did you mean `account`?",
        ),
        (
            "<x = 1",
            "unknown key \"x\" | the file takes account, permission_set, assignment, deny",
        ),
    ] {
        one(marked, expected);
    }
    assert_eq!(
        errors_of("[account]\nid = 1"),
        ["1:1 `account` must be an array of tables, not a table | write [[account]]"]
    );
    assert_eq!(
        errors_of("deny = 7"),
        ["1:8 `deny` must be an array, not a number | put it in brackets: [ … ]"]
    );
}

#[test]
fn errors_in_assignments() {
    let assignment = |key: &str, value: &str| {
        let mut keys = vec![
            ("id", "\"a\""),
            ("who", "{ everyone = true }"),
            ("accounts", "[\"*\"]"),
            ("permission_sets", "[\"*\"]"),
        ];
        match keys.iter_mut().find(|(name, _)| *name == key) {
            Some(existing) => existing.1 = value,
            None => keys.push((key, value)),
        }
        let lines: Vec<String> = keys.iter().map(|(k, v)| format!("{k} = {v}\n")).collect();
        format!("[[assignment]]\n{}", lines.concat())
    };
    for (key, value, expected) in [
        (
            "id",
            "<7",
            "`id` must be a string, not a number | put it in quotes: \"…\"",
        ),
        (
            "id",
            "<\"a b\"",
            "invalid `id` | an id is 1 to 128 letters, digits or . _ - : / @ +",
        ),
        (
            "who",
            "<{}",
            "`who` matches nobody | name groups, users, subjects or claims, or write everyone = true",
        ),
        (
            "who",
            "{ provider = <\"oktta\", everyone = true }",
            "unknown provider \"oktta\" | did you mean \"okta\"?",
        ),
        (
            "who",
            "{ provider = <\"zzz\", everyone = true }",
            "unknown provider \"zzz\" | configured are: okta, google",
        ),
        (
            "who",
            "<{ everyone = true, groups = [\"g\"] }",
            "`everyone` contradicts `groups` | every key must match: remove one of them",
        ),
        (
            "who",
            "<{ everyone = false }",
            "`everyone` can only be true | remove it",
        ),
        (
            "who",
            "{ groups = <[] }",
            "invalid `groups` | an empty list matches nobody: add a value, or remove the key",
        ),
        (
            "who",
            "{ groups = [<\"\"] }",
            "invalid `groups` | an empty string matches nothing",
        ),
        (
            "who",
            "{ groups = <\"g\" }",
            "`groups` must be an array, not a string | put it in brackets: [ … ]",
        ),
        (
            "who",
            "{ users = [\"alice@example.com\", <\"alice\"] }",
            "invalid `users` | not an e-mail address: write it as name@example.com",
        ),
        (
            "who",
            "{ users = [<\"a@other.example\"] }",
            "a@other.example never matches: no provider is trusted for other.example | add \"other.example\" to `domains` of a [[provider]] in rolecall.toml",
        ),
        (
            "who",
            "{ provider = \"google\", users = [<\"a@example.com\"] }",
            "a@example.com never matches: the provider google is not trusted for example.com | add \"example.com\" to `domains` of a [[provider]] in rolecall.toml",
        ),
        (
            "who",
            "{ claims = <{} }",
            "no claim is named | name a claim, or remove the key",
        ),
        (
            "who",
            "{ claims = { x = <true } }",
            "`x` must be an array, not true or false | put it in brackets: [ … ]",
        ),
        (
            "who",
            "{ claims_matching = { team = <\"pay.*\" } }",
            "invalid `team` | a regular expression must be anchored, because it would also match parts of values: write \"^pay.*$\"",
        ),
        (
            "who",
            "{ claims_matching = { team = <'^pay\\$' } }",
            "invalid `team` | a regular expression must be anchored, because it would also match parts of values: write \"^pay\\$\"",
        ),
        (
            "who",
            "{ claims_matching = { team = <\"^a)|(b$\" } }",
            "invalid `team` | unopened group",
        ),
        (
            "who",
            "{ workload = <\"github\" }",
            "this version of Rolecall does not support `workload` yet | remove this entry",
        ),
        (
            "who",
            "{ everyone = true, <group = [\"g\"] }",
            "unknown key \"group\" | did you mean `groups`?",
        ),
        (
            "accounts",
            "[\"dev\", <\"prd\"]",
            "unknown account \"prd\" | did you mean \"prod\"?",
        ),
        (
            "accounts",
            "[<\"tag:env\", \"dev\"]",
            "\"tag:env\" is not a selector | write a tag as tag:team=payments",
        ),
        (
            "accounts",
            "<[]",
            "invalid `accounts` | an empty list is invalid: write [\"*\"] for all",
        ),
        (
            "permission_sets",
            "[<\"Devloper\"]",
            "unknown permission set \"Devloper\" | did you mean \"Developer\"?",
        ),
        (
            "permission_sets",
            "[<\"Developer@readonly\"]",
            "unknown permission set \"Developer@readonly\" | name the permission set without its variant: its variants are granted with it",
        ),
        (
            "session_duration",
            "<\"5m\"",
            "invalid `session_duration` | AWS accepts 15m to 12h, and up to 36h in accounts with trust = \"federation-token\"",
        ),
        (
            "session_duration",
            "<\"37h\"",
            "invalid `session_duration` | AWS accepts 15m to 12h, and up to 36h in accounts with trust = \"federation-token\"",
        ),
        (
            "session_duration",
            "<\"1hour\"",
            "invalid `session_duration` | write a duration as 90s, 15m, 1h, 4h30m or 7d",
        ),
        (
            "when",
            "{ mfa = <\"yes\" }",
            "`mfa` must be true or false, not a string | write true or false without quotes",
        ),
        (
            "when",
            "{ signed_in_within = <\"1s\" }",
            "invalid `signed_in_within` | the minimum is 1m",
        ),
        (
            "when",
            "{ network = [<\"10.0.0.1/8\"] }",
            "invalid `network` | the network is 10.0.0.0/8: an address with bits beyond its prefix is ambiguous",
        ),
        (
            "when",
            "{ network = [<\"home\"] }",
            "invalid `network` | write a network as 10.0.0.0/8 or 2001:db8::/32",
        ),
        (
            "when",
            "{ network = <[] }",
            "invalid `network` | an empty list matches nobody: name a network, or remove the key",
        ),
        (
            "when",
            "{ not_before = 2026-02-01, not_after = <2026-01-31 }",
            "invalid `not_after` | it is not after not_before, so the condition can never be met",
        ),
        (
            "when",
            "{ not_before = <2026-02-01T10:00:00 }",
            "invalid `not_before` | write a day in UTC as 2026-12-31, or a point in time as 2026-12-31T18:00:00Z",
        ),
        (
            "when",
            "{ not_after = <\"2026-01-31\" }",
            "`not_after` must be a date, not a string | write 2026-12-31 without quotes",
        ),
        (
            "when",
            "{ <msa = true }",
            "unknown key \"msa\" | did you mean `mfa`?",
        ),
        (
            "owner",
            "<\"\"",
            "invalid `owner` | write one line of at most 256 characters",
        ),
    ] {
        one(&assignment(key, value), expected);
    }
}

#[test]
fn errors_of_unreachable_rules() {
    let entry = "[[assignment]]\nid = \"a\"\nwho = { groups = [\"g\"], provider = \"okta\" }\naccounts = [\"prod\"]\npermission_sets = [\"Admin\"]\n";
    one(
        &format!("<{}", entry.replace("\"prod\"", "\"ou:Nowhere/**\"")),
        "this assignment is unreachable: its selectors match no account or no permission set | correct the selectors, or remove the assignment",
    );
    one(
        "<[[deny]]\nid = \"d\"\nwho = { everyone = true }\naccounts = [\"tag:env=prd\"]\n",
        "this deny rule is unreachable: its selectors match no account or no permission set | correct the selectors, or remove the deny rule",
    );
    let denied = "this assignment is unreachable: everything in it is denied, by \"d\" among others | remove the assignment, or narrow the deny rule at access.toml:10";
    for who in [
        "everyone = true",
        "provider = \"okta\"",
        "groups = [\"g\", \"h\"]",
    ] {
        let deny =
            format!("[[deny]]\nid = \"d\"\nwho = {{ {who} }}\naccounts = [\"tag:env=prod\"]\n");
        one(&format!("<{entry}{deny}"), denied);
    }
    for who in [
        "provider = \"google\"",
        "groups = [\"h\"]",
        "groups = [\"g\"], users = [\"a@example.com\"]",
    ] {
        policy(&format!(
            "{FIXTURE}{entry}[[deny]]\nid = \"d\"\nwho = {{ {who} }}\n"
        ));
    }
}

#[test]
fn errors_in_denies() {
    for (marked, expected) in [
        (
            "[[deny]]\nid = \"d\"\nwho = { everyone = true }\nwhen = <{ mfa = true }",
            "a deny rule cannot have `when`: it always applies | remove it; only assignments have conditions",
        ),
        (
            "<[[deny]]\nid = \"d\"",
            "this [[deny]] has no `who` | add `who = …`",
        ),
        (
            "[[deny]]\nid = \"d\"\nwho = { everyone = true }\naccounts = [<\"111122223334\"]",
            "unknown account \"111122223334\" | did you mean \"111122223333\"?",
        ),
    ] {
        one(marked, expected);
    }
}

#[test]
fn errors_of_all_files_are_reported_in_order() {
    let first = "[[account]]\nid = \"1\"\nname = \"prod\"\n[[assignment]]\nid = \"a\"\nwho = {}\naccounts = [\"prod\"]\npermission_sets = [\"Admni\"]\n";
    let second = "[[permission_set]]\nname = \"Admin\"\ncolour = \"red\"\n";
    let errors = parse_files(&[("b.toml", first), ("a.toml", second)]).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "b.toml:2:6: invalid `id`\n  hint: an account id is 12 digits, written as a string: \"111122223333\"\n\
         b.toml:6:7: `who` matches nobody\n  hint: name groups, users, subjects or claims, or write everyone = true\n\
         b.toml:8:20: unknown permission set \"Admni\"\n  hint: did you mean \"Admin\"?\n\
         a.toml:3:1: unknown key \"colour\"\n  hint: this [[permission_set]] takes name, role, description, session_duration, destination, session_policy, policy_arns, session_tags, source_identity, managed_policies, inline_policy, permissions_boundary, variants"
    );
}

#[test]
fn syntax_error_suppresses_name_errors() {
    let errors = parse_files(&[
        ("broken.toml", "[[account]\nid = \"111122223333\"\nname = \n"),
        ("rules.toml", "[[assignment]]\nid = \"a\"\nwho = {}\naccounts = [\"prod\"]\npermission_sets = [\"*\"]\n"),
    ])
    .unwrap_err();
    let places: Vec<String> = errors
        .iter()
        .map(|e| format!("{}:{}", e.path.display(), e.line))
        .collect();
    assert!(places.contains(&"broken.toml:1".to_owned()), "{places:?}");
    assert!(places.contains(&"broken.toml:3".to_owned()), "{places:?}");
    assert!(places.contains(&"rules.toml:3".to_owned()), "{places:?}");
    assert!(!errors.to_string().contains("unknown account"), "{errors}");
    assert!(!errors.to_string().contains("has no"), "{errors}");
}
