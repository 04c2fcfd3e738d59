//! Small sections of `rolecall.toml`: `[store]`, `[session]`, `[aws]`.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use rolecall_core::aws::{Partition, Region};
use rolecall_core::base::limits;
use rolecall_core::config_file::{Reader, Value};
use rolecall_core::provisioning::GatewayPrincipal;
use rolecall_core::session::Lifetimes;
use url::Url;
use zeroize::Zeroizing;

use super::secret_ref;
use crate::aws::AwsSettings;
use crate::store::{OPERATION_MAX, StoreSettings, StoreUrl};

/// A 32-byte key that seals and opens records.
#[derive(Clone)]
pub struct SealingKey(Zeroizing<[u8; 32]>);

impl SealingKey {
    /// A key with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key bytes. Do not log or store them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey([secret])")
    }
}

/// Reads `[store]` with its sealing keys, the current one first.
pub fn store(section: Reader<'_>, folder: &Path) -> Option<(StoreSettings, Vec<SealingKey>)> {
    let secret = |key| match section.value(key) {
        None => Some(None),
        Some(value) => secret_ref::read(&value, folder).map(Some),
    };
    let passwords = secret("password").zip(secret("sentinel_password"));
    let url = section.required("url").and_then(|value| {
        let text = value.string()?;
        let url = text.value.parse::<StoreUrl>();
        if url.as_ref().is_ok_and(StoreUrl::holds_password) {
            text.spot.warning(
                "the store URL contains a password, so this file is a secret",
                "remove the password from the URL, and set password = { file = \"…\" }",
            );
        }
        // Errors of the passwords have been reported.
        let (password, sentinel_password) = passwords?;
        match url.and_then(|url| url.with_passwords(password, sentinel_password)) {
            Ok(StoreUrl::Sqlite(path)) => Some(StoreUrl::Sqlite(folder.join(path))),
            Ok(url) => Some(url),
            Err(error) => {
                text.spot.error(error.to_string(), error.hint());
                None
            }
        }
    });
    let prefix = section
        .string("prefix")
        .map_or("rolecall:", |prefix| prefix.value)
        .to_owned();
    let keys = section
        .required("sealing_keys")
        .map(|value| (value.spot(), value.list().unwrap_or_default()));
    section.done();
    let (spot, keys) = keys?;
    if keys.is_empty() {
        spot.error("no sealing key", "create one with `openssl rand -base64 32 > seal.key`, then set sealing_keys = [{ file = \"seal.key\" }]");
    }
    let keys: Option<Vec<SealingKey>> = keys
        .iter()
        .map(|value| sealing_key(value, folder))
        .collect();
    let settings = StoreSettings {
        url: url?,
        prefix,
        operation_max: OPERATION_MAX,
    };
    Some((settings, keys?))
}

fn sealing_key(value: &Value<'_>, folder: &Path) -> Option<SealingKey> {
    let text = secret_ref::read(value, folder)?;
    let bytes = STANDARD
        .decode(text.expose().trim())
        .ok()
        .map(Zeroizing::new);
    match bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok()) {
        Some(bytes) => Some(SealingKey::new(bytes)),
        None => {
            value.spot().error(
                "invalid sealing key: it must be 32 bytes in base64",
                "create one with `openssl rand -base64 32`",
            );
            None
        }
    }
}

/// How long a person's last sign-in is kept by default.
const PEOPLE_KEPT: TimeDelta = TimeDelta::days(90);

/// Reads `[audit]`: how long a person's last sign-in is kept. Zero turns recording off.
pub fn audit(section: Option<Reader<'_>>) -> TimeDelta {
    let Some(section) = section else {
        return PEOPLE_KEPT;
    };
    let people = section.duration("people");
    if let Some(kept) = &people
        && !kept.value.is_zero()
        && kept.value < TimeDelta::days(1)
    {
        kept.spot.error(
            "people are recorded for at least one day",
            "write \"90d\", or \"0s\" to record nobody",
        );
    }
    section.done();
    people.map_or(PEOPLE_KEPT, |kept| kept.value)
}

