//! Builds an identity from unsigned claims, to explain the access policy and never for sign-in.

use chrono::{DateTime, Utc};
use rolecall_core::base::secret::SecretText;
use rolecall_core::identity::Identity;
use rolecall_core::sign_in::ProviderError;
use serde_json::{Map, Value};

use super::settings::OidcSettings;
use super::{OidcProvider, checks, claims, jws};

impl OidcProvider {
    /// The identity that these claims would result in, if this provider had signed them. Only to explain the access
    /// policy.
    ///
    /// # Errors
    /// [`ProviderError::Rejected`], as at a sign-in.
    pub fn identity_from_claims(
        settings: &OidcSettings,
        claims: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Identity, ProviderError> {
        jws::fits(claims)?;
        let verified = checks::Verified::from_unsigned(claims, settings, now)?;
        let overage = claims::groups_overage(claims, settings);
        let token = SecretText::new("");
        let verified = claims::identity(settings, verified, claims, token, overage)?;
        verified.require_groups()?;
        Ok(verified.identity)
    }
}
