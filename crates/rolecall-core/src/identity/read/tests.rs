//! What is read, what is not, and that nothing is lost between the two.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(object: Value) -> ReadClaims {
    ReadClaims::from_json(object.as_object().unwrap())
}

fn why(read: &ReadClaims, name: &str) -> Option<Unread> {
    match read.values(name).map(drop) {
        Ok(()) => None,
        Err(InvalidClaims::Unread { why, .. }) => Some(why),
        Err(InvalidClaims::TooMany) => panic!("one claim is not too many"),
    }
}

fn identity(object: Value) -> Identity {
    let (claims, unread_claims) = read(object).into_parts();
    let json = json!({
        "provider": "okta", "subject": "s", "email": null, "name": null, "groups": [], "claims": {}, "mfa": false,
        "authenticated_at": "2026-06-15T12:00:00Z",
        "evidence": {"IdToken": {"token": "", "sid": null}},
    });
    let identity: Identity = serde_json::from_value(json).unwrap();
    Identity {
        claims,
        unread_claims,
        ..identity
    }
}

#[test]
fn nested_claims_are_found_by_pointer() {
    let claims = read(json!({
        "realm_access": {"roles": ["a", 1, true]}, "x": null, "a/b": {"c": "d"}, "empty": [], "some": ["a", null]
    }));
    assert!(
        claims
            .values("/realm_access/roles")
            .unwrap()
            .eq(["a", "1", "true"])
    );
    assert_eq!(claims.single("/a~1b/c"), Some("d"));
    for absent in ["x", "empty", "y", "/realm_access/groups", "/x/y"] {
        assert_eq!(claims.values(absent).unwrap().len(), 0, "{absent}");
    }
    assert!(claims.values("some").unwrap().eq(["a"]));
}

#[test]
fn values_that_cannot_be_compared_are_unread_and_not_absent() {
    for (sent, name, wanted) in [
        (
            json!({"groups": ["dev", {"name": "contractors"}]}),
            "groups",
            Unread::Nested,
        ),
        (
            json!({"groups": ["dev", ["contractors"]]}),
            "groups",
            Unread::Nested,
        ),
        (json!({"groups": [[]]}), "groups", Unread::Nested),
        (json!({"groups": [{}]}), "groups", Unread::Nested),
        (
            json!({"groups": {"contractors": {"1": "x"}}}),
            "groups",
            Unread::Object,
        ),
        (json!({"groups": {}}), "groups", Unread::Object),
        (
            json!({"groups": {"contractors": null}}),
            "groups",
            Unread::Object,
        ),
        (
            json!({"employment": {"value": "contractor"}}),
            "employment",
            Unread::Object,
        ),
        (json!({"a": {"b": [{"c": 1}]}}), "/a/b", Unread::Nested),
        (json!({"a": {"b": [{"c": 1}]}}), "/a/b/c", Unread::Nested),
        (json!({"a": [{"b": "c"}]}), "/a/b", Unread::Nested),
        (json!({"a": {"b": [{}]}}), "a", Unread::Object),
        (json!({"a": {"b": {"c": "d"}}}), "/a/b", Unread::Object),
        (
            json!({"https://x/y": ["a", {}]}),
            "https://x/y",
            Unread::Nested,
        ),
        (
            json!({"/a/b": "one", "a": {"b": "two"}}),
            "/a/b",
            Unread::Ambiguous,
        ),
        (
            json!({"g": vec!["x"; limits::CLAIM_VALUES_MAX + 1]}),
            "g",
            Unread::TooManyValues,
        ),
        (
            json!({"g": "x".repeat(limits::CLAIM_VALUE_BYTES_MAX + 1)}),
            "g",
            Unread::ValueTooLong,
        ),
    ] {
        let claims = read(sent.clone());
        assert_eq!(why(&claims, name), Some(wanted), "{sent} {name}");
        assert!(claims.has(name), "{sent} {name}");
        let unread = identity(sent.clone());
        assert_eq!(unread.unread_claim(name), Some(wanted), "{sent} {name}");
        // A record keeps that it is unread.
        let kept: Identity =
            serde_json::from_value(serde_json::to_value(&unread).unwrap()).unwrap();
        assert!(kept.unread_claim(name).is_some(), "{sent} {name}");
    }
    let beside =
        read(json!({"groups": [{}], "group": "a", "groups2": "b", "a": {"b": [{}], "bc": "d"}}));
    for known in ["group", "groups2", "/a/bc", "other", "/a/c"] {
        assert_eq!(why(&beside, known), None, "{known}");
    }
}

#[test]
fn a_record_of_an_older_version_has_nothing_unread() {
    let old = json!({
        "provider": "okta", "subject": "s", "email": null, "name": null, "groups": [], "claims": {"a": ["b"]},
        "mfa": false, "authenticated_at": "2026-06-15T12:00:00Z",
        "evidence": {"IdToken": {"token": "", "sid": null}},
    });
    let identity: Identity = serde_json::from_value(old.clone()).unwrap();
    assert!(identity.unread_claims.is_empty());
    assert_eq!(serde_json::to_value(&identity).unwrap(), old);
}

#[test]
fn claims_that_nothing_needs_are_left_out_by_name() {
    let many: Map<String, Value> = (0..200)
        .map(|n| (format!("c{n:03}"), json!("v")))
        .chain([("zz-needed".to_owned(), json!("w"))])
        .collect();
    let mut person = identity(Value::Object(many));
    person.bound_claims(|name| name == "zz-needed").unwrap();
    assert_eq!(person.claims.single("c000"), Some("v"));
    assert_eq!(person.claims.single("zz-needed"), Some("w"));
    assert_eq!(person.unread_claim("c199"), Some(Unread::NotKept));
    assert_eq!(person.unread_claim("c000"), None);
    assert!(person.claims.iter().count() <= limits::CLAIMS_MAX + 1);

    let endless: Map<String, Value> = (0..limits::CLAIMS_MAX + limits::UNREAD_CLAIMS_MAX + 1)
        .map(|n| (format!("c{n:04}"), json!("v")))
        .collect();
    let mut person = identity(Value::Object(endless));
    assert_eq!(person.bound_claims(|_| false), Err(InvalidClaims::TooMany));
    let long = json!({ "x".repeat(limits::UNREAD_CLAIMS_BYTES_MAX): [{}] });
    assert_eq!(
        identity(long).bound_claims(|_| false),
        Err(InvalidClaims::TooMany)
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ab/~]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[ab/~]{0,3}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Every scalar in a value, and every object without one.
fn scalars(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
        Value::Array(items) => items.iter().map(scalars).sum(),
        Value::Object(members) => members.values().map(scalars).sum(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_value_is_lost_silently(sent in any_json()) {
        let claims = read(json!({ "groups": sent }));
        let known = claims.values("groups").map(|values| values.len());
        match known {
            // All of it can be compared.
            Ok(known) => prop_assert_eq!(known, scalars(&sent)),
            Err(_) => prop_assert!(claims.has("groups")),
        }
    }
}
