//! Permission sets in accounts with `trust = "federation-token"`.

use crate::support::parse;

fn policy(set: &str) -> String {
    format!(
        r#"[[account]]
id = "111122223333"
name = "legacy"
trust = "federation-token"
credentials = {{ access_key_id = {{ file = "key.id" }}, secret_access_key = {{ file = "key.secret" }} }}
[[permission_set]]
name = "Reader"
{set}
[[assignment]]
id = "a"
who = {{ everyone = true }}
accounts = ["*"]
permission_sets = ["Reader"]
"#
    )
}

#[test]
fn a_permission_set_without_a_session_policy_is_an_error() {
    let arns = r#"policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]"#;
    let variants = |limits: &str| format!("{arns}\nvariants = {{ narrow = {{ {limits} }} }}");
    for (set, sound) in [
        (arns.to_owned(), true),
        (
            "session_policy = { file = \"no-delete.json\" }".to_owned(),
            true,
        ),
        (variants("session_duration = \"1h\""), true),
        (variants(arns), true),
        (String::new(), false),
        ("policy_arns = []".to_owned(), false),
        (variants("policy_arns = []"), false),
    ] {
        match parse(&policy(&set)) {
            Ok(parsed) => {
                assert!(sound, "{set}");
                assert_eq!(parsed.warnings().len(), 0, "{set}");
            }
            Err(errors) => {
                let text = errors.to_string();
                assert!(!sound, "{set}: {text}");
                assert!(
                    text.contains("Reader needs `session_policy` or `policy_arns` in legacy"),
                    "{text}"
                );
            }
        }
    }
}

#[test]
fn a_source_identity_is_warned_about() {
    let set =
        "policy_arns = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]\nsource_identity = \"{email}\"";
    let parsed = parse(&policy(set)).unwrap();
    let warnings: Vec<&str> = parsed.warnings().iter().map(|one| &*one.message).collect();
    assert_eq!(
        warnings,
        ["sessions of Reader in legacy have no source identity: its trust is \"federation-token\""]
    );
    assert!(!format!("{parsed:?}").contains("canary"));
}
