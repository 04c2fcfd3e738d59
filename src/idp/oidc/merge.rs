//! ID token and userinfo, merged: what userinfo adds, and what it never may.
//!
//! An ID token's claim is never replaced. Where one claim vouches for another (`email_verified` for `email`), both come
//! from the same document.

use rolecall_core::identity::{ReadClaims, claim_name};
use serde_json::{Map, Value};

use super::google;
use super::settings::{ClaimNames, OidcSettings};

/// Claims of the protocol: they count only where they are signed, in the ID token.
const SIGNED_ONLY: [&str; 16] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "nonce",
    "azp",
    "at_hash",
    "c_hash",
    "auth_time",
    "amr",
    "acr",
    "sid",
    "hd",
    "jti",
];

/// Claims that say whether another one was verified: both count only as they stand in one document.
const VERIFIED: [(&str, &str); 2] = [
    ("email", "email_verified"),
    ("phone_number", "phone_number_verified"),
];

/// What an ID token lacks of that which userinfo may tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    email: bool,
    groups: bool,
}

impl Missing {
    /// What these claims lack: the groups, the e-mail address; none when both are there.
    pub fn of(claims: &Map<String, Value>, settings: &OidcSettings) -> Option<Self> {
        let said = ReadClaims::from_json(claims);
        let lacks = |name: &str| !said.has(&claim_name(name));
        let groups_elsewhere = google::is_google(&settings.issuer);
        let missing = Self {
            email: lacks(&settings.claims.email),
            groups: lacks(&settings.claims.groups) && !groups_elsewhere,
        };
        (missing.email || missing.groups).then_some(missing)
    }
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match (self.groups, self.email) {
            (true, true) => "neither groups nor an e-mail address",
            (true, false) => "no groups",
            (false, _) => "no e-mail address",
        };
        write!(
            f,
            "it was asked because the ID token has {what}: let the provider put them into the ID token, or set \
             userinfo = \"never\" for this provider if people without them are to sign in without them"
        )
    }
}

/// Adds what userinfo says (Core 5.3.2) where the ID token says nothing.
pub fn add_missing(
    claims: &mut Map<String, Value>,
    userinfo: &Map<String, Value>,
    names: &ClaimNames,
) {
    let (signed, told) = (
        ReadClaims::from_json(claims),
        ReadClaims::from_json(userinfo),
    );
    let only_told = |name: &str| !signed.has(name) && told.has(name);
    for (name, value) in userinfo {
        let is_verdict = VERIFIED.iter().any(|(_, verdict)| verdict == name);
        if !SIGNED_ONLY.contains(&name.as_str()) && !is_verdict && is_absent(claims.get(name)) {
            claims.insert(name.clone(), value.clone());
        }
    }
    for name in [&names.email, &names.name, &names.groups] {
        let name = claim_name(name);
        if only_told(&name) {
            take_over(claims, userinfo, &name);
        }
    }
    for (claim, verdict) in VERIFIED {
        let claim = match claim {
            "email" => claim_name(&names.email),
            other => other.to_owned(),
        };
        let same = !told.has(&claim) || signed.single(&claim) == told.single(&claim);
        let said = userinfo.get(verdict);
        let denied = said.is_some_and(|said| *said != Value::Bool(true));
        match (only_told(&claim), said) {
            (true, Some(said)) => drop(claims.insert(verdict.to_owned(), said.clone())),
            // The ID token's word was about no address, or about one that it does not name: a yes does not count.
            (true, None) if claims.get(verdict) == Some(&Value::Bool(true)) => {
                claims.remove(verdict);
            }
            // A no about the same address does.
            (false, Some(said)) if denied && same && !claims.contains_key(verdict) => {
                claims.insert(verdict.to_owned(), said.clone());
            }
            (true | false, _) => {}
        }
    }
}

fn is_absent(value: Option<&Value>) -> bool {
    value.is_none_or(Value::is_null)
}

/// Takes over a member of an object, by its pointer; the objects around it are made where there are none.
fn take_over(claims: &mut Map<String, Value>, userinfo: &Map<String, Value>, pointer: &str) {
    let mut place = claims;
    let mut from = userinfo;
    let steps = pointer.strip_prefix('/').unwrap_or_default().split('/');
    let steps: Vec<String> = steps.map(unescaped).collect();
    let Some((last, around)) = steps.split_last() else {
        return;
    };
    for step in around {
        let Some(Value::Object(inner)) = from.get(step) else {
            return;
        };
        from = inner;
        let slot = place.entry(step.clone()).or_insert(Value::Null);
        if !slot.is_object() {
            *slot = Value::Object(Map::new());
        }
        let Value::Object(inner) = slot else {
            return;
        };
        place = inner;
    }
    if let Some(value) = from.get(last) {
        place.insert(last.clone(), value.clone());
    }
}

fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
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
    fn userinfo_adds_but_never_replaces() {
        let userinfo = json!({"sub": "alice", "email": "evil@example.com", "groups": ["a"],
                              "amr": ["mfa"], "acr": "high", "auth_time": 1, "hd": "example.com", "aud": "x"});
        let id_token = json!({"sub": "alice", "email": "a@example.com"});
        assert_eq!(
            merged(&ClaimNames::default(), id_token, userinfo),
            json!({"sub": "alice", "email": "a@example.com", "groups": ["a"]})
        );
    }

    #[test]
    fn a_null_or_a_missing_member_is_filled_and_a_sent_one_is_not() {
        let names = ClaimNames {
            groups: "/realm_access/roles".to_owned(),
            ..ClaimNames::default()
        };
        let userinfo = json!({"sub": "alice", "realm_access": {"roles": ["contractors"], "x": 2}, "name": "A"});
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
            groups: "https://example.com/groups".to_owned(),
            ..ClaimNames::default()
        };
        let userinfo = json!({"https://example.com/groups": ["a"]});
        let merged = merged(&namespaced, json!({}), userinfo.clone());
        assert_eq!(merged, userinfo);
    }

    #[test]
    fn email_and_email_verified_are_a_pair_of_one_document() {
        let upn = ClaimNames {
            email: "upn".to_owned(),
            ..ClaimNames::default()
        };
        let default = ClaimNames::default();
        for (names, id_token, userinfo, wanted) in [
            // The ID token's yes was about no address.
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
            // Nobody takes a no back by being silent.
            (
                &default,
                json!({"email_verified": false}),
                json!({"email": "a"}),
                Some(json!(false)),
            ),
            // Userinfo's yes is about its own address.
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
            // Its no about the same address counts.
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
    fn userinfo_is_asked_only_for_what_is_missing() {
        let asked =
            |claims, settings: &OidcSettings| Missing::of(&object(claims), settings).is_some();
        let mut settings = settings();
        assert!(!asked(json!({"email": "a", "groups": []}), &settings));
        assert!(asked(json!({"email": "a"}), &settings));
        assert!(asked(json!({"email": "a", "groups": null}), &settings));
        assert!(asked(json!({"groups": ["a"]}), &settings));
        // What cannot be read is there.
        assert!(!asked(json!({"email": "a", "groups": [{}]}), &settings));
        settings.issuer = "https://accounts.google.com".to_owned();
        assert!(!asked(json!({"email": "a"}), &settings));
    }
}
