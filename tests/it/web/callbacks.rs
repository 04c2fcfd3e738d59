//! Invalid callbacks: repeated, at another provider, in another browser, oversized or incomplete.

use super::*;

/// Asserts that the sign-in was rejected, and the reason.
async fn ensure_rejected(
    fixture: &Fixture,
    answer: Response,
    status: u16,
    expected: &str,
) -> Result<()> {
    ensure!(answer.status() == status, "{expected}: {}", answer.status());
    ensure!(
        cookie_set(&answer, SESSION).is_none(),
        "{expected}: a session"
    );
    let reasons = fixture.refused("sign_in").await?;
    ensure!(
        reasons.last().is_some_and(|reason| reason == expected),
        "{reasons:?}"
    );
    Ok(())
}

#[tokio::test]
async fn state_is_bound_to_browser_and_provider() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (authorize, cookie) = fixture.begin("/sign-in/example", None).await?;
    let callback = fixture.approve(&authorize, "alice").await?;
    let (_, foreign) = fixture.begin("/sign-in/example", None).await?;

    ensure_rejected(
        &fixture,
        fixture.come_back(&callback, None).await?,
        400,
        "other_browser",
    )
    .await?;
    let elsewhere = callback.replace("/sign-in/example/", "/sign-in/elsewhere/");
    ensure_rejected(
        &fixture,
        fixture.come_back(&elsewhere, Some(&cookie)).await?,
        404,
        "unknown_provider",
    )
    .await?;
    let answer = fixture.come_back(&callback, Some(&cookie)).await?;
    ensure!(
        answer.status() == 303 && cookie_set(&answer, SESSION).is_some(),
        "{}",
        answer.status()
    );
    ensure_rejected(
        &fixture,
        fixture.come_back(&callback, Some(&cookie)).await?,
        400,
        "expired_state",
    )
    .await?;
    ensure_rejected(
        &fixture,
        fixture.come_back(&callback, Some(&foreign)).await?,
        400,
        "expired_state",
    )
    .await?;
    ensure!(fixture.stack.provider.hits("/token") == 1);
    Ok(())
}

#[tokio::test]
async fn code_of_another_user_is_rejected() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (authorize, _attackers) = fixture.begin("/sign-in/example", None).await?;
    let callback = fixture.approve(&authorize, "bob").await?;
    let mut victim = fixture.browser()?;
    victim.open(&fixture.at("/")).await?;
    let page = victim
        .follow_cross_site_link("https://evil.example/", &callback)
        .await?;
    ensure!(
        page.status().is_some_and(|status| status == 400) && victim.cookie(SESSION).is_none(),
        "{:?} {}",
        page.status(),
        page.text()
    );
    ensure!(
        page.text().contains("it may sign you in as another user"),
        "{}",
        page.text()
    );
    ensure!(fixture.stack.provider.hits("/token") == 0);
    Ok(())
}

#[tokio::test]
async fn unreadable_callback_is_audited_and_keeps_the_state() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (authorize, cookie) = fixture.begin("/sign-in/example", None).await?;
    let callback = fixture.approve(&authorize, "alice").await?;
    let query = callback.split_once('?').context("no query")?.1;
    let part = |name: &str| {
        query
            .split('&')
            .find(|pair| pair.starts_with(&format!("{name}=")))
            .map(str::to_owned)
    };
    let (state, code) = (
        part("state").context("no state")?,
        part("code").context("no code")?,
    );
    let long = "a".repeat(5_000);
    for bad in [
        String::new(),
        state.clone(),
        code.clone(),
        format!("{query}&{state}"),
        format!("{query}&{code}"),
        format!("{query}&iss=https%3A%2F%2Fevil.example"),
        format!("{query}&error=access_denied"),
        format!("{state}&code={long}"),
        format!("{query}&error_description=a&error_description=b"),
    ] {
        let answer = fixture
            .come_back(
                &fixture.at(&format!("/sign-in/example/callback?{bad}")),
                Some(&cookie),
            )
            .await?;
        ensure_rejected(&fixture, answer, 400, "unreadable").await?;
    }
    let answer = fixture.come_back(&callback, Some(&cookie)).await?;
    ensure!(answer.status() == 303);
    Ok(())
}

