//! What `rolecalld check --online` finds out from a provider that answers.

use std::time::Duration;

use super::{Fixture, SecretText};
use anyhow::{Result, ensure};
use rolecall_core::sign_in::ProviderError;
use rolecall_testkit::oidc::variation::{RawResponse, Variation};
use serde_json::json;

#[tokio::test]
async fn a_clock_that_differs_is_told_before_it_refuses_anybody() -> Result<()> {
    for (seconds, told) in [
        (0, None),
        (20, None),
        (45, Some("behind")),
        (3_600, Some("behind")),
    ] {
        let fixture = Fixture::with(|_| (), |_| ())?;
        // The answer's `Date` is this machine's time, and the test's clock starts there.
        fixture.clock.advance(Duration::from_secs(seconds));
        let warnings = fixture.adapter.probe().await?.warnings;
        let clock: Vec<&String> = warnings
            .iter()
            .filter(|warning| warning.contains("clock"))
            .collect();
        match told {
            None => ensure!(clock.is_empty(), "{seconds}: {clock:?}"),
            Some(which) => ensure!(
                clock.len() == 1 && clock[0].contains(which),
                "{seconds}: {warnings:?}"
            ),
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_is_taken_refused_or_cannot_be_told() -> Result<()> {
    let fixture = Fixture::with(|_| (), |_| ())?;
    let notes = fixture.adapter.probe().await?.notes;
    ensure!(
        notes == ["the provider takes the client's secret"],
        "{notes:?}"
    );

    let fixture = Fixture::with(
        |_| (),
        |ours| ours.client_secret = Some(SecretText::new("of yesterday")),
    )?;
    let refused = fixture.adapter.probe().await;
    ensure!(
        matches!(refused, Err(ProviderError::Misconfigured(_))),
        "{refused:?}"
    );

    // One looks at the code before the client, another at something else.
    for (error, why) in [
        ("invalid_grant", "it says the same of a wrong one"),
        ("invalid_request", "invalid_request"),
    ] {
        let fixture = Fixture::with(|_| (), |_| ())?;
        fixture.upstream.set_variation(Variation {
            token_endpoint: Some(RawResponse {
                status: 400,
                body: json!({ "error": error }).to_string(),
                content_type: "application/json".to_owned(),
                challenge: None,
            }),
            ..Variation::default()
        });
        let notes = fixture.adapter.probe().await?.notes;
        ensure!(
            notes.len() == 1 && notes[0].contains("cannot be told") && notes[0].contains(why),
            "{error}: {notes:?}"
        );
    }
    Ok(())
}
