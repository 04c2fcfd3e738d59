//! STS through the SDK, without AWS credentials: one file per operation. An outage in a Region leads to the fallback
//! Regions; a response of AWS is final and never repeated in another Region.
//!
//! The time limit of eight seconds is divided among the remaining Regions, so that an unresponsive first Region leaves
//! time for the second. For the selection of Regions see [`regions`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_http_client::Builder as HttpBuilder;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rolecall_core::aws::{AssumedRole, Region, Sts, StsError, StsRefusal, StsRequest};
use rolecall_core::base::Source;
use tokio::time::Instant;
use url::Url;

use super::AwsSettings;
use crate::egress::Egress;
use error::Failure;
use regions::Regions;
use tries::Tries;
use ways_out::{RUSTLS, WaysOut};

mod answer;
mod breaker;
mod error;
mod foreign;
mod parameters;
mod regions;
mod saml;
mod tries;
mod ways_out;
mod web_identity;

/// Time limit for all attempts in all Regions.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(8);
/// A Region that does not respond to a complete request for this long counts as failed. With less time, the cause may
/// be the request.
const SILENCE_MIN: Duration = Duration::from_secs(1);

/// A connection pool to AWS, cheap to clone. It does not use a proxy.
pub fn http_client() -> SharedHttpClient {
    HttpBuilder::new().tls_provider(RUSTLS).build_https()
}

/// Returns the endpoint that replaces the one of a Region, if any.
pub type Endpoints = Arc<dyn Fn(&Region) -> Option<Url> + Send + Sync>;

/// AWS Security Token Service.
pub struct StsClient {
    regions: Regions,
}

impl StsClient {
    /// STS as configured, with the proxy and CA certificates of `[egress]`.
    ///
    /// # Errors
    /// If a CA certificate or the URL of the proxy is invalid.
    pub fn configured(settings: AwsSettings, egress: &Egress) -> Result<Self, Source> {
        let endpoints = configured_endpoint(&settings);
        Ok(Self {
            regions: Regions::new(settings, WaysOut::new(egress)?, endpoints),
        })
    }

    /// STS as configured, over this client.
    pub fn new(settings: AwsSettings, http: SharedHttpClient) -> Self {
        let endpoints = configured_endpoint(&settings);
        Self::with_endpoints(settings, http, endpoints)
    }

    /// STS with custom endpoints per Region.
    pub fn with_endpoints(
        settings: AwsSettings,
        http: SharedHttpClient,
        endpoints: Endpoints,
    ) -> Self {
        Self {
            regions: Regions::new(settings, WaysOut::straight(http), endpoints),
        }
    }
}

fn configured_endpoint(settings: &AwsSettings) -> Endpoints {
    let endpoint = settings.sts_endpoint.clone();
    Arc::new(move |_| endpoint.clone())
}

#[async_trait]
impl Sts for StsClient {
    async fn assume(&self, request: &StsRequest) -> Result<AssumedRole, StsError> {
        let role = &request.session().role;
        let percent = request.session().predicted_percent;
        if percent > 100 {
            tracing::warn!(
                %role,
                percent,
                "session policies and session tags probably exceed the space that AWS STS has for them"
            );
        }
        let tries = Tries::default();
        let answer = self.ask(request, &tries).await;
        let unanswered = tries.unanswered();
        if unanswered > 0 {
            tracing::warn!(
                %role,
                unanswered,
                "STS did not respond to complete requests; check CloudTrail for whether it issued credentials for them"
            );
        }
        match answer {
            Ok(issued) => Ok(AssumedRole {
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
    /// Calls one Region after the other within the time limit.
    async fn ask(&self, request: &StsRequest, tries: &Tries) -> Result<AssumedRole, StsError> {
        let deadline = Instant::now() + TOTAL_TIMEOUT;
        let regions = self.regions.to_ask(request.session().region.as_ref());
        // The result of the first Region is reported; the others are fallbacks.
        let mut told = None;
        for (index, sts) in regions.iter().enumerate() {
            let Some(leave) = sts.breaker.leave(Instant::now()) else {
                continue;
            };
            let left = u32::try_from(regions.len() - index).unwrap_or(u32::MAX);
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            let answer = tokio::time::timeout(share, sts.assume(request, tries)).await;
            let answer = answer.unwrap_or_else(|_| {
                let late = "STS did not respond in time".into();
                Err(match share < SILENCE_MIN {
                    true => Failure::Request(late),
                    false => Failure::Outage(late),
                })
            });
            match answer {
                Ok(issued) => {
                    leave.answered();
                    sts.put_back();
                    return Ok(issued);
                }
                Err(Failure::Refused(error)) => {
                    leave.answered();
                    return Err(error);
                }
                // The failure does not say anything about the Region.
                Err(Failure::Foreign { status, words }) => {
                    drop(leave);
                    tracing::warn!(region = %sts.region, status, words, "a request to STS was answered by something else");
                    told.get_or_insert(StsError::Refused {
                        refusal: StsRefusal::NotSts,
                        code: format!("HTTP {status}"),
                        message: words,
                        request_id: None,
                    });
                }
                Err(Failure::Request(source)) => {
                    drop(leave);
                    tracing::warn!(region = %sts.region, error = %source, "a request to STS failed");
                    told.get_or_insert(StsError::Unavailable(source));
                }
                Err(Failure::Outage(source)) => {
                    leave.failed(Instant::now());
                    tracing::warn!(region = %sts.region, error = %source, "STS is unavailable");
                    sts.put_aside();
                    told.get_or_insert(StsError::Unavailable(source));
                }
            }
        }
        Err(told.unwrap_or_else(|| {
            let why = match regions.is_empty() {
                true => "no Region of the role's partition is configured",
                false => "STS did not answer the last calls and is given a pause",
            };
            StsError::Unavailable(why.into())
        }))
    }
}