#[tokio::test]
async fn provider_errors_are_escaped() -> Result<()> {
    let fixture = Fixture::new().await?;
    for (error, why, status) in [
        ("access_denied", "access_denied", 403),
        ("login_required", "login_required", 403),
        ("server_error", "provider_unavailable", 502),
        ("temporarily_unavailable", "provider_unavailable", 502),
        ("<script>alert(1)</script>", "other", 403),
        ("\u{202e}\u{0}", "other", 403),
    ] {
        let (authorize, cookie) = fixture.begin("/sign-in/example", None).await?;
        let state = Url::parse(&authorize)?;
        let state = state
            .query_pairs()
            .find(|(name, _)| name == "state")
            .context("no state")?
            .1
            .into_owned();
        let issuer = fixture.stack.provider.issuer();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("state", state.as_str()),
                ("error", error),
                ("error_description", "<img src=x onerror=alert(1)>"),
                ("iss", &issuer),
            ])
            .finish();
        let answer = fixture
            .come_back(
                &fixture.at(&format!("/sign-in/example/callback?{query}")),
                Some(&cookie),
            )
            .await?;
        let copy = fixture
            .client
            .get(answer.url().clone())
            .header(COOKIE, &cookie)
            .send()
            .await?
            .text()
            .await?;
        ensure!(
            !copy.contains("<script>alert") && !copy.contains("<img src=x"),
            "{copy}"
        );
        let events = fixture.events("sign_in_refused").await?;
        ensure!(
            answer.status() == status && events.iter().any(|event| event["reason"] == why),
            "{error}: {} {events:?}",
            answer.status()
        );
        ensure!(!answer.text().await?.contains("<script>alert"));
    }
    Ok(())
}

#[tokio::test]
async fn long_error_description_is_accepted_but_not_shown() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (authorize, cookie) = fixture.begin("/sign-in/example", None).await?;
    let state = Url::parse(&authorize)?;
    let state = state.query_pairs().find(|(name, _)| name == "state");
    let state = state.context("no state")?.1.into_owned();
    let explanation = format!("AADSTS50105: not assigned. {}", "x".repeat(5_000));
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("state", state.as_str()),
            ("error", "unmet_authentication_requirements"),
            ("error_description", &explanation),
        ])
        .finish();
    let callback = fixture.at(&format!("/sign-in/example/callback?{query}"));
    let answer = fixture.come_back(&callback, Some(&cookie)).await?;
    ensure!(answer.status() == 403, "{}", answer.status());
    let events = fixture.events("sign_in_refused").await?;
    let reason = &events.last().context("no audit event")?["reason"];
    ensure!(reason == "unmet_authentication_requirements", "{reason}");
    ensure!(!answer.text().await?.contains("AADSTS50105"));
    Ok(())
}

#[tokio::test]
async fn one_of_a_hundred_callbacks_signs_in() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (authorize, cookie) = fixture.begin("/sign-in/example", None).await?;
    let callback = fixture.approve(&authorize, "alice").await?;
    let all = futures_util::future::join_all(
        (0..100).map(|_| fixture.come_back(&callback, Some(&cookie))),
    )
    .await;
    let mut sessions = 0;
    for answer in all {
        let answer = answer?;
        match cookie_set(&answer, SESSION) {
            Some(_) => sessions += 1,
            // The last ones exceed the rate limit of the address.
            None => ensure!(
                matches!(answer.status().as_u16(), 400 | 429),
                "{}",
                answer.status()
            ),
        }
    }
    ensure!(sessions == 1, "{sessions} sessions");
    ensure!(
        fixture.events("signed_in").await?.len() == 1
            && fixture.refused("sign_in").await?.len() == 99
    );
    ensure!(fixture.stack.provider.hits("/token") == 1);
    Ok(())
}