/// Reads `[session]`; a missing section has the default lifetimes.
pub fn session(section: Option<Reader<'_>>) -> Lifetimes {
    let mut lifetimes = Lifetimes {
        idle: TimeDelta::hours(1),
        absolute: TimeDelta::hours(8),
    };
    let Some(section) = section else {
        return lifetimes;
    };
    let (idle, absolute) = (
        section.duration("idle_timeout"),
        section.duration("absolute_timeout"),
    );
    for span in [idle.as_ref(), absolute.as_ref()].into_iter().flatten() {
        if !(TimeDelta::minutes(1)..=limits::SESSION_LIFE_MAX).contains(&span.value) {
            span.spot.error(
                "session timeouts must be between one minute and 30 days",
                "write \"1h\" or \"8h\"",
            );
        }
    }
    lifetimes.idle = idle.as_ref().map_or(lifetimes.idle, |span| span.value);
    lifetimes.absolute = absolute
        .as_ref()
        .map_or(lifetimes.absolute, |span| span.value);
    if let Some(idle) = idle.filter(|idle| idle.value > lifetimes.absolute) {
        idle.spot.error(
            "idle_timeout is longer than absolute_timeout",
            "reduce idle_timeout: the absolute timeout always ends a session",
        );
    }
    section.done();
    lifetimes
}

/// `[aws]`
pub struct Aws {
    /// Partition, Regions and endpoints.
    pub settings: AwsSettings,
    /// `gateway_principal`: whose AWS credentials the gateway has. Only generated files depend on it.
    pub principal: Option<GatewayPrincipal>,
}

/// Reads `[aws]`.
pub fn aws(section: Reader<'_>) -> Option<Aws> {
    let spot = section.spot();
    let principal = section.parse::<GatewayPrincipal>("gateway_principal");
    let partition = section
        .value("partition")
        .map_or(Some(Partition::Aws), |value| {
            let parse = |text: &str| {
                Partition::ALL
                    .into_iter()
                    .find(|partition| partition.as_str() == text)
                    .ok_or("write one of aws, aws-cn, aws-us-gov, aws-eusc")
            };
            value.parse_with(parse).map(|partition| partition.value)
        });
    let sts_region = section
        .required("sts_region")
        .and_then(|value| value.parse::<Region>())
        .map(|region| region.value);
    let fallbacks: Vec<Region> = section
        .list("sts_fallback_regions")
        .iter()
        .filter_map(Value::parse)
        .map(|region| region.value)
        .collect();
    let role_claim = section.boolean("role_claim");
    let endpoints = section.table("endpoints").map(|endpoints| {
        let endpoint = |key| {
            endpoints
                .value(key)
                .and_then(|value: Value<'_>| value.parse_with(parse_endpoint))
                .map(|url| url.value)
        };
        let both = (endpoint("sts"), endpoint("signin"));
        endpoints.done();
        both
    });
    section.done();
    let (sts_endpoint, signin_endpoint) = endpoints.unwrap_or_default();
    let partition = partition?;
    let settings = AwsSettings {
        partition,
        role_claim: role_claim.unwrap_or(partition == Partition::Aws),
        sts_region: sts_region?,
        sts_fallback_regions: fallbacks,
        sts_endpoint,
        signin_endpoint,
    };
    for wrong in settings.wrong_regions() {
        spot.error(
            wrong.to_string(),
            "use Regions of one partition, or set `partition`",
        );
    }
    if let Some(other) = principal
        .as_ref()
        .filter(|principal| principal.value.partition() != Some(partition))
    {
        other.spot.error(
            format!("{} is not in the partition {partition}", other.value),
            "credentials are valid in one partition only: name the role or user whose credentials the gateway has",
        );
    }
    Some(Aws {
        settings,
        principal: principal.map(|principal| principal.value),
    })
}

fn parse_endpoint(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text)
        .map_err(|_| "write a URL such as https://vpce-….sts.eu-west-1.vpce.amazonaws.com")?;
    if url.scheme() == "https" || super::read::is_loopback(&url) {
        Ok(url)
    } else {
        Err("use https; http is allowed only on loopback")
    }
}
