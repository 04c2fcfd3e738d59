//! Permission sets in accounts with `trust = "federation-token"`.

use rolecall_core::aws::RoleSessionDuration;

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

/// GetFederationToken permits sessions of 36 hours, and roles do not.
#[test]
fn sessions_of_roles_last_at_most_12_hours() {
    let arns = r#"policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]"#;
    let role = r#"[[account]]
id = "444455556666"
name = "prod"
"#;
    for (duration, assignment, with_role, expected) in [
        ("36h", "", false, None),
        ("12h", "", true, None),
        // The shorter one applies.
        ("36h", "session_duration = \"12h\"", true, None),
        ("2h", "session_duration = \"36h\"", true, None),
        (
            "36h",
            "",
            true,
            Some("sessions of Reader in prod would last 36 h: AWS permits at most 12 h for a role"),
        ),
        (
            "36h",
            "session_duration = \"13h\"",
            true,
            Some("sessions of Reader in prod would last 13 h: AWS permits at most 12 h for a role"),
        ),
        (
            "37h",
            "",
            false,
            Some(
                "AWS accepts 15m to 12h, and up to 36h in accounts with trust = \"federation-token\"",
            ),
        ),
    ] {
        let set = format!("{arns}\nsession_duration = \"{duration}\"");
        let mut text = policy(&set) + assignment;
        if with_role {
            text += "\n";
            text += role;
        }
        let parsed = parse(&text).map_err(|errors| errors.to_string());
        if let (Ok(parsed), "36h", "") = (&parsed, duration, assignment) {
            let role = parsed.assigned_roles().remove(0);
            assert_eq!(role.duration_max, RoleSessionDuration::FEDERATED_MAX);
        }
        let errors = parsed.err();
        match (expected, &errors) {
            (None, None) => {}
            (Some(expected), Some(errors)) => assert!(errors.contains(expected), "{errors}"),
            _ => panic!("{text}: {errors:?}"),
        }
    }
}
