//! Attacks on `aws login`: codes of other users, reused or expired codes, foreign redirect URIs, and forged forms.

use std::time::Duration;

use rolecall_wire::sso::BEARER_TOKEN;

use super::*;

const CODE_SPENT: (u16, &str, &str) = (401, "AccessDeniedException", "AUTHCODE_EXPIRED");

fn ensure_expired_code(response: &TokenResponse) -> Result<()> {
    let (status, kind, error) = CODE_SPENT;
    response.refused(status, kind, error)
}

#[tokio::test]
async fn reused_code_revokes_its_session() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let code = terminal.code(&fixture, "alice", DEVELOPER).await?;
    let response = terminal.redeem(&fixture, &code).await?;
    ensure_expired_code(&terminal.redeem(&fixture, &code).await?)?;
    let over = terminal
        .refresh(&fixture, &response.refresh_token()?)
        .await?;
    over.refused(401, "AccessDeniedException", "TOKEN_EXPIRED")?;
    let ended = fixture.events("signed_out").await?;
    ensure!(ended[0]["reason"] == "code_replayed", "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn code_expires_after_a_minute() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let code = terminal.code(&fixture, "alice", DEVELOPER).await?;
    fixture.clock.advance(Duration::from_secs(60));
    ensure_expired_code(&terminal.redeem(&fixture, &code).await?)?;
    let remote = Terminal::remote(&fixture)?;
    let code = remote.code(&fixture, "alice", DEVELOPER).await?;
    fixture.clock.advance(Duration::from_secs(300));
    ensure_expired_code(&remote.redeem(&fixture, &code).await?)?;
    ensure_expired_code(&terminal.redeem(&fixture, "no-such-code").await?)
}

#[tokio::test]
async fn code_is_bound_to_client_redirect_uri_and_verifier() -> Result<()> {
    let fixture = Fixture::new().await?;
    type Change = fn(&mut CreateOAuth2TokenRequestBody);
    let changes: [(&str, Change); 5] = [
        ("another verifier", |body| {
            body.code_verifier = Some("A".repeat(64).into())
        }),
        ("a verifier that is too short", |body| {
            body.code_verifier = Some("A".into())
        }),
        ("another port", |body| {
            body.redirect_uri = Some("http://127.0.0.1:33390/oauth/callback".to_owned())
        }),
        ("the other loopback", |body| {
            body.redirect_uri = Some("http://[::1]:33389/oauth/callback".to_owned())
        }),
        ("the other client", |body| {
            body.client_id = Some(CROSS_DEVICE.to_owned())
        }),
    ];
    for (name, change) in changes {
        let terminal = Terminal::new()?;
        let code = terminal.code(&fixture, "alice", DEVELOPER).await?;
        let mut body = terminal.exchange(&code);
        change(&mut body);
        let response = send(&fixture, &[&terminal.proof(&fixture)?], &body).await?;
        response.is_invalid().context(name)?;
        // A failed attempt invalidates the code, so that nothing can be guessed.
        ensure_expired_code(&terminal.redeem(&fixture, &code).await?).context(name)?;
    }
    ensure!(
        fixture.stack.aws.issued().is_empty(),
        "{} issued",
        fixture.stack.aws.issued().len()
    );
    Ok(())
}

#[tokio::test]
async fn one_of_many_redemptions_succeeds_on_two_replicas() -> Result<()> {
    let fixture =
        Fixture::with(|settings| settings.store = "sqlite:sessions.db".to_owned()).await?;
    let replica = fixture.stack.start_replica().await?;
    let terminal = Terminal::new()?;
    let code = terminal.code(&fixture, "alice", DEVELOPER).await?;
    let own = fixture.stack.gateway.address;
    let mut tries = Vec::new();
    for number in 0..100 {
        let address = if number % 2 == 0 {
            own
        } else {
            replica.address
        };
        let request = fixture
            .client
            .post(format!("http://{address}/v1/token"))
            .header("host", own.to_string())
            .header(DPOP, terminal.proof(&fixture)?);
        tries.push(request.json(&terminal.exchange(&code)).send());
    }
    let (mut won, mut unanswered) = (0, 0);
    for answer in futures_util::future::join_all(tries).await {
        let response = token_response(answer?).await?;
        match response.status {
            200 => won += 1,
            // On a loaded machine the store may time out waiting for its file lock.
            500 => unanswered += 1,
            _ => ensure_expired_code(&response)?,
        }
    }
    ensure!(
        won == 1 || (won == 0 && unanswered > 0),
        "{won} won, {unanswered} without an answer"
    );
    let issued = fixture.stack.aws.issued().len();
    ensure!(
        issued == 1 || (issued == 0 && unanswered > 0),
        "{issued} issued, {won} won, {unanswered} without an answer"
    );
    Ok(())
}

