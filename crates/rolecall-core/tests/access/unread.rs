//! Claims that a provider sent and whose values are unknown.

use rolecall_core::access::Grants;
use rolecall_core::identity::{Identity, InvalidClaims, ReadClaims, UnreadReason};
use serde_json::{Value, json};

use crate::support::{facts, person, policy};

#[test]
fn unread_claim_grants_nothing_and_denies() {
    let policy = policy(
        r#"
        [[account]]
        id = "111122223333"
        name = "one"
        [[permission_set]]
        name = "P"
        [[permission_set]]
        name = "Q"
        [[assignment]]
        id = "everybody"
        who = { everyone = true }
        accounts = ["one"]
        permission_sets = ["P"]
        [[assignment]]
        id = "staff"
        who = { claims_matching = { employment = "^.*$" } }
        accounts = ["one"]
        permission_sets = ["Q"]
        [[deny]]
        id = "contractors"
        who = { claims = { employment = ["contractor"] } }
        accounts = ["one"]
        permission_sets = ["P"]
        "#,
    );
    let granted = |sent: Value| -> Vec<String> {
        let (claims, unread_claims) = ReadClaims::from_json(sent.as_object().unwrap()).into_parts();
        let identity = Identity {
            claims,
            unread_claims,
            ..person("alice")
        };
        let grants = policy.grants(&facts(&identity));
        let explained = policy.explain(&facts(&identity));
        let names = |grants: &Grants| -> Vec<String> {
            let each = grants.iter();
            each.map(|grant| grant.permission_set().name.to_string())
                .collect()
        };
        assert_eq!(names(&grants), names(explained.grants()), "{sent}");
        names(&grants)
    };
    assert_eq!(granted(json!({})), ["P"]);
    assert_eq!(granted(json!({"employment": "staff"})), ["P", "Q"]);
    assert_eq!(granted(json!({"employment": ["contractor"]})), ["Q"]);
    for unread in [
        json!({"employment": ["staff", {"kind": "contractor"}]}),
        json!({"employment": {"value": "contractor"}}),
        json!({"employment": {}}),
        json!({"_claim_names": {"employment": "src1"}}),
        json!({"_claim_names": {"employment": "src1"}, "employment": "staff"}),
    ] {
        assert_eq!(granted(unread.clone()), Vec::<String>::new(), "{unread}");
    }
}

#[test]
fn unread_claim_of_a_rule_is_rejected() {
    let policy = policy(
        r#"
        [[account]]
        id = "111122223333"
        name = "one"
        [[permission_set]]
        name = "P"
        session_tags = { team = "{claims.team}" }
        [[assignment]]
        id = "everybody"
        who = { everyone = true, provider = "okta" }
        accounts = ["one"]
        permission_sets = ["P"]
        [[deny]]
        id = "contractors"
        who = { claims_matching = { "/hr/employment" = "^contractor.*$" } }
        permission_sets = ["P"]
        [[deny]]
        id = "elsewhere"
        who = { provider = "google", claims = { level = ["low"] } }
        permission_sets = ["P"]
        "#,
    );
    let admitted = |provider: &str, sent: Value| {
        let (claims, unread_claims) = ReadClaims::from_json(sent.as_object().unwrap()).into_parts();
        let mut identity = Identity {
            claims,
            unread_claims,
            provider: rolecall_core::identity::ProviderId::parse(provider).unwrap(),
            ..person("alice")
        };
        policy.check_claims(&mut identity).map(|()| identity)
    };
    let nested = json!([{"kind": "contractor"}]);
    for (provider, sent, name, reason) in [
        (
            "okta",
            json!({"hr": {"employment": nested}}),
            "/hr/employment",
            UnreadReason::Nested,
        ),
        (
            "google",
            json!({"hr": [{"employment": "contractor"}]}),
            "/hr/employment",
            UnreadReason::Nested,
        ),
        (
            "google",
            json!({"level": {"low": true}}),
            "level",
            UnreadReason::Object,
        ),
        (
            "google",
            json!({"_claim_names": {"level": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://claims.example"}}}),
            "level",
            UnreadReason::Elsewhere,
        ),
        (
            "okta",
            json!({"_claim_names": {"hr": "src1"}}),
            "/hr/employment",
            UnreadReason::Elsewhere,
        ),
    ] {
        let refused = admitted(provider, sent.clone()).unwrap_err();
        let name = name.to_owned();
        assert!(refused.to_string().contains(&name), "{refused}");
        assert_eq!(refused, InvalidClaims::Unread { name, reason }, "{sent}");
    }
    // An unread claim that nothing needs does not block a sign-in.
    for sent in [
        json!({"address": [{"street": "x"}], "picture": "x".repeat(5_000), "hr": {"floor": [[1]]}}),
        json!({"level": {"low": true}}),
        json!({"team": [["payments"]]}),
        json!({"_claim_names": {"address": "src1"}}),
        json!({"resource_access": (0..2_000).map(|n| (format!("client-{n}"), json!({"roles": ["user"]}))).collect::<serde_json::Map<_, _>>()}),
        json!({"resource_access": (0..300).map(|n| (format!("client-{n}"), json!({"roles": ["user"]}))).collect::<serde_json::Map<_, _>>()}),
    ] {
        assert!(admitted("okta", sent.clone()).is_ok(), "{sent}");
    }
    // Of many claims, those that rules and templates use are kept.
    let mut many: serde_json::Map<String, Value> =
        (0..300).map(|n| (format!("a{n}"), json!("x"))).collect();
    many.insert("team".to_owned(), json!("payments"));
    many.insert("hr".to_owned(), json!({"employment": "staff"}));
    let kept = admitted("okta", Value::Object(many)).unwrap();
    assert_eq!(kept.claims.single("team"), Some("payments"));
    assert_eq!(kept.claims.single("/hr/employment"), Some("staff"));
}
