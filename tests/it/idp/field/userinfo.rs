//! Userinfo that refuses, is down or says nothing: a refusal that names it, or a setting that does without it.

use super::*;

fn answer(status: u16, body: &str, challenge: Option<&str>) -> Variation {
    Variation {
        claims: object(json!({"groups": ABSENT})),
        userinfo: Some(RawResponse {
            status,
            body: body.to_owned(),
            content_type: "application/json".to_owned(),
            challenge: challenge.map(str::to_owned),
        }),
        ..Variation::default()
    }
}

/// Nobody gets in with fewer claims than the provider has; with `userinfo = "never"` the ID token is all there is.
async fn meet(case: &str, answers: Variation, reason: &str, told: &[&str]) -> Result<()> {
    let (word, said) = refused(case, alice_at(answers.clone()).await)?;
    ensure!(word == reason, "{case}: {word}, {said}");
    for piece in told {
        ensure!(said.contains(piece), "{case}: {piece:?} is not in {said}");
    }
    let never = |settings: &mut OidcSettings| settings.userinfo = UserinfoUse::Never;
    let alice = alice_with(answers, never)
        .await
        .with_context(|| case.to_owned())?;
    ensure!(alice.groups.is_empty(), "{case}: {:?}", alice.groups);
    Ok(())
}

const WAY_OUT: &str = "userinfo = \"never\"";

#[tokio::test]
async fn a_refusal_by_userinfo_is_named_with_its_reason() -> Result<()> {
    if let Some(case) = corpus("D1")? {
        let told = ["userinfo at ", "401", "MSIS9921", "no groups", WAY_OUT];
        meet("D1", variation(&case), "userinfo", &told).await?;
    }
    if let Some(case) = corpus("D2")? {
        let told = ["userinfo has no sub", "no groups", WAY_OUT];
        meet("D2", variation(&case), "subject", &told).await?;
    }
    meet(
        "Okta: in the challenge alone",
        answer(
            403,
            "",
            Some(r#"Bearer error="insufficient_scope", error_description="The access token must provide access to at least one of these scopes - profile, email""#),
        ),
        "userinfo",
        &["403", "insufficient_scope", "at least one of these scopes", WAY_OUT],
    )
    .await?;
    meet(
        "Keycloak: a service account without a session",
        answer(
            401,
            r#"{"error":"invalid_token","error_description":"Token verification failed"}"#,
            Some(r#"Bearer realm="test", error="invalid_token""#),
        ),
        "userinfo",
        &["401", "Token verification failed"],
    )
    .await?;
    meet(
        "an API gateway: a text",
        answer(404, "no such path", None),
        "userinfo",
        &["404", "without an explanation", WAY_OUT],
    )
    .await
}

#[tokio::test]
async fn userinfo_that_is_down_is_named() -> Result<()> {
    for (status, body) in [
        (503, "{}"),
        (500, ""),
        (429, "{}"),
        (200, "<html>"),
        (302, ""),
    ] {
        let case = format!("{status} {body}");
        meet(
            &case,
            answer(status, body, None),
            "unavailable",
            &["userinfo: ", WAY_OUT],
        )
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_unusable_endpoint_is_named_when_it_is_needed() -> Result<()> {
    let answers = Variation {
        claims: object(json!({"groups": ABSENT})),
        discovery: object(json!({"userinfo_endpoint": "http://idp.example/userinfo"})),
        ..Variation::default()
    };
    let told = ["userinfo_endpoint is no https URL", "no groups", WAY_OUT];
    meet("http", answers, "unavailable", &told).await
}

#[tokio::test]
async fn who_has_groups_and_an_address_does_not_need_userinfo() -> Result<()> {
    let mut answers = answer(401, "{}", None);
    for (groups, name) in [
        (json!(["platform", "payments-dev"]), "groups"),
        (json!([]), "an empty list is an answer"),
    ] {
        answers.claims = object(json!({ "groups": groups }));
        let alice = alice_at(answers.clone()).await.context(name)?;
        ensure!(json!(alice.groups) == groups, "{name}");
    }
    Ok(())
}
