//! Userinfo endpoints that reject requests or fail: the error names the cause and the setting.

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

/// With missing claims the sign-in fails; with `userinfo = "never"` the ID token is sufficient.
async fn meet(case: &str, answers: Variation, reason: &str, expected: &[&str]) -> Result<()> {
    let (word, message) = refused(case, alice_at(answers.clone()).await)?;
    ensure!(word == reason, "{case}: {word}, {message}");
    for piece in expected {
        ensure!(
            message.contains(piece),
            "{case}: {piece:?} is not in {message}"
        );
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
async fn userinfo_error_is_reported_with_its_reason() -> Result<()> {
    if let Some(case) = corpus("D1")? {
        let expected = [
            "the userinfo endpoint at ",
            "401",
            "MSIS9921",
            "no groups",
            WAY_OUT,
        ];
        meet("D1", variation(&case), "userinfo", &expected).await?;
    }
    if let Some(case) = corpus("D2")? {
        let expected = ["the userinfo response has no sub", "no groups", WAY_OUT];
        meet("D2", variation(&case), "subject", &expected).await?;
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
        &["404", "no explanation", WAY_OUT],
    )
    .await
}

#[tokio::test]
async fn userinfo_outage_is_reported() -> Result<()> {
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
async fn unusable_endpoint_is_reported_when_needed() -> Result<()> {
    let answers = Variation {
        claims: object(json!({"groups": ABSENT})),
        discovery: object(json!({"userinfo_endpoint": "http://idp.example/userinfo"})),
        ..Variation::default()
    };
    let expected = [
        "userinfo_endpoint is not an https URL",
        "no groups",
        WAY_OUT,
    ];
    meet("http", answers, "unavailable", &expected).await
}

#[tokio::test]
async fn userinfo_is_not_needed_with_groups_and_address() -> Result<()> {
    let mut answers = answer(401, "{}", None);
    for (groups, name) in [
        (json!(["platform", "payments-dev"]), "groups"),
        (json!([]), "an empty array counts as groups"),
    ] {
        answers.claims = object(json!({ "groups": groups }));
        let alice = alice_at(answers.clone()).await.context(name)?;
        ensure!(json!(alice.groups) == groups, "{name}");
    }
    Ok(())
}
