//! Types of protocol claims.

use super::*;
use serde_json::json;

fn claims(changes: &Value) -> Map<String, Value> {
    let mut claims = json!({"iss": "i", "sub": "s", "aud": "a", "exp": 1, "iat": 1});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object().unwrap().clone()
}

fn well_formed(claims: &Map<String, Value>) -> Result<(), ProviderError> {
    ProtocolClaims::read(claims).map(drop)
}

#[test]
fn registered_claims_must_have_their_types() {
    assert!(well_formed(&claims(&json!({}))).is_ok());
    assert!(
        well_formed(&claims(
            &json!({"aud": ["a", "b"], "exp": 1.5, "amr": ["mfa"]})
        ))
        .is_ok()
    );
    for lenient in [
        json!({"acr": 1}),
        json!({"acr": null}),
        json!({"amr": "mfa"}),
        json!({"amr": [1, null]}),
        json!({"amr": {"mfa": true}}),
        json!({"sid": null}),
        json!({"sid": 17}),
        json!({"azp": null, "nonce": null, "at_hash": null, "nbf": null, "auth_time": null}),
        json!({"auth_time": "1795940000"}),
        json!({"auth_time": "2026-11-29T07:59:07Z"}),
        json!({"updated_at": "2026-11-29T07:59:07.841Z", "email_verified": "true", "picture": 1, "locale": {}}),
        json!({"name": {"given": "A"}, "email": ["a@example.com"], "address": "x", "birthdate": 0, "gender": []}),
    ] {
        assert!(well_formed(&claims(&lenient)).is_ok(), "{lenient}");
    }
    for bad in [
        json!({"iss": 1}),
        json!({"sub": 1}),
        json!({"sub": ["s"]}),
        json!({"aud": 1}),
        json!({"aud": {"a": 1}}),
        json!({"aud": [1]}),
        json!({"exp": "1"}),
        json!({"exp": null}),
        json!({"exp": -1}),
        json!({"exp": 1e300}),
        json!({"exp": 8_210_266_876_799_i64}),
        json!({"iat": i64::MIN}),
        json!({"nbf": i64::MAX}),
        json!({"exp": [1]}),
        json!({"iat": "1"}),
        json!({"nbf": "1"}),
        json!({"nbf": true}),
        json!({"azp": ["a"]}),
        json!({"nonce": 1}),
        json!({"at_hash": {}}),
    ] {
        assert!(
            matches!(
                well_formed(&claims(&bad)),
                Err(ProviderError::Rejected {
                    reason: RejectReason::Malformed,
                    ..
                })
            ),
            "{bad}"
        );
    }
}

#[test]
fn auth_time_is_parsed_from_number_or_string() {
    let parsed = |value: Value| auth_time(&claims(&json!({ "auth_time": value })));
    for (value, seconds) in [
        (json!(17), Some(17)),
        (json!(17.9), Some(17)),
        (json!("17"), Some(17)),
        (json!("17.9"), None),
        (json!("yesterday"), None),
        (json!(-1), None),
        (json!([17]), None),
        (json!(null), None),
    ] {
        let found = parsed(value.clone()).map(|at| at.timestamp());
        assert_eq!(found, seconds, "{value}");
    }
}

#[test]
fn missing_claims_are_named() {
    for (name, wanted) in [
        ("iss", RejectReason::Issuer),
        ("sub", RejectReason::Subject),
        ("aud", RejectReason::Audience),
        ("exp", RejectReason::Malformed),
        ("iat", RejectReason::Malformed),
    ] {
        let mut claims = claims(&json!({}));
        claims.remove(name);
        assert!(
            matches!(well_formed(&claims), Err(ProviderError::Rejected { reason, .. }) if reason == wanted),
            "{name}"
        );
    }
}
