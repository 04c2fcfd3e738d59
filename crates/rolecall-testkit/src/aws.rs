//! An AWS emulator on one loopback port: STS, IAM trust policies and the console sign-in endpoint.
//!
//! It performs the checks that AWS documents: the signature of a token against keys that it fetches itself, or that of a
//! SAML response against registered metadata; issuer and audience against the account's provider; the role's trust policy,
//! durations, tags and sizes; and the SigV4 signature of requests with issued credentials. Errors have AWS's codes, statuses
//! and XML. Creating a role fails if its trust policy uses an element that the emulator does not evaluate.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;

use crate::clock::{self, Clock};
use crate::serve::LocalServer;

mod assertion;
mod assume_role;
mod assume_role_parameters;
mod condition;
mod error;
mod fault;
mod federation_token;
mod iam;
mod issuers;
mod keys;
mod pages;
mod pattern;
mod saml;
mod server;
mod session;
mod signer;
mod signin;
mod sigv4;
mod state;
mod tags;
mod token;
mod trust;
mod web_identity;
mod wire;

pub use fault::Fault;
pub use state::{IssuedSession, RecordedRequest, SessionKind};

use state::AwsState;

/// Settings of an [`Aws`].
pub struct AwsSettings {
    /// Clock for token expiry, session expiry and signature skew.
    pub clock: Clock,
    /// Loopback port; 0 selects any free port.
    pub port: u16,
    /// PEM of the certificate authority trusted for `https` issuers. If `None`, only `http` issuers can be used.
    pub issuer_authority: Option<Vec<u8>>,
    /// Maximum number of requests that [`Aws::requests`] returns; 0 disables recording (for benchmarks).
    pub requests_kept: usize,
}

impl Default for AwsSettings {
    /// System clock, any free port, the last 1,000 requests.
    fn default() -> Self {
        AwsSettings {
            clock: clock::system(),
            port: 0,
            issuer_authority: None,
            requests_kept: 1_000,
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
        self.state.create_account(id);
        Ok(Account {
            state: Arc::clone(&self.state),
            id: id.to_owned(),
        })
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

    /// The most recent role sessions issued, oldest first: at most 20,000.
    #[must_use]
    pub fn issued(&self) -> Vec<Arc<IssuedSession>> {
        self.state.issued()
    }
}

/// Parameters of `CreateRole`.
pub struct Role {
    /// Trust policy (`AssumeRolePolicyDocument`).
    pub trust_policy: Value,
    /// `MaxSessionDuration`, 1 h to 12 h.
    pub max_session_duration: Duration,
}

impl Role {
    /// A role with this trust policy and AWS's default `MaxSessionDuration` of one hour.
    #[must_use]
    pub fn with_trust_policy(trust_policy: Value) -> Role {
        Role {
            trust_policy,
            max_session_duration: Duration::from_secs(3_600),
        }
    }

    /// The same role with this `MaxSessionDuration`.
    #[must_use]
    pub fn with_max_session_duration(self, max_session_duration: Duration) -> Role {
        Role {
            max_session_duration,
            ..self
        }
    }
}

/// The long-term access key of an IAM user.
#[derive(Clone)]
pub struct AccessKey {
    /// `arn:aws:iam::…:user/path/name`
    pub user_arn: String,
    /// `AKIA…`
    pub access_key_id: String,
    /// The secret half of the key.
    pub secret_access_key: String,
}

/// An account, for the configuration of its IAM resources.
#[derive(Clone)]
pub struct Account {
    state: Arc<AwsState>,
    id: String,
}

impl Account {
    /// The account ID.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `iam:CreateOpenIDConnectProvider`: registers an issuer with its client IDs and returns the provider's ARN.
    /// Registering the issuer again replaces its client IDs. Unlike IAM, it accepts `http`, for issuers on loopback.
    ///
    /// # Errors
    /// If the URL or the client IDs exceed the limits of the IAM API (255 characters, 1 to 100 IDs).
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

    /// Makes this issuer Google for the account: IAM knows Google without an OIDC provider, by the principal and the prefix of
    /// condition keys `accounts.google.com`.
    pub fn google(&self, issuer: &str) {
        let provider = Arc::new(iam::OidcProvider::google());
        self.state.update_account(&self.id, |account| {
            account.providers.insert(issuer.to_owned(), provider)
        });
    }

    /// `iam:DeleteOpenIDConnectProvider`, by issuer.
    pub fn delete_oidc_provider(&self, issuer: &str) {
        self.state
            .update_account(&self.id, |account| account.providers.remove(issuer));
    }

    /// `iam:CreateSAMLProvider` or `iam:UpdateSAMLProvider`: registers metadata and returns the provider's ARN.
    ///
    /// # Errors
    /// If IAM would reject the name or the metadata.
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

    /// `iam:DeleteSAMLProvider`, by ARN.
    pub fn delete_saml_provider(&self, arn: &str) {
        self.state
            .update_account(&self.id, |account| account.saml_providers.remove(arn));
    }

    /// `iam:CreateUser` and `iam:CreateAccessKey`: `name` may carry a path, as in `tools/gateway`. The user may call every operation
    /// on every role that trusts it.
    ///
    /// # Errors
    /// If IAM would refuse the name.
    pub fn user(&self, name: &str) -> anyhow::Result<AccessKey> {
        let user = iam::IamUser::new(&self.id, name)?;
        let key = AccessKey {
            user_arn: user.arn.clone(),
            access_key_id: user.access_key_id.clone(),
            secret_access_key: user.secret_access_key.clone(),
        };
        self.state.update_account(&self.id, |account| {
            account
                .users
                .insert(user.access_key_id.clone(), Arc::new(user))
        });
        Ok(key)
    }

    /// `iam:DeleteAccessKey`: forgets the key.
    pub fn forget_access_key(&self, access_key_id: &str) {
        self.state
            .update_account(&self.id, |account| account.users.remove(access_key_id));
    }

    /// `iam:CreateRole` or its update; returns the role's ARN. `name` may include a path, as in `rolecall/Developer`.
    ///
    /// # Errors
    /// If IAM would reject the name, the duration or the trust policy, or if the policy uses an element that the
    /// emulator does not evaluate.
    pub fn role(&self, name: &str, role: Role) -> anyhow::Result<String> {
        let role = iam::TrustedRole::new(&self.id, name, &role)?;
        let arn = role.arn.clone();
        self.state.update_account(&self.id, |account| {
            account.roles.insert(arn.clone(), Arc::new(role))
        });
        Ok(arn)
    }
}
