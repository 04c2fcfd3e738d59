//! The authorization code flow, and codes that are stolen, injected, reused or requested without PKCE.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn authorization_code_flow_succeeds() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let url = fixture.authorize(&client, "0b5a2d1e-5d3c-4a0f-9a3e-77c1f2b4d5e6");
    let mut browser = fixture.browser()?;
    browser.open(&url).await?;
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(page.url().as_str() == url, "{}", page.url());
    for part in [
        "Allow this program to use your AWS access?",
        "botocore-client-rc",
        "It is not verified",
        "127.0.0.1",
        "roles in 3 accounts",
    ] {
        ensure!(
            page.text().contains(part),
            "{part} is not in {}",
            page.text()
        );
    }
    let pass = Pass {
        csrf: page.attributes("input[name=csrf]", "value")?.remove(0),
        ..pass_of(&browser)?
    };
    let path = url
        .strip_prefix(fixture.stack.url())
        .context("URL of another origin")?;
    let answer = fixture
        .post(&pass, path, &[("decision", "allow")])
        .send()
        .await?;
    let to = answer.headers()["refresh"].to_str()?.to_owned();
    ensure!(to.starts_with(&format!("0; url={LISTENING}?code=")), "{to}");
    ensure!(
        to.ends_with("&state=0b5a2d1e-5d3c-4a0f-9a3e-77c1f2b4d5e6"),
        "{to}"
    );
    let code = to.split(['=', '&']).nth(2).context("no code")?;

    let answer = fixture.redeem(&client, code).await?;
    ensure!(
        answer.tokens()?.expires_in == 3_600 && fixture.opens(&answer.granted()?).await?,
        "{answer:?}"
    );
    ensure!(answer.refresh_token()?.starts_with("rcr_"), "{answer:?}");
    let begun = fixture.events("client_session_begun").await?;
    ensure!(
        begun.len() == 1
            && begun[0]["flow"] == "code"
            && begun[0]["client"] == "botocore-client-rc",
        "{begun:?}"
    );
    Ok(())
}

#[tokio::test]
async fn reloaded_page_continues_the_flow() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let pass = fixture.pass("alice").await?;
    let url = fixture.authorize(&client, "s");
    let get = || fixture.client.get(&url).header(COOKIE, &pass.cookie).send();
    ensure!(get().await?.status() == 200 && get().await?.status() == 200);
    let to = fixture.answered(&pass, &url, "allow").await?;
    ensure!(to.contains("code="), "{to}");
    let again = get().await?;
    ensure!(
        again.status() == 410,
        "the code is sent only once: {}",
        again.status()
    );
    Ok(())
}

#[tokio::test]
async fn denial_is_returned_to_the_client() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let pass = fixture.pass("alice").await?;
    let to = fixture
        .answered(&pass, &fixture.authorize(&client, "s"), "deny")
        .await?;
    ensure!(
        to == format!(
            "{LISTENING}?error=access_denied&error_description=the+request+was+denied&state=s"
        ),
        "{to}"
    );
    Ok(())
}

