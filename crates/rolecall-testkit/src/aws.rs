//! An AWS emulator on one loopback port: STS, IAM trust policies and the console sign-in endpoint.
//!
//! It performs the checks that AWS documents: the signature of a token against keys that it fetches itself, or that of a
//! SAML response against registered metadata; issuer and audience against the account's provider; the role's trust policy, the
//! policies of the caller, of its session and of the organization; durations, tags and sizes; MFA codes; and the SigV4 signature of
//! requests with issued credentials. Errors have AWS's codes, statuses and XML. Creating a role or a policy fails if the document
//! uses an element that [`crate::iam`] does not evaluate.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::clock::{self, Clock};
use crate::iam::{Decision, RequestContext};
use crate::serve::LocalServer;

mod account;
mod action;
mod assertion;
mod assume_role;
mod assume_role_parameters;
mod authorization_message;
mod authorize;
mod cloudformation;
mod ec2;
mod error;
mod fault;
mod federation_token;
mod iam;
mod issued;
mod issuers;
mod keys;
mod mfa;
mod organization;
mod organization_api;
mod pages;
mod partition;
mod recent;
mod resources;
mod saml;
mod server;
mod session;
mod session_token;
mod signer;
mod signin;
mod sigv4;
mod state;
mod tags;
mod token;
mod web_identity;
mod wire;

pub use account::{AccessKey, Account, Role};
pub use authorize::{AppliedPolicy, RecordedDecision};
pub use cloudformation::Deployed;
pub use fault::Fault;
pub use issued::{IssuedSession, SessionKind};
pub use mfa::MfaDevice;
pub use organization::{Organization, Target};
pub use organization_api::MemberAccount;
pub use partition::Partition;
pub use state::RecordedRequest;

use action::Action;
use authorize::{Call, Caller};
use signer::{Credentials, Signer};
use state::AwsState;

/// Settings of an [`Aws`].
pub struct AwsSettings {
    /// Clock for token expiry, session expiry and signature skew.
    pub clock: Clock,
    /// Loopback port; 0 selects any free port.
    pub port: u16,
    /// PEM of the certificate authority trusted for `https` issuers. If `None`, only `http` issuers can be used.
    pub issuer_authority: Option<Vec<u8>>,
    /// Maximum number of requests that [`Aws::requests`] returns, and of decisions of [`Aws::decisions`]; 0 disables recording (for benchmarks).
    pub requests_kept: usize,
    /// Partition of all accounts.
    pub partition: Partition,
}

impl Default for AwsSettings {
    /// System clock, any free port, the last 1,000 requests, partition `aws`.
    fn default() -> Self {
        AwsSettings {
            clock: clock::system(),
            port: 0,
            issuer_authority: None,
            requests_kept: 1_000,
            partition: Partition::Aws,
        }
    }
}

/// A running AWS emulator. Dropping it stops the server.
pub struct Aws {
    state: Arc<AwsState>,
    server: LocalServer,
}

impl Aws {
    /// Starts the server on its own thread and returns once it listens.
    ///
    /// # Errors
    /// If the port is in use, the server cannot start, or `issuer_authority` is not a certificate.
    pub fn start(settings: AwsSettings) -> anyhow::Result<Aws> {
        let port = settings.port;
        let state = Arc::new(AwsState::new(settings)?);
        let served = Arc::clone(&state);
        let server = LocalServer::start(port, move |routes| {
            server::routes(routes, Arc::clone(&served))
        })?;
        Ok(Aws { state, server })
    }

    /// Origin of the STS and sign-in endpoints, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Address of the listener.
    #[must_use]
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// Returns the account with this ID and creates it if it does not exist.
    ///
    /// # Errors
    /// If the ID does not have 12 digits.
    pub fn account(&self, id: &str) -> anyhow::Result<Account> {
        ensure!(
            id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit()),
            "an AWS account ID has 12 digits, not {id:?}"
        );
        Ok(Account::new(Arc::clone(&self.state), id))
    }

    /// The partition of all accounts.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.state.partition
    }

    /// The organization of all accounts.
    #[must_use]
    pub fn organization(&self) -> Organization {
        Organization(Arc::clone(&self.state))
    }

    /// `iam:CreatePolicy`: the document of a managed policy, which sessions can name in `PolicyArns`. Of AWS's own, the emulator
    /// knows `AdministratorAccess`, `PowerUserAccess` and, roughly, `ReadOnlyAccess` and `SecurityAudit`. A later request of a session with another policy that is not
    /// registered is denied.
    ///
    /// # Errors
    /// If IAM would reject the document, or the evaluator does not know an element of it.
    pub fn managed_policy(&self, arn: &str, document: &Value) -> anyhow::Result<()> {
        self.state.register_managed_policy(arn, document)
    }

    /// Whether AWS would allow the holder of these credentials an action now: policies of the user or role, session policies and
    /// SCPs, and for `sts:AssumeRole` the trust policy of the role. `context` has the condition keys of the request.
    ///
    /// # Errors
    /// If the credentials are not valid, or a policy cannot be evaluated.
    pub fn simulate(
        &self,
        access_key_id: &str,
        action: &str,
        resource: &str,
        context: RequestContext,
    ) -> anyhow::Result<Decision> {
        let state = &self.state;
        let credentials = match state.session(access_key_id) {
            Some(session) => {
                ensure!(session.expiration > state.now(), "the session has expired");
                Credentials::Session(session)
            }
            None => Credentials::User(
                state
                    .user(access_key_id)
                    .context("no credentials with this access key ID")?,
            ),
        };
        let region = state.partition.regions().first();
        let signer = Signer {
            credentials,
            region: region.map_or_else(String::new, |&region| region.to_owned()),
        };
        let account = state.partition.account_of_role(resource);
        let role = account
            .filter(|_| action == Action::AssumeRole.wire())
            .and_then(|account| state.role(account, resource));
        let call = Call {
            caller: Caller::Signer(&signer),
            action,
            resource,
            trust: role.as_ref().map(|role| &role.trust),
            context,
        };
        call.decide(state)
    }

    /// The most recent decisions about requests, oldest first: at most `requests_kept`. With the policies and condition keys, another
    /// evaluator can decide about the same request.
    #[must_use]
    pub fn decisions(&self) -> Vec<RecordedDecision> {
        self.state.decisions()
    }

    /// Injects a fault. A counted fault ends after its number of requests, any other with [`Aws::clear_faults`].
    pub fn inject_fault(&self, fault: Fault) {
        self.state.faults.add(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.state.faults.clear();
    }

    /// The most recent requests to STS and the sign-in endpoint, oldest first: at most `requests_kept`.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.requests()
    }

    /// How many requests [`Self::requests`] returns.
    #[must_use]
    pub fn request_count(&self) -> usize {
        self.state.request_count()
    }

    /// Those of [`Self::requests`] after the first `count`.
    #[must_use]
    pub fn requests_after(&self, count: usize) -> Vec<RecordedRequest> {
        self.state.requests_after(count)
    }

    /// The most recent role sessions issued, oldest first: at most 20,000.
    #[must_use]
    pub fn issued(&self) -> Vec<Arc<IssuedSession>> {
        self.state.issued()
    }
}
