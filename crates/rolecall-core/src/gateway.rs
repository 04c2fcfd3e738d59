//! The verbs: everything that can be asked of Rolecall is decided here and nowhere else.
//!
//! A surface (browser, AWS client, command line) parses its request, calls one verb and renders what it got. Policy is
//! asked anew at every issue; grants are never stored.

mod administer;
mod at_provider;
mod authorize;
mod client_session;
mod consent;
mod console;
mod device;
mod ended;
mod grants;
mod health;
mod held;
mod issue;
mod limits;
mod listing;
mod login;
mod login_token;
mod refused;
mod register;
mod remaining_clients;
mod saml;
mod session;
mod sign_in;
mod sign_out;
mod single_logout;
mod token;
mod turns;

use std::sync::Arc;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use url::Url;

use crate::access::{Policy, PolicyChanges};
use crate::audit::{AuditEvent, Happened, ReferenceId, RefusalCounts, Refusals};
use crate::aws::{ConsoleSignIn, Partition, SamlIssuer, Sts, WebIdentityIssuer};
use crate::client::ClientRules;
use crate::identity::{EmailDomain, ProviderId};
use crate::port::{AuditLog, Clock, Entropy, StoreError};
use crate::rate_limit::{RateCounters, RateLimits};
use crate::record::Records;
use crate::session::{Lifetimes, Origin};
use crate::sign_in::IdentityProvider;
use crate::start_url::StartUrls;

use held::HeldBytes;
use turns::WaitingMessages;

pub use crate::access::RoleRequest;
pub use at_provider::{Mismatch, ProofOutcome};
pub use authorize::{AuthorizationForm, AuthorizationStep, AuthorizeError, ReadAuthorization};
pub use consent::ConsentError;
pub use console::{ConsoleOutcome, ConsoleRequest, ConsoleVisit};
pub use device::{DeviceAnswer, DeviceError, DeviceStarted};
pub use health::Health;
pub use issue::{IssueError, IssuedRole, Refused};
pub use limits::LoginShown;
pub use listing::{InvalidPageToken, Page, PageRequest};
pub use login::AllowLoginError;
pub use login_token::LoginError;
pub use register::Registered;
pub use remaining_clients::RemainingClients;
pub use sign_in::{Begun, Returned, SignInError, SignInWish, SignedIn};
pub use sign_out::{SignOutError, SignedOut};
pub use token::{CodeRedemption, TokenError};

/// What the gateway needs of the world and of its configuration.
pub struct World {
    /// The configured identity providers, in the order people see them.
    pub providers: Vec<Arc<dyn IdentityProvider>>,
    /// Everything that expires.
    pub records: Records,
    /// The audit trail.
    pub audit: Arc<dyn AuditLog>,
    /// AWS STS.
    pub sts: Arc<dyn Sts>,
    /// The gateway's own tokens.
    pub issuer: Arc<dyn WebIdentityIssuer>,
    /// The gateway's own SAML responses.
    pub saml: Arc<dyn SamlIssuer>,
    /// AWS's sign-in endpoint.
    pub console: Arc<dyn ConsoleSignIn>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// How long sessions live.
    pub lifetimes: Lifetimes,
    /// What registered clients may do.
    pub clients: ClientRules,
    /// How often something may happen.
    pub limits: RateLimits,
    /// Our own origin.
    pub public_url: Url,
    /// What AWS's clients call us.
    pub start_urls: StartUrls,
    /// The AWS partition of all accounts.
    pub partition: Partition,
}

/// The facade of the core: one verb for everything that can be asked.
pub struct Gateway {
    world: World,
    policy: ArcSwap<Policy>,
    held: HeldBytes,
    rates: RateCounters,
    refusals: RefusalCounts,
    waiting: WaitingMessages,
}

/// Who is asking, as far as the transport knows: goes into the audit trail and into conditions.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// Joins page, log and trail.
    pub reference: ReferenceId,
    /// From where.
    pub origin: Origin,
}

impl Gateway {
    /// A gateway over `world` under `policy`.
    pub fn new(world: World, policy: Policy) -> Self {
        Self {
            rates: RateCounters::new(world.records.clone()),
            refusals: RefusalCounts::default(),
            world,
            policy: ArcSwap::from_pointee(policy),
            held: HeldBytes::default(),
            waiting: WaitingMessages::default(),
        }
    }

