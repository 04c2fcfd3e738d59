//! The limits of the device flow: wrong codes, polling too fast, and expiry. The audit event of repeated rejections.

use std::time::Duration;

use rolecall_core::base::limits;

use super::device::shown;
use super::*;

#[tokio::test]
async fn wrong_codes_are_limited() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let started = fixture.start_device(&client).await?;
    let code = started.user_code()?;
    let pass = fixture.pass("alice").await?;
    let look = |code: &str| {
        fixture
            .get(&shown(code))
            .header(COOKIE, &pass.cookie)
            .send()
    };
    // The correct code and malformed codes do not count.
    for code in [code.as_str(), "", "hello", code.as_str(), "AEIO-UAEI"] {
        ensure!(look(code).await?.status() == 200, "{code}");
    }
    for number in 0..limits::WRONG_CODES_PER_SESSION_MAX {
        ensure!(look("BCDF-BCDF").await?.status() == 200, "{number}");
    }
    for code in ["BCDF-BCDF", code.as_str()] {
        let answer = look(code).await?;
        ensure!(answer.status() == 429, "{code}: {}", answer.status());
    }
    let answer = fixture
        .post(&pass, "/device", &allow_fields(&code, &code[5..]))
        .send()
        .await?;
    ensure!(answer.status() == 429);
    // The user may continue in other sessions until the limit of the user is reached.
    let mut left = limits::WRONG_CODES_PER_PERSON_MAX - limits::WRONG_CODES_PER_SESSION_MAX;
    while left > 0 {
        let pass = fixture.pass("alice").await?;
        let page = fixture
            .get(&shown(&code))
            .header(COOKIE, &pass.cookie)
            .send()
            .await?;
        ensure!(page.text().await?.contains("botocore-client-rc"), "{left}");
        for _ in 0..limits::WRONG_CODES_PER_SESSION_MAX.min(left) {
            fixture
                .get(&shown("BCDF-BCDF"))
                .header(COOKIE, &pass.cookie)
                .send()
                .await?;
            left -= 1;
        }
    }
    let again = async |person: &str| -> Result<u16> {
        let pass = fixture.pass(person).await?;
        let page = fixture.get(&shown(&code)).header(COOKIE, &pass.cookie);
        Ok(page.send().await?.status().as_u16())
    };
    ensure!(again("alice").await? == 429);
    ensure!(again("bob").await? == 200);
    fixture.clock.advance(Duration::from_secs(599));
    Ok(())
}

#[tokio::test]
async fn parallel_guesses_share_the_limit() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    let looks = (0..40).map(|_| {
        fixture
            .get(&shown("BCDF-BCDF"))
            .header(COOKIE, &pass.cookie)
            .send()
    });
    let mut looked = 0;
    for answer in futures_util::future::join_all(looks).await {
        looked += u32::from(answer?.status() == 200);
    }
    ensure!(
        looked <= limits::WRONG_CODES_PER_SESSION_MAX,
        "{looked} guesses"
    );
    Ok(())
}

#[tokio::test]
async fn polling_faster_than_interval_returns_slow_down() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let started = fixture.start_device(&client).await?;
    let code = started.device_code()?;
    let pending = || async {
        let answer = fixture.poll(&client, &code).await?;
        answer.refused(
            400,
            "AuthorizationPendingException",
            "authorization_pending",
        )
    };
    // The AWS CLI polls once before it shows the code.
    pending().await?;
    pending().await?;
    for _ in 0..5 {
        fixture.clock.advance(Duration::from_secs(5));
        pending().await?;
    }
    fixture.clock.advance(Duration::from_secs(1));
    fixture
        .poll(&client, &code)
        .await?
        .refused(400, "SlowDownException", "slow_down")?;
    fixture.clock.advance(Duration::from_secs(5));
    pending().await?;
    fixture.clock.advance(Duration::from_secs(568));
    pending().await?;
    fixture.clock.advance(Duration::from_secs(1));
    for _ in 0..3 {
        fixture.poll(&client, &code).await?.refused(
            400,
            "ExpiredTokenException",
            "expired_token",
        )?;
    }
    let pass = fixture.pass("alice").await?;
    let page = fixture
        .get(&shown(&started.user_code()?))
        .header(COOKIE, &pass.cookie)
        .send()
        .await?;
    let text = page.text().await?;
    ensure!(text.contains("This code is not valid"), "{text}");
    Ok(())
}

#[tokio::test]
async fn allowed_device_code_expires() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let started = fixture.start_device(&client).await?;
    let pass = fixture.pass("alice").await?;
    fixture.allow_device(&pass, &started.user_code()?).await?;
    fixture.clock.advance(Duration::from_secs(600));
    let answer = fixture.poll(&client, &started.device_code()?).await?;
    answer.refused(400, "ExpiredTokenException", "expired_token")
}

#[tokio::test]
async fn pending_devices_per_address_are_limited() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    for number in 0..limits::DEVICE_AUTHORIZATIONS_MAX {
        ensure!(
            fixture.start_device(&client).await?.status == 200,
            "{number}"
        );
    }
    fixture
        .start_device(&client)
        .await?
        .refused(429, "SlowDownException", "slow_down")?;
    fixture.clock.advance(Duration::from_secs(60));
    ensure!(fixture.start_device(&client).await?.status == 200);
    Ok(())
}

#[tokio::test]
async fn repeated_rejections_are_one_audit_event() -> Result<()> {
    let fixture = Fixture::new().await?;
    for _ in 0..1_000 {
        fixture.get("/sign-in/example/callback?x").send().await?;
    }
    ensure!(
        fixture
            .trail()
            .await?
            .iter()
            .all(|event| event["event"] != "sign_in_refused")
    );
    fixture
        .stack
        .gateway
        .services
        .journal()
        .write_refusals(true)
        .await?;
    let events = fixture.events("sign_in_refusals").await?;
    ensure!(events.len() == 1, "{events:?}");
    ensure!(
        events[0]["refusals"] == 1_000 && events[0]["reasons"]["unreadable"] == 1_000,
        "{events:?}"
    );
    ensure!(
        events[0]["from"] == "127.0.0.1" && events[0]["address"] == "127.0.0.1",
        "{events:?}"
    );
    Ok(())
}
