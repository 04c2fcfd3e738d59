//! Finds out whose AWS credentials the gateway has, where the access policy needs them: sessions that are assumed with the
//! credentials of a role are limited to one hour.

use std::time::Duration;

use rolecall_core::aws::{CallerIdentity, PrincipalKind};
use rolecall_core::gateway::Gateway;

use crate::web::health::Draining;

/// After a failure.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// How often it is looked whether a new policy needs them.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Asks until STS has answered once; a failure is logged and changes nothing.
pub async fn identify_until(gateway: &Gateway, draining: &Draining) {
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = draining.begun() => return,
        }
        if !gateway.issuer().needs_own_credentials() {
            pause = LOOK_EVERY;
            continue;
        }
        let identified = tokio::select! {
            identified = gateway.issuer().identify() => identified,
            () = draining.begun() => return,
        };
        match identified {
            Ok(identity) => return report(&identity),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the gateway's AWS credentials do not work: it cannot assume roles in accounts with trust = \"caller\""
                );
                pause = RETRY_AFTER;
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
