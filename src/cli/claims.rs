//! Identities from claims in files, as a sign-in would result in.

use chrono::{DateTime, Utc};
use rolecall_core::access::Policy;
use rolecall_core::identity::Identity;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::{Map, Value};

use crate::idp::{OidcProvider, ProviderSettings, SamlProvider};

/// The identity that these claims of the provider result in, before the policy has accepted them.
///
/// # Errors
/// Why a sign-in with them is rejected.
pub fn identity(
    settings: &ProviderSettings,
    claims: &Map<String, Value>,
    now: DateTime<Utc>,
) -> Result<Identity, String> {
    let identity = match settings {
        ProviderSettings::Oidc(settings) => {
            OidcProvider::identity_from_claims(settings, claims, now)
        }
        ProviderSettings::Saml(settings) => {
            SamlProvider::identity_from_claims(settings, claims, now)
        }
    };
    identity.map_err(|error| match error {
        ProviderError::Rejected { reason, detail } => rejected(reason, &detail.to_string()),
        ProviderError::Refused { .. }
        | ProviderError::Misconfigured(_)
        | ProviderError::Unavailable(_) => error.to_string(),
    })
}

/// The identity as this policy accepts it.
///
/// # Errors
/// Why a sign-in with its claims is rejected.
pub fn accepted(policy: &Policy, mut identity: Identity) -> Result<Identity, String> {
    match policy.check_claims(&mut identity) {
        Ok(()) => Ok(identity),
        Err(error) => Err(rejected(RejectReason::Claims, &error.to_string())),
    }
}

fn rejected(reason: RejectReason, detail: &str) -> String {
    format!(
        "a sign-in with these claims is rejected ({}): {detail}",
        reason.code()
    )
}
