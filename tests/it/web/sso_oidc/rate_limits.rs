//! Rate limits over HTTP: their responses, and requests that are never limited.

use futures_util::StreamExt as _;
use rolecall_core::record::rate_limit::RateLimits;
use rolecall_wire::signin::{self, CreateOAuth2TokenRequestBody};
use rolecall_wire::sso::BEARER_TOKEN;

use super::*;

/// A stack with these limits.
async fn limited(more: &str) -> Result<Fixture> {
    Fixture::with(|settings| {
        settings.more = more.to_owned();
        settings.trusted_proxies = vec!["127.0.0.0/8".to_owned()];
    })
    .await
}

/// `Retry-After` in seconds.
fn wait(answer: &Response) -> Result<u32> {
    let value = answer
        .headers()
        .get("retry-after")
        .context("no Retry-After")?;
    Ok(value.to_str()?.parse()?)
}

/// A client session from the device flow: the token response.
async fn device_tokens(fixture: &Fixture, client: &Client, pass: &Pass) -> Result<JsonResponse> {
    let started = fixture.start_device(client).await?;
    fixture.allow_device(pass, &started.user_code()?).await?;
    let answer = fixture.poll(client, &started.device_code()?).await?;
    answer.granted()?;
    Ok(answer)
}

/// Asserts a 429 whose `Retry-After` is at most this number of seconds.
fn ensure_limited(answer: &Response, most: u32) -> Result<()> {
    ensure!(
        answer.status() == 429,
        "{} {}",
        answer.url(),
        answer.status()
    );
    let wait = wait(answer)?;
    ensure!((1..=most).contains(&wait), "{wait} s");
    Ok(())
}

#[tokio::test]
async fn credential_limit_is_shared_by_all_surfaces() -> Result<()> {
    let fixture = limited("[limits]\ncredentials = \"3/1m\"").await?;
    let client = fixture.register().await?;
    let pass = fixture.pass("alice").await?;
    let fields = [("account", "444455556666"), ("permission_set", "ReadOnly")];
    let started = fixture.start_device(&client).await?;
    fixture.allow_device(&pass, &started.user_code()?).await?;
    let token = fixture
        .poll(&client, &started.device_code()?)
        .await?
        .granted()?;
    let role = || {
        fixture
            .get("/federation/credentials?account_id=444455556666&role_name=ReadOnly")
            .header(BEARER_TOKEN, &token)
    };
    let (status, _) = fixture.post_json(&pass, "/credentials", &fields).await?;
    ensure!(status == 200);
    ensure!(role().send().await?.status() == 200);
    let console = fixture.post(&pass, "/console", &fields).send().await?;
    ensure!(console.status() == 303);

    let refused = role().send().await?;
    ensure_limited(&refused, 60)?;
    let kind = refused.headers().get(ERROR_TYPE);
    ensure!(
        kind.is_some_and(|kind| kind == "TooManyRequestsException"),
        "{kind:?}"
    );
    let refused = fixture
        .post(&pass, "/credentials", &fields)
        .header(ACCEPT, "application/json");
    let refused = refused.send().await?;
    ensure_limited(&refused, 60)?;
    let body: Value = refused.json().await?;
    ensure!(body["error"] == "rate_limited", "{body}");
    let refused = fixture.post(&pass, "/console", &fields).send().await?;
    ensure_limited(&refused, 60)?;
    let page = refused.text().await?;
    ensure!(
        page.contains("Too many requests") && page.contains("Try again in "),
        "{page}"
    );
    let intents = fixture.events("issue_intended").await?.len();
    ensure!(intents == 3, "{intents} intents");

    let bob = fixture.pass("bob").await?;
    let (status, _) = fixture.post_json(&bob, "/credentials", &fields).await?;
    ensure!(status == 200);
    let metrics = fixture.client.get(format!(
        "http://{}/metrics",
        fixture.stack.gateway.management
    ));
    let metrics = metrics.send().await?.text().await?;
    ensure!(
        metrics.contains("rolecall_rate_limited_total{limit=\"credentials\"} 3"),
        "{metrics}"
    );
    fixture.clock.advance(std::time::Duration::from_secs(60));
    ensure!(role().send().await?.status() == 200);
    Ok(())
}

#[tokio::test]
async fn registrations_over_the_limit_return_slow_down() -> Result<()> {
    let fixture = limited("[limits]\nregister = \"2/1m\"").await?;
    for _ in 0..2 {
        fixture.register().await?;
    }
    let body = named("x");
    let refused = fixture
        .client
        .post(fixture.at("/client/register"))
        .json(&body)
        .send()
        .await?;
    ensure_limited(&refused, 60)?;
    let kind = refused.headers().get(ERROR_TYPE);
    ensure!(
        kind.is_some_and(|kind| kind == "SlowDownException"),
        "{kind:?}"
    );
    let body: Value = refused.json().await?;
    ensure!(body["error"] == "slow_down", "{body}");
    Ok(())
}

