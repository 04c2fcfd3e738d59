//! The STS client of each Region and its health. A Region that failed recently is tried last for half a minute, and one
//! that fails repeatedly is not called for a while ([`Breaker`]).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_sdk_sts::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{
    AppName, BehaviorVersion, Credentials, IdentityCache, Region as SdkRegion,
    StalledStreamProtectionConfig,
};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rolecall_core::aws::{
    AssumeRoleWithSaml, AssumeRoleWithWebIdentity, AssumedRole, CallerIdentity, EncodedMessage,
    GetFederationToken, Region,
};
use rolecall_core::base::secret::SecretText;
use tokio::time::Instant;
use url::Url;

use super::assume_role::Hop;
use super::attempts::AttemptCounter;
use super::breaker::Breaker;
use super::error::{Failure, NOT_A_RESPONSE};
use super::http_clients::HttpClients;
use super::{
    Endpoints, assume_role, caller_identity, decode, federation_token, saml, web_identity,
};
use crate::aws::AwsSettings;

/// Suffix of the SDK's user agent, which CloudTrail shows.
const APP_NAME: &str = "rolecalld";
/// Time limit for a connection, including TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time limit for an attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Attempts in one Region. The SDK waits a random part of 100 ms, then of 200 ms in between ("full jitter").
const ATTEMPTS_MAX: u32 = 3;
/// How long a failed Region is tried last.
const TRIED_LAST_FOR: Duration = Duration::from_secs(30);

/// The STS clients of all Regions that have been used.
pub(super) struct Regions {
    settings: AwsSettings,
    http: HttpClients,
    endpoints: Endpoints,
    known: RwLock<HashMap<Region, Arc<RegionalSts>>>,
}

/// The STS client of one Region.
pub(super) struct RegionalSts {
    pub(super) region: Region,
    pub(super) breaker: Breaker,
    endpoint: Option<Url>,
    client: aws_sdk_sts::Client,
    last_until: RwLock<Option<Instant>>,
}

/// A call that issues credentials.
#[derive(Clone, Copy)]
pub(super) enum IssuingCall<'r> {
    WebIdentity(&'r AssumeRoleWithWebIdentity),
    Saml(&'r AssumeRoleWithSaml),
    FederationToken(&'r GetFederationToken),
    /// Signed with these credentials.
    Role(Hop<'r>, &'r Credentials),
}

impl Regions {
    pub(super) fn new(settings: AwsSettings, http: HttpClients, endpoints: Endpoints) -> Self {
        Self {
            settings,
            http,
            endpoints,
            known: RwLock::default(),
        }
    }

    /// The clients for an account in this Region, in order and without duplicate endpoints; those that failed recently
    /// are last.
    pub(super) fn regions_to_try(&self, account: Option<&Region>) -> Vec<Arc<RegionalSts>> {
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
        regions.sort_by_key(|sts| sts.is_last(now));
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
            .for_region(&region, self.settings.partition, endpoint.as_ref());
        let new = Arc::new(RegionalSts::new(region.clone(), endpoint, http));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(region).or_insert(new))
    }
}

impl RegionalSts {
    fn new(region: Region, endpoint: Option<Url>, http: SharedHttpClient) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // The deadline for all attempts and Regions is set by the caller.
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS_MAX)
            .with_initial_backoff(Duration::from_millis(100))
            .with_max_backoff(Duration::from_secs(1));
        let mut config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http)
            .region(SdkRegion::new(region.as_str().to_owned()))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .timeout_config(timeouts)
            .retry_config(retries)
            // The client has no AWS credentials; a call that is signed brings its own.
            .identity_cache(IdentityCache::no_cache())
            // Requests and responses are small: the timeouts above are sufficient without stalled-stream protection.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            // Each Region has its own retry budget, so that an outage in one does not affect others.
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
            last_until: RwLock::new(None),
            breaker: Breaker::default(),
        }
    }

    fn is_last(&self, now: Instant) -> bool {
        self.last_until
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some_and(|until| now < until)
    }

    /// Records a failure: the Region is tried last for a while.
    pub(super) fn try_last(&self) {
        self.set_last_until(Some(Instant::now() + TRIED_LAST_FOR));
    }

    /// Records a response.
    pub(super) fn try_in_order(&self) {
        self.set_last_until(None);
    }

    fn set_last_until(&self, until: Option<Instant>) {
        *self
            .last_until
            .write()
            .unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Calls STS with the retries of the SDK.
    pub(super) async fn issue(
        &self,
        issue: IssuingCall<'_>,
        attempts: &AttemptCounter,
    ) -> Result<AssumedRole, Failure> {
        let client = &self.client;
        let answer = match issue {
            IssuingCall::WebIdentity(request) => {
                web_identity::call(client, request, attempts).await?
            }
            IssuingCall::Saml(request) => saml::call(client, request, attempts).await?,
            IssuingCall::FederationToken(request) => {
                federation_token::call(client, request, attempts).await?
            }
            IssuingCall::Role(hop, credentials) => {
                assume_role::call(client, hop, credentials, attempts).await?
            }
        };
        answer.issued(&self.region).ok_or_else(|| {
            attempts.lost();
            Failure::Foreign {
                status: 200,
                excerpt: NOT_A_RESPONSE.to_owned(),
            }
        })
    }

    /// `GetCallerIdentity` with these credentials: one call with the SDK's retries.
    pub(super) async fn identity_of(
        &self,
        credentials: &Credentials,
    ) -> Result<CallerIdentity, Failure> {
        caller_identity::call(&self.client, credentials).await
    }

    /// What an encoded authorization message says; one call with the SDK's retries.
    pub(super) async fn decode(
        &self,
        credentials: &Credentials,
        message: &EncodedMessage,
    ) -> Result<SecretText, Failure> {
        decode::call(&self.client, credentials, message).await
    }
}
