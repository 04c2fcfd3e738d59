//! Ends that hold: what a person's browsers and programs are in the middle of when an operator ends their sessions.

use std::time::Duration;

use rolecall_testkit::aws::Fault;
use rolecall_wire::sso::BEARER_TOKEN;

use super::replicas::two;
use super::*;

/// Redis forgets device authorizations by its own time: more rounds would reach the limit of one address.
const ROUNDS_MAX: u64 = 50;

/// How often the race is run; `ROLECALL_RACE_ROUNDS` asks for more, up to [`ROUNDS_MAX`].
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
    /// `rolecalld sessions end` for somebody who has signed in.
    pub(super) async fn end_all_of(&self, name: &str) -> Result<()> {
        let signed_in = self.events("signed_in").await?;
        let email = format!("{name}@example.com");
        let mut theirs = signed_in
            .iter()
            .filter(|event| event["actor"]["email"] == email.as_str());
        let subject = theirs.next().context("nobody")?["actor"]["subject"]
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
async fn nothing_that_was_under_way_outlives_an_administrator() -> Result<()> {
    let (_redis, fixture, replica) = two().await?;
    let client = fixture.register().await?;
    for round in 0..rounds()? {
        // A minute between two rounds, so that no rate limit is met.
        fixture.clock.advance(Duration::from_secs(60));
        let stolen = fixture.pass("alice").await?;
        let tokens = fixture.device_session(&client).await?;
        let started = fixture.start_device(&client).await?;
        let user_code = started.user_code()?;
        let device_code = started.device_code()?;
        let refresh_token = tokens.refresh_token()?;
        let state = format!("s{round}");
        // How long the command takes to start is how long the thief has.
        let thief = async {
            tokio::time::sleep(Duration::from_millis(7 * (round % 20))).await;
            let allow = fixture.allow_device(&stolen, &user_code);
            let code = fixture.allowed_code(&stolen, &client, &state);
            let refresh = fixture.refresh(&client, &refresh_token);
            tokio::join!(allow, code, refresh)
        };
        let (ended, (_, code, refreshed)) = tokio::join!(fixture.end_all_of("alice"), thief);
        ended?;
        let device = fixture.poll(&client, &device_code).await?;
        ensure!(device.status != 200, "round {round}: the device code works");
        if let Ok(code) = code {
            let redeemed = fixture.redeem(&client, &code).await?;
            ensure!(redeemed.status != 200, "round {round}: the code works");
        }
        let mut granted = vec![tokens.granted()?];
        granted.extend(refreshed.ok().and_then(|answer| answer.granted().ok()));
        for token in granted {
            let token = rolecall_core::base::secret::AccessToken::new(token);
            for services in [&fixture.stack.gateway.services, &replica.services] {
                let found = services.sessions().client_session(&token).await?;
                ensure!(found.is_none(), "round {round}: a token works");
            }
        }
        let page = fixture
            .get("/")
            .header(COOKIE, &stolen.cookie)
            .send()
            .await?;
        ensure!(page.status() == 303, "round {round}: the cookie works");
    }
    Ok(())
}

#[tokio::test]
async fn credentials_are_withheld_from_a_client_whose_session_ended_while_aws_answered()
-> Result<()> {
    let (_redis, fixture, _replica) = two().await?;
    let client = fixture.register().await?;
    let token = fixture.device_session(&client).await?.granted()?;
    fixture
        .stack
        .aws
        .fault(Fault::SlowBy(Duration::from_millis(2_200)));
    let query = "account_id=111122223333&role_name=Developer";
    let asked = fixture
        .get(&format!("/federation/credentials?{query}"))
        .header(BEARER_TOKEN, &token)
        .send();
    let ended = async {
        // AWS is asked as soon as the intent is in the trail.
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
    ensure!(done.len() == 1, "the trail says what AWS issued");
    let undelivered = fixture.events("issue_undelivered").await?;
    ensure!(undelivered.len() == 1, "and that nobody has it");
    Ok(())
}
