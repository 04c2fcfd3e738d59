//! The device flow, and phishing of device codes.

use std::time::Duration;

use super::*;

pub fn shown(user_code: &str) -> String {
    format!("/device?user_code={user_code}")
}

#[tokio::test]
async fn device_flow_succeeds() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let started = fixture.start_device(&client).await?;
    let (code, device_code) = (started.user_code()?, started.device_code()?);
    ensure!(
        started.body["expiresIn"] == 600 && started.body["interval"] == 5,
        "{started:?}"
    );
    ensure!(started.text("verificationUri")? == fixture.at("/device"));
    ensure!(started.complete_uri()? == fixture.at(&shown(&code)));
    ensure!(code.len() == 9 && device_code.len() >= 43, "{started:?}");
    let pending = fixture.poll(&client, &device_code).await?;
    pending.refused(
        400,
        "AuthorizationPendingException",
        "authorization_pending",
    )?;

    let mut browser = fixture.browser()?;
    browser.open(&started.complete_uri()?).await?;
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(
        page.url().as_str() == fixture.at(&shown(&code)),
        "{}",
        page.url()
    );
    for part in [
        "botocore-client-rc",
        "It is not verified",
        "127.0.0.1",
        "Alice",
        "roles in 3 accounts",
        &code[..4],
        "Did someone send you this link",
    ] {
        ensure!(
            page.text().contains(part),
            "{part} is not in {}",
            page.text()
        );
    }
    ensure!(!page.text().contains(&code[5..]), "{}", page.text());
    let page = browser
        .press("Allow", &[("retyped", &code[5..].to_lowercase())])
        .await?;
    ensure!(
        page.text()
            .contains("Access granted. Return to your terminal."),
        "{}",
        page.text()
    );

    let answer = fixture.poll(&client, &device_code).await?;
    let token = answer.granted()?;
    ensure!(
        answer.body["expiresIn"] == 3_600 && fixture.opens(&token).await?,
        "{answer:?}"
    );
    let again = fixture.poll(&client, &device_code).await?;
    again.refused(400, "InvalidGrantException", "invalid_grant")?;
    ensure!(fixture.opens(&token).await?);

    let given = fixture.events("consent_given").await?;
    ensure!(
        given.len() == 1
            && given[0]["asked"]["flow"] == "device"
            && given[0]["asked"]["from"] == "127.0.0.1",
        "{given:?}"
    );
    let begun = fixture.events("client_session_begun").await?;
    ensure!(
        begun.len() == 1
            && begun[0]["flow"] == "device"
            && begun[0]["allowed_in"] == given[0]["session"],
        "{begun:?}"
    );
    Ok(())
}

#[tokio::test]
async fn code_can_be_entered_without_a_link() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let started = fixture.start_device(&client).await?;
    let mut browser = fixture.signed_in("alice").await?;
    browser.open(&fixture.at("/device")).await?;
    let page = browser
        .press("Continue", &[("user_code", "BCDF-XXXX")])
        .await?;
    ensure!(
        page.text().contains("This code is not valid"),
        "{}",
        page.text()
    );
    let typed = started.user_code()?.replace('-', " ").to_lowercase();
    let page = browser.press("Continue", &[("user_code", &typed)]).await?;
    ensure!(
        page.text()
            .contains("Allow this program to use your AWS access?"),
        "{}",
        page.text()
    );
    ensure!(page.select("#retyped")?.is_empty(), "{}", page.text());
    let page = browser.press("Allow", &[]).await?;
    ensure!(
        page.text()
            .contains("Access granted. Return to your terminal."),
        "{}",
        page.text()
    );
    fixture
        .poll(&client, &started.device_code()?)
        .await?
        .granted()?;
    Ok(())
}

#[tokio::test]
async fn link_requires_retyping_the_code() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let started = fixture.start_device(&client).await?;
    let code = started.user_code()?;
    let pass = fixture.pass("alice").await?;
    for retyped in ["", &code[..4], "XXXX"] {
        let fields = allow_fields(&code, retyped);
        let page = fixture
            .post(&pass, "/device", &fields)
            .send()
            .await?
            .text()
            .await?;
        ensure!(
            page.contains("the entered code differs from the displayed one"),
            "{retyped}: {page}"
        );
    }
    let fields = [("user_code", code.as_str()), ("decision", "allow")];
    let page = fixture
        .post(&pass, "/device", &fields)
        .send()
        .await?
        .text()
        .await?;
    ensure!(
        !page.contains("Access granted. Return to your terminal."),
        "{page}"
    );
    // The form does not say that the code was typed: its second half is requested.
    ensure!(page.contains("id=\"retyped\""), "{page}");
    let get = fixture.get(&format!(
        "{}&decision=allow&retyped={}",
        shown(&code),
        &code[5..]
    ));
    get.header(COOKIE, &pass.cookie).send().await?;
    let pending = fixture.poll(&client, &started.device_code()?).await?;
    pending.refused(
        400,
        "AuthorizationPendingException",
        "authorization_pending",
    )
}

