//! Claims with other types than in the standards.

use rolecall_core::identity::ClaimPath;

use super::*;

fn claims(claims: Value) -> Variation {
    Variation {
        claims: object(claims),
        ..Variation::default()
    }
}

#[tokio::test]
async fn unused_claims_can_have_any_type() -> Result<()> {
    for id in ["A1", "A5"] {
        if let Some(case) = corpus(id)? {
            is_alice(id, alice_at(variation(&case)).await)?;
        }
    }
    for (vendor, unused) in [
        (
            "Auth0: ISO 8601",
            json!({"updated_at": "2026-11-29T07:59:07.841Z", "nickname": "alice", "picture": "https://s.gravatar.com/avatar/1"}),
        ),
        (
            "Cognito: text for everything",
            json!({"phone_number_verified": "false", "cognito:username": "alice", "updated_at": "1795940000", "identities": [{"userId": "1", "primary": "true"}]}),
        ),
        (
            "LinkedIn: a locale that is an object",
            json!({"locale": {"country": "US", "language": "en"}, "picture": null}),
        ),
        (
            "Slack and WSO2: objects and numbers for texts",
            json!({"address": "1 Main Street", "birthdate": 19700101, "zoneinfo": ["Europe/Berlin"], "gender": [], "website": {}, "name#de": 7}),
        ),
        (
            "Ping: texts for times and numbers",
            json!({"updated_at": 1.7e9, "pi.sri": 1, "env": {"id": 1}, "profile": false, "phone_number": 4930123}),
        ),
    ] {
        is_alice(vendor, alice_at(claims(unused)).await)?;
    }
    Ok(())
}

#[tokio::test]
async fn email_verified_must_be_true() -> Result<()> {
    if let Some(case) = corpus("A2")? {
        let alice = alice_at(variation(&case)).await.context("A2")?;
        ensure!(alice.email.is_none(), "A2: {:?}", alice.email);
    }
    for (vendor, value) in [
        ("Cognito", json!("true")),
        ("Apple", json!("false")),
        ("a database's boolean", json!(1)),
    ] {
        let answers = claims(json!({ "email_verified": value }));
        let alice = alice_at(answers).await.context(vendor)?;
        ensure!(alice.email.is_none(), "{vendor}: {:?}", alice.email);
    }
    Ok(())
}

#[tokio::test]
async fn lenient_types_of_optional_claims_are_accepted() -> Result<()> {
    for id in ["B1", "B3"] {
        if let Some(case) = corpus(id)? {
            is_alice(id, alice_at(variation(&case)).await)?;
        }
    }
    for (vendor, lenient) in [
        (
            "Keycloak: acr as a number, sid null",
            json!({"acr": 0, "sid": null, "amr": null}),
        ),
        (
            "Entra ID v1: amr as one text, no nonce of another type",
            json!({"amr": "mfa", "auth_time": "1795940000", "acr": ["1"]}),
        ),
        (
            "Salesforce: null for what is not there",
            json!({"azp": null, "nbf": null, "auth_time": null, "acr": null}),
        ),
    ] {
        is_alice(vendor, alice_at(claims(lenient)).await)?;
    }
    let mfa = |amr: Value| async move {
        let alice = alice_at(claims(json!({ "amr": amr }))).await?;
        anyhow::Ok(alice.mfa)
    };
    ensure!(mfa(json!("mfa")).await?, "a string counts as an array");
    ensure!(!mfa(json!("pwd")).await?);
    ensure!(
        !mfa(json!({"mfa": true})).await?,
        "an object is not an array"
    );
    Ok(())
}

