//! STS through the SDK: one file per operation. An outage in a Region leads to the fallback Regions; a response of AWS is
//! final and never repeated in another Region. Operations that carry a proof are not signed; the others are signed with
//! the gateway's own credentials ([`own_credentials`]) or with the credentials that the operation is about.
//!
//! The time limit of eight seconds is divided among the remaining Regions, so that an unresponsive first Region leaves
//! time for the second. For the selection of Regions see [`regions`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sts::config::Credentials as SdkCredentials;
use aws_smithy_http_client::Builder as HttpBuilder;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rolecall_core::aws::{
    AssumeRole, AssumedRole, CallerIdentity, Credentials, EarlierCalls, EncodedMessage,
    IntermediateSession, Region, Sts, StsError, StsRefusal, StsRequest,
};
use rolecall_core::base::secret::SecretText;
use rolecall_core::base::{BoxError, Clock};
use tokio::time::Instant;
use url::Url;

use super::AwsSettings;
use crate::egress::Egress;
use assume_role::Hop;
use attempts::AttemptCounter;
use error::{Failure, is_success};
pub(super) use http_clients::HttpClients;
use http_clients::RUSTLS;
use http_clients::without_proxy;
pub use own_credentials::OwnCredentials;
use regions::{IssuingCall, RegionalSts, Regions};

mod assume_role;
mod attempts;
mod breaker;
mod caller_identity;
mod decode;
mod error;
mod federation_token;
mod foreign;
mod http_clients;
mod own_credentials;
mod parameters;
mod regions;
mod response;
mod saml;
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

/// The credentials of the SDK's default chain, which is first called when an operation is signed.
///
/// # Errors
/// If a CA certificate of `[egress]` is invalid.
pub fn own_credentials(
    settings: &AwsSettings,
    egress: &Egress,
    clock: Arc<dyn Clock>,
) -> Result<OwnCredentials, BoxError> {
    let http = without_proxy(egress)?;
    Ok(OwnCredentials::default_chain(
        http,
        &settings.sts_region,
        clock,
    ))
}

/// Returns the endpoint that replaces the one of a Region, if any.
pub type Endpoints = Arc<dyn Fn(&Region) -> Option<Url> + Send + Sync>;

/// AWS Security Token Service.
pub struct StsClient {
    regions: Regions,
    own: Option<OwnCredentials>,
}

impl StsClient {
    /// STS as configured, with the proxy and CA certificates of `[egress]`.
    ///
    /// # Errors
    /// If a CA certificate or the URL of the proxy is invalid.
    pub fn configured(settings: AwsSettings, egress: &Egress) -> Result<Self, BoxError> {
        let endpoints = configured_endpoint(&settings);
        Ok(Self {
            regions: Regions::new(settings, HttpClients::new(egress)?, endpoints),
            own: None,
        })
    }

    /// The same, and these credentials sign the operations that carry no proof.
    pub fn signing_with(self, own: OwnCredentials) -> Self {
        Self {
            own: Some(own),
            ..self
        }
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
            regions: Regions::new(settings, HttpClients::direct(http), endpoints),
            own: None,
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
        let role = request.role_session().map(|session| session.role.as_str());
        let percent = request.predicted_percent();
        if percent > 100 {
            tracing::warn!(
                role,
                percent,
                "session policies and session tags probably exceed the space that AWS STS has for them"
            );
        }
        let attempts = AttemptCounter::default();
        let mut via = Vec::new();
        let answer = self.issue(request, &attempts, &mut via).await;
        let unanswered = attempts.unanswered();
        if unanswered > 0 {
            tracing::warn!(
                role,
                unanswered,
                "STS did not respond to complete requests; check CloudTrail for whether it issued credentials for them"
            );
        }
        match answer {
            Ok(issued) => Ok(AssumedRole {
                unanswered,
                via,
                ..issued
            }),
            Err(error) => {
                let earlier = EarlierCalls { via, unanswered };
                let error = match error {
                    StsError::Unavailable(source) if unanswered > 0 => StsError::Unanswered {
                        attempts: unanswered,
                        source,
                    },
                    other @ (StsError::Refused { .. }
                    | StsError::NoCredentials(_)
                    | StsError::Unavailable(_)
                    | StsError::Unanswered { .. }
                    | StsError::AfterEarlierCalls { .. }) => other,
                };
                Err(error.after(earlier))
            }
        }
    }

    async fn own_identity(&self) -> Result<CallerIdentity, StsError> {
        let deadline = Instant::now() + TOTAL_TIMEOUT;
        let own = self.own_credentials().await?;
        let identity = self.ask_identity(&own, None, deadline).await;
        if let Err(error) = &identity {
            self.forget_refused(&own, error);
        }
        identity
    }

    async fn identity_of(
        &self,
        credentials: &Credentials,
        region: Option<&Region>,
    ) -> Result<CallerIdentity, StsError> {
        let deadline = Instant::now() + TOTAL_TIMEOUT;
        let credentials = sdk_credentials(credentials);
        self.ask_identity(&credentials, region, deadline).await
    }

    async fn decode_authorization_message(
        &self,
        credentials: &Credentials,
        region: Option<&Region>,
        message: &EncodedMessage,
    ) -> Result<SecretText, StsError> {
        let deadline = Instant::now() + TOTAL_TIMEOUT;
        let credentials = &sdk_credentials(credentials);
        let call = |sts: Arc<RegionalSts>| async move { sts.decode(credentials, message).await };
        self.ask(region, deadline, call).await
    }
}