#[tokio::test]
async fn token_types_are_not_interchangeable() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (terminal, remote) = (Terminal::new()?, Terminal::remote(&fixture)?);
    let code = terminal.code(&fixture, "alice", DEVELOPER).await?;
    let token = terminal.redeem(&fixture, &code).await?.refresh_token()?;
    // The other AWS client ID, with the correct key.
    let mut body = remote.renewal(&token);
    let response = send(&fixture, &[&terminal.proof(&fixture)?], &body).await?;
    response.refused(401, "AccessDeniedException", "TOKEN_EXPIRED")?;
    for other in [
        "",
        "rcr_x",
        &token.replace("rcr_", "rca_"),
        &format!("{token}A"),
    ] {
        body = terminal.renewal(other);
        let response = send(&fixture, &[&terminal.proof(&fixture)?], &body).await?;
        response
            .refused(401, "AccessDeniedException", "TOKEN_EXPIRED")
            .context(other.to_owned())?;
    }
    // The token is not valid at the portal interface.
    let request = fixture
        .get("/assignment/accounts")
        .header(BEARER_TOKEN, &token);
    ensure!(request.send().await?.status() == 401);
    ensure!(terminal.refresh(&fixture, &token).await?.status == 200);
    Ok(())
}

#[tokio::test]
async fn replaced_refresh_token_ends_the_session() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let code = terminal.code(&fixture, "alice", DEVELOPER).await?;
    let old = terminal.redeem(&fixture, &code).await?.refresh_token()?;
    let new = terminal.refresh(&fixture, &old).await?.refresh_token()?;
    fixture.clock.advance(Duration::from_secs(61));
    for token in [&old, &new] {
        let response = terminal.refresh(&fixture, token).await?;
        response.refused(401, "AccessDeniedException", "TOKEN_EXPIRED")?;
    }
    let ended = fixture.events("signed_out").await?;
    ensure!(ended[0]["reason"] == "refresh_token_reused", "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn foreign_redirect_uri_is_rejected() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    let asked = |name: &str, value: &str| {
        let mut request = Terminal::new()?.request();
        for (known, old) in &mut request {
            if *known == name {
                value.clone_into(old);
            }
        }
        anyhow::Ok(address(&request))
    };
    let get = |path: String| fixture.get(&path).header(COOKIE, &pass.cookie).send();
    for (name, value) in [
        ("client_id", "arn:aws:signin:::devtools/other"),
        ("client_id", CROSS_DEVICE),
        ("redirect_uri", "https://evil.example/oauth/callback"),
        ("redirect_uri", "http://localhost:33389/oauth/callback"),
        (
            "redirect_uri",
            "http://127.0.0.1:33389@evil.example/oauth/callback",
        ),
        ("redirect_uri", "http://127.0.0.1:33389/oauth/callback/../x"),
        ("redirect_uri", "http://127.0.0.1:33389/oauth/callback?a=b"),
    ] {
        let answer = get(asked(name, value)?).await?;
        ensure!(
            answer.status() == 400,
            "{name}={value}: {}",
            answer.status()
        );
    }
    for (name, value, error) in [
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "S256", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("scope", "openid admin", "invalid_scope"),
    ] {
        let answer = get(asked(name, value)?).await?;
        let to = location(&answer)?;
        ensure!(
            answer.status() == 302
                && to.starts_with(&format!(
                    "http://127.0.0.1:33389/oauth/callback?error={error}&"
                )),
            "{name}={value}: {to}"
        );
    }
    let twice = format!(
        "{}&redirect_uri=https%3A%2F%2Fevil.example%2F",
        Terminal::new()?.address()
    );
    ensure!(get(twice).await?.status() == 400);
    Ok(())
}