#[tokio::test]
async fn required_claims_must_have_their_types() -> Result<()> {
    for (bad, reason, expected) in [
        (
            json!({"exp": "1795940000"}),
            "malformed",
            "exp is not a valid time",
        ),
        (json!({"nonce": null}), "nonce", "nonce"),
        (json!({"sub": null}), "subject", "no sub"),
        (json!({"sub": 7}), "malformed", "sub is not a string"),
        (
            json!({"aud": {"rolecall": true}}),
            "malformed",
            "aud is neither",
        ),
        (
            json!({"azp": ["rolecall"]}),
            "malformed",
            "azp is not a string",
        ),
    ] {
        let case = bad.to_string();
        let (word, message) = refused(&case, alice_at(claims(bad)).await)?;
        ensure!(
            word == reason && message.contains(expected),
            "{case}: {word}, {message}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn additional_audiences_must_be_configured() -> Result<()> {
    let us = super::super::CLIENT_ID;
    let any = |settings: &mut OidcSettings| settings.extra_audiences = vec!["*".to_owned()];
    if let Some(case) = corpus("U1")? {
        // The client ID of the corpus is a different one.
        let case: Value = serde_json::from_str(&case.to_string().replace("client-1", us))?;
        let (word, message) = refused("U1", alice_at(variation(&case)).await)?;
        ensure!(
            word == "audience"
                && message.contains("[\"383168317235462148\", \"other-app-of-the-project\"]")
                && message.contains("extra_audiences"),
            "{message}"
        );
        is_alice("U1", alice_with(variation(&case), any).await)?;
    }
    for (vendor, sent) in [
        (
            "Zitadel: the project and its other applications",
            json!({"aud": ["383168317235462148", us, "383168317235462149"], "azp": us}),
        ),
        (
            "Keycloak: an audience mapper",
            json!({"aud": [us, "account"], "azp": us}),
        ),
    ] {
        is_alice(vendor, alice_with(claims(sent), any).await)?;
    }
    for (case, sent, expected) in [
        (
            "made for another",
            json!({"aud": [us, "other"], "azp": "other"}),
            "azp is \"other\"",
        ),
        (
            "made for nobody",
            json!({"aud": [us, "other", "third"]}),
            "[\"other\", \"third\"]: add them to extra_audiences",
        ),
        (
            "not for us",
            json!({"aud": ["other"], "azp": us}),
            "aud is [\"other\"], our client_id is \"rolecall\"",
        ),
    ] {
        let (word, message) = refused(case, alice_with(claims(sent), any).await)?;
        ensure!(
            word == "audience" && message.contains(expected),
            "{case}: {message}"
        );
    }
    let answers = claims(json!({"aud": [us, "other"], "azp": us}));
    let listed = |settings: &mut OidcSettings| settings.extra_audiences = vec!["other".to_owned()];
    is_alice("listed", alice_with(answers, listed).await)
}

#[tokio::test]
async fn roles_as_member_names_are_groups() -> Result<()> {
    let roles_in = |name: &'static str| {
        move |settings: &mut OidcSettings| settings.claims.groups = ClaimPath::parse(name)
    };
    const PROJECT: &str = "urn:zitadel:iam:org:project:roles";
    if let Some(case) = corpus("U2")? {
        let alice = alice_with(variation(&case), roles_in(PROJECT))
            .await
            .context("U2")?;
        ensure!(alice.groups == ["aws-payments"], "U2: {:?}", alice.groups);
    }
    for (vendor, name, sent, wanted) in [
        (
            "Zitadel: of one project, by two organisations",
            "urn:zitadel:iam:org:project:383168317235462148:roles",
            json!({"urn:zitadel:iam:org:project:383168317235462148:roles": {"admin": {"1": "a.zitadel.cloud", "2": "b.zitadel.cloud"}, "dev": {"1": "a.zitadel.cloud"}}}),
            vec!["admin", "dev"],
        ),
        (
            "Descope: tenants",
            "/tenants",
            json!({"tenants": {"T2payments": {"roles": ["admin"]}}}),
            vec!["T2payments"],
        ),
        (
            "Keycloak: the clients with roles",
            "resource_access",
            json!({"resource_access": {"aws": {"roles": ["admin"]}}}),
            vec!["aws"],
        ),
    ] {
        let alice = alice_with(claims(sent), roles_in(name))
            .await
            .context(vendor)?;
        ensure!(alice.groups == wanted, "{vendor}: {:?}", alice.groups);
    }
    // A member that is not an object could be a negative statement: it is rejected with the name of the claim.
    for bad in [
        json!({"contractors": true}),
        json!({"admin": false, "dev": {}}),
        json!({}),
    ] {
        let case = bad.to_string();
        let ended = alice_at(claims(json!({ "groups": bad }))).await;
        let (word, message) = refused(&case, ended)?;
        ensure!(
            word == "claims" && message.contains("groups"),
            "{case}: {word}, {message}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn oversized_unused_claims_are_ignored() -> Result<()> {
    for id in ["E1", "E3"] {
        if let Some(case) = corpus(id)? {
            is_alice(id, alice_at(variation(&case)).await)?;
        }
    }
    let names: Vec<String> = (0..600)
        .map(|n| {
            format!("CN=Application Users {n:03},OU=Groups,OU=Europe,DC=corp,DC=example,DC=com")
        })
        .collect();
    if let Some(case) = corpus("E2")? {
        ensure!(case.pointer("/case/claims/groups") == Some(&json!("__600dn__")));
    }
    let alice = alice_at(claims(json!({ "groups": names })))
        .await
        .context("E2: 600 LDAP names")?;
    ensure!(alice.groups.len() == 600, "E2: {}", alice.groups.len());
    for (vendor, unused) in [
        ("Entra ID: a photo", json!({"photo": "x".repeat(20_000)})),
        (
            "Salesforce: custom attributes and permissions",
            json!({"custom_attributes": Map::from_iter((0..100).map(|n| (format!("a{n}"), json!("x".repeat(50)))))}),
        ),
        (
            "Keycloak: authorization with nested permissions",
            json!({"authorization": {"permissions": [{"rsid": "1", "scopes": ["view"]}]}}),
        ),
    ] {
        is_alice(vendor, alice_at(claims(unused)).await)?;
    }
    let many: Vec<String> = (0..1_100).map(|n| n.to_string()).collect();
    let (word, message) = refused(
        "1,100 groups",
        alice_at(claims(json!({ "groups": many }))).await,
    )?;
    ensure!(
        word == "claims" && message.contains("groups") && message.contains("1024"),
        "{message}"
    );
    let (word, message) = refused(
        "200 kB",
        alice_at(claims(json!({"x": "x".repeat(200_000)}))).await,
    )?;
    ensure!(
        word == "malformed" && message.contains("98304"),
        "{message}"
    );
    Ok(())
}