impl StsClient {
    /// Adds the sessions of intermediate roles to `via`.
    async fn issue(
        &self,
        request: &StsRequest,
        attempts: &AttemptCounter,
        via: &mut Vec<IntermediateSession>,
    ) -> Result<AssumedRole, StsError> {
        let deadline = Instant::now() + TOTAL_TIMEOUT;
        let region = request.region();
        let issue = match request {
            StsRequest::AssumeRoleWithWebIdentity(request) => IssuingCall::WebIdentity(request),
            StsRequest::AssumeRoleWithSaml(request) => IssuingCall::Saml(request),
            StsRequest::GetFederationToken(request) => IssuingCall::FederationToken(request),
            StsRequest::AssumeRole(request) => {
                return self.assume_role(request, attempts, deadline, via).await;
            }
        };
        let call = |sts: Arc<RegionalSts>| async move { sts.issue(issue, attempts).await };
        self.ask(region, deadline, call).await
    }

    /// Assumes one role after the other. All calls share one deadline.
    async fn assume_role(
        &self,
        request: &AssumeRole,
        attempts: &AttemptCounter,
        deadline: Instant,
        via: &mut Vec<IntermediateSession>,
    ) -> Result<AssumedRole, StsError> {
        let own = self.own_credentials().await?;
        let region = request.session.region.as_ref();
        let mut signer = own.clone();
        let mut last = Err(StsError::Unavailable("no role was assumed".into()));
        for hop in Hop::of(request) {
            let signed = &signer;
            let call = |sts: Arc<RegionalSts>| async move {
                sts.issue(IssuingCall::Role(hop, signed), attempts).await
            };
            let issued = match self.ask(region, deadline, call).await {
                Ok(issued) => issued,
                Err(error) => {
                    if hop.is_first() {
                        self.forget_refused(&own, &error);
                    }
                    return Err(error);
                }
            };
            if !hop.is_last() {
                via.push(IntermediateSession {
                    role: hop.role().clone(),
                    access_key_id: issued.credentials.access_key_id.clone(),
                    request_id: issued.request_id.clone(),
                });
            }
            signer = sdk_credentials(&issued.credentials);
            last = Ok(issued);
        }
        last
    }

    async fn own_credentials(&self) -> Result<SdkCredentials, StsError> {
        match &self.own {
            Some(own) => own.current().await.map_err(StsError::NoCredentials),
            None => Err(StsError::NoCredentials(
                "this gateway signs no requests to AWS".into(),
            )),
        }
    }

    /// Lets the next request ask for other credentials than those that STS does not accept.
    fn forget_refused(&self, own: &SdkCredentials, error: &StsError) {
        if let Some(known) = &self.own
            && error.rejects_signer()
        {
            known.forget(own);
        }
    }

    async fn ask_identity(
        &self,
        credentials: &SdkCredentials,
        region: Option<&Region>,
        deadline: Instant,
    ) -> Result<CallerIdentity, StsError> {
        let call = |sts: Arc<RegionalSts>| async move { sts.identity_of(credentials).await };
        self.ask(region, deadline, call).await
    }

    /// Asks one Region after the other, as long as there is time.
    async fn ask<T, F>(
        &self,
        region: Option<&Region>,
        deadline: Instant,
        call: impl Fn(Arc<RegionalSts>) -> F,
    ) -> Result<T, StsError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let regions = self.regions.regions_to_try(region);
        // The result of the first Region is reported; the others are fallbacks.
        let mut told = None;
        for (index, sts) in regions.iter().enumerate() {
            let Some(permit) = sts.breaker.try_acquire(Instant::now()) else {
                continue;
            };
            let left = u32::try_from(regions.len() - index).unwrap_or(u32::MAX);
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            let answer = tokio::time::timeout(share, call(sts.clone())).await;
            let answer = answer.unwrap_or_else(|_| {
                let late = "STS did not respond in time".into();
                Err(match share < SILENCE_MIN {
                    true => Failure::Request(late),
                    false => Failure::Outage(late),
                })
            });
            match answer {
                Ok(answered) => {
                    permit.record_response();
                    sts.try_in_order();
                    return Ok(answered);
                }
                Err(Failure::Refused(error)) => {
                    permit.record_response();
                    return Err(error);
                }
                // The failure does not say anything about the Region.
                Err(Failure::Foreign { status, excerpt }) => {
                    drop(permit);
                    tracing::warn!(region = %sts.region, status, words = excerpt, "a request to STS was answered by something else");
                    let error = StsError::Refused {
                        refusal: StsRefusal::NotSts,
                        code: format!("HTTP {status}"),
                        message: excerpt,
                        request_id: None,
                    };
                    // It may be STS, and have issued credentials: another Region would issue them a second time.
                    if is_success(status) {
                        return Err(error);
                    }
                    told.get_or_insert(error);
                }
                Err(Failure::Request(source)) => {
                    drop(permit);
                    tracing::warn!(region = %sts.region, error = %source, "a request to STS failed");
                    told.get_or_insert(StsError::Unavailable(source));
                }
                Err(Failure::Outage(source)) => {
                    permit.record_failure(Instant::now());
                    tracing::warn!(region = %sts.region, error = %source, "STS is unavailable");
                    sts.try_last();
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

fn sdk_credentials(credentials: &Credentials) -> SdkCredentials {
    SdkCredentials::new(
        credentials.access_key_id.clone(),
        credentials.secret_access_key.expose(),
        Some(credentials.session_token.expose().to_owned()),
        None,
        "STS",
    )
}
