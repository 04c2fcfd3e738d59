//! Reauthentication at providers with unusual `auth_time`, or without it.

use rolecall_core::identity::AuthTime as Known;
use rolecall_testkit::oidc::AuthTime;
use rolecalld::idp::AuthTimeRule;

use super::*;

/// The known time of a sign-in that had to be fresh.
async fn asked_again(says: AuthTime, rule: AuthTimeRule, sent: Value) -> Result<Known> {
    let mut fixture = Fixture::with(
        |upstream| upstream.auth_time = says,
        |ours| ours.auth_time = rule,
    )?;
    fixture.upstream.set_variation(Variation {
        claims: object(sent),
        ..Variation::default()
    });
    let fresh = AuthnRequirements {
        fresh: true,
        ..AuthnRequirements::default()
    };
    Ok(fixture.sign_in_as("alice", &fresh).await?.auth_time)
}

#[tokio::test]
async fn reauthentication_completes_with_any_auth_time() -> Result<()> {
    use AuthTime::{Always, Never, WhenRequested};
    use AuthTimeRule::{AssumeNow, Required};
    let soon = super::super::ManualClock::starting_now().now().timestamp();
    if let Some(case) = corpus("G1")? {
        let sent = case.pointer("/case/claims").cloned().unwrap_or_default();
        ensure!(
            case["query"]
                .as_str()
                .is_some_and(|query| query.contains("fresh=true"))
        );
        for (rule, known) in [(Required, Known::Withheld), (AssumeNow, Known::Assumed)] {
            let actual = asked_again(Never, rule, sent.clone()).await?;
            ensure!(actual == known, "G1: {actual:?}");
        }
    }
    for (vendor, says, rule, sent, known) in [
        ("dex: never", Never, Required, json!({}), Known::Withheld),
        (
            "OneLogin: never, and it asks for the password",
            Never,
            AssumeNow,
            json!({}),
            Known::Assumed,
        ),
        (
            "Auth0: after max_age",
            WhenRequested,
            Required,
            json!({}),
            Known::Stated,
        ),
        (
            "Entra ID v1: as text",
            Always,
            Required,
            json!({"auth_time": soon.to_string()}),
            Known::Stated,
        ),
        (
            "Salesforce: null",
            Always,
            Required,
            json!({"auth_time": null}),
            Known::Withheld,
        ),
        (
            "a date, which is not a token time",
            Always,
            AssumeNow,
            json!({"auth_time": "2026-11-29T07:59:07Z"}),
            Known::Assumed,
        ),
    ] {
        let actual = asked_again(says, rule, sent).await.context(vendor)?;
        ensure!(actual == known, "{vendor}: {actual:?}");
    }
    Ok(())
}
