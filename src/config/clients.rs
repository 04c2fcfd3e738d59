//! `[clients]`: permissions of the AWS CLI, SDKs and other registered clients.

use chrono::TimeDelta;
use rolecall_core::aws::Partition;
use rolecall_core::clients::{StartLabel, StartUrls};
use rolecall_core::config_file::{Reader, Value};
use rolecall_core::session::ClientRules;
use url::Url;

/// The AWS CLI renews an access token on every call if it expires in less than this time.
const CLI_RENEWAL_THRESHOLD: TimeDelta = TimeDelta::minutes(15);

/// Upper limit of former start URLs of an installation.
const FORMER_LABELS_MAX: usize = 16;

/// The configured labels of the AWS start URL.
#[derive(Default)]
pub struct StartLabels {
    /// `start_url_label`
    chosen: Option<StartLabel>,
    /// `former_labels`
    former: Vec<StartLabel>,
}

impl StartLabels {
    /// The start URLs of the installation with this public URL.
    pub fn start_urls(&self, public_url: &Url, partition: Partition) -> StartUrls {
        StartUrls::new(public_url, partition, self.chosen.as_ref(), &self.former)
    }
}

/// Reads `[clients]`. All keys have defaults; the default start URL label is derived from the public URL.
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
            span.spot.error(format!("{key} is out of range"), hint);
        } else if key == "access_token" && span.value <= CLI_RENEWAL_THRESHOLD {
            span.spot.warning(
                "the AWS CLI renews an access token that expires within 15 minutes, so with this value it renews the token on every call",
                "write \"20m\" or more",
            );
        }
        Some(span.value)
    };
    let access_token = within(
        "access_token",
        TimeDelta::hours(8),
        "the lifetime of an access token is between one minute and 8 hours, such as \"1h\"",
    );
    let refresh_token = within(
        "refresh_token",
        TimeDelta::days(30),
        "a client can renew its tokens for between one minute and 30 days, such as \"8h\"",
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
        extra.invalid(format!("write at most {FORMER_LABELS_MAX} labels"));
    }
    let labels = labels
        .iter()
        .take(FORMER_LABELS_MAX)
        .filter_map(|value| value.parse_with(StartLabel::parse));
    labels.map(|label| label.value).collect()
}