#[tokio::test]
async fn role_choice_requires_own_session() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let (alice, bob) = (fixture.pass("alice").await?, fixture.pass("bob").await?);
    let mut fields: Vec<(&str, &str)> = Vec::new();
    let request = terminal.request();
    fields.extend(request.iter().map(|(name, value)| (*name, value.as_str())));
    // A role that is not assigned to bob, one whose conditions are not met, and one that does not exist.
    for role in [
        "777788889999/Administrator",
        "111122223333/Developer",
        "777788889999/Nothing",
        "x",
        "777788889999",
    ] {
        let mut fields = fields.clone();
        fields.push(("role", role));
        let answer = fixture.post(&bob, "/v1/authorize", &fields).send().await?;
        ensure!(
            answer.status().is_client_error(),
            "{role}: {}",
            answer.status()
        );
        ensure!(!answer.headers().contains_key("refresh"), "{role}");
    }
    fields.push(("role", "777788889999/Developer"));
    let forged = Pass {
        csrf: bob.csrf,
        ..alice.clone()
    };
    ensure!(
        fixture
            .post(&forged, "/v1/authorize", &fields)
            .send()
            .await?
            .status()
            == 403
    );
    let foreign = fixture
        .post(&alice, "/v1/authorize", &fields)
        .header("origin", "https://evil.example");
    ensure!(foreign.send().await?.status() == 403);
    let twice = fixture.post(
        &alice,
        "/v1/authorize",
        &[fields.as_slice(), &[("redirect_uri", "x")]].concat(),
    );
    ensure!(twice.send().await?.status() == 400);
    ensure!(
        fixture
            .post(&alice, "/v1/authorize", &fields)
            .send()
            .await?
            .status()
            == 200
    );
    Ok(())
}

#[tokio::test]
async fn invalid_request_returns_aws_exception() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let proof = terminal.proof(&fixture)?;
    let good = serde_json::to_value(terminal.exchange("x"))?;
    let without = |name: &str| {
        let mut body = good.clone();
        body.as_object_mut().map(|members| members.remove(name));
        body.to_string()
    };
    let bodies = [
        String::new(),
        "[]".to_owned(),
        "{".to_owned(),
        "{}".to_owned(),
        good.to_string().replacen('{', r#"{"code":"y","#, 1),
        good.to_string().replace("\"x\"", "7"),
        good.to_string().replace("authorization_code", "password"),
        good.to_string().replace("same-device", "other"),
        good.to_string()
            .replace("\"x\"", &format!("\"{}\"", "x".repeat(9_000))),
        without("clientId"),
        without("grantType"),
        without("code"),
        without("codeVerifier"),
        without("redirectUri"),
        json!({ "clientId": SAME_DEVICE, "grantType": "refresh_token" }).to_string(),
    ];
    let post = |kind: &'static str, body: String| {
        let request = fixture
            .client
            .post(fixture.at("/v1/token"))
            .header(DPOP, &proof);
        request.header(CONTENT_TYPE, kind).body(body).send()
    };
    for body in bodies {
        let response = token_response(post("application/json", body.clone()).await?).await?;
        ensure!(
            (400..500).contains(&response.status),
            "{body}: {response:?}"
        );
        ensure!(
            response.kind == "ValidationException" && response.body["error"] == "INVALID_REQUEST",
            "{body}: {response:?}"
        );
    }
    let form =
        token_response(post("application/x-www-form-urlencoded", good.to_string()).await?).await?;
    form.is_invalid()?;
    let got = token_response(fixture.get("/v1/token").send().await?).await?;
    ensure!(
        got.status == 405 && got.kind == "ValidationException",
        "{got:?}"
    );
    Ok(())
}
