//! The AWS credentials of the gateway itself, from the SDK's default chain: environment, profile, web identity of a pod, ECS, EC2.
//! The chain is called when an operation is signed for the first time, and again before the credentials expire.
//!
//! Its HTTP client connects to the link-local addresses of metadata services, which the clients for identity providers reject. It
//! uses no proxy.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_sdk_sts::config::{
    Credentials, ProvideCredentials, Region as SdkRegion, SharedCredentialsProvider,
};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rolecall_core::aws::Region;
use rolecall_core::base::{BoxError, Clock, text};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard};
use tokio::time::{Instant, timeout};

use super::error;

/// Credentials are replaced this long before they expire.
const RENEW_BEFORE: Duration = Duration::from_secs(300);
/// Credentials that cannot be replaced are used while they last this long: a request with them takes less.
const USABLE_MIN: Duration = Duration::from_secs(10);

/// A run of token characters of this length is treated as a secret. A secret access key has 40.
const SECRET_CHARS_MIN: usize = 40;
const SILENT: &str = "the source of the gateway's AWS credentials did not answer in time";

/// See the module. Clones share the credentials.
#[derive(Clone)]
pub struct OwnCredentials(Arc<Shared>);

struct Shared {
    chain: Chain,
    clock: Arc<dyn Clock>,
    times: Times,
    // Not a Tokio mutex: it is not held across an await.
    known: Mutex<Known>,
    /// Held during a call to the provider chain.
    renewal: AsyncMutex<Renewal>,
}

#[derive(Clone, Copy)]
struct Times {
    /// Time limit of a call to the provider chain. The metadata service of a machine responds within milliseconds.
    load: Duration,
    /// After a failure the chain is not called again for this long.
    failure_pause: Duration,
    /// Credentials that STS refuses are discarded at most this often: the chain usually returns the same again.
    forget_pause: Duration,
}

const TIMES: Times = Times {
    load: Duration::from_secs(4),
    failure_pause: Duration::from_secs(2),
    forget_pause: Duration::from_secs(30),
};

enum Chain {
    /// The SDK's default chain, through this client.
    Default {
        http: SharedHttpClient,
        region: SdkRegion,
    },
    /// A given provider.
    Given(SharedCredentialsProvider),
}

/// The last credentials of the chain.
#[derive(Default)]
struct Known {
    credentials: Option<Credentials>,
    /// When credentials were last discarded because STS refused them.
    forgotten: Option<Instant>,
}

#[derive(Default)]
struct Renewal {
    /// The provider, once it is made: making it reads the environment and files.
    provider: Option<SharedCredentialsProvider>,
    failed: Option<(Instant, String)>,
}

impl OwnCredentials {
    /// Credentials of the SDK's default chain. `http` should use no proxy.
    pub fn default_chain(http: SharedHttpClient, region: &Region, clock: Arc<dyn Clock>) -> Self {
        let region = SdkRegion::new(region.as_str().to_owned());
        Self::new(Chain::Default { http, region }, clock, TIMES)
    }

    /// Credentials of this provider.
    pub fn provided(provider: impl ProvideCredentials + 'static, clock: Arc<dyn Clock>) -> Self {
        let provider = SharedCredentialsProvider::new(provider);
        Self::new(Chain::Given(provider), clock, TIMES)
    }

    fn new(chain: Chain, clock: Arc<dyn Clock>, times: Times) -> Self {
        Self(Arc::new(Shared {
            chain,
            clock,
            times,
            known: Mutex::default(),
            renewal: AsyncMutex::default(),
        }))
    }

