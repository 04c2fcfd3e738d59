//! What userinfo adds to an ID token, and what it cannot change.

use super::super::settings::tests::settings;
use super::*;
use serde_json::json;

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn merged(names: &ClaimNames, id_token: Value, userinfo: Value) -> Value {
    let mut claims = object(id_token);
    add_missing(&mut claims, &object(userinfo), names);
    Value::Object(claims)
}

#[test]
fn userinfo_adds_claims_but_never_replaces_them() {
    let userinfo = json!({"sub": "alice", "email": "evil@example.com", "groups": ["a"],
                          "amr": ["mfa"], "acr": "high", "auth_time": 1, "hd": "example.com", "aud": "x"});
    let id_token = json!({"sub": "alice", "email": "a@example.com"});
    assert_eq!(
        merged(&ClaimNames::default(), id_token, userinfo),
        json!({"sub": "alice", "email": "a@example.com", "groups": ["a"]})
    );
}

#[test]
fn null_and_missing_members_are_filled() {
    let names = ClaimNames {
        groups: ClaimPath::parse("/realm_access/roles"),
        ..ClaimNames::default()
    };
    let userinfo =
        json!({"sub": "alice", "realm_access": {"roles": ["contractors"], "x": 2}, "name": "A"});
    let with = |realm_access: Value| {
        let id_token = json!({"sub": "alice", "name": null, "realm_access": realm_access});
        merged(&names, id_token, userinfo.clone())
    };
    for absent in [
        json!(null),
        json!({}),
        json!({"x": 1}),
        json!({"roles": null}),
        json!("none"),
    ] {
        let merged = with(absent.clone());
        assert_eq!(
            merged["realm_access"]["roles"],
            json!(["contractors"]),
            "{absent}"
        );
        assert_eq!(merged["name"], "A");
    }
    assert_eq!(with(json!({"x": 1}))["realm_access"]["x"], 1);
    assert_eq!(
        with(json!({"roles": []}))["realm_access"]["roles"],
        json!([])
    );
    let namespaced = ClaimNames {
        groups: ClaimPath::parse("https://example.com/groups"),
        ..ClaimNames::default()
    };
    let userinfo = json!({"https://example.com/groups": ["a"]});
    let merged = merged(&namespaced, json!({}), userinfo.clone());
    assert_eq!(merged, userinfo);
}

#[test]
fn email_and_email_verified_come_from_one_document() {
    let upn = ClaimNames {
        email: ClaimPath::parse("upn"),
        ..ClaimNames::default()
    };
    let default = ClaimNames::default();
    for (names, id_token, userinfo, wanted) in [
        // The ID token has the flag but no address.
        (
            &default,
            json!({"email_verified": true}),
            json!({"email": "a"}),
            None,
        ),
        (
            &default,
            json!({"email_verified": true}),
            json!({"email": "a", "email_verified": false}),
            Some(json!(false)),
        ),
        (
            &default,
            json!({"email_verified": true, "email": null}),
            json!({"email": "a"}),
            None,
        ),
        (
            &default,
            json!({"email_verified": false}),
            json!({"email": "a", "email_verified": true}),
            Some(json!(true)),
        ),
        (
            &upn,
            json!({"email_verified": true, "email": "b"}),
            json!({"upn": "a"}),
            None,
        ),
        // A negative flag is not overridden by an absent one.
        (
            &default,
            json!({"email_verified": false}),
            json!({"email": "a"}),
            Some(json!(false)),
        ),
        // The positive flag of userinfo refers to its own address.
        (
            &default,
            json!({"email": "a"}),
            json!({"email": "b", "email_verified": true}),
            None,
        ),
        (
            &default,
            json!({"email": "a"}),
            json!({"email": "a", "email_verified": true}),
            None,
        ),
        (
            &default,
            json!({"email": "a"}),
            json!({"email_verified": true}),
            None,
        ),
        (
            &default,
            json!({"email": "a"}),
            json!({"email": "b", "email_verified": false}),
            None,
        ),
        // The negative flag of userinfo about the same address counts.
        (
            &default,
            json!({"email": "a"}),
            json!({"email": "a", "email_verified": false}),
            Some(json!(false)),
        ),
        (
            &default,
            json!({"email": "a"}),
            json!({"email_verified": "no"}),
            Some(json!("no")),
        ),
        (
            &default,
            json!({"email": "a", "email_verified": true}),
            json!({"email": "a", "email_verified": false}),
            Some(json!(true)),
        ),
        (
            &default,
            json!({}),
            json!({"email": "a", "email_verified": true}),
            Some(json!(true)),
        ),
    ] {
        let merged = merged(names, id_token.clone(), userinfo.clone());
        assert_eq!(
            merged.get("email_verified"),
            wanted.as_ref(),
            "{id_token} {userinfo}"
        );
    }
    let phone = merged(
        &default,
        json!({"phone_number_verified": true}),
        json!({"phone_number": "1", "email": "a"}),
    );
    assert_eq!(phone.get("phone_number_verified"), None);
}

#[test]
fn addresses_are_compared_case_insensitively() {
    let userinfo = json!({"email": "Alice@Example.com", "email_verified": false});
    for same in [
        "alice@example.com",
        "ALICE@EXAMPLE.COM",
        "Alice@example.com",
    ] {
        let id_token = json!({ "email": same });
        let merged = merged(&ClaimNames::default(), id_token, userinfo.clone());
        assert_eq!(merged["email_verified"], false, "{same}");
    }
    let other = json!({"email": "bob@example.com"});
    let merged = merged(&ClaimNames::default(), other, userinfo);
    assert_eq!(merged.get("email_verified"), None);
}

#[test]
fn distributed_claims_of_both_documents_are_merged() {
    let id_token = json!({"_claim_names": {"a": "s1"}});
    let userinfo = json!({"_claim_names": {"b": "s2", "none": null}});
    for id_token in [id_token, json!({"_claim_names": null}), json!({})] {
        let merged = merged(&ClaimNames::default(), id_token.clone(), userinfo.clone());
        let read = ReadClaims::from_json(merged.as_object().unwrap());
        assert!(
            read.values("b").is_err() && read.values("none").is_ok(),
            "{id_token}"
        );
        assert_eq!(
            read.values("a").is_err(),
            id_token["_claim_names"]["a"] == "s1"
        );
    }
}

#[test]
fn userinfo_is_requested_only_for_missing_claims() {
    let requested =
        |claims, settings: &OidcSettings| MissingClaims::of(&object(claims), settings).is_some();
    let mut settings = settings();
    assert!(!requested(json!({"email": "a", "groups": []}), &settings));
    assert!(requested(json!({"email": "a"}), &settings));
    assert!(requested(json!({"email": "a", "groups": null}), &settings));
    assert!(requested(json!({"groups": ["a"]}), &settings));
    // Unreadable claims are not missing.
    assert!(!requested(json!({"email": "a", "groups": [{}]}), &settings));
    settings.issuer = "https://accounts.google.com".to_owned();
    assert!(!requested(json!({"email": "a"}), &settings));
}
