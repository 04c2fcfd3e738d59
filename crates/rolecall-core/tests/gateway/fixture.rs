//! A gateway with scripted ports: the base of the tests.

mod aws;
mod call_log;
mod gate;
mod outage;
mod people;
mod policy;
mod provider;
mod roles;
mod saml;
mod store;
mod time;
mod trail;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::access::{Policy, RoleRequest};
use rolecall_core::audit::{ReferenceId, RequestContext};
use rolecall_core::aws::Partition;
use rolecall_core::base::limits;
use rolecall_core::base::secret::{BrowserSecret, SecretText, SessionSecret, State};
use rolecall_core::caller::ClientInfo;
use rolecall_core::clients::StartUrls;
use rolecall_core::gateway::{Gateway, Ports};
use rolecall_core::identity::ProviderId;
use rolecall_core::issue::{IssueError, IssuedRole};
use rolecall_core::people::NoPeopleLog;
use rolecall_core::record::rate_limit::RateLimits;
use rolecall_core::record::{Records, SealingKeys};
use rolecall_core::session::{ClientRules, Lifetimes, Session};
use rolecall_core::sign_in::{
    AuthnRequirements, BrowserSecrets, Callback, CallbackParams, Challenge, ReturnTo,
    SignInCompleted, SignInError, SignInRequest,
};
use url::Url;

pub use aws::{Aws, LinkRequest};
pub use call_log::CallLog;
pub use gate::Gate;
pub use people::People;
pub use policy::{ACCESS, NO_DELETE, parse, policy};
pub use provider::{ID_TOKEN_LIFE, Provider};
pub use roles::{developer, plain, role};
pub use saml::{
    ASSERTION_LIFE, PROVIDER_SESSION, PostResponse, UNSIGNED, logout, saml, saml_callback,
};
pub use store::Store;
pub use time::{CounterEntropy, ManualClock};
pub use trail::{Trail, event_name};

pub const IDLE: TimeDelta = TimeDelta::hours(1);
pub const ABSOLUTE: TimeDelta = TimeDelta::hours(8);

/// A pending sign-in of a browser.
#[derive(Clone)]
pub struct StartedSignIn {
    pub state: State,
    pub browser: BrowserSecret,
    pub session: Option<SessionSecret>,
}

impl StartedSignIn {
    /// What its browser sends.
    pub fn secrets(&self) -> BrowserSecrets {
        BrowserSecrets {
            browser: Some(self.browser.clone()),
            session: self.session.clone(),
        }
    }
}

/// A gateway with scripted ports. Both providers know alice (payments-dev, one factor) and bob (no group), with the
/// same e-mail addresses.
pub struct Fixture {
    pub gateway: Arc<Gateway>,
    pub clock: Arc<ManualClock>,
    pub store: Arc<Store>,
    pub trail: Arc<Trail>,
    pub people: Arc<People>,
    pub okta: Arc<Provider>,
    pub google: Arc<Provider>,
    pub aws: Arc<Aws>,
    pub call_log: CallLog,
    /// Pauses calls to the store, the audit trail and AWS.
    pub gate: Arc<Gate>,
    policy: Policy,
}

/// Higher than the values that a fixture uses before it is forked.
const FORKED_ENTROPY: u64 = 1_000_000;

impl Fixture {
    pub fn new() -> Self {
        Self::with_access(ACCESS)
    }

    pub fn with_access(access: &str) -> Self {
        let now = "2026-06-15T12:00:00Z".parse().unwrap();
        Self::at(now, policy(access), CounterEntropy::default())
    }

    /// A new gateway with the same policy and time and a copy of the store.
    pub fn fork(&self) -> Self {
        let entropy = CounterEntropy::from(FORKED_ENTROPY);
        let fork = Self::at(self.now(), self.policy.clone(), entropy);
        fork.store.copy_from(&self.store);
        fork
    }

