//! STS in each Region: the SDK's client, the way to it, and how it has done of late. A Region that failed is asked last for
//! half a minute, and one that fails again and again is not asked for a while ([`Breaker`]).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_sdk_sts::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{
    AppName, BehaviorVersion, IdentityCache, Region as SdkRegion, StalledStreamProtectionConfig,
};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rolecall_core::aws::{AssumedRole, Partition, Region, StsRequest};
use tokio::time::Instant;
use url::Url;

use super::breaker::Breaker;
use super::error::Failure;
use super::tries::Tries;
use super::ways_out::WaysOut;
use super::{Endpoints, saml, web_identity};
use crate::aws::AwsSettings;

/// What the SDK's user agent ends in, so that CloudTrail shows who called.
const APP_NAME: &str = "rolecalld";
/// For one connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// For one try.
const TRY_TIMEOUT: Duration = Duration::from_secs(3);
/// In one Region. The SDK waits a random part of 100 ms, then of 200 ms, before the next ("full jitter").
const TRIES: u32 = 3;
/// How long a Region that failed is asked last.
const ASIDE: Duration = Duration::from_secs(30);

/// STS in every Region asked so far; as many as the configuration names.
pub(super) struct Regions {
    settings: AwsSettings,
    http: WaysOut,
    endpoints: Endpoints,
    known: RwLock<HashMap<Region, Arc<RegionalSts>>>,
}

/// STS in one Region.
pub(super) struct RegionalSts {
    pub(super) region: Region,
    pub(super) breaker: Breaker,
    endpoint: Option<Url>,
    client: aws_sdk_sts::Client,
    aside_until: RwLock<Option<Instant>>,
}

impl Regions {
    pub(super) fn new(settings: AwsSettings, http: WaysOut, endpoints: Endpoints) -> Self {
        Self {
            settings,
            http,
            endpoints,
            known: RwLock::default(),
        }
    }

    pub(super) fn partition(&self) -> Partition {
        self.settings.partition
    }

    /// Those to ask for an account of this Region, in order: no endpoint twice, and those that failed of late behind the
    /// others.
    pub(super) fn to_ask(&self, account: Option<&Region>) -> Vec<Arc<RegionalSts>> {
        let mut regions: Vec<Arc<RegionalSts>> = Vec::new();
        for region in self.settings.regions_for(account) {
            let sts = self.regional(region);
            let known = sts.endpoint.is_some()
                && regions.iter().any(|other| other.endpoint == sts.endpoint);
            if !known {
                regions.push(sts);
            }
        }
        let now = Instant::now();
        regions.sort_by_key(|sts| sts.is_aside(now));
        regions
    }

    fn regional(&self, region: Region) -> Arc<RegionalSts> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(sts) = known.get(&region) {
            return Arc::clone(sts);
        }
        drop(known);
        let endpoint = (self.endpoints)(&region);
        let http = self
            .http
            .to(&region, self.settings.partition, endpoint.as_ref());
        let new = Arc::new(RegionalSts::new(region.clone(), endpoint, http));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(region).or_insert(new))
    }
}

impl RegionalSts {
    fn new(region: Region, endpoint: Option<Url>, http: SharedHttpClient) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // The whole, tries and Regions together, has a deadline of its own.
            .operation_attempt_timeout(TRY_TIMEOUT)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(TRIES)
            .with_initial_backoff(Duration::from_millis(100))
            .with_max_backoff(Duration::from_secs(1));
        let mut config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http)
            .region(SdkRegion::new(region.as_str().to_owned()))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .timeout_config(timeouts)
            .retry_config(retries)
            // There is no AWS credential here, so there is nothing to keep.
            .identity_cache(IdentityCache::no_cache())
            // Requests and answers are short: the timeouts above catch a stalled one, without counting bytes.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            // The budget of retries that a Region may spend on its own; an outage there costs no other Region's.
            .retry_partition(RetryPartition::new(format!(
                "sts {region} {}",
                endpoint.as_ref().map_or("", Url::as_str)
            )));
        config.set_app_name(AppName::new(APP_NAME).ok());
        if let Some(endpoint) = &endpoint {
            config = config.endpoint_url(endpoint.as_str());
        }
        Self {
            region,
            endpoint,
            client: aws_sdk_sts::Client::from_conf(config.build()),
            aside_until: RwLock::new(None),
            breaker: Breaker::default(),
        }
    }

    fn is_aside(&self, now: Instant) -> bool {
        self.aside_until
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some_and(|until| now < until)
    }

    /// It failed, and is asked last for a while.
    pub(super) fn put_aside(&self) {
        self.set_aside_until(Some(Instant::now() + ASIDE));
    }

    /// It answered.
    pub(super) fn put_back(&self) {
        self.set_aside_until(None);
    }

    fn set_aside_until(&self, until: Option<Instant>) {
        *self
            .aside_until
            .write()
            .unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// One call with the SDK's retries.
    pub(super) async fn assume(
        &self,
        request: &StsRequest,
        tries: &Tries,
    ) -> Result<AssumedRole, Failure> {
        let answer = match request {
            StsRequest::AssumeRoleWithWebIdentity(request) => {
                web_identity::call(&self.client, request, tries).await?
            }
            StsRequest::AssumeRoleWithSaml(request) => {
                saml::call(&self.client, request, tries).await?
            }
        };
        answer
            .issued(&self.region)
            .ok_or_else(|| Failure::Outage("STS answered without credentials".into()))
    }
}
