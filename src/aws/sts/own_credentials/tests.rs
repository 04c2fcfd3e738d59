//! Renewal, failures and refusals of the credentials.

use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::UNIX_EPOCH;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{Result as Provided, future};

use super::*;
use crate::world::SystemClock;

const LOAD: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(300);
const TIMES: Times = Times {
    load: LOAD,
    failure_pause: PAUSE,
    forget_pause: PAUSE,
};

/// How the source behaves.
#[derive(Clone, Copy, Debug)]
enum Script {
    LastsSeconds(u64),
    Nothing,
    Hangs,
}

/// What is answered, in order; the last answer is repeated.
#[derive(Clone, Debug)]
struct Scripted(Vec<Script>, Arc<AtomicU32>);

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
        let script = self.0.get(asked as usize).or(self.0.last());
        match script.unwrap() {
            Script::LastsSeconds(seconds) => {
                let ends = SystemTime::from(SystemClock.now()) + Duration::from_secs(*seconds);
                let id = format!("ASIA{asked}");
                Ok(Credentials::new(id, "canary", None, Some(ends), "test"))
            }
            Script::Nothing => Err(CredentialsError::not_loaded("eyJhbGciOi.x.y is no key")),
            Script::Hangs => pending().await,
        }
    }
}

fn own(script: &[Script]) -> (OwnCredentials, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::default());
    let scripted = Scripted(script.to_vec(), asked.clone());
    let given = Chain::Given(SharedCredentialsProvider::new(scripted));
    let own = OwnCredentials::new(given, Arc::new(SystemClock), TIMES);
    (own, asked)
}

async fn id(own: &OwnCredentials) -> String {
    own.current().await.unwrap().access_key_id().to_owned()
}

#[tokio::test]
async fn credentials_are_kept_until_shortly_before_they_expire() {
    let (kept, asked) = own(&[Script::LastsSeconds(3_600)]);
    for _ in 0..3 {
        assert_eq!(id(&kept).await, "ASIA0");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);

    let (short, asked) = own(&[Script::LastsSeconds(200)]);
    for _ in 0..3 {
        assert!(short.current().await.is_ok());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn refused_credentials_are_replaced_once_per_pause() {
    let (own, asked) = own(&[Script::LastsSeconds(3_600)]);
    let first = own.current().await.unwrap();
    own.forget(&first);
    assert_eq!(id(&own).await, "ASIA1");
    // Others than those that are kept are not forgotten.
    own.forget(&first);
    assert_eq!(id(&own).await, "ASIA1");
    let second = own.current().await.unwrap();
    for _ in 0..5 {
        own.forget(&second);
        assert_eq!(id(&own).await, "ASIA1");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    tokio::time::sleep(PAUSE).await;
    own.forget(&second);
    assert_eq!(id(&own).await, "ASIA2");
}

#[tokio::test]
async fn credentials_that_cannot_be_renewed_are_used_while_they_last() {
    for failure in [Script::Nothing, Script::Hangs] {
        let (lasting, _) = own(&[Script::LastsSeconds(200), failure]);
        assert_eq!(id(&lasting).await, "ASIA0");
        let begun = Instant::now();
        for _ in 0..3 {
            assert_eq!(id(&lasting).await, "ASIA0", "{failure:?}");
        }
        assert!(begun.elapsed() < 2 * LOAD, "only one request waits");
        // A request needs some seconds.
        let (ending, _) = own(&[Script::LastsSeconds(9), failure]);
        assert_eq!(id(&ending).await, "ASIA0");
        assert!(ending.current().await.is_err(), "{failure:?}");
        // Credentials that STS refused are not used again.
        let (refused, _) = own(&[Script::LastsSeconds(200), failure]);
        let first = refused.current().await.unwrap();
        refused.forget(&first);
        assert!(refused.current().await.is_err(), "{failure:?}");
    }
}

#[tokio::test]
async fn requests_do_not_wait_for_the_renewal_of_usable_credentials() {
    let (own, _) = own(&[Script::LastsSeconds(200), Script::Hangs]);
    assert_eq!(id(&own).await, "ASIA0");
    let (first, begun) = (own.clone(), Instant::now());
    let (waiting, _) = tokio::join!(first.current(), async {
        tokio::task::yield_now().await;
        for _ in 0..3 {
            assert_eq!(id(&own).await, "ASIA0");
        }
        assert!(begun.elapsed() < LOAD / 2);
    });
    assert_eq!(waiting.unwrap().access_key_id(), "ASIA0");
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
async fn failure_is_reported_without_secrets_and_ends_after_a_pause() {
    let (own, asked) = own(&[Script::Nothing]);
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
    let (own, asked) = own(&[Script::Hangs]);
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
