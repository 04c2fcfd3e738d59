//! `[clients]`: what the AWS CLI, SDKs and other registered clients may do.

use chrono::TimeDelta;
use rolecall_core::aws::Partition;
use rolecall_core::clients::{StartLabel, StartUrls};
use rolecall_core::config_file::{Reader, Value};
use rolecall_core::session::ClientRules;
use url::Url;

/// AWS's command line renews an access token at every call when less than this is left of it.
const RENEWED_BELOW: TimeDelta = TimeDelta::minutes(15);

/// More names of one portal than anybody remembers.
const FORMER_LABELS_MAX: usize = 16;

/// The labels of the start URL at AWS.
#[derive(Default)]
pub struct StartLabels {
    /// `start_url_label`
    chosen: Option<StartLabel>,
    /// `former_labels`
    former: Vec<StartLabel>,
}

impl StartLabels {
    /// The start URLs of the installation at this address.
    pub fn start_urls(&self, public_url: &Url, partition: Partition) -> StartUrls {
        StartUrls::new(public_url, partition, self.chosen.as_ref(), &self.former)
    }
}

/// Reads `[clients]`; everything in it has a default, and the start URL's label one of the installation's own.
pub fn clients(section: Option<Reader<'_>>) -> (ClientRules, StartLabels) {
    let mut rules = ClientRules::default();
    let Some(section) = section else {
        return (rules, StartLabels::default());
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
        } else if key == "access_token" && span.value <= RENEWED_BELOW {
            span.spot.warning(
                "AWS's command line renews an access token of which less than 15 minutes are left, so with this value at every call",
                "write \"20m\" or more",
            );
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
    let chosen = section
        .value("start_url_label")
        .and_then(|value: Value<'_>| value.parse_with(StartLabel::parse))
        .map(|label| label.value);
    let former = former_labels(&section);
    section.done();
    (rules, StartLabels { chosen, former })
}

fn former_labels(section: &Reader<'_>) -> Vec<StartLabel> {
    let labels = section.list("former_labels");
    if let Some(extra) = labels.get(FORMER_LABELS_MAX) {
        extra.invalid(format!("at most {FORMER_LABELS_MAX} labels"));
    }
    let labels = labels
        .iter()
        .take(FORMER_LABELS_MAX)
        .filter_map(|value| value.parse_with(StartLabel::parse));
    labels.map(|label| label.value).collect()
}