    /// The policy of this moment.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// How long sessions live.
    pub fn lifetimes(&self) -> Lifetimes {
        self.world.lifetimes
    }

    /// The partition of all accounts.
    pub fn partition(&self) -> Partition {
        self.world.partition
    }

    /// The time, as this gateway sees it.
    pub fn now(&self) -> DateTime<Utc> {
        self.world.clock.now()
    }

    /// A fresh reference id.
    pub fn reference(&self) -> ReferenceId {
        ReferenceId::generate(self.world.entropy.as_ref())
    }

    /// Random bytes, for what a surface masks.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.world.entropy.fill(bytes);
    }

    /// The configured providers, in order.
    pub fn providers(&self) -> &[Arc<dyn IdentityProvider>] {
        &self.world.providers
    }

    /// The provider of this id.
    pub fn provider(&self, id: &ProviderId) -> Option<&Arc<dyn IdentityProvider>> {
        self.world
            .providers
            .iter()
            .find(|provider| provider.id() == id)
    }

    /// The provider whose people have addresses in this domain.
    pub fn provider_of_domain(&self, domain: &EmailDomain) -> Option<&Arc<dyn IdentityProvider>> {
        self.world
            .providers
            .iter()
            .find(|provider| provider.domains().contains(domain))
    }

    /// Lets a new policy serve from the next request on; says how much it changes. `digest` names what was read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the change could not be audited; the old policy serves on.
    pub async fn adopt(&self, policy: Policy, digest: String) -> Result<PolicyChanges, StoreError> {
        let changes = policy.changes_of(&self.policy());
        self.record(digest, Some(changes)).await?;
        self.policy.store(Arc::new(policy));
        Ok(changes)
    }

    /// Audits that the configuration of this digest serves.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record_load(&self, digest: String) -> Result<(), StoreError> {
        self.record(digest, None).await
    }

    async fn record(
        &self,
        digest: String,
        changes: Option<PolicyChanges>,
    ) -> Result<(), StoreError> {
        let changes = changes.map(Into::into);
        let loaded = Happened::ConfigurationLoaded { digest, changes };
        self.append(&self.own_context(), loaded).await
    }

    /// Audits that a configuration was refused and the old one serves on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record_refused_load(&self, mistakes: u64) -> Result<(), StoreError> {
        self.append(
            &self.own_context(),
            Happened::ConfigurationRefused { mistakes },
        )
        .await
    }

    /// Audits the refusals of requests that showed nothing of ours: those whose window has ended, or `all` of them before
    /// the process ends. What cannot be written is kept.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn write_refusals(&self, all: bool) -> Result<(), StoreError> {
        for summary in self.refusals.taken(self.now(), all) {
            let mut context = self.own_context();
            context.origin.address = summary.address();
            let event = self.event(&context, summary.happened());
            if let Err(error) = self.world.audit.append_once(&event).await {
                self.refusals.put_back(summary);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Counts a refusal for [`Gateway::write_refusals`].
    fn summarise(&self, kind: Refusals, context: &RequestContext, reason: &'static str) {
        let address = context.origin.address;
        self.refusals.add(kind, address, reason, self.now());
    }

    fn own_context(&self) -> RequestContext {
        RequestContext {
            reference: self.reference(),
            origin: Origin::default(),
        }
    }

    async fn append(&self, context: &RequestContext, happened: Happened) -> Result<(), StoreError> {
        let event = self.event(context, happened);
        self.world.audit.append(&event).await
    }

    /// How an intent ended that is in the trail.
    async fn append_outcome(
        &self,
        context: &RequestContext,
        happened: Happened,
    ) -> Result<(), StoreError> {
        let event = self.event(context, happened);
        self.world.audit.append_outcome(&event).await
    }

    fn event(&self, context: &RequestContext, happened: Happened) -> AuditEvent {
        AuditEvent {
            at: self.world.clock.now(),
            reference: context.reference.clone(),
            address: context.origin.address,
            user_agent: context.origin.program(),
            happened,
        }
    }
}
