//! An AWS in miniature on one loopback port: STS, the trust policies of IAM and the console's sign-in endpoint.
//!
//! It checks what AWS documents that it checks: the token's signature against keys it fetches itself, or that of a SAML
//! response against the metadata it was given, the issuer and the audience against the account's provider, the role's trust policy, durations, tags, sizes, and later the SigV4
//! signature of the credentials it issued. It answers with AWS's own codes, statuses and XML. It refuses to guess: a
//! trust policy that uses something this emulation does not know is refused when the role is created.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;

use crate::clock::{self, Clock};
use crate::serve::LocalServer;

mod assertion;
mod assume_role_parameters;
mod condition;
mod error;
mod fault;
mod iam;
mod issuers;
mod keys;
mod pages;
mod pattern;
mod saml;
mod server;
mod session;
mod signin;
mod sigv4;
mod state;
mod tags;
mod token;
mod trust;
mod web_identity;
mod wire;

pub use fault::Fault;
pub use state::{IssuedSession, RecordedRequest};

use state::AwsState;

/// How an [`Aws`] is started.
pub struct AwsSettings {
    /// The time for token expiry, session expiry and signature skew.
    pub clock: Clock,
    /// Loopback port; 0 lets the system choose.
    pub port: u16,
    /// PEM of the one authority that `https` issuers are trusted by; without it only `http` issuers are reachable.
    pub issuer_authority: Option<Vec<u8>>,
    /// How many of the last requests [`Aws::requests`] keeps; 0 keeps none (for benchmarks).
    pub requests_kept: usize,
}

impl Default for AwsSettings {
    /// The real clock, any free port, the last 1,000 requests.
    fn default() -> Self {
        AwsSettings {
            clock: clock::system(),
            port: 0,
            issuer_authority: None,
            requests_kept: 1_000,
        }
    }
}

/// A running AWS. Dropping it stops its server.
pub struct Aws {
    state: Arc<AwsState>,
    server: LocalServer,
}

impl Aws {
    /// Starts the server on a thread of its own and returns once it listens.
    ///
    /// # Errors
    /// When the port is taken, the server cannot start, or `issuer_authority` is no certificate.
    pub fn start(settings: AwsSettings) -> anyhow::Result<Aws> {
        let port = settings.port;
        let state = Arc::new(AwsState::new(settings)?);
        let served = Arc::clone(&state);
        let server = LocalServer::start(port, move |routes| {
            server::routes(routes, Arc::clone(&served))
        })?;
        Ok(Aws { state, server })
    }

    /// The one origin of everything, without a trailing slash: the STS endpoint, and the sign-in endpoint below it.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The account with this number, opened when it is new.
    ///
    /// # Errors
    /// When the number is not twelve digits.
    pub fn account(&self, id: &str) -> anyhow::Result<Account> {
        ensure!(
            id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit()),
            "an AWS account number has twelve digits, not {id:?}"
        );
        self.state.create_account(id);
        Ok(Account {
            state: Arc::clone(&self.state),
            id: id.to_owned(),
        })
    }

    /// Makes AWS misbehave from now on; counted faults end by themselves, the others with [`Aws::clear_faults`].
    pub fn inject_fault(&self, fault: Fault) {
        self.state.faults.add(fault);
    }

    /// Ends every fault.
    pub fn clear_faults(&self) {
        self.state.faults.clear();
    }

    /// The requests that reached STS and the sign-in endpoint, oldest first, as many as `requests_kept` says.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.requests()
    }

    /// The role sessions issued and not yet forgotten (the last 20,000 are known), oldest first.
    #[must_use]
    pub fn issued(&self) -> Vec<Arc<IssuedSession>> {
        self.state.issued()
    }
}

/// An IAM role as `CreateRole` takes it.
pub struct Role {
    /// The trust policy (AssumeRolePolicyDocument).
    pub trust_policy: Value,
    /// MaxSessionDuration, 1 h to 12 h.
    pub max_session_duration: Duration,
}

impl Role {
    /// A role that this document trusts people into, for one hour at most, which is AWS's default.
    #[must_use]
    pub fn with_trust_policy(trust_policy: Value) -> Role {
        Role {
            trust_policy,
            max_session_duration: Duration::from_secs(3_600),
        }
    }

    /// The same role with a longer MaxSessionDuration.
    #[must_use]
    pub fn with_max_session_duration(self, max_session_duration: Duration) -> Role {
        Role {
            max_session_duration,
            ..self
        }
    }
}

/// One account, to set up its IAM.
#[derive(Clone)]
pub struct Account {
    state: Arc<AwsState>,
    id: String,
}

impl Account {
    /// The account number.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `iam:CreateOpenIDConnectProvider`: registers the issuer and the audiences it may name; returns the provider's ARN.
    /// Registering the same issuer again replaces its audiences. Unlike IAM, `http` is taken, so that an issuer may run
    /// on loopback.
    ///
    /// # Errors
    /// When the URL or the client ids break the limits of the IAM API (aws-protocol: at most 255 characters, 1 to 100 ids).
    pub fn oidc_provider(&self, issuer: &str, client_ids: &[&str]) -> anyhow::Result<String> {
        let provider = iam::OidcProvider::new(&self.id, issuer, client_ids)?;
        let arn = provider.arn.clone();
        self.state.update_account(&self.id, |account| {
            account
                .providers
                .insert(issuer.to_owned(), Arc::new(provider))
        });
        Ok(arn)
    }

    /// `iam:DeleteOpenIDConnectProvider`: forgets the issuer.
    pub fn delete_oidc_provider(&self, issuer: &str) {
        self.state
            .update_account(&self.id, |account| account.providers.remove(issuer));
    }

    /// `iam:CreateSAMLProvider` (or its update): registers the metadata; returns the provider's ARN.
    ///
    /// # Errors
    /// When the name or the metadata are ones IAM would refuse.
    pub fn saml_provider(&self, name: &str, metadata: &str) -> anyhow::Result<String> {
        let provider = iam::SamlProvider::new(&self.id, name, metadata)?;
        let arn = provider.arn.clone();
        self.state.update_account(&self.id, |account| {
            account
                .saml_providers
                .insert(arn.clone(), Arc::new(provider))
        });
        Ok(arn)
    }

    /// `iam:DeleteSAMLProvider`: forgets the provider of this ARN.
    pub fn delete_saml_provider(&self, arn: &str) {
        self.state
            .update_account(&self.id, |account| account.saml_providers.remove(arn));
    }

    /// `iam:CreateRole` (or its update): `name` may carry a path, as in `rolecall/Developer`; returns the role's ARN.
    ///
    /// # Errors
    /// When the name, the duration or the trust policy is one IAM would refuse, or uses a policy element that this
    /// emulation does not evaluate.
    pub fn role(&self, name: &str, role: Role) -> anyhow::Result<String> {
        let role = iam::TrustedRole::new(&self.id, name, &role)?;
        let arn = role.arn.clone();
        self.state.update_account(&self.id, |account| {
            account.roles.insert(arn.clone(), Arc::new(role))
        });
        Ok(arn)
    }
}