    fn at(now: DateTime<Utc>, policy: Policy, entropy: CounterEntropy) -> Self {
        let call_log = CallLog::default();
        let clock = Arc::new(ManualClock::new(now));
        let gate = Arc::new(Gate::default());
        let store = Arc::new(Store::new(clock.clone(), gate.clone()));
        let trail = Arc::new(Trail::new(call_log.clone(), gate.clone()));
        let okta = Arc::new(Provider::new("okta", clock.clone(), call_log.clone()));
        let google = Arc::new(Provider::new("google", clock.clone(), call_log.clone()));
        let aws = Arc::new(Aws::new(clock.clone(), call_log.clone(), gate.clone()));
        let people = Arc::<People>::default();
        let ports = Ports {
            providers: vec![okta.clone(), google.clone()],
            people: people.clone(),
            entropy: Arc::new(entropy),
            ..ports(&store, &clock, &trail, &aws)
        };
        Self {
            gateway: Arc::new(Gateway::new(ports, policy.clone())),
            clock,
            store,
            trail,
            people,
            okta,
            google,
            aws,
            call_log,
            gate,
            policy,
        }
    }

    /// A gateway with a small limit for held responses: reaching the default takes half a minute.
    pub fn with_held_responses_max(bytes_max: usize) -> Self {
        let mut fixture = Self::new();
        let ports = Ports {
            providers: vec![fixture.okta.clone(), fixture.google.clone()],
            held_responses_bytes_max: bytes_max,
            ..ports(&fixture.store, &fixture.clock, &fixture.trail, &fixture.aws)
        };
        fixture.gateway = Arc::new(Gateway::new(ports, policy(ACCESS)));
        fixture
    }

    /// The same gateway with `aws.role_claim = false`.
    pub fn without_role_claim(&self) -> Gateway {
        let ports = Ports {
            providers: vec![self.okta.clone(), self.google.clone()],
            role_claim: false,
            ..ports(&self.store, &self.clock, &self.trail, &self.aws)
        };
        Gateway::new(ports, policy(ACCESS))
    }

    /// The same gateway after a restart without okta in its configuration.
    pub fn without_okta(&self) -> Gateway {
        let ports = Ports {
            providers: vec![self.google.clone()],
            ..ports(&self.store, &self.clock, &self.trail, &self.aws)
        };
        Gateway::new(ports, policy(ACCESS))
    }

    /// Another gateway with the same store.
    pub fn replica(&self) -> Gateway {
        let ports = Ports {
            providers: vec![self.okta.clone(), self.google.clone()],
            ..ports(&self.store, &self.clock, &self.trail, &self.aws)
        };
        Gateway::new(ports, policy(ACCESS))
    }

    /// Sealed access to the store.
    pub fn records(&self) -> Records {
        ports(&self.store, &self.clock, &self.trail, &self.aws).records
    }

    pub async fn begin(&self, provider: &str) -> StartedSignIn {
        self.begin_in(provider, None).await.unwrap()
    }

    pub async fn begin_in(
        &self,
        provider: &str,
        browser: Option<BrowserSecret>,
    ) -> Result<StartedSignIn, SignInError> {
        self.begin_from(provider, &context(), browser).await
    }

    pub async fn begin_from(
        &self,
        provider: &str,
        context: &RequestContext,
        browser: Option<BrowserSecret>,
    ) -> Result<StartedSignIn, SignInError> {
        let return_to = ReturnTo::parse("/console?account=777788889999").unwrap();
        let secrets = BrowserSecrets {
            browser,
            session: None,
        };
        self.begin_request(provider, context, secrets, sign_in_request(return_to))
            .await
    }

    /// Starts this sign-in in a browser with these secrets.
    pub async fn begin_request(
        &self,
        provider: &str,
        context: &RequestContext,
        secrets: BrowserSecrets,
        request: SignInRequest,
    ) -> Result<StartedSignIn, SignInError> {
        let session = secrets.session.clone();
        let begun = self
            .gateway
            .sign_ins()
            .begin_sign_in(context, &id(provider), secrets, request)
            .await?;
        let Challenge::Redirect(url) = begun.challenge else {
            panic!("the scripted provider redirects");
        };
        let state = url.query_pairs().find(|(name, _)| name == "state").unwrap();
        Ok(StartedSignIn {
            state: State::new(state.1),
            browser: begun.browser,
            session,
        })
    }

