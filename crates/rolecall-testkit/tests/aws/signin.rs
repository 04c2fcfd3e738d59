//! The console sign-in endpoint.

use std::time::Duration;

use anyhow::{Context as _, Result};
use rolecall_testkit::aws::IssuedSession;
use rolecall_testkit::http;
use serde_json::{Value, json};

use crate::setup::Setup;

const DESTINATION: &str = "https://eu-west-1.console.aws.amazon.com/s3/home?region=eu-west-1";

fn credentials(session: &IssuedSession) -> Value {
    json!({"sessionId": session.access_key_id, "sessionKey": session.secret_access_key, "sessionToken": session.session_token})
}

async fn get_signin_token(
    setup: &Setup,
    session: &Value,
    duration: Option<&str>,
) -> Result<(u16, String)> {
    let text = session.to_string();
    let mut form = vec![("Action", "getSigninToken"), ("Session", &text)];
    form.extend(duration.map(|seconds| ("SessionDuration", seconds)));
    let response = setup
        .http
        .post(format!("{}/federation", setup.aws.url()))
        .form(&form)
        .send()
        .await?;
    Ok((response.status().as_u16(), response.text().await?))
}

async fn signin_token(setup: &Setup, session: &IssuedSession) -> Result<String> {
    let (status, body) = get_signin_token(setup, &credentials(session), Some("3600")).await?;
    assert_eq!(status, 200, "{body}");
    let response: Value = serde_json::from_str(&body)?;
    Ok(response["SigninToken"]
        .as_str()
        .context("a token")?
        .to_owned())
}

fn login_url(setup: &Setup, token: &str) -> Result<url::Url> {
    let base = format!("{}/federation", setup.aws.url());
    let query = [
        ("Action", "login"),
        ("Issuer", "https://sso.example.com/a?b=<c>"),
        ("Destination", DESTINATION),
        ("SigninToken", token),
    ];
    Ok(url::Url::parse_with_params(&base, query)?)
}

/// Requests a page with a cookie; returns the status, the page and the new cookie.
async fn visit(url: url::Url, cookie: Option<&str>) -> Result<(u16, String, Option<String>)> {
    let mut request = http::client()?.get(url);
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    let response = request.send().await?;
    let set = response
        .headers()
        .get("set-cookie")
        .map(|value| value.to_str().map(str::to_owned))
        .transpose()?;
    let set = set.and_then(|text| text.split(';').next().map(str::to_owned));
    Ok((response.status().as_u16(), response.text().await?, set))
}

#[tokio::test]
async fn signin_token_can_be_used_once() -> Result<()> {
    let setup = Setup::new().await?;
    let session = setup.session().await?;
    let url = login_url(&setup, &signin_token(&setup, &session).await?)?;
    let (status, page, cookie) = visit(url.clone(), None).await?;
    assert_eq!(status, 200);
    for text in [
        "AWS Console (emulated)",
        "This is an emulation",
        &session.assumed_role_arn,
        "111122223333",
        "https://eu-west-1.console.aws.amazon.com/s3/home?region=eu-west-1",
        "href=\"https://sso.example.com/a?b=&lt;c&gt;\"",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let cookie = cookie.context("a cookie")?;
    // The browser that used the link can reload it. Another browser cannot use it.
    assert_eq!(visit(url.clone(), Some(&cookie)).await?.0, 200);
    assert_eq!(
        visit(
            format!("{}/console", setup.aws.url()).parse()?,
            Some(&cookie)
        )
        .await?
        .0,
        200
    );
    let (status, page, _) = visit(url, None).await?;
    assert_eq!(status, 400);
    assert!(page.contains("already used"));
    Ok(())
}

#[tokio::test]
async fn expired_token_and_invalid_destination_are_rejected() -> Result<()> {
    let setup = Setup::new().await?;
    let session = setup.session().await?;
    let token = signin_token(&setup, &session).await?;
    let script = url::Url::parse_with_params(
        &format!("{}/federation", setup.aws.url()),
        [
            ("Action", "login"),
            ("Destination", "javascript:alert(1)"),
            ("SigninToken", &token),
        ],
    )?;
    assert_eq!(visit(script, None).await?.0, 400);
    assert_eq!(visit(login_url(&setup, "UNKNOWN")?, None).await?.0, 400);
    setup.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(visit(login_url(&setup, &token)?, None).await?.0, 400);
    Ok(())
}

#[tokio::test]
async fn second_identity_requires_sign_out() -> Result<()> {
    let setup = Setup::new().await?;
    let first = setup.session().await?;
    let (_, _, cookie) = visit(
        login_url(&setup, &signin_token(&setup, &first).await?)?,
        None,
    )
    .await?;
    let cookie = cookie.context("a cookie")?;
    setup
        .post(&setup.form_with(&[("RoleSessionName", "another-user")])?)
        .await?
        .assert_success();
    let second = setup.aws.issued().pop().context("a session")?;
    let url = login_url(&setup, &signin_token(&setup, &second).await?)?;
    let (status, page, _) = visit(url.clone(), Some(&cookie)).await?;
    assert_eq!(status, 400);
    assert!(page.contains("You must first log out before logging into a different AWS account"));

    let logout = format!("{}/oauth", setup.aws.url());
    let bad = url::Url::parse_with_params(
        &logout,
        [
            ("Action", "logout"),
            ("redirect_uri", "javascript:alert(1)"),
        ],
    )?;
    assert_eq!(visit(bad, None).await?.0, 400);
    let back = url::Url::parse_with_params(
        &logout,
        [("Action", "logout"), ("redirect_uri", url.as_str())],
    )?;
    let (status, _, cleared) = visit(back, Some(&cookie)).await?;
    assert_eq!(
        (status, cleared.as_deref()),
        (302, Some("emulated-aws-console="))
    );
    // The error did not invalidate the link.
    let (status, page, _) = visit(url, Some(&cookie)).await?;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("another-user"));
    Ok(())
}

#[tokio::test]
async fn invalid_credentials_and_durations_are_rejected() -> Result<()> {
    let setup = Setup::new().await?;
    let session = setup.session().await?;
    let good = credentials(&session);
    for duration in [None, Some("900"), Some("43200")] {
        assert_eq!(
            get_signin_token(&setup, &good, duration).await?.0,
            200,
            "{duration:?}"
        );
    }
    for duration in ["899", "43201", "", "1h", "-900"] {
        let (status, body) = get_signin_token(&setup, &good, Some(duration)).await?;
        assert_eq!(status, 400, "{duration}");
        assert!(body.contains("Invalid credentials parameter"));
    }
    for (member, value) in [
        ("sessionId", "ASIAUNKNOWN"),
        ("sessionKey", "guess"),
        ("sessionToken", "guess"),
    ] {
        let mut wrong = good.clone();
        wrong[member] = json!(value);
        assert_eq!(
            get_signin_token(&setup, &wrong, None).await?.0,
            400,
            "{member}"
        );
    }
    assert_eq!(get_signin_token(&setup, &json!("text"), None).await?.0, 400);
    setup.clock.advance(Duration::from_secs(3_600));
    assert_eq!(get_signin_token(&setup, &good, None).await?.0, 400);
    Ok(())
}
