//! Mutations that change what a trust policy sees: iam-simulate and the AWS emulator make the same decision, under the narrow
//! policy and under the documented one, which permits some of them.

use super::*;
use crate::aws::simulated::{ISSUER, Keys, ROLE, Request, gateway_oidc_policy, simulate};

/// Values of each kind of mutation.
const VARIANTS: usize = 30;

/// The condition keys that a token yields; `None` if AWS rejects it before it evaluates the trust policy.
fn keys(claims: &Claims) -> Option<Keys> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut keys = Keys::new();
    keys.insert(format!("{ISSUER}:aud"), text("aud")?);
    let subject = text("sub").filter(|subject| (6..=255).contains(&subject.len()))?;
    keys.insert(format!("{ISSUER}:sub"), subject);
    match claims.get(SOURCE_IDENTITY) {
        None => {}
        Some(_) => drop(keys.insert("sts:SourceIdentity".to_owned(), text(SOURCE_IDENTITY)?)),
    }
    match claims.get(ROLES) {
        None => {}
        Some(roles) => {
            let listed = roles
                .as_array()
                .is_some_and(|roles| roles.contains(&json!(ROLE)));
            listed.then(|| keys.insert("sts:RoleAuthorizedByIdp".to_owned(), "true".to_owned()))?;
        }
    }
    for (key, values) in claims.get(TAGS)?.get("principal_tags")?.as_object()? {
        let [value] = values.as_array()?.as_slice() else {
            return None;
        };
        keys.insert(format!("aws:RequestTag/{key}"), value.as_str()?.to_owned());
    }
    Some(keys)
}

/// Whether AWS rejects the token itself: its audience, lifetime or issuer.
fn is_rejected_before_policy(claims: &Claims, good: &Claims) -> bool {
    let fixed = ["aud", "azp", "exp", "iat", "iss"];
    fixed
        .iter()
        .any(|name| claims.get(*name) != good.get(*name))
}

/// Whether a trust policy is about the source identity that AWS accepts at all.
fn has_valid_source_identity(keys: &Keys) -> bool {
    let source_identity = keys.get("sts:SourceIdentity");
    source_identity.is_none_or(|text| !text.starts_with("aws:"))
}

/// Compares the decisions on all mutations that reach the policy. Returns the numbers of allowed and denied ones.
async fn compare(
    forge: &Forge,
    (principal, trust): (String, Value),
) -> Result<Option<(usize, usize)>> {
    let mut rows = vec![("the good token".to_owned(), forge.good.clone())];
    for kind in 0..CLAIM_KINDS {
        for variant in 0..VARIANTS {
            let mut claims = forge.good.clone();
            let now = forge.clock.now().timestamp();
            let name = mutate(&mut claims, kind, variant, now)?;
            rows.push((format!("{name} {variant}"), claims));
        }
    }
    rows.retain(|(_, claims)| !is_rejected_before_policy(claims, &forge.good));
    let mut requests = Vec::new();
    let mut compared = Vec::new();
    for (name, claims) in rows {
        let Some(keys) = keys(&claims).filter(has_valid_source_identity) else {
            continue;
        };
        let action = "sts:AssumeRoleWithWebIdentity";
        requests.push(Request::new(&principal, action, keys, trust.clone()));
        compared.push((name, claims));
    }
    let Some(simulated) = simulate(&requests).await? else {
        return Ok(None);
    };
    let (mut allowed, mut denied) = (0, 0);
    for ((name, claims), simulated) in compared.iter().zip(simulated) {
        let emulated = forge.accepts(forge.sign(claims)?).await?;
        ensure!(
            emulated == simulated,
            "{name}: emulator {emulated}, iam-simulate {simulated}"
        );
        match emulated {
            true => allowed += 1,
            false => denied += 1,
        }
    }
    Ok(Some((allowed, denied)))
}

#[tokio::test]
async fn iam_simulate_agrees_on_mutations_under_the_narrow_policy() -> Result<()> {
    let forge = Forge::new().await?;
    let principal = provider(ISSUER);
    let Some((allowed, denied)) = compare(&forge, (principal, narrow_policy(ISSUER))).await? else {
        return Ok(());
    };
    ensure!(allowed == 1 && denied > 100, "{allowed} {denied}");
    Ok(())
}

#[tokio::test]
async fn iam_simulate_agrees_on_mutations_under_the_documented_policy() -> Result<()> {
    let forge = Forge::with(gateway_oidc_policy).await?;
    let documented = gateway_oidc_policy(ISSUER)?;
    let Some((allowed, denied)) = compare(&forge, documented).await? else {
        return Ok(());
    };
    // Other people of the domain, other subjects and other teams.
    ensure!(allowed > 30 && denied > 40, "{allowed} {denied}");
    Ok(())
}
