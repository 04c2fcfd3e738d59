//! Determines the principal of the gateway's AWS credentials, where the access policy needs them: sessions that are assumed with the
//! credentials of a role are limited to one hour.

use std::time::Duration;

use rolecall_core::aws::{CallerIdentity, PrincipalKind};
use rolecall_core::gateway::Gateway;
use tokio::time::Instant;

use crate::web::health::Draining;

/// The credentials of a machine can change, and a deactivated key is noticed.
const ASK_EVERY: Duration = Duration::from_secs(300);
/// After a failure.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// Interval at which the policy and the known principal are checked.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Asks until the gateway drains. A failure is logged.
pub async fn keep_identified(gateway: &Gateway, draining: &Draining) {
    let mut identification = Identification::default();
    loop {
        tokio::select! {
            () = identification.step(gateway) => {}
            () = draining.begun() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = draining.begun() => return,
        }
    }
}

/// State of the identification.
#[derive(Default)]
struct Identification {
    /// The next time to ask.
    due: Option<Instant>,
    /// The last answer.
    known: Option<CallerIdentity>,
}

impl Identification {
    /// Asks if it is time to.
    async fn step(&mut self, gateway: &Gateway) {
        if !gateway.issuer().needs_own_credentials() {
            return;
        }
        let own = gateway.entitlements().own_credentials();
        // STS has refused the credentials to a request.
        let was_cleared = self.known.is_some() && own.identity().is_none();
        let now = Instant::now();
        if !was_cleared && self.due.is_some_and(|due| now < due) {
            return;
        }
        match gateway.issuer().identify().await {
            Ok(identity) => {
                self.due = Some(now + ASK_EVERY);
                if self.known.as_ref() != Some(&identity) {
                    report(&identity);
                }
                self.known = Some(identity);
            }
            Err(error) => {
                self.due = Some(now + RETRY_AFTER);
                self.known = None;
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the gateway's AWS credentials do not work: it cannot assume roles in accounts with trust = \"caller\""
                );
            }
        }
    }
}

fn report(identity: &CallerIdentity) {
    tracing::info!(caller = identity.arn(), "the gateway has AWS credentials");
    if let Some(warning) = warning(identity) {
        tracing::warn!(caller = identity.arn(), "{warning}");
    }
}

/// What these credentials mean for sessions.
pub fn note(identity: &CallerIdentity) -> Option<&'static str> {
    match identity.kind() {
        PrincipalKind::User => Some(
            "keys of an IAM user: sessions of accounts with trust = \"caller\" last up to 12 h, or 1 h where the account has `via`",
        ),
        PrincipalKind::RoleSession => Some(
            "a session of a role: every session of an account with trust = \"caller\" is role chaining and lasts at most 1 h",
        ),
        PrincipalKind::Root | PrincipalKind::FederatedUser => None,
    }
}

/// Why these credentials cannot assume roles, if they cannot.
pub fn warning(identity: &CallerIdentity) -> Option<&'static str> {
    match identity.kind() {
        PrincipalKind::User | PrincipalKind::RoleSession => None,
        PrincipalKind::Root => {
            Some("the root user cannot assume roles: give the gateway a role or an IAM user")
        }
        PrincipalKind::FederatedUser => {
            Some("a federated user cannot assume roles: give the gateway a role or an IAM user")
        }
    }
}
