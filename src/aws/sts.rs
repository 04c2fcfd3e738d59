//! STS through the SDK, without any AWS credential: one call for each kind of proof, at the Region's endpoint and, in an
//! outage, at the fallbacks. An answer that AWS gave is final: it is never asked of another Region.
//!
//! Time (eight seconds for everything) is shared out among the Regions that are left, so that a silent first Region
//! cannot eat the time of the second; a Region that failed is asked last for half a minute, and one that fails again and
//! again is not asked for a while ([`breaker`]).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{
    BehaviorVersion, IdentityCache, Region as SdkRegion, StalledStreamProtectionConfig,
    retry::RetryPartition,
};
use aws_sdk_sts::types::PolicyDescriptorType;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::Builder as HttpBuilder;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rolecall_core::aws::{AssumeRole, Issued, Proof, Region, Sts, StsError, StsRefusal};
use rolecall_core::base::Source;
use tokio::time::Instant;
use url::Url;

use super::AwsSettings;
use crate::egress::Egress;
use agent::Agent;
use answer::Answer;
use breaker::Breaker;
use failure::Failure;
use tries::Tries;
use ways_out::{RUSTLS, WaysOut};

mod agent;
mod answer;
mod breaker;
mod failure;
mod tries;
mod ways_out;

/// For one connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// For one try.
const TRY_TIMEOUT: Duration = Duration::from_secs(3);
/// For all tries in all Regions.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(8);
/// In one Region. The SDK waits a random part of 100 ms, then of 200 ms, before the next ("full jitter").
const TRIES: u32 = 3;
/// A Region that did not answer a whole request for so long has failed. Less time says more of the request.
const SILENCE_MIN: Duration = Duration::from_secs(1);
/// How long a Region that failed is asked last.
const ASIDE: Duration = Duration::from_secs(30);

/// A pool of connections to AWS, cheap to clone. It goes straight and asks no proxy of the environment.
pub fn http_client() -> SharedHttpClient {
    HttpBuilder::new().tls_provider(RUSTLS).build_https()
}

/// Which endpoint stands in for a Region's own, if any.
pub type Endpoints = Arc<dyn Fn(&Region) -> Option<Url> + Send + Sync>;

/// AWS's Security Token Service.
pub struct StsClient {
    settings: AwsSettings,
    http: WaysOut,
    endpoints: Endpoints,
    /// One for each Region asked so far; as many as the configuration names.
    places: RwLock<HashMap<Region, Arc<Place>>>,
}

/// STS in one Region.
struct Place {
    region: Region,
    endpoint: Option<Url>,
    client: aws_sdk_sts::Client,
    aside_until: RwLock<Option<Instant>>,
    breaker: Breaker,
}

impl StsClient {
    /// STS as configured, reached as `[egress]` says.
    ///
    /// # Errors
    /// When an authority's certificate or the proxy's address cannot be used.
    pub fn configured(settings: AwsSettings, egress: &Egress) -> Result<Self, Source> {
        Ok(Self {
            http: WaysOut::new(egress)?,
            ..Self::new(settings, http_client())
        })
    }

    /// STS as configured, over this client.
    pub fn new(settings: AwsSettings, http: SharedHttpClient) -> Self {
        let endpoint = settings.sts_endpoint.clone();
        Self::with_endpoints(settings, http, Arc::new(move |_| endpoint.clone()))
    }

    /// STS with an endpoint of its own for each Region.
    pub fn with_endpoints(
        settings: AwsSettings,
        http: SharedHttpClient,
        endpoints: Endpoints,
    ) -> Self {
        Self {
            settings,
            http: WaysOut::straight(http),
            endpoints,
            places: RwLock::default(),
        }
    }

    /// The places to ask, in order: no endpoint twice, and those that failed of late behind the others.
    fn places_for(&self, account: Option<&Region>) -> Vec<Arc<Place>> {
        let mut places: Vec<Arc<Place>> = Vec::new();
        for region in self.settings.regions_for(account) {
            let place = self.place(region);
            let known = place.endpoint.is_some()
                && places.iter().any(|other| other.endpoint == place.endpoint);
            if !known {
                places.push(place);
            }
        }
        let now = Instant::now();
        places.sort_by_key(|place| place.is_aside(now));
        places
    }

    fn place(&self, region: Region) -> Arc<Place> {
        let known = self.places.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = known.get(&region) {
            return Arc::clone(place);
        }
        drop(known);
        let endpoint = (self.endpoints)(&region);
        let http = self
            .http
            .to(&region, self.settings.partition, endpoint.as_ref());
        let place = Arc::new(Place::new(region.clone(), endpoint, http));
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.entry(region).or_insert(place))
    }
}

impl Place {
    fn new(region: Region, endpoint: Option<Url>, http: SharedHttpClient) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // The whole, tries and places together, has a deadline of its own.
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
            .interceptor(Agent)
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

