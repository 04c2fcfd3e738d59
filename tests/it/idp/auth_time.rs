//! Age of a sign-in: `auth_time` of the provider, and a missing one.

use anyhow::{Result, ensure};
use rolecall_core::identity::AuthTime as Known;
use rolecall_core::sign_in::{AuthnRequirements, IdentityProvider as _};
use rolecall_testkit::oidc::AuthTime;
use rolecalld::idp::AuthTimeRule;
use serde_json::json;

use super::{Fixture, new_state, parameter, redirect};

fn fresh() -> AuthnRequirements {
    AuthnRequirements {
        fresh: true,
        ..AuthnRequirements::default()
    }
}

fn fixture(says: AuthTime, rule: AuthTimeRule) -> Result<Fixture> {
    Fixture::with(
        |upstream| upstream.auth_time = says,
        |ours| ours.auth_time = rule,
    )
}

#[tokio::test]
async fn missing_auth_time_is_unknown_unless_assumed() -> Result<()> {
    use AuthTime::{Always, Never, WhenRequested};
    use AuthTimeRule::{AssumeNow, Required};
    for (says, rule, plain, demanded) in [
        (Always, Required, Known::Stated, Known::Stated),
        (WhenRequested, Required, Known::Stated, Known::Stated),
        (Never, Required, Known::Unstated, Known::Withheld),
        (Always, AssumeNow, Known::Stated, Known::Stated),
        (Never, AssumeNow, Known::Unstated, Known::Assumed),
    ] {
        for (requirements, expected) in [(AuthnRequirements::default(), plain), (fresh(), demanded)]
        {
            let mut fixture = fixture(says, rule)?;
            let alice = fixture.sign_in_as("alice", &requirements).await?;
            let case = format!("{says:?}, {rule:?}, fresh: {}", requirements.fresh);
            ensure!(alice.auth_time == expected, "{case}: {:?}", alice.auth_time);
            let known = matches!(expected, Known::Stated | Known::Assumed);
            let now = fixture.clock.now().timestamp();
            let at = alice.authenticated_at().map(|at| at.timestamp());
            ensure!(at == known.then_some(now), "{case}: {at:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn claims_parameter_is_sent_if_supported() -> Result<()> {
    let asked = async |says| {
        let fixture = fixture(says, AuthTimeRule::Required)?;
        let state = new_state();
        redirect(
            fixture
                .adapter
                .begin(&state, &AuthnRequirements::default())
                .await?
                .0,
        )
    };
    let url = asked(AuthTime::WhenRequested).await?;
    let claims: serde_json::Value = serde_json::from_str(&parameter(&url, "claims")?)?;
    let expected = json!({ "id_token": { "auth_time": { "essential": true }, "amr": null } });
    ensure!(claims == expected, "{claims}");
    let url = asked(AuthTime::Always).await?;
    ensure!(parameter(&url, "claims").is_err(), "{url}");
    Ok(())
}