#[tokio::test]
async fn denial_is_final() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let started = fixture.start_device(&client).await?;
    let code = started.user_code()?;
    let mut browser = fixture.signed_in("alice").await?;
    browser.open(&fixture.at(&shown(&code))).await?;
    let page = browser.press("Deny", &[]).await?;
    ensure!(
        page.text()
            .contains("Access denied. You can close this page."),
        "{}",
        page.text()
    );
    let denied = fixture.poll(&client, &started.device_code()?).await?;
    denied.refused(400, "AccessDeniedException", "access_denied")?;
    let page = browser.open(&fixture.at(&shown(&code))).await?;
    ensure!(
        page.text().contains("This code is not valid"),
        "{}",
        page.text()
    );
    ensure!(fixture.events("consent_denied").await?.len() == 1);
    Ok(())
}

#[tokio::test]
async fn old_sign_in_requires_reauthentication() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let pass = pass_of(&browser)?;
    fixture.clock.advance(Duration::from_secs(601));
    let started = fixture.start_device(&client).await?;
    let code = started.user_code()?;
    let page = browser.open(&fixture.at(&shown(&code))).await?;
    ensure!(
        page.text().contains("Sign in again to continue") && !page.text().contains("botocore"),
        "{}",
        page.text()
    );
    let fields = allow_fields(&code, &code[5..]);
    ensure!(
        fixture
            .post(&pass, "/device", &fields)
            .send()
            .await?
            .status()
            == 403
    );

    browser.click("Sign in again").await?;
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(
        page.url().as_str() == fixture.at(&shown(&code)),
        "{}",
        page.url()
    );
    browser.press("Allow", &[("retyped", &code[5..])]).await?;
    fixture
        .poll(&client, &started.device_code()?)
        .await?
        .granted()?;
    Ok(())
}

#[tokio::test]
async fn device_code_is_bound_to_its_client() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (client, other) = (fixture.register().await?, fixture.register().await?);
    let started = fixture.start_device(&client).await?;
    let pass = fixture.pass("alice").await?;
    fixture.allow_device(&pass, &started.user_code()?).await?;
    let code = started.device_code()?;
    fixture
        .poll(&other, &code)
        .await?
        .refused(400, "InvalidGrantException", "invalid_grant")?;
    fixture.poll(&client, &code).await?.granted()?;
    Ok(())
}

#[tokio::test]
async fn device_flow_can_be_disabled() -> Result<()> {
    let fixture = Fixture::with(|settings| {
        settings.more = "[clients]\ndevice_authorization = \"refused\"\n".to_owned();
    })
    .await?;
    let client = fixture.register().await?;
    let answer = fixture.start_device(&client).await?;
    answer.refused(400, "UnauthorizedClientException", "unauthorized_client")?;
    ensure!(
        answer
            .text("error_description")?
            .contains("--use-device-code"),
        "{answer:?}"
    );
    fixture.poll(&client, "x").await?.refused(
        400,
        "UnauthorizedClientException",
        "unauthorized_client",
    )?;
    let mut browser = fixture.signed_in("alice").await?;
    let page = browser.open(&fixture.at(&shown("BCDF-GHJK"))).await?;
    ensure!(
        page.text().contains("Device codes are disabled"),
        "{}",
        page.text()
    );
    // The other flow is not affected.
    let pass = fixture.pass("alice").await?;
    let code = fixture.allowed_code(&pass, &client, "s").await?;
    fixture.redeem(&client, &code).await?.granted()?;
    Ok(())
}

#[tokio::test]
async fn forged_forms_grant_no_access() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let started = fixture.start_device(&client).await?;
    let code = started.user_code()?;
    let (alice, bob) = (fixture.pass("alice").await?, fixture.pass("bob").await?);
    let fields = allow_fields(&code, &code[5..]);
    let mixed = Pass {
        cookie: alice.cookie.clone(),
        csrf: bob.csrf.clone(),
    };
    ensure!(
        fixture
            .post(&mixed, "/device", &fields)
            .send()
            .await?
            .status()
            == 403
    );
    let without_session = Pass {
        cookie: String::new(),
        csrf: bob.csrf,
    };
    ensure!(
        fixture
            .post(&without_session, "/device", &fields)
            .send()
            .await?
            .status()
            == 401
    );
    let elsewhere = fixture
        .post(&alice, "/device", &fields)
        .header("sec-fetch-site", "cross-site");
    ensure!(elsewhere.send().await?.status() == 403);
    let pending = fixture.poll(&client, &started.device_code()?).await?;
    pending.refused(
        400,
        "AuthorizationPendingException",
        "authorization_pending",
    )
}

/// A client with a profile without `[sso-session]` stores no refresh token, so it could not continue after an hour.
#[tokio::test]
async fn client_without_refresh_gets_configured_lifetime() -> Result<()> {
    let fixture = Fixture::with(|settings| {
        settings.more = "[clients]\naccess_token = \"4h\"\n".to_owned();
    })
    .await?;
    let pass = fixture.pass("alice").await?;
    for (scopes, hours) in [(None, 4), (Some(vec![ACCOUNT_ACCESS.to_owned()]), 1)] {
        let registration = RegisterClientRequest {
            scopes,
            ..named("botocore-client-1")
        };
        let client = fixture.register_as(&registration).await?;
        let started = fixture.start_device(&client).await?;
        fixture.allow_device(&pass, &started.user_code()?).await?;
        let answer = fixture.poll(&client, &started.device_code()?).await?;
        ensure!(
            answer.tokens()?.expires_in == hours * 3_600,
            "{registration:?}: {answer:?}"
        );
    }
    Ok(())
}
