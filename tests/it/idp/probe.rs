//! Findings of `rolecalld check --online` about a provider.

use std::time::Duration;

use super::{Fixture, SecretText};
use anyhow::{Result, ensure};
use rolecall_core::sign_in::ProviderError;
use rolecall_testkit::oidc::variation::{RawResponse, Variation};
use serde_json::json;

#[tokio::test]
async fn clock_difference_causes_a_warning() -> Result<()> {
    for (seconds, expected) in [
        (0, None),
        (20, None),
        (45, Some("behind")),
        (3_600, Some("behind")),
    ] {
        let fixture = Fixture::with(|_| (), |_| ())?;
        // `Date` of the response is the system time, and the clock of the test starts with it.
        fixture.clock.advance(Duration::from_secs(seconds));
        let warnings = fixture.adapter.probe().await?.warnings;
        let clock: Vec<&String> = warnings
            .iter()
            .filter(|warning| warning.contains("clock"))
            .collect();
        match expected {
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
async fn client_secret_is_accepted_rejected_or_unknown() -> Result<()> {
    let fixture = Fixture::with(|_| (), |_| ())?;
    let notes = fixture.adapter.probe().await?.notes;
    ensure!(
        notes == ["the provider accepts the client secret"],
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

    // One provider checks the code before the client, the other reports another error.
    for (error, why) in [
        (
            "invalid_grant",
            "it returns the same error for a wrong secret",
        ),
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
            notes.len() == 1 && notes[0].contains("could not determine") && notes[0].contains(why),
            "{error}: {notes:?}"
        );
    }
    Ok(())
}
