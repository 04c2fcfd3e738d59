//! ID token and userinfo, merged: what userinfo adds, and what it never may.
//!
//! An ID token's claim is never replaced. Where one claim vouches for another (`email_verified` for `email`), both come
//! from the same document.

use rolecall_core::identity::{EmailAddress, ReadClaims, claim_name};
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

/// Names the claims that stand elsewhere.
const CLAIM_NAMES: &str = "_claim_names";

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
    merge_claim_names(claims, userinfo);
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
        let same = !told.has(&claim) || same_value(signed.single(&claim), told.single(&claim));
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

/// Whether two documents speak of the same address or number: addresses are compared as they are believed, whatever their
/// case.
fn same_value(signed: Option<&str>, told: Option<&str>) -> bool {
    let address = |value: Option<&str>| EmailAddress::parse(value?).ok();
    signed == told || (address(signed).is_some() && address(signed) == address(told))
}

/// `_claim_names` (Core 5.6.2): what either document leaves out is left out.
fn merge_claim_names(claims: &mut Map<String, Value>, userinfo: &Map<String, Value>) {
    let Some(Value::Object(told)) = userinfo.get(CLAIM_NAMES) else {
        return;
    };
    let signed = claims
        .entry(CLAIM_NAMES)
        .or_insert_with(|| Value::Object(Map::new()));
    if signed.is_null() {
        *signed = Value::Object(Map::new());
    }
    if let Value::Object(signed) = signed {
        for (name, source) in told.iter().filter(|(_, source)| !source.is_null()) {
            signed.insert(name.clone(), source.clone());
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
mod tests;
