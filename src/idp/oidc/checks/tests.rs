//! Claims that are assumed to explain the access policy.

use super::super::settings::tests::settings;
use super::*;
use serde_json::json;

#[test]
fn unsigned_claims_have_plausible_times() {
    let now = DateTime::UNIX_EPOCH;
    let of = |auth_time: Value| {
        let claims = json!({"sub": "alice", "auth_time": auth_time});
        Verified::from_unsigned(claims.as_object().unwrap(), &settings(), now)
    };
    for five in [json!(5), json!("5")] {
        let verified = of(five).unwrap();
        assert_eq!(verified.asserted_at.timestamp(), 5);
        assert_eq!(verified.auth_time, AuthTime::Stated);
    }
    // As at a sign-in, an invalid time counts as missing.
    for bad in [json!(i64::MAX), json!(-1), json!(1e18), json!("yesterday")] {
        let verified = of(bad.clone()).unwrap();
        assert_eq!(verified.auth_time, AuthTime::Unstated, "{bad}");
    }
}
