//! The content of a grant: durations, session policies, tags and source identity.

use std::sync::Arc;

use rolecall_core::access::{DurationReason, Grants};
use rolecall_core::aws::{AccountId, CallerIdentity, OwnCredentialsState};
use rolecall_core::identity::Identity;

use crate::support::{facts, parse, person, policy, with_claims};

const DURATIONS: &str = r#"
[[account]]
id = "111122223333"
name = "prod"
[[permission_set]]
name = "Four"
session_duration = "4h"
variants = { short = { session_duration = "30m" }, long = { session_duration = "8h" } }
[[permission_set]]
name = "Unsaid"
"#;

fn duration(rules: &str, set: &str, variant: Option<&str>) -> (String, DurationReason) {
    let rules: String = rules
        .split_whitespace()
        .map(|rule| {
            let (id, duration) = rule.split_once('=').unwrap_or((rule, ""));
            let duration = match duration {
                "" => String::new(),
                text => format!("session_duration = \"{text}\"\n"),
            };
            format!("[[assignment]]\nid = \"{id}\"\nwho = {{ everyone = true }}\naccounts = [\"*\"]\npermission_sets = [\"*\"]\n{duration}")
        })
        .collect();
    let policy = policy(&format!("{DURATIONS}{rules}"));
    let grants = policy.grants(&facts(&person("alice")));
    let account = AccountId::parse("111122223333").unwrap();
    let grant = grants.find(&account, set, variant).unwrap();
    (grant.duration_max().to_string(), grant.duration_reason())
}

#[test]
fn shortest_duration_wins_and_is_attributed() {
    let assignment = |id: &str| DurationReason::Assignment(id.to_owned());
    let four = || DurationReason::PermissionSet("Four".to_owned());
    for (rules, set, variant, expected, reason) in [
        ("a", "Four", None, "4 h", four()),
        ("a", "Unsaid", None, "1 h", DurationReason::AwsDefault),
        ("a=8h", "Unsaid", None, "8 h", assignment("a")),
        ("a=8h", "Four", None, "4 h", four()),
        ("a b=2h c=3h", "Four", None, "2 h", assignment("b")),
        ("a b=15m", "Four", Some("short"), "15 min", assignment("b")),
        (
            "a",
            "Four",
            Some("short"),
            "30 min",
            DurationReason::Variant("short".to_owned()),
        ),
        ("a", "Four", Some("long"), "4 h", four()),
    ] {
        assert_eq!(
            duration(rules, set, variant),
            (expected.to_owned(), reason),
            "{rules} {set} {variant:?}"
        );
    }
}

/// Without the answer of STS, as in `rolecalld explain`, both possible durations are known.
#[test]
fn duration_depends_on_whose_credentials_the_gateway_has() {
    let user = "arn:aws:iam::999988887777:user/gateway";
    let role = "arn:aws:sts::999988887777:assumed-role/gateway/i-0123";
    let own =
        |arn: &str| OwnCredentialsState::default().identified(CallerIdentity::parse(arn).unwrap());
    let hop = "trust = \"caller\"\nvia = \"arn:aws:iam::999988887777:role/hub\"";
    let caller = "trust = \"caller\"";
    for (trust, set, own, expected, with_user_keys) in [
        (
            caller,
            "Four",
            None,
            "1 h",
            Some("4 h, limited by permission set Four"),
        ),
        (caller, "Four", Some(own(user)), "4 h", None),
        (caller, "Four", Some(own(role)), "1 h", None),
        (caller, "Unsaid", None, "1 h", None),
        (hop, "Four", None, "1 h", None),
        ("trust = \"gateway-oidc\"", "Four", None, "4 h", None),
    ] {
        let access = DURATIONS.replacen("name = \"prod\"", &format!("name = \"prod\"\n{trust}"), 1);
        let rule = "[[assignment]]\nid = \"a\"\nwho = { everyone = true }\naccounts = [\"*\"]\npermission_sets = [\"*\"]\n";
        let policy = policy(&format!("{access}{rule}"));
        let alice = person("alice");
        let facts = match own {
            Some(own) => facts(&alice).with_own_credentials(Arc::new(own)),
            None => facts(&alice),
        };
        let account = AccountId::parse("111122223333").unwrap();
        let grant = policy.grants(&facts).find(&account, set, None).unwrap();
        assert_eq!(grant.duration_max().to_string(), expected, "{trust} {set}");
        let with_keys = grant.duration_with_user_keys();
        let line = with_keys.map(|(duration, reason)| reason.line(duration));
        assert_eq!(line.as_deref(), with_user_keys, "{trust} {set}");
    }
}

