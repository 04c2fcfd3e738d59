//! The AWS credentials of the gateway itself, from the SDK's default chain: environment, profile, web identity of a pod, ECS, EC2.
//! The chain is called when an operation is signed for the first time, and again before the credentials expire.
//!
//! Its HTTP client connects to the link-local addresses of metadata services, which the clients for identity providers reject. It
//! uses no proxy.

use std::fmt;
use std::sync::Arc;
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
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::error;

/// Time limit of a call to the provider chain. The metadata service of a machine responds within milliseconds.
const LOAD_TIMEOUT: Duration = Duration::from_secs(4);
/// Credentials are replaced this long before they expire.
const RENEW_BEFORE: Duration = Duration::from_secs(300);
/// Time after a failure in which the chain is not called again.
const FAILURE_PAUSE: Duration = Duration::from_secs(2);

/// A run of token characters of this length is treated as a secret. A secret access key has 40.
const SECRET_CHARS_MIN: usize = 40;
const SILENT: &str = "the source of the gateway's AWS credentials did not answer in time";

/// See the module. Clones share the credentials.
#[derive(Clone)]
pub struct OwnCredentials(Arc<Shared>);

struct Shared {
    chain: Chain,
    clock: Arc<dyn Clock>,
    load_timeout: Duration,
    failure_pause: Duration,
    state: Mutex<State>,
}

enum Chain {
    /// The SDK's default chain, through this client.
    Default {
        http: SharedHttpClient,
        region: SdkRegion,
    },
    /// A provider that is not looked for.
    Given(SharedCredentialsProvider),
}

#[derive(Default)]
struct State {
    /// The provider; created at the first call, because its creation reads the environment and files.
    provider: Option<SharedCredentialsProvider>,
    credentials: Option<Credentials>,
    failed: Option<(Instant, String)>,
}

impl OwnCredentials {
    /// Credentials of the SDK's default chain. `http` should use no proxy.
    pub fn default_chain(http: SharedHttpClient, region: &Region, clock: Arc<dyn Clock>) -> Self {
        let region = SdkRegion::new(region.as_str().to_owned());
        Self::new(Chain::Default { http, region }, clock)
    }

    /// Credentials of this provider.
    pub fn provided(provider: impl ProvideCredentials + 'static, clock: Arc<dyn Clock>) -> Self {
        let provider = SharedCredentialsProvider::new(provider);
        Self::new(Chain::Given(provider), clock)
    }

    fn new(chain: Chain, clock: Arc<dyn Clock>) -> Self {
        Self::with_times(chain, clock, (LOAD_TIMEOUT, FAILURE_PAUSE))
    }

    fn with_times(
        chain: Chain,
        clock: Arc<dyn Clock>,
        (load_timeout, failure_pause): (Duration, Duration),
    ) -> Self {
        Self(Arc::new(Shared {
            chain,
            clock,
            load_timeout,
            failure_pause,
            state: Mutex::default(),
        }))
    }

    /// Credentials that do not expire soon.
    ///
    /// # Errors
    /// If there are none, or the chain does not respond in time; with the reason.
    pub(super) async fn current(&self) -> Result<Credentials, BoxError> {
        // Includes the time in which this waits for the call of another caller.
        match timeout(self.0.load_timeout, self.load()).await {
            Ok(loaded) => loaded,
            Err(_) => Err(SILENT.into()),
        }
    }

    async fn load(&self) -> Result<Credentials, BoxError> {
        let mut state = self.0.state.lock().await;
        if let Some(credentials) = state
            .credentials
            .as_ref()
            .filter(|known| self.lasts(known, RENEW_BEFORE))
        {
            return Ok(credentials.clone());
        }
        if let Some((since, reason)) = &state.failed
            && since.elapsed() < self.0.failure_pause
        {
            return Err(reason.clone().into());
        }
        // Set before the chain is called: if this call is cancelled while the chain hangs, the next one finds the failure.
        state.failed = Some((Instant::now() + self.0.load_timeout, SILENT.to_owned()));
        let provider = match &state.provider {
            Some(provider) => provider.clone(),
            None => state.provider.insert(self.0.chain.provider().await).clone(),
        };
        match provider.provide_credentials().await {
            Ok(credentials) if self.lasts(&credentials, Duration::ZERO) => {
                state.failed = None;
                state.credentials = Some(credentials.clone());
                Ok(credentials)
            }
            Ok(_) => Err(state.fail("the AWS credentials of the gateway have expired".to_owned())),
            Err(error) => {
                let causes = error::clean(
                    &text::chain(&error),
                    error::MESSAGE_CHARS_MAX,
                    SECRET_CHARS_MIN,
                );
                Err(state.fail(format!("no AWS credentials for the gateway: {causes}")))
            }
        }
    }