#[tokio::test]
async fn embedded_images_do_not_use_up_limits() -> Result<()> {
    let fixture = Fixture::new().await?;
    let paths = [
        "/sign-in/example",
        "/sign-in/example/callback?state=x&code=y",
        "/sign-in/example/continue?state=x",
        "/sign-in/example/slo?SAMLRequest=x",
    ];
    for number in 0..1_000 {
        let path = paths[number % paths.len()];
        let answer = fixture
            .get(path)
            .header("sec-fetch-dest", "image")
            .header("sec-fetch-site", "cross-site")
            .send()
            .await?;
        ensure!(answer.status() == 403, "{path}: {}", answer.status());
    }
    // Frames are allowed for single logout.
    for _ in 0..100 {
        let answer = fixture.get("/sign-in/example/slo?SAMLRequest=x");
        let answer = answer.header("sec-fetch-dest", "iframe").send().await?;
        ensure!(answer.status() == 404, "{}", answer.status());
    }
    for _ in 0..5 {
        fixture.signed_in("alice").await?;
    }
    let stray = fixture
        .get("/sign-in/example/callback?state=x&code=y")
        .send()
        .await?;
    ensure!(stray.status() == 400);
    Ok(())
}

#[tokio::test]
async fn scripted_navigations_do_not_use_up_sign_ins() -> Result<()> {
    let fixture = limited("[limits]\nsign_in = \"3/1m\"").await?;
    let path = "/sign-in/example?return_to=%2Fconsole&mfa=true";
    let cross_site = || fixture.get(path).header("sec-fetch-site", "cross-site");
    for _ in 0..20 {
        let answer = cross_site().send().await?;
        ensure!(answer.status() == 200, "{}", answer.status());
        ensure!(
            answer.headers().get("set-cookie").is_none(),
            "{:?}",
            answer.headers()
        );
        let refresh = answer
            .headers()
            .get("refresh")
            .context("no Refresh header")?;
        let expected = format!("1; url={path}&external=true");
        ensure!(refresh.to_str()? == expected, "{refresh:?}");
    }
    for _ in 0..3 {
        let clicked = cross_site().header("sec-fetch-user", "?1").send().await?;
        ensure!(clicked.status() == 303, "{}", clicked.status());
    }
    let over = cross_site().header("sec-fetch-user", "?1").send().await?;
    ensure!(over.status() == 429, "{}", over.status());
    Ok(())
}

#[tokio::test]
async fn valid_credentials_bypass_address_limits() -> Result<()> {
    let fixture =
        limited("[limits]\nsign_in = \"30/1m\"\nfailures = \"5/10m\"\nregister = \"9/1m\"").await?;
    let client = fixture.register().await?;
    let pass = fixture.pass("alice").await?;
    let (authorize, cookie) = fixture.begin("/sign-in/example", None).await?;
    let callback = fixture.approve(&authorize, "alice").await?;
    let grant = device_tokens(&fixture, &client, &pass).await?;
    let waiting = fixture.start_device(&client).await?;

    for _ in 0..40 {
        fixture.get("/sign-in/example").send().await?;
        fixture
            .get("/sign-in/example/callback?state=x&code=y")
            .send()
            .await?;
        let body = named("x");
        fixture
            .client
            .post(fixture.at("/client/register"))
            .json(&body)
            .send()
            .await?;
    }
    ensure_limited(&fixture.get("/sign-in/example").send().await?, 60)?;
    let stray = fixture
        .get("/sign-in/example/callback?state=x&code=y")
        .send()
        .await?;
    ensure_limited(&stray, 600)?;

    let back = fixture.come_back(&callback, Some(&cookie)).await?;
    ensure!(
        back.status() == 303,
        "a valid state is rejected: {}",
        back.status()
    );
    let again = fixture
        .get("/sign-in/example")
        .header(COOKIE, &pass.cookie)
        .send()
        .await?;
    ensure!(
        again.status() == 303,
        "a valid session is rejected: {}",
        again.status()
    );
    let page = fixture.get("/").header(COOKIE, &pass.cookie).send().await?;
    ensure!(page.status() == 200);
    let lists = fixture
        .get("/assignment/accounts")
        .header(BEARER_TOKEN, grant.granted()?);
    ensure!(lists.send().await?.status() == 200);
    fixture.allow_device(&pass, &waiting.user_code()?).await?;
    fixture
        .poll(&client, &waiting.device_code()?)
        .await?
        .granted()?;
    fixture
        .refresh(&client, &grant.refresh_token()?)
        .await?
        .granted()?;
    Ok(())
}

