//! Hostile files and people: huge, deeply nested, with unusual characters, or expensive to match. Nothing panics or
//! takes long.

use std::time::{Duration, Instant};

use rolecall_core::access::{InvalidTemplate, Placeholder, Template};
use rolecall_core::base::limits;
use rolecall_core::identity::ClaimPath;

use crate::support::{facts, granted, in_groups, parse, person, policy, with_claims};

const FIXTURE: &str =
    "[[account]]\nid = \"111122223333\"\nname = \"prod\"\n[[permission_set]]\nname = \"Admin\"\n";

fn with_who(who: &str) -> String {
    format!(
        "{FIXTURE}[[assignment]]\nid = \"a\"\nwho = {{ {who} }}\naccounts = [\"*\"]\npermission_sets = [\"*\"]\n"
    )
}

#[test]
fn invalid_policy_files_do_not_panic() {
    let nested = format!("x = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let tables = format!("x = {}", "{ a = ".repeat(100_000));
    let dotted = format!("{}x = 1", "a.".repeat(100_000));
    for text in [
        "\u{feff}[[account]",
        "\0",
        "[[",
        "account = 1",
        "[account]\nid = 1",
        "[[account]]\n[[account.id]]\n",
        "account = [[[]]]",
        "account = [1, \"x\", {}]",
        "who = \"\u{202e}\"",
        "[[assignment]]\nid = \"\\u0000\"\nwho = [1]\naccounts = {}\npermission_sets = 1.5\nwhen = 7\n",
        "[[permission_set]]\nname = \"\"\nvariants = []\nsession_tags = 1\nsession_policy = 1\npolicy_arns = [[]]\n",
        "x = 99999999999999999999999999",
        &nested,
        &tables,
        &dotted,
    ] {
        assert!(parse(text).is_err(), "{:.60}", text);
    }
}

#[test]
fn policy_size_is_bounded() {
    let long = " ".repeat(limits::POLICY_FILE_BYTES_MAX + 1);
    let error = parse(&long).unwrap_err().to_string();
    assert!(error.starts_with("access.toml:1:1: longer than"), "{error}");
    let many = "[[deny]]\n".repeat(limits::POLICY_ENTRIES_MAX + 1);
    let errors = parse(&many).unwrap_err();
    let last = errors.iter().last().unwrap();
    assert_eq!(
        (last.line, last.message.as_str()),
        (100_001, "more than 100000 entries")
    );
}

#[test]
fn truncated_policies_do_not_panic() {
    let text = include_str!("../../../../config/access.toml");
    for (end, _) in text.char_indices().step_by(7) {
        let _either = parse(&text[..end]);
    }
}

#[test]
fn expensive_patterns_are_rejected_or_linear() {
    for pattern in [
        "^(a{1000}){1000}$",
        "^((((((((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))))))))$",
        "^\\p{L}{999}{99}$",
    ] {
        assert!(
            parse(&with_who(&format!(
                "claims_matching = {{ x = '{pattern}' }}"
            )))
            .is_err(),
            "{pattern}"
        );
    }
    let long = format!("^{}$", "a".repeat(2_000));
    assert!(parse(&with_who(&format!("claims_matching = {{ x = '{long}' }}"))).is_err());
    let policy = policy(&with_who("claims_matching = { x = '^(a+)+b$' }"));
    let many = vec!["a".repeat(1_000); 1_000];
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let attacker = with_claims(person("attacker"), &[("x", &many)]);
    let begun = Instant::now();
    assert!(granted(&policy, &attacker).is_empty());
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn lookalike_names_do_not_match() {
    let policy = policy(&with_who(
        "provider = \"okta\", groups = [\"admins\", \"ré\"]",
    ));
    for group in [
        "аdmins",
        "Admins",
        "admins\u{200b}",
        " admins",
        "admins\0",
        "re\u{301}",
        "admin",
        "\u{202e}snimda",
    ] {
        let attacker = in_groups(person("attacker"), &[group]);
        assert!(granted(&policy, &attacker).is_empty(), "{group:?}");
    }
    assert!(!granted(&policy, &in_groups(person("alice"), &["ré"])).is_empty());
}

#[test]
fn thousands_of_groups_are_evaluated() {
    let policy = policy(&with_who("groups = [\"last\"], claims = { c = [\"v\"] }"));
    let mut groups: Vec<String> = (0..50_000).map(|n| format!("group-{n}")).collect();
    groups.push("last".to_owned());
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let alice = with_claims(in_groups(person("alice"), &groups), &[("c", &["v"])]);
    assert_eq!(granted(&policy, &alice), ["prod/Admin"]);
    assert!(policy.explain(&facts(&alice)).grants().len() == 1);
}

#[test]
fn templates_round_trip_or_are_rejected() {
    for text in [
        "{email}",
        "a{claims./x/y}b",
        "{{{name}}}",
        "{{}}",
        "ü{provider}{subject}",
        "{email|aws}",
        "{provider}.{claims./x/y|aws}",
    ] {
        let template = Template::parse(text).unwrap();
        assert_eq!(template.to_string(), text);
    }
    let filter = |name: &str, placeholder| InvalidTemplate::Filter(name.to_owned(), placeholder);
    for (text, expected) in [
        ("{", InvalidTemplate::Brace),
        ("}", InvalidTemplate::Brace),
        ("{email", InvalidTemplate::Brace),
        ("{em{ail}", InvalidTemplate::Brace),
        ("{}", InvalidTemplate::Placeholder(String::new())),
        (
            "{claims.}",
            InvalidTemplate::Placeholder("claims.".to_owned()),
        ),
        ("{Email}", InvalidTemplate::Placeholder("Email".to_owned())),
        (
            "{Email|aws}",
            InvalidTemplate::Placeholder("Email".to_owned()),
        ),
        ("{|aws}", InvalidTemplate::Placeholder(String::new())),
        (
            "{email |aws}",
            InvalidTemplate::Placeholder("email ".to_owned()),
        ),
        ("{email|}", filter("", Placeholder::Email)),
        ("{email|AWS}", filter("AWS", Placeholder::Email)),
        ("{email| aws}", filter(" aws", Placeholder::Email)),
        ("{email|aws|aws}", filter("aws|aws", Placeholder::Email)),
        (
            "{claims.x|lower}",
            filter("lower", Placeholder::Claim(ClaimPath::parse("x"))),
        ),
        ("", InvalidTemplate::Empty),
    ] {
        assert_eq!(Template::parse(text), Err(expected), "{text}");
    }
}