const ROLE: &str = r#"
[[account]]
id = "111122223333"
name = "prod"
[[permission_set]]
name = "Developer"
role = "rolecall/Dev"
destination = "https://console.aws.amazon.com/s3/"
session_policy = { file = "no-delete.json" }
session_tags = { team = "{claims.department}", user = "{email}", fixed = "{{x}}" }
source_identity = "{email}"
variants = { readonly = { policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"] }, audit = { role = "rolecall/Audit" } }
[[assignment]]
id = "one"
who = { everyone = true }
accounts = ["*"]
permission_sets = ["*"]
owner = "leads@example.com"
"#;

fn grants(text: &str, identity: &Identity) -> Grants {
    policy(text).grants(&facts(identity))
}

#[test]
fn grant_has_the_role_arn() {
    let text = ROLE.replace("fixed = \"{{x}}\"", "fixed = \"x\"");
    let grants = grants(&text, &person("alice"));
    let account = AccountId::parse("111122223333").unwrap();
    let base = grants.find(&account, "Developer", None).unwrap();
    assert_eq!(
        base.role().as_str(),
        "arn:aws:iam::111122223333:role/rolecall/Dev"
    );
    assert_eq!(base.assignments().collect::<Vec<_>>(), ["one"]);
    assert_eq!(base.owners().collect::<Vec<_>>(), ["leads@example.com"]);
    assert!(base.session_policy().is_some() && base.policy_arns().is_empty());
    let readonly = grants
        .find(&account, "Developer", Some("readonly"))
        .unwrap();
    assert_eq!(readonly.label(), "prod/Developer@readonly");
    assert_eq!(readonly.role(), base.role());
    let audit = grants.find(&account, "Developer", Some("audit")).unwrap();
    assert_eq!(
        audit.role().as_str(),
        "arn:aws:iam::111122223333:role/rolecall/Audit"
    );
    assert_eq!(readonly.destination(), base.destination());
    // STS combines session policies, so those of the variant replace those of the permission set.
    assert!(readonly.session_policy().is_none() && readonly.policy_arns().len() == 1);
    for (account, set, variant) in [
        ("111122223333", "developer", None),
        ("111122223333", "Developer", Some("admin")),
        ("111122223333", "Developer@readonly", None),
        ("444455556666", "Developer", None),
    ] {
        let account = AccountId::parse(account).unwrap();
        assert!(
            grants.find(&account, set, variant).is_none(),
            "{set} {variant:?}"
        );
    }
    assert_eq!(grants.len(), grants.iter().count());
}

#[test]
fn incomplete_attributes_are_rejected() {
    let text = ROLE.replace("fixed = \"{{x}}\"", "fixed = \"x\"");
    let render = |identity: &Identity| {
        let account = AccountId::parse("111122223333").unwrap();
        let grant = grants(&text, identity)
            .find(&account, "Developer", Some("readonly"))
            .unwrap();
        grant.attributes(&facts(identity))
    };
    let alice = |values: &[&str]| with_claims(person("alice"), &[("department", values)]);
    let attributes = render(&alice(&["pay"])).unwrap();
    let tags: Vec<(&str, &str)> = attributes.tags.iter().collect();
    assert_eq!(
        tags,
        [
            ("fixed", "x"),
            ("rolecall:account", "111122223333"),
            ("rolecall:permission-set", "Developer@readonly"),
            ("team", "pay"),
            ("user", "alice@example.com"),
        ]
    );
    let source_identity = attributes.source_identity.unwrap();
    assert_eq!(source_identity.as_str(), "alice@example.com");
    for (values, message) in [
        (
            vec![],
            "the session tag team uses {claims.department}, but your identity provider sent no value",
        ),
        (
            vec![""],
            "the session tag team uses {claims.department}, but your identity provider sent no value",
        ),
        (
            vec!["a", "b"],
            "the session tag team uses {claims.department}, but your identity provider sent several values",
        ),
        (
            vec!["a<b"],
            "the session tag team cannot contain the value that your identity provider sent: the session tag team has an invalid value: a value is at most 256 letters, digits, spaces or _ . : / = + - @",
        ),
    ] {
        let error = render(&alice(&values)).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(!error.hint().is_empty());
    }
    let mut untrusted = alice(&["pay"]);
    untrusted.email = None;
    assert_eq!(
        render(&untrusted).unwrap_err().to_string(),
        "the session tag user uses {email}, but your identity provider sent no value"
    );
}

#[test]
fn braces_in_tags_are_rejected() {
    assert!(
        parse(ROLE)
            .unwrap_err()
            .to_string()
            .contains("the session tag \"fixed\" is invalid")
    );
}

#[test]
fn assignments_of_a_grant_are_in_file_order() {
    let rule = |id: &str, accounts: &str, owner: &str| {
        format!(
            "[[assignment]]\nid = \"{id}\"\nwho = {{ everyone = true }}\naccounts = [{accounts}]\npermission_sets = [\"Four\"]\nowner = \"{owner}\"\n"
        )
    };
    let rules = [
        rule("a", "\"*\"", "zoe"),
        rule("b", "\"prod\"", "ann"),
        rule("c", "\"*\"", "zoe"),
    ];
    let grants = grants(&format!("{DURATIONS}{}", rules.concat()), &person("alice"));
    let grant = grants.iter().next().unwrap();
    assert_eq!(grant.assignments().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(grant.owners().collect::<Vec<_>>(), ["ann", "zoe"]);
}
