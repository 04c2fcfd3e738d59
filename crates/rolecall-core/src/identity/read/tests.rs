//! Reading of claims: which are read, which are unread, and that none is lost.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(object: Value) -> ReadClaims {
    ReadClaims::from_json(object.as_object().unwrap())
}

fn reason(read: &ReadClaims, name: &str) -> Option<UnreadReason> {
    match read.values(name).map(drop) {
        Ok(()) => None,
        Err(InvalidClaims::Unread { reason, .. }) => Some(reason),
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
fn nested_claims_are_found_by_json_pointer() {
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
fn unsupported_values_are_unread() {
    for (sent, name, wanted) in [
        (
            json!({"groups": ["dev", {"name": "contractors"}]}),
            "groups",
            UnreadReason::Nested,
        ),
        (
            json!({"groups": ["dev", ["contractors"]]}),
            "groups",
            UnreadReason::Nested,
        ),
        (json!({"groups": [[]]}), "groups", UnreadReason::Nested),
        (json!({"groups": [{}]}), "groups", UnreadReason::Nested),
        (
            json!({"groups": {"contractors": {"1": "x"}}}),
            "groups",
            UnreadReason::Object,
        ),
        (json!({"groups": {}}), "groups", UnreadReason::Object),
        (
            json!({"groups": {"contractors": null}}),
            "groups",
            UnreadReason::Object,
        ),
        (
            json!({"employment": {"value": "contractor"}}),
            "employment",
            UnreadReason::Object,
        ),
        (
            json!({"a": {"b": [{"c": 1}]}}),
            "/a/b",
            UnreadReason::Nested,
        ),
        (
            json!({"a": {"b": [{"c": 1}]}}),
            "/a/b/c",
            UnreadReason::Nested,
        ),
        (json!({"a": [{"b": "c"}]}), "/a/b", UnreadReason::Nested),
        (json!({"a": {"b": [{}]}}), "a", UnreadReason::Object),
        (
            json!({"a": {"b": {"c": "d"}}}),
            "/a/b",
            UnreadReason::Object,
        ),
        (
            json!({"https://x/y": ["a", {}]}),
            "https://x/y",
            UnreadReason::Nested,
        ),
        (
            json!({"/a/b": "one", "a": {"b": "two"}}),
            "/a/b",
            UnreadReason::Ambiguous,
        ),
        (
            json!({"g": vec!["x"; limits::CLAIM_VALUES_MAX + 1]}),
            "g",
            UnreadReason::TooManyValues,
        ),
        (
            json!({"g": "x".repeat(limits::CLAIM_VALUE_BYTES_MAX + 1)}),
            "g",
            UnreadReason::ValueTooLong,
        ),
    ] {
        let claims = read(sent.clone());
        assert_eq!(reason(&claims, name), Some(wanted), "{sent} {name}");
        assert!(claims.has(name), "{sent} {name}");
        let unread = identity(sent.clone());
        assert_eq!(unread.unread_claim(name), Some(wanted), "{sent} {name}");
        // A record keeps that the claim is unread.
        let kept: Identity =
            serde_json::from_value(serde_json::to_value(&unread).unwrap()).unwrap();
        assert!(kept.unread_claim(name).is_some(), "{sent} {name}");
    }
    let beside =
        read(json!({"groups": [{}], "group": "a", "groups2": "b", "a": {"b": [{}], "bc": "d"}}));
    for known in ["group", "groups2", "/a/bc", "other", "/a/c"] {
        assert_eq!(reason(&beside, known), None, "{known}");
    }
}

#[test]
fn empty_object_stays_unread_in_a_record() {
    let sent = json!({"realm_access": {}, "a": {"b": {"c": null}}, "nested": [[]]});
    let mut person = identity(sent);
    // The second iteration uses the identity after a round trip through a record.
    for _ in 0..2 {
        let record = serde_json::to_value(&person).unwrap();
        person = serde_json::from_value(record).unwrap();
        for unread in ["realm_access", "/a/b", "a", "nested", "/nested/x"] {
            assert!(person.unread_claim(unread).is_some(), "{unread}");
        }
        for absent in ["/realm_access/roles", "/a/b/c", "/a/c", "realm"] {
            assert_eq!(person.unread_claim(absent), None, "{absent}");
        }
    }
}

#[test]
fn earlier_record_has_no_unread_claims() {
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
fn unneeded_claims_are_dropped_and_listed() {
    let many: Map<String, Value> = (0..200)
        .map(|n| (format!("c{n:03}"), json!("v")))
        .chain([("zz-needed".to_owned(), json!("w"))])
        .collect();
    let mut person = identity(Value::Object(many));
    person.bound_claims(["zz-needed"].into_iter());
    assert_eq!(person.claims.single("c000"), Some("v"));
    assert_eq!(person.claims.single("zz-needed"), Some("w"));
    assert_eq!(person.unread_claim("c199"), Some(UnreadReason::NotKept));
    assert_eq!(person.unread_claim("c000"), None);
    assert!(person.claims.iter().count() <= limits::CLAIMS_MAX + 1);
}

#[test]
fn names_beyond_the_bound_count_as_unread() {
    let clients = (0..2_000).map(|n| {
        (
            format!("client-{n:04}"),
            json!({"roles": [format!("r{n}")]}),
        )
    });
    let sent = json!({
        "resource_access": clients.collect::<Map<_, _>>(), "zz": {"unreadable": [[1]], "x": "y"}, "team": "payments",
    });
    let needed = [
        "/resource_access/client-1999/roles",
        "/resource_access/absent/roles",
        "/zz/unreadable",
        "team",
        "absent",
    ];
    let mut person = identity(sent);
    person.bound_claims(needed.into_iter());
    let record = serde_json::to_string(&person).unwrap();
    let later: Identity = serde_json::from_str(&record).unwrap();
    for person in [&person, &later] {
        assert!(person.claims.values(needed[0]).eq(["r1999"]));
        assert_eq!(person.claims.single("team"), Some("payments"));
        for known in [needed[0], needed[1], "team", "absent"] {
            assert_eq!(person.unread_claim(known), None, "{known}");
        }
        for absent in [needed[1], "absent"] {
            assert_eq!(person.claims.values(absent).len(), 0, "{absent}");
        }
        assert!(person.unread_claim("/zz/unreadable").is_some());
        // It is unknown whether it was sent.
        for forgotten in [
            "/resource_access/client-1998/roles",
            "/resource_access",
            "other",
        ] {
            assert!(person.unread_claim(forgotten).is_some(), "{forgotten}");
        }
        assert!(person.may_have_unread_claims());
    }
    assert!(
        record.len() < 2 * limits::UNREAD_CLAIMS_BYTES_MAX,
        "{}",
        record.len()
    );

    let long = json!({ "x".repeat(limits::UNREAD_CLAIMS_BYTES_MAX): [{}] });
    let mut person = identity(long);
    person.bound_claims(std::iter::empty());
    assert_eq!(person.unread_claim("anything"), Some(UnreadReason::NotKept));
}

#[test]
fn distributed_claim_is_unread() {
    let sent = json!({
        "_claim_names": {"employment": "src1", "/hr/team": "src2", "both": "src1", "none": null},
        "_claim_sources": {"src1": {"endpoint": "https://claims.example"}, "src2": {"JWT": "x.y.z"}},
        "both": "here", "none": "here", "hr": {"floor": 1},
    });
    let claims = read(sent);
    for elsewhere in ["employment", "both", "/hr/team"] {
        assert_eq!(
            reason(&claims, elsewhere),
            Some(UnreadReason::Elsewhere),
            "{elsewhere}"
        );
        assert!(claims.has(elsewhere));
    }
    assert_eq!(
        reason(&claims, "/employment/kind"),
        Some(UnreadReason::Elsewhere)
    );
    assert_eq!(claims.single("none"), Some("here"));
    assert_eq!(claims.single("/hr/floor"), Some("1"));
    for nothing in [json!({"_claim_names": null}), json!({"_claim_names": {}})] {
        assert_eq!(reason(&read(nothing), "employment"), None);
    }
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

/// Number of scalars in a value, and of objects without one.
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
    fn every_value_is_read_or_listed_as_unread(sent in any_json()) {
        let claims = read(json!({ "groups": sent }));
        let known = claims.values("groups").map(|values| values.len());
        match known {
        // All of it can be compared.
            Ok(known) => prop_assert_eq!(known, scalars(&sent)),
            Err(_) => prop_assert!(claims.has("groups")),
        }
    }
}
