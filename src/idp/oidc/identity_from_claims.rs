//! Who somebody would be if a provider had said so: for explaining the access policy, never for signing in.

use chrono::{DateTime, Utc};
use rolecall_core::base::secret::SecretText;
use rolecall_core::identity::Identity;
use rolecall_core::sign_in::ProviderError;
use serde_json::{Map, Value};

use super::settings::OidcSettings;
use super::{OidcProvider, checks, claims, jws};

impl OidcProvider {
    /// The person these claims would make if this provider had signed them: for explaining the access policy, never
    /// for signing in.
    ///
    /// # Errors
    /// [`ProviderError::Rejected`], as at a sign-in.
    pub fn identity_from_claims(
        settings: &OidcSettings,
        said: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Identity, ProviderError> {
        jws::fits(said)?;
        let verified = checks::Verified::supposed(said, settings, now)?;
        claims::refuse_overage(said, settings)?;
        claims::identity(settings, verified, said, SecretText::new(""))
    }
}