    /// Credentials that do not expire soon, or those that are known while they cannot be replaced.
    ///
    /// # Errors
    /// If there are none, or the chain does not respond in time; with the reason.
    pub(super) async fn current(&self) -> Result<Credentials, BoxError> {
        if let Some(fresh) = self.known(RENEW_BEFORE) {
            return Ok(fresh);
        }
        let renewal = async {
            match self.0.renewal.try_lock() {
                Ok(renewal) => self.renew(renewal).await,
                // Another request asks the chain.
                Err(_) if self.known(USABLE_MIN).is_some() => Err(SILENT.into()),
                Err(_) => self.renew(self.0.renewal.lock().await).await,
            }
        };
        // Includes the time in which this waits for the call of another request.
        let renewed = timeout(self.0.times.load, renewal).await;
        match renewed.unwrap_or_else(|_| Err(SILENT.into())) {
            Ok(credentials) => Ok(credentials),
            Err(error) => self.known(USABLE_MIN).ok_or(error),
        }
    }

    /// Asks the chain, unless another request has done so meanwhile.
    async fn renew(
        &self,
        mut renewal: AsyncMutexGuard<'_, Renewal>,
    ) -> Result<Credentials, BoxError> {
        if let Some(fresh) = self.known(RENEW_BEFORE) {
            return Ok(fresh);
        }
        if let Some((since, reason)) = &renewal.failed
            && since.elapsed() < self.0.times.failure_pause
        {
            return Err(reason.clone().into());
        }
        // Set before the chain is called, so that it also applies if this call is cancelled.
        renewal.failed = Some((Instant::now() + self.0.times.load, SILENT.to_owned()));
        let provider = match &renewal.provider {
            Some(provider) => provider.clone(),
            None => renewal
                .provider
                .insert(self.0.chain.provider().await)
                .clone(),
        };
        let reason = match provider.provide_credentials().await {
            Ok(credentials) if self.lasts(&credentials, Duration::ZERO) => {
                renewal.failed = None;
                self.lock().credentials = Some(credentials.clone());
                return Ok(credentials);
            }
            Ok(_) => "the AWS credentials of the gateway have expired".to_owned(),
            Err(error) => {
                let causes = error::clean(
                    &text::chain(&error),
                    error::MESSAGE_CHARS_MAX,
                    SECRET_CHARS_MIN,
                );
                format!("no AWS credentials for the gateway: {causes}")
            }
        };
        if self.known(USABLE_MIN).is_some() {
            tracing::warn!(
                error = reason,
                "the gateway's AWS credentials expire soon and cannot be renewed"
            );
        }
        renewal.failed = Some((Instant::now(), reason.clone()));
        Err(reason.into())
    }

    /// The last credentials of the chain, if they last at least this long.
    fn known(&self, at_least: Duration) -> Option<Credentials> {
        let known = self.lock();
        let credentials = known.credentials.as_ref();
        credentials
            .filter(|known| self.lasts(known, at_least))
            .cloned()
    }

    fn lasts(&self, credentials: &Credentials, at_least: Duration) -> bool {
        let now = SystemTime::from(self.0.clock.now());
        let ends = credentials.expiry();
        ends.is_none_or(|ends| ends > now + at_least)
    }

    /// Discards these credentials, which STS rejects, unless others were discarded within the pause.
    pub(super) fn forget(&self, refused: &Credentials) {
        let mut known = self.lock();
        let pause = self.0.times.forget_pause;
        let recently = known.forgotten.is_some_and(|at| at.elapsed() < pause);
        let is_known = known
            .credentials
            .as_ref()
            .is_some_and(|known| known.access_key_id() == refused.access_key_id());
        if is_known && !recently {
            known.credentials = None;
            known.forgotten = Some(Instant::now());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chain {
    async fn provider(&self) -> SharedCredentialsProvider {
        match self {
            Self::Given(provider) => provider.clone(),
            Self::Default { http, region } => {
                let config = ProviderConfig::empty()
                    .with_http_client(http.clone())
                    .with_sleep_impl(SharedAsyncSleep::new(TokioSleep::new()));
                let chain = DefaultCredentialsChain::builder()
                    .configure(config)
                    // Otherwise the metadata service is asked for the Region.
                    .region(region.clone());
                SharedCredentialsProvider::new(chain.build().await)
            }
        }
    }
}

impl fmt::Debug for OwnCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnCredentials([secret])")
    }
}

#[cfg(test)]
mod tests;