    /// Completes the sign-in at `provider`'s callback with a code for the person.
    pub async fn complete(
        &self,
        provider: &str,
        begun: &StartedSignIn,
        person: &str,
    ) -> Result<SignInCompleted, SignInError> {
        self.return_to_callback(provider, begun, code(person)).await
    }

    pub async fn return_to_callback(
        &self,
        provider: &str,
        begun: &StartedSignIn,
        callback: Callback,
    ) -> Result<SignInCompleted, SignInError> {
        self.gateway
            .sign_ins()
            .complete_sign_in(
                &context(),
                &id(provider),
                &begun.secrets(),
                callback_params(&begun.state, callback),
            )
            .await
    }

    pub async fn sign_in(&self, provider: &str, person: &str) -> SignInCompleted {
        let begun = self.begin(provider).await;
        self.complete(provider, &begun, person).await.unwrap()
    }

    /// Signs in at okta and returns the session.
    pub async fn session_of(&self, person: &str) -> Session {
        self.sign_in("okta", person).await.session
    }

    pub async fn issue(
        &self,
        session: &Session,
        role: &RoleRequest,
    ) -> Result<IssuedRole, IssueError> {
        self.gateway
            .issuer()
            .credentials(&context(), session, role)
            .await
    }

    /// Whether the cookie opens a session.
    pub async fn is_live(&self, signed_in: &SignInCompleted) -> bool {
        let session = self
            .gateway
            .sessions()
            .session(&signed_in.secret)
            .await
            .unwrap();
        session.is_some()
    }

    pub async fn replace_policy(&self, access: &str) {
        self.gateway
            .entitlements()
            .replace_policy(policy(access), "d1".to_owned())
            .await
            .unwrap();
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.gateway.now()
    }
}

/// Ports without providers.
fn ports(
    store: &Arc<Store>,
    clock: &Arc<ManualClock>,
    trail: &Arc<Trail>,
    aws: &Arc<Aws>,
) -> Ports {
    let public_url: Url = "https://sso.example.com/".parse().unwrap();
    let entropy = Arc::new(CounterEntropy::default());
    let keys = Arc::new(SealingKeys::new(&[7; 32], &[]));
    Ports {
        providers: vec![],
        records: Records::new(store.clone(), keys, clock.clone(), entropy.clone()),
        audit: trail.clone(),
        people: Arc::new(NoPeopleLog),
        sts: aws.clone(),
        web_identity: aws.clone(),
        saml: aws.clone(),
        console: aws.clone(),
        clock: clock.clone(),
        entropy,
        lifetimes: Lifetimes {
            idle: IDLE,
            absolute: ABSOLUTE,
        },
        clients: ClientRules::default(),
        limits: RateLimits::default(),
        start_urls: StartUrls::new(&public_url, Partition::Aws, None, &[]),
        issuer_url: public_url.clone(),
        public_url,
        partition: Partition::Aws,
        role_claim: true,
        held_responses_bytes_max: limits::HELD_RESPONSES_BYTES_MAX,
    }
}

pub fn id(provider: &str) -> ProviderId {
    ProviderId::parse(provider).unwrap()
}

/// A sign-in without special requirements.
pub fn sign_in_request(return_to: ReturnTo) -> SignInRequest {
    SignInRequest {
        requirements: AuthnRequirements::default(),
        return_to,
        from_own_page: false,
    }
}

/// The callback parameters of a browser.
pub fn callback_params(state: &State, callback: Callback) -> Option<CallbackParams> {
    Some(CallbackParams {
        state: state.clone(),
        callback,
    })
}

pub fn code(person: &str) -> Callback {
    Callback::Code {
        code: SecretText::new(person),
        iss: None,
    }
}

/// A request from the company network.
pub fn context() -> RequestContext {
    context_from("10.1.2.3")
}

pub fn context_from(address: &str) -> RequestContext {
    RequestContext {
        reference: ReferenceId::generate(&CounterEntropy::default()),
        client_info: ClientInfo {
            address: Some(address.parse().unwrap()),
            user_agent: Some("Mozilla/5.0 (canary-browser)".to_owned()),
        },
    }
}