    fn lasts(&self, credentials: &Credentials, at_least: Duration) -> bool {
        let now = SystemTime::from(self.0.clock.now());
        let ends = credentials.expiry();
        ends.is_none_or(|ends| ends > now + at_least)
    }

    /// Forgets these credentials, which STS does not accept.
    pub(super) async fn forget(&self, refused: &Credentials) {
        let mut state = self.0.state.lock().await;
        let known = state.credentials.as_ref();
        if known.is_some_and(|known| known.access_key_id() == refused.access_key_id()) {
            state.credentials = None;
        }
    }
}

impl State {
    fn fail(&mut self, reason: String) -> BoxError {
        self.credentials = None;
        self.failed = Some((Instant::now(), reason.clone()));
        reason.into()
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
mod tests {
    use std::future::pending;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::UNIX_EPOCH;

    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::{Result as Provided, future};

    use super::*;
    use crate::world::SystemClock;

    const LOAD: Duration = Duration::from_millis(500);
    const PAUSE: Duration = Duration::from_millis(300);

    /// How the source behaves.
    #[derive(Clone, Copy, Debug)]
    enum Script {
        LastsSeconds(u64),
        Nothing,
        Hangs,
    }

    #[derive(Clone, Debug)]
    struct Scripted(Script, Arc<AtomicU32>);

    impl ProvideCredentials for Scripted {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::new(self.answer())
        }
    }

    impl Scripted {
        async fn answer(&self) -> Provided {
            let asked = self.1.fetch_add(1, Ordering::Relaxed);
            match self.0 {
                Script::LastsSeconds(seconds) => {
                    let ends = SystemTime::from(SystemClock.now()) + Duration::from_secs(seconds);
                    let id = format!("ASIA{asked}");
                    Ok(Credentials::new(id, "canary", None, Some(ends), "test"))
                }
                Script::Nothing => Err(CredentialsError::not_loaded("eyJhbGciOi.x.y is no key")),
                Script::Hangs => pending().await,
            }
        }
    }

    fn own(script: Script) -> (OwnCredentials, Arc<AtomicU32>) {
        let asked = Arc::new(AtomicU32::default());
        let scripted = Scripted(script, asked.clone());
        let given = Chain::Given(SharedCredentialsProvider::new(scripted));
        let times = (LOAD, PAUSE);
        let own = OwnCredentials::with_times(given, Arc::new(SystemClock), times);
        (own, asked)
    }

    #[tokio::test]
    async fn credentials_are_kept_until_shortly_before_they_expire() {
        let (kept, asked) = own(Script::LastsSeconds(3_600));
        for _ in 0..3 {
            assert_eq!(kept.current().await.unwrap().access_key_id(), "ASIA0");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        let refused = kept.current().await.unwrap();
        kept.forget(&refused).await;
        assert_eq!(kept.current().await.unwrap().access_key_id(), "ASIA1");
        // Of other credentials than those that are kept, nothing is forgotten.
        kept.forget(&refused).await;
        assert_eq!(kept.current().await.unwrap().access_key_id(), "ASIA1");

        let (short, asked) = own(Script::LastsSeconds(200));
        for _ in 0..3 {
            assert!(short.current().await.is_ok());
        }
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn expired_credentials_are_none() {
        let ended = UNIX_EPOCH + Duration::from_secs(1);
        let credentials = Credentials::new("ASIA0", "canary", None, Some(ended), "test");
        let own = OwnCredentials::provided(credentials, Arc::new(SystemClock));
        let error = own.current().await.unwrap_err().to_string();
        assert!(error.ends_with("have expired"), "{error}");
    }

    #[tokio::test]
    async fn a_failure_is_told_without_secrets_and_ends_after_a_pause() {
        let (own, asked) = own(Script::Nothing);
        for _ in 0..3 {
            let error = own.current().await.unwrap_err().to_string();
            assert!(!error.contains("eyJ"), "{error}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        tokio::time::sleep(PAUSE).await;
        assert!(own.current().await.is_err());
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_source_that_hangs_costs_each_caller_one_timeout_at_most() {
        let (own, asked) = own(Script::Hangs);
        let begun = Instant::now();
        let callers = (0..20).map(|_| own.current());
        for answer in futures_util::future::join_all(callers).await {
            assert_eq!(answer.unwrap_err().to_string(), SILENT);
        }
        assert!((LOAD..2 * LOAD).contains(&begun.elapsed()));
        assert!(own.current().await.is_err());
        assert!(begun.elapsed() < 2 * LOAD);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert!(!format!("{own:?}").contains("canary"));
    }
}