#[tokio::test]
async fn seventy_five_clients_sign_in_concurrently() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut all = Vec::new();
    for _ in 0..75 {
        all.push(async {
            // Registers, opens the browser without a session, and starts a device authorization.
            let client = fixture.register().await?;
            let authorize = fixture
                .client
                .get(fixture.authorize(&client, "x"))
                .send()
                .await?;
            ensure!(authorize.status() == 303, "{}", authorize.status());
            let begun = fixture.get("/sign-in/example").send().await?;
            ensure!(begun.status() == 303, "{}", begun.status());
            let started = fixture.start_device(&client).await?;
            ensure!(started.status == 200, "{started:?}");
            Ok(())
        });
    }
    futures_util::future::try_join_all(all).await?;
    fixture.signed_in("alice").await?;
    Ok(())
}

#[tokio::test]
async fn parallel_renewals_all_succeed() -> Result<()> {
    // Behind a proxy, whose connections are not limited.
    let fixture = limited("").await?;
    let client = fixture.register().await?;
    let pass = fixture.pass("alice").await?;
    let mut sessions = Vec::new();
    for _ in 0..55 {
        sessions.push(device_tokens(&fixture, &client, &pass).await?);
    }
    fixture.clock.advance(std::time::Duration::from_secs(1_800));
    let mut renewals = Vec::new();
    for session in &sessions {
        let request = client.refresh_token_request(&session.refresh_token()?);
        for _ in 0..10 {
            let (fixture, request) = (&fixture, request.clone());
            renewals.push(async move { fixture.token(&request).await });
        }
    }
    ensure!(renewals.len() == 550);
    // As many concurrent requests as a slow machine accepts within the timeout of a request head.
    let mut answers = futures_util::stream::iter(renewals).buffer_unordered(110);
    while let Some(answer) = answers.next().await {
        answer?.granted()?;
    }
    Ok(())
}

#[tokio::test]
async fn unauthenticated_logins_are_limited_before_proof_verification() -> Result<()> {
    let fixture = limited("[limits]\nfailures = \"3/10m\"").await?;
    let ask = || {
        let body = CreateOAuth2TokenRequestBody {
            client_id: Some(signin::SAME_DEVICE.to_owned()),
            grant_type: Some(grant::REFRESH_TOKEN.to_owned()),
            refresh_token: Some("x".into()),
            ..CreateOAuth2TokenRequestBody::default()
        };
        fixture
            .client
            .post(fixture.at("/v1/token"))
            .json(&body)
            .send()
    };
    for _ in 0..3 {
        let answer = ask().await?;
        ensure!(answer.status() == 400, "no proof: {}", answer.status());
    }
    let refused = ask().await?;
    ensure_limited(&refused, 600)?;
    let kind = refused.headers().get(ERROR_TYPE);
    ensure!(
        kind.is_some_and(|kind| kind == "TooManyRequestsError"),
        "{kind:?}"
    );
    let body: Value = refused.json().await?;
    ensure!(body["error"] == "INVALID_REQUEST", "{body}");
    Ok(())
}

#[tokio::test]
async fn addresses_behind_a_proxy_have_separate_limits() -> Result<()> {
    let fixture = limited("[limits]\nsign_in = \"2/1m\"").await?;
    let begin = |from: &'static str| {
        fixture
            .get("/sign-in/example")
            .header("x-forwarded-for", from)
    };
    for from in ["192.0.2.1", "2001:db8:1:1::1"] {
        for _ in 0..2 {
            ensure!(begin(from).send().await?.status() == 303, "{from}");
        }
        ensure_limited(&begin(from).send().await?, 60)?;
    }
    ensure!(begin("192.0.2.2").send().await?.status() == 303);
    ensure_limited(&begin("2001:db8:1:1:ffff::1").send().await?, 60)?;
    ensure!(begin("2001:db8:1:2::1").send().await?.status() == 303);
    Ok(())
}

#[test]
fn defaults_match_the_documentation() {
    let limits = RateLimits::default();
    let documented = [
        limits.sign_in,
        limits.failures,
        limits.register,
        limits.credentials,
        limits.sts_rate,
    ]
    .map(|limit| (limit.max(), limit.window().num_seconds()));
    assert_eq!(
        documented,
        [(300, 60), (60, 600), (600, 60), (1_200, 60), (300, 1)]
    );
}
