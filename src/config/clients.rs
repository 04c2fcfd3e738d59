//! `[clients]`: what the AWS CLI, SDKs and other registered clients may do.

use chrono::TimeDelta;
use rolecall_core::client::ClientRules;
use rolecall_core::start_url::StartLabel;
use rolecall_core::toml_reader::{Reader, Value};

/// Reads `[clients]`; everything in it has a default, and the start URL's label one of the installation's own.
pub fn clients(section: Option<Reader<'_>>) -> (ClientRules, Option<StartLabel>) {
    let mut rules = ClientRules::default();
    let Some(section) = section else {
        return (rules, None);
    };
    let allowed = section
        .value("device_authorization")
        .and_then(|value: Value<'_>| {
            value.parse_with(|text| match text {
                "allowed" => Ok(true),
                "refused" => Ok(false),
                _ => Err("write \"allowed\" or \"refused\""),
            })
        });
    if let Some(allowed) = allowed {
        rules.device_flow = allowed.value;
    }
    let within = |key, longest: TimeDelta, hint: &str| {
        let span = section.duration(key)?;
        if !(TimeDelta::minutes(1)..=longest).contains(&span.value) {
            span.spot.error(format!("{key} is out of bounds"), hint);
        }
        Some(span.value)
    };
    let access_token = within(
        "access_token",
        TimeDelta::hours(8),
        "an access token lives between one minute and 8 hours: write \"1h\"",
    );
    let refresh_token = within(
        "refresh_token",
        TimeDelta::days(30),
        "a client gets new tokens for one minute to 30 days: write \"8h\"",
    );
    rules.access_token = access_token.unwrap_or(rules.access_token);
    rules.refresh_token = refresh_token.unwrap_or(rules.refresh_token);
    let label = section
        .value("start_url_label")
        .and_then(|value: Value<'_>| value.parse_with(StartLabel::parse))
        .map(|label| label.value);
    section.done();
    (rules, label)
}
