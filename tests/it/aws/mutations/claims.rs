//! Changes of what a token says: each changes one thing that AWS checks.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Claims, ROLES, SOURCE_IDENTITY, TAGS};
use crate::aws::fixture::ACCOUNT;

/// Kinds of [`mutate`].
pub(super) const CLAIM_KINDS: usize = 12;

/// Changes one thing that AWS checks in the claims, and returns its name.
pub(super) fn mutate(
    claims: &mut Claims,
    kind: usize,
    variant: usize,
    now: i64,
) -> Result<&'static str> {
    let other = format!("other-{variant}");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/rolecall/Developer");
    let tag = |claims: &mut Claims, key: &str| -> Result<()> {
        let tags = claims
            .get_mut(TAGS)
            .and_then(|tags| tags.get_mut("principal_tags"));
        let tags = tags.and_then(Value::as_object_mut).context("tags")?;
        match variant % 5 {
            0 => drop(tags.remove(key)),
            1 => drop(tags.insert(key.to_owned(), json!([""]))),
            2 => drop(tags.insert(key.to_owned(), json!([other, other]))),
            3 => drop(tags.insert(key.to_owned(), json!(other))),
            _ => drop(tags.insert(key.to_owned(), json!([other]))),
        }
        Ok(())
    };
    let replace = |claims: &mut Claims, name: &str, values: &[Value]| {
        let value = &values[variant % values.len()];
        match value.is_null() {
            true => drop(claims.remove(name)),
            false => drop(claims.insert(name.to_owned(), value.clone())),
        }
    };
    let name = match kind {
        0 => {
            let administrator = format!("arn:aws:iam::{ACCOUNT}:role/rolecall/Administrator");
            let elsewhere = role.replace(ACCOUNT, "444455556666");
            let values = [
                Value::Null,
                json!(administrator),
                json!([administrator]),
                json!([elsewhere]),
                json!([]),
                json!(["*"]),
                json!([format!("arn:aws:iam::{ACCOUNT}:role/*")]),
                json!([role.to_lowercase()]),
                json!([format!("{role}{variant}")]),
                json!({ "role": role }),
                json!(variant),
            ];
            replace(claims, ROLES, &values);
            "roles"
        }
        1 => {
            tag(claims, "rolecall:account")?;
            "account tag"
        }
        2 => {
            tag(claims, "rolecall:permission-set")?;
            "permission set tag"
        }
        3 => {
            let set = format!("Developer@variant-{variant}");
            claims[TAGS]["principal_tags"]["rolecall:permission-set"] = json!([set]);
            "variant"
        }
        4 => {
            tag(claims, "team")?;
            "team tag"
        }
        5 => {
            let values = [
                json!(other),
                json!([other]),
                json!([]),
                Value::Null,
                json!(variant),
            ];
            replace(claims, "aud", &values);
            "audience"
        }
        6 => {
            claims.insert("azp".to_owned(), json!(other));
            "authorized party"
        }
        7 => {
            let values = [
                json!(format!("okta|{other}")),
                json!(format!("google|00u1alice{variant}")),
                json!("x"),
                Value::Null,
                json!("x".repeat(256)),
            ];
            replace(claims, "sub", &values);
            "subject"
        }
        8 => {
            let values = [
                json!(format!("{other}@example.com")),
                json!("alice@example.com.evil.example"),
                Value::Null,
                json!("ALICE@example.com"),
                json!(["alice@example.com"]),
                json!("aws:alice"),
            ];
            replace(claims, SOURCE_IDENTITY, &values);
            "source identity"
        }
        9 => {
            let age = i64::try_from(variant)?;
            let values = [
                json!(now - 301 - age),
                Value::Null,
                json!(format!("{}", now + 300)),
                json!(now as f64 + 0.5),
            ];
            replace(claims, "exp", &values);
            "expiry"
        }
        10 => {
            let ahead = i64::try_from(variant)?;
            let values = [json!(now + 301 + ahead), Value::Null, json!("now")];
            replace(claims, "iat", &values);
            "issue time"
        }
        _ => {
            let issuer = claims
                .get("iss")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let values = [
                json!(format!("{issuer}/")),
                json!(issuer.replace("http:", "https:")),
                json!(format!("{issuer}/v1")),
                json!("https://accounts.google.com"),
                Value::Null,
            ];
            replace(claims, "iss", &values);
            "issuer"
        }
    };
    Ok(name)
}
