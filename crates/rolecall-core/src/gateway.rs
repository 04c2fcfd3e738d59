//! The gateway: composes the services of the core. It has no logic of its own.
//!
//! A surface (browser, AWS client, command line) parses a request, calls one method of a service, and renders the
//! result.

mod health;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use url::Url;

use crate::access::Policy;
use crate::audit::{AuditLog, Journal, ReferenceId};
use crate::aws::{ConsoleSignIn, Partition, SamlIssuer, Sts, WebIdentityIssuer};
use crate::aws_login::AwsLogins;
use crate::base::{Clock, Entropy};
use crate::clients::{Clients, StartUrls};
use crate::entitlements::Entitlements;
use crate::issue::Issuer;
use crate::people::PeopleLog;
use crate::record::Records;
use crate::record::rate_limit::{RateCounters, RateLimits};
use crate::session::{ClientRules, Lifetimes, Sessions};
use crate::sign_in::{HeldBytes, IdentityProvider, SignIns};

pub use health::Health;

/// The ports of the gateway, and its configuration.
pub struct Ports {
    /// The configured identity providers, in display order.
    pub providers: Vec<Arc<dyn IdentityProvider>>,
    /// Store for all records with an expiry.
    pub records: Records,
    /// Audit trail, to which every flow appends.
    pub audit: Arc<dyn AuditLog>,
    /// Keeps people as of their last sign-in.
    pub people: Arc<dyn PeopleLog>,
    /// AWS STS, called for each credential request.
    pub sts: Arc<dyn Sts>,
    /// Issuer of the gateway's tokens.
    pub web_identity: Arc<dyn WebIdentityIssuer>,
    /// Issuer of the gateway's SAML responses.
    pub saml: Arc<dyn SamlIssuer>,
    /// AWS's sign-in endpoint.
    pub console: Arc<dyn ConsoleSignIn>,
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// Source of randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Lifetimes of sessions.
    pub lifetimes: Lifetimes,
    /// Settings of registered clients.
    pub clients: ClientRules,
    /// Rate limits of the configuration.
    pub limits: RateLimits,
    /// Public URL of the gateway.
    pub public_url: Url,
    /// `iss` of the tokens for AWS, at which AWS fetches their keys: `public_url`, or another address.
    pub issuer_url: Url,
    /// Start URLs for AWS's clients.
    pub start_urls: StartUrls,
    /// AWS partition of all accounts.
    pub partition: Partition,
    /// Whether tokens for AWS name the one role that they are for (`aws.role_claim`).
    pub role_claim: bool,
    /// Maximum size of all SAML responses that wait for their browsers, in bytes; by default
    /// [`limits::HELD_RESPONSES_BYTES_MAX`](crate::base::limits::HELD_RESPONSES_BYTES_MAX).
    pub held_responses_bytes_max: usize,
}

/// The services of the core, with one set of ports.
pub struct Gateway {
    journal: Arc<Journal>,
    records: Records,
    entitlements: Arc<Entitlements>,
    sessions: Arc<Sessions>,
    sign_ins: Arc<SignIns>,
    clients: Arc<Clients>,
    issuer: Arc<Issuer>,
    aws_logins: AwsLogins,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    partition: Partition,
}

impl Gateway {
    /// Creates the services with `ports` and `policy`.
    pub fn new(ports: Ports, policy: Policy) -> Self {
        let Ports {
            providers,
            records,
            audit,
            people,
            sts,
            web_identity,
            saml,
            console,
            clock,
            entropy,
            lifetimes,
            clients: rules,
            limits,
            public_url,
            issuer_url,
            start_urls,
            partition,
            role_claim,
            held_responses_bytes_max,
        } = ports;
        let journal = Arc::new(Journal::new(audit, clock.clone(), entropy.clone()));
        let rates = Arc::new(RateCounters::new(records.clone(), limits));
        let entitlements = Entitlements::new(policy, journal.clone(), clock.clone());
        let entitlements = Arc::new(entitlements);
        let sessions = Arc::new(Sessions {
            records: records.clone(),
            journal: journal.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            lifetimes,
            rules,
            providers: providers.iter().map(|one| one.id().clone()).collect(),
        });
        let sign_ins = Arc::new(SignIns {
            providers,
            records: records.clone(),
            journal: journal.clone(),
            rates: rates.clone(),
            sessions: sessions.clone(),
            entitlements: entitlements.clone(),
            people,
            clock: clock.clone(),
            entropy: entropy.clone(),
            lifetimes,
            held: HeldBytes::new(held_responses_bytes_max),
            waiting: Default::default(),
        });
        let clients = Arc::new(Clients {
            records: records.clone(),
            journal: journal.clone(),
            rates: rates.clone(),
            sessions: sessions.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            rules,
            start_urls,
        });
        let issuing = Arc::new(Issuer {
            records: records.clone(),
            journal: journal.clone(),
            rates: rates.clone(),
            sessions: sessions.clone(),
            sign_ins: sign_ins.clone(),
            entitlements: entitlements.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            sts,
            web_identity: web_identity.clone(),
            saml,
            console,
            public_url: public_url.clone(),
            issuer_url,
            partition,
            role_claim,
            learned: Default::default(),
        });
        let aws_logins = AwsLogins {
            records: records.clone(),
            journal: journal.clone(),
            rates,
            sessions: sessions.clone(),
            entitlements: entitlements.clone(),
            clients: clients.clone(),
            issuing: issuing.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            web_identity,
            rules,
            public_url,
            partition,
        };
        Self {
            journal,
            records,
            entitlements,
            sessions,
            sign_ins,
            clients,
            issuer: issuing,
            aws_logins,
            clock,
            entropy,
            partition,
        }
    }

    /// The service for the policy and its evaluation.
    pub fn entitlements(&self) -> &Entitlements {
        &self.entitlements
    }

    /// The service for sessions of browsers and clients.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The service for signing in and out.
    pub fn sign_ins(&self) -> &SignIns {
        &self.sign_ins
    }

    /// The service for AWS's clients.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The service for credentials and console sign-ins.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The service for `aws login`.
    pub fn aws_logins(&self) -> &AwsLogins {
        &self.aws_logins
    }

    /// The audit trail.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// AWS partition of all accounts.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The current time.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Generates a reference ID.
    pub fn reference(&self) -> ReferenceId {
        self.journal.reference()
    }

    /// Fills the slice with random bytes.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.entropy.fill(bytes);
    }
}