#[tokio::test]
async fn request_errors_are_returned_to_the_client() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let pass = fixture.pass("alice").await?;
    for (changes, error) in [
        (vec![("response_type", "")], "unsupported_response_type"),
        (
            vec![("response_type", "token")],
            "unsupported_response_type",
        ),
        // PKCE downgrade: no challenge, `plain`, or an invalid challenge.
        (vec![("code_challenge", "")], "invalid_request"),
        (vec![("code_challenge_method", "")], "invalid_request"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge_method", "s256")], "invalid_request"),
        (
            vec![
                ("code_challenge", VERIFIER),
                ("code_challenge_method", "plain"),
            ],
            "invalid_request",
        ),
        (
            vec![(
                "code_challenge",
                "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c",
            )],
            "invalid_request",
        ),
        (
            vec![("scopes", "sso:account:access admin")],
            "invalid_scope",
        ),
        (vec![("scopes", ""), ("scope", "admin")], "invalid_scope"),
    ] {
        let url = fixture.authorize_with(&client, &changes);
        for cookie in ["", pass.cookie.as_str()] {
            let answer = fixture
                .client
                .get(&url)
                .header(COOKIE, cookie)
                .send()
                .await?;
            let to = location(&answer)?;
            ensure!(
                to.starts_with(&format!("{LISTENING}?error={error}&error_description=")),
                "{changes:?}: {to}"
            );
            ensure!(to.ends_with("&state=a1b2"), "{to}");
        }
    }
    for changes in [
        vec![("scopes", "")],
        vec![("scopes", ""), ("scope", "sso:account:access")],
        vec![("state", "")],
    ] {
        let url = fixture.authorize_with(&client, &changes);
        let answer = fixture
            .client
            .get(&url)
            .header(COOKIE, &pass.cookie)
            .send()
            .await?;
        ensure!(answer.status() == 200, "{changes:?}: {}", answer.status());
    }
    Ok(())
}

#[tokio::test]
async fn repeated_parameters_and_unknown_clients_are_not_redirected() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let good = fixture.authorize(&client, "s");
    let foreign = Fixture::new().await?.register().await?;
    let twice = [
        "client_id=x",
        "redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Foauth%2Fcallback",
        "response_type=code",
        "state=s",
        "code_challenge=x",
        "code_challenge_method=S256",
        "scope=x",
    ];
    let mut bad: Vec<String> = twice.iter().map(|more| format!("{good}&{more}")).collect();
    bad.push(fixture.authorize(&foreign, "s"));
    bad.push(fixture.authorize_with(&client, &[("client_id", "x")]));
    bad.push(fixture.authorize_with(&client, &[("client_id", "")]));
    bad.push(fixture.authorize_with(&client, &[("redirect_uri", "")]));
    bad.push(fixture.authorize(&client, &"s".repeat(600)));
    bad.push(fixture.at("/authorize"));
    for url in bad {
        let answer = fixture.client.get(&url).send().await?;
        ensure!(
            answer.status() == 400 && !answer.headers().contains_key(LOCATION),
            "{url}: {}",
            answer.status()
        );
    }
    fixture.clock.advance(Duration::from_secs(90 * 86_400));
    ensure!(fixture.client.get(&good).send().await?.status() == 400);
    Ok(())
}

#[tokio::test]
async fn code_is_bound_to_client_redirect_uri_and_verifier() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (client, other) = (fixture.register().await?, fixture.register().await?);
    let pass = fixture.pass("alice").await?;
    let redeem = |client: &Client, code: &str, redirect: &str, verifier: &str| {
        let request = client.authorization_code_request(code, redirect, verifier);
        let fixture = &fixture;
        async move { fixture.token(&request).await }
    };
    let wrong = "x".repeat(43);
    for (number, (client_shown, redirect, verifier)) in [
        (&other, LISTENING, VERIFIER),
        (&client, REGISTERED, VERIFIER),
        (&client, "http://127.0.0.1:33390/oauth/callback", VERIFIER),
        (&client, LISTENING, wrong.as_str()),
        (&client, LISTENING, CHALLENGE),
        (&client, LISTENING, ""),
    ]
    .into_iter()
    .enumerate()
    {
        let code = fixture
            .allowed_code(&pass, &client, &number.to_string())
            .await?;
        let answer = redeem(client_shown, &code, redirect, verifier).await?;
        answer.refused(400, "InvalidGrantException", "invalid_grant")?;
        // The code was presented, so it is no longer valid for any client.
        let answer = fixture.redeem(&client, &code).await?;
        answer.refused(400, "InvalidGrantException", "invalid_grant")?;
    }
    ensure!(fixture.events("client_session_begun").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn reused_code_revokes_its_session() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let pass = fixture.pass("alice").await?;
    let code = fixture.allowed_code(&pass, &client, "s").await?;
    let answer = fixture.redeem(&client, &code).await?;
    let refreshed = fixture.refresh(&client, &answer.refresh_token()?).await?;
    ensure!(
        fixture.opens(&answer.granted()?).await? && fixture.opens(&refreshed.granted()?).await?
    );
    // Also minutes later, and from any client.
    fixture.clock.advance(Duration::from_secs(300));
    let other = fixture.register().await?;
    fixture
        .redeem(&other, &code)
        .await?
        .refused(400, "InvalidGrantException", "invalid_grant")?;
    for token in [answer.granted()?, refreshed.granted()?] {
        ensure!(!fixture.opens(&token).await?);
    }
    let refused = fixture
        .refresh(&client, &refreshed.refresh_token()?)
        .await?;
    refused.refused(400, "InvalidGrantException", "invalid_grant")?;
    let ended = fixture.events("signed_out").await?;
    ensure!(
        ended.len() == 1 && ended[0]["reason"] == "code_replayed",
        "{ended:?}"
    );
    Ok(())
}

