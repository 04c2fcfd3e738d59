//! Silent sign-ins (`prompt=none`, OpenID Connect Core 3.1.2.1): the provider asserts the person of a live session again
//! without a page of its own, so that a new ID token replaces one that has expired.
//!
//! A silent sign-in never changes the person of a browser. If the provider needs the person, an ordinary sign-in follows.

use crate::base::secret::{SecretDigest, SessionSecret};
use crate::identity::{Identity, ProviderId};
use crate::record::StoreError;
use crate::sign_in::{AuthnRequirements, ProviderError, ReturnTo, SignInError, SignIns};

/// Errors with which a provider says that it must show a page (OpenID Connect Core 3.1.2.6).
const INTERACTION: [&str; 4] = [
    "login_required",
    "interaction_required",
    "consent_required",
    "account_selection_required",
];

impl SignIns {
    /// Prepares a sign-in that was requested as silent. Returns the person of the browser's session at this provider, whom
    /// the provider must assert again; without such a session the sign-in becomes an ordinary one.
    pub(super) async fn prepare_silent(
        &self,
        provider: &ProviderId,
        session: Option<&SessionSecret>,
        requirements: &mut AuthnRequirements,
    ) -> Result<Option<SecretDigest>, StoreError> {
        if !requirements.silent {
            return Ok(None);
        }
        let live = match session {
            Some(secret) => self.sessions.session(secret).await?,
            None => None,
        };
        let live = live.filter(|session| &session.identity.provider == provider);
        requirements.silent = live.is_some();
        Ok(live.map(|session| {
            let hint = requirements.login_hint.take();
            requirements.login_hint = hint.or_else(|| session.identity.email.clone());
            session.identity.key()
        }))
    }
}

/// The error of a sign-in that was silent for this person, if the provider refused it.
pub(super) fn refused(
    error: ProviderError,
    person: Option<SecretDigest>,
    to: ReturnTo,
) -> SignInError {
    match error {
        ProviderError::Refused { error, .. }
            if person.is_some() && INTERACTION.contains(&error) =>
        {
            SignInError::InteractionRequired(to)
        }
        error @ (ProviderError::Refused { .. }
        | ProviderError::Rejected { .. }
        | ProviderError::Misconfigured(_)
        | ProviderError::Unavailable(_)) => error.into(),
    }
}

/// Checks that a silent sign-in, or a step-up, asserted the same person.
pub(super) fn check_person(
    identity: &Identity,
    person: Option<SecretDigest>,
) -> Result<(), SignInError> {
    match person {
        Some(person) if person != identity.key() => Err(SignInError::OtherPerson),
        Some(_) | None => Ok(()),
    }
}
