//! An operator ends the sessions of a user while browsers and clients have pending requests.

use std::time::Duration;

use rolecall_testkit::aws::Fault;
use rolecall_wire::sso::BEARER_TOKEN;

use super::replicas::two;
use super::*;

/// Redis expires device authorizations by its own clock, so more rounds would reach the limit of the address.
const ROUNDS_MAX: u64 = 50;

/// The number of rounds of the race. `ROLECALL_RACE_ROUNDS` overrides it, up to [`ROUNDS_MAX`].
#[expect(
    clippy::disallowed_methods,
    reason = "names how long the tests may take"
)]
fn rounds() -> Result<u64> {
    match std::env::var("ROLECALL_RACE_ROUNDS") {
        Ok(asked) => Ok(asked.parse::<u64>()?.min(ROUNDS_MAX)),
        Err(_) => Ok(5),
    }
}

impl Fixture {
    /// Runs `rolecalld sessions end` for a user who has signed in.
    pub(super) async fn end_all_of(&self, name: &str) -> Result<()> {
        let signed_in = self.events("signed_in").await?;
        let email = format!("{name}@example.com");
        let mut sessions_of_user = signed_in
            .iter()
            .filter(|event| event["actor"]["email"] == email.as_str());
        let subject = sessions_of_user.next().context("not signed in")?["actor"]["subject"]
            .as_str()
            .context("no subject")?
            .to_owned();
        let config = self.stack.config();
        let ran = tokio::task::spawn_blocking(move || {
            std::process::Command::new(env!("CARGO_BIN_EXE_rolecalld"))
                .args(["sessions", "end", "--provider", "example", "--subject"])
                .arg(subject)
                .arg("--config")
                .arg(config)
                .output()
        })
        .await??;
        ensure!(ran.status.success(), "{ran:?}");
        Ok(())
    }
}

#[tokio::test]
async fn administrator_ends_pending_requests() -> Result<()> {
    let (_redis, fixture, replica) = two().await?;
    let client = fixture.register().await?;
    for round in 0..rounds()? {
        // A minute between rounds, so that no rate limit is reached.
        fixture.clock.advance(Duration::from_secs(60));
        let stolen = fixture.pass("alice").await?;
        let tokens = fixture.device_session(&client).await?;
        let started = fixture.start_device(&client).await?;
        let user_code = started.user_code()?;
        let device_code = started.device_code()?;
        let refresh_token = tokens.refresh_token()?;
        let state = format!("s{round}");
        // The attacker has as much time as the command takes to start.
        let attacker = async {
            tokio::time::sleep(Duration::from_millis(7 * (round % 20))).await;
            let allow = fixture.allow_device(&stolen, &user_code);
            let code = fixture.allowed_code(&stolen, &client, &state);
            let refresh = fixture.refresh(&client, &refresh_token);
            tokio::join!(allow, code, refresh)
        };
        let (ended, (_, code, refreshed)) = tokio::join!(fixture.end_all_of("alice"), attacker);
        ended?;
        let device = fixture.poll(&client, &device_code).await?;
        ensure!(
            device.status != 200,
            "round {round}: the device code is still valid: {device:?}"
        );
        if let Ok(code) = code {
            let redeemed = fixture.redeem(&client, &code).await?;
            ensure!(
                redeemed.status != 200,
                "round {round}: the code is still valid: {redeemed:?}"
            );
        }
        let mut granted = vec![tokens.granted()?];
        granted.extend(refreshed.ok().and_then(|answer| answer.granted().ok()));
        for token in granted {
            let token = rolecall_core::base::secret::AccessToken::new(token);
            for services in [&fixture.stack.gateway.services, &replica.services] {
                let found = services.sessions().client_session(&token).await?;
                ensure!(found.is_none(), "round {round}: a token is still valid");
            }
        }
        let page = fixture
            .get("/")
            .header(COOKIE, &stolen.cookie)
            .send()
            .await?;
        ensure!(
            page.status() == 303,
            "round {round}: the cookie is still valid: {}",
            page.status()
        );
    }
    Ok(())
}

#[tokio::test]
async fn session_end_during_issue_withholds_credentials() -> Result<()> {
    let (_redis, fixture, _replica) = two().await?;
    let client = fixture.register().await?;
    let token = fixture.device_session(&client).await?.granted()?;
    fixture
        .stack
        .aws
        .inject_fault(Fault::SlowBy(Duration::from_millis(2_200)));
    let query = "account_id=111122223333&role_name=Developer";
    let asked = fixture
        .get(&format!("/federation/credentials?{query}"))
        .header(BEARER_TOKEN, &token)
        .send();
    let ended = async {
        // The request to AWS follows the audited intent.
        while fixture.events("issue_intended").await?.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        fixture.end_all_of("alice").await
    };
    let (answer, ended) = tokio::join!(asked, ended);
    ended?;
    let answer = answer?;
    let kind = answer.headers().get(ERROR_TYPE).cloned();
    let (status, body) = (answer.status(), answer.text().await?);
    ensure!(
        status == 401 && kind.is_some_and(|kind| kind == "UnauthorizedException"),
        "{status}: {body}"
    );
    ensure!(body.contains("aws sso login"), "{body}");
    let done = fixture.events("issue_done").await?;
    ensure!(done.len() == 1, "{done:?}");
    let undelivered = fixture.events("issue_undelivered").await?;
    ensure!(undelivered.len() == 1, "{undelivered:?}");
    Ok(())
}