    fn put_aside(&self, until: Option<Instant>) {
        *self
            .aside_until
            .write()
            .unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// One call with the SDK's retries.
    async fn assume(&self, order: &AssumeRole, tries: &Tries) -> Result<Issued, Failure> {
        let duration = order.duration.seconds().cast_signed();
        let policy = order.session_policy.as_ref().map(|p| p.as_str().to_owned());
        let managed: Vec<PolicyDescriptorType> = order
            .policy_arns
            .iter()
            .map(|arn| PolicyDescriptorType::builder().arn(arn.as_str()).build())
            .collect();
        let managed = Some(managed).filter(|arns| !arns.is_empty());
        let answer: Answer = match &order.proof {
            Proof::WebIdentity {
                session_name,
                token,
            } => {
                let call = self.client.assume_role_with_web_identity();
                call.role_arn(order.role.as_str())
                    .role_session_name(session_name.as_str())
                    .web_identity_token(token.expose())
                    .duration_seconds(duration)
                    .set_policy(policy)
                    .set_policy_arns(managed)
                    .customize()
                    .interceptor(tries.clone())
                    .send()
                    .await
                    .map_err(|error| Failure::of(&error))?
                    .into()
            }
            Proof::Saml {
                principal,
                response,
            } => {
                let call = self.client.assume_role_with_saml();
                call.role_arn(order.role.as_str())
                    .principal_arn(principal.as_str())
                    .saml_assertion(response.expose())
                    .duration_seconds(duration)
                    .set_policy(policy)
                    .set_policy_arns(managed)
                    .customize()
                    .interceptor(tries.clone())
                    .send()
                    .await
                    .map_err(|error| Failure::of(&error))?
                    .into()
            }
        };
        answer
            .issued(&self.region)
            .ok_or_else(|| Failure::Outage("STS answered without credentials".into()))
    }
}

#[async_trait]
impl Sts for StsClient {
    async fn assume(&self, order: &AssumeRole) -> Result<Issued, StsError> {
        if order.role.partition() != self.settings.partition {
            return Err(StsError::Refused {
                refusal: StsRefusal::Other,
                code: "WrongPartition".to_owned(),
                message: format!(
                    "the role is in the partition {}, this gateway speaks to {}",
                    order.role.partition(),
                    self.settings.partition
                ),
                request_id: None,
            });
        }
        let tries = Tries::default();
        let answer = self.ask(order, &tries).await;
        let unanswered = tries.unanswered();
        if unanswered > 0 {
            tracing::warn!(
                role = %order.role,
                unanswered,
                "STS did not answer requests that it was sent whole; CloudTrail shows whether it issued credentials for them"
            );
        }
        match answer {
            Ok(issued) => Ok(Issued {
                unanswered,
                ..issued
            }),
            Err(StsError::Unavailable(source)) if unanswered > 0 => Err(StsError::Unanswered {
                tries: unanswered,
                source,
            }),
            Err(error) => Err(error),
        }
    }
}

impl StsClient {
    /// Asks one Region after the other, as long as there is time.
    async fn ask(&self, order: &AssumeRole, tries: &Tries) -> Result<Issued, StsError> {
        let deadline = Instant::now() + TOTAL_TIMEOUT;
        let places = self.places_for(order.region.as_ref());
        let mut outage = match places.is_empty() {
            true => "no Region of the role's partition is configured".into(),
            false => "STS did not answer the last calls and is given a pause".into(),
        };
        for (index, place) in places.iter().enumerate() {
            let Some(leave) = place.breaker.leave(Instant::now()) else {
                continue;
            };
            let left = u32::try_from(places.len() - index).unwrap_or(u32::MAX);
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            let answer = tokio::time::timeout(share, place.assume(order, tries)).await;
            let answer = answer.unwrap_or_else(|_| {
                let late = "STS did not answer in time".into();
                Err(match share < SILENCE_MIN {
                    true => Failure::Request(late),
                    false => Failure::Outage(late),
                })
            });
            match answer {
                Ok(issued) => {
                    leave.answered();
                    place.put_aside(None);
                    return Ok(issued);
                }
                Err(Failure::Refused(error)) => {
                    leave.answered();
                    return Err(error);
                }
                // Nothing is found out about the Region.
                Err(Failure::Request(source)) => {
                    drop(leave);
                    tracing::warn!(region = %place.region, error = %source, "a request to STS failed");
                    outage = source;
                }
                Err(Failure::Outage(source)) => {
                    leave.failed(Instant::now());
                    tracing::warn!(region = %place.region, error = %source, "STS is unavailable");
                    place.put_aside(Some(Instant::now() + ASIDE));
                    outage = source;
                }
            }
        }
        Err(StsError::Unavailable(outage))
    }
}
