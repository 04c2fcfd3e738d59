//! Merges userinfo into the claims of the ID token.
//!
//! A claim of the ID token is never replaced. Related claims (`email` and `email_verified`) are taken from the same
//! document.

use rolecall_core::identity::{ClaimPath, EmailAddress, ReadClaims};
use serde_json::{Map, Value};

use super::google;
use super::settings::{ClaimNames, OidcSettings};

/// Protocol claims, which count only in the signed ID token.
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

/// Claims and their verification flags: both are taken from one document.
const VERIFIED: [(&str, &str); 2] = [
    ("email", "email_verified"),
    ("phone_number", "phone_number_verified"),
];

/// The claim that lists distributed claims.
const CLAIM_NAMES: &str = "_claim_names";

/// Claims that are missing in the ID token and may be in userinfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingClaims {
    email: bool,
    groups: bool,
}

impl MissingClaims {
    /// The missing claims, groups or e-mail address; `None` if both are present.
    pub fn of(claims: &Map<String, Value>, settings: &OidcSettings) -> Option<Self> {
        let read_claims = ReadClaims::from_json(claims);
        let lacks = |path: &ClaimPath| !read_claims.has(path.as_str());
        let groups_elsewhere = google::is_google(&settings.issuer);
        let missing = Self {
            email: lacks(&settings.claims.email),
            groups: lacks(&settings.claims.groups) && !groups_elsewhere,
        };
        (missing.email || missing.groups).then_some(missing)
    }
}

impl std::fmt::Display for MissingClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match (self.groups, self.email) {
            (true, true) => "neither groups nor an e-mail address",
            (true, false) => "no groups",
            (false, _) => "no e-mail address",
        };
        write!(
            f,
            "it is required because the ID token has {what}: configure the provider to include them in the ID token, or set \
             userinfo = \"never\" for this provider to allow sign-in without them"
        )
    }
}

/// Adds claims of userinfo (Core 5.3.2) that are missing in the ID token.
pub fn add_missing(
    claims: &mut Map<String, Value>,
    userinfo: &Map<String, Value>,
    names: &ClaimNames,
) {
    let (signed, userinfo_claims) = (
        ReadClaims::from_json(claims),
        ReadClaims::from_json(userinfo),
    );
    let only_in_userinfo = |name: &str| !signed.has(name) && userinfo_claims.has(name);
    for (name, value) in userinfo {
        let is_flag = VERIFIED.iter().any(|(_, flag)| flag == name);
        if !SIGNED_ONLY.contains(&name.as_str()) && !is_flag && is_absent(claims.get(name)) {
            claims.insert(name.clone(), value.clone());
        }
    }
    merge_claim_names(claims, userinfo);
    for path in [&names.email, &names.name, &names.groups] {
        let name = path.as_str();
        if only_in_userinfo(name) {
            take_over(claims, userinfo, name);
        }
    }
    for (claim, flag) in VERIFIED {
        let claim = match claim {
            "email" => names.email.as_str(),
            other => other,
        };
        let same = !userinfo_claims.has(claim)
            || same_value(signed.single(claim), userinfo_claims.single(claim));
        let flag_value = userinfo.get(flag);
        let denied = flag_value.is_some_and(|flag_value| *flag_value != Value::Bool(true));
        match (only_in_userinfo(claim), flag_value) {
            (true, Some(flag_value)) => drop(claims.insert(flag.to_owned(), flag_value.clone())),
            // `email_verified: true` in the ID token does not count if the ID token has no address.
            (true, None) if claims.get(flag) == Some(&Value::Bool(true)) => {
                claims.remove(flag);
            }
            // `email_verified: false` about the same address does.
            (false, Some(flag_value)) if denied && same && !claims.contains_key(flag) => {
                claims.insert(flag.to_owned(), flag_value.clone());
            }
            (true | false, _) => {}
        }
    }
}

/// Whether two documents contain the same address or number. Addresses are compared case-insensitively, as elsewhere.
fn same_value(signed: Option<&str>, userinfo: Option<&str>) -> bool {
    let address = |value: Option<&str>| EmailAddress::parse(value?).ok();
    signed == userinfo || (address(signed).is_some() && address(signed) == address(userinfo))
}

/// Merges `_claim_names` (Core 5.6.2): a claim that either document distributes stays distributed.
fn merge_claim_names(claims: &mut Map<String, Value>, userinfo: &Map<String, Value>) {
    let Some(Value::Object(names)) = userinfo.get(CLAIM_NAMES) else {
        return;
    };
    let signed = claims
        .entry(CLAIM_NAMES)
        .or_insert_with(|| Value::Object(Map::new()));
    if signed.is_null() {
        *signed = Value::Object(Map::new());
    }
    if let Value::Object(signed) = signed {
        for (name, source) in names.iter().filter(|(_, source)| !source.is_null()) {
            signed.insert(name.clone(), source.clone());
        }
    }
}

fn is_absent(value: Option<&Value>) -> bool {
    value.is_none_or(Value::is_null)
}

/// Copies a member by its pointer; creates the objects around it if needed.
fn take_over(claims: &mut Map<String, Value>, userinfo: &Map<String, Value>, pointer: &str) {
    let mut object = claims;
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
        let slot = object.entry(step.clone()).or_insert(Value::Null);
        if !slot.is_object() {
            *slot = Value::Object(Map::new());
        }
        let Value::Object(inner) = slot else {
            return;
        };
        object = inner;
    }
    if let Some(value) = from.get(last) {
        object.insert(last.clone(), value.clone());
    }
}

fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests;