#[tokio::test]
async fn code_expires_after_a_minute() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let pass = fixture.pass("alice").await?;
    let (young, old) = (
        fixture.allowed_code(&pass, &client, "1").await?,
        fixture.allowed_code(&pass, &client, "2").await?,
    );
    fixture.clock.advance(Duration::from_secs(59));
    fixture.redeem(&client, &young).await?.granted()?;
    fixture.clock.advance(Duration::from_secs(1));
    fixture
        .redeem(&client, &old)
        .await?
        .refused(400, "InvalidGrantException", "invalid_grant")
}

#[tokio::test]
async fn only_the_user_of_the_request_can_decide() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let (alice, bob) = (fixture.pass("alice").await?, fixture.pass("bob").await?);
    let url = fixture.authorize(&client, "s");
    fixture
        .client
        .get(&url)
        .header(COOKIE, &alice.cookie)
        .send()
        .await?;
    let path = url
        .strip_prefix(fixture.stack.url())
        .context("URL of another origin")?;
    // bob has not seen the request, so the page asks him, whatever his form contains.
    let answer = fixture
        .post(&bob, path, &[("decision", "allow")])
        .send()
        .await?;
    ensure!(
        !answer.headers().contains_key("refresh"),
        "{:?}",
        answer.headers()
    );
    ensure!(
        answer
            .text()
            .await?
            .contains("Allow this program to use your AWS access?")
    );
    let mixed = Pass {
        cookie: alice.cookie.clone(),
        csrf: bob.csrf,
    };
    ensure!(
        fixture
            .post(&mixed, path, &[("decision", "allow")])
            .send()
            .await?
            .status()
            == 403
    );
    for decision in ["", "yes", "ALLOW"] {
        ensure!(
            fixture
                .post(&alice, path, &[("decision", decision)])
                .send()
                .await?
                .status()
                == 400,
            "{decision}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn ending_all_sessions_revokes_pending_codes() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let (one, other) = (fixture.pass("alice").await?, fixture.pass("alice").await?);
    let code = fixture.allowed_code(&one, &client, "s").await?;
    let live = fixture.device_session(&client).await?.granted()?;
    let answer = fixture
        .post(&other, "/sessions/end", &[("others", "true")])
        .send()
        .await?;
    ensure!(answer.status() == 303);
    ensure!(!fixture.opens(&live).await?);
    fixture
        .redeem(&client, &code)
        .await?
        .refused(400, "InvalidGrantException", "invalid_grant")
}

#[tokio::test]
async fn browser_sign_out_keeps_client_sessions() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let pass = fixture.pass("alice").await?;
    let code = fixture.allowed_code(&pass, &client, "s").await?;
    let answer = fixture.redeem(&client, &code).await?;
    ensure!(fixture.post(&pass, "/sign-out", &[]).send().await?.status() == 200);
    ensure!(fixture.opens(&answer.granted()?).await?);
    fixture
        .refresh(&client, &answer.refresh_token()?)
        .await?
        .granted()?;
    Ok(())
}
