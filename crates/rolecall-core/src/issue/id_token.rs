//! Roles of accounts that trust the ID tokens of the person's identity provider (`trust = "provider-oidc"`).
//!
//! The token of the last sign-in is sent to STS until shortly before it expires. After that a browser signs in silently and
//! returns; a program receives an error that asks for a new sign-in.

use chrono::{DateTime, Utc};

use crate::access::Grant;
use crate::aws::UnusableIdToken;
use crate::base::secret::WebIdentityToken;
use crate::caller::Caller;
use crate::identity::ProviderId;
use crate::issue::Issuer;
use crate::record::StoreError;
use crate::session::{Session, StoredIdToken};

/// Why there is no ID token for a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdTokenError {
    /// The account trusts another provider than that of the person.
    OtherProvider {
        /// Display name of the trusted provider.
        trusted: String,
    },
    /// The token has expired or is not known: the person must sign in again.
    SignInAgain {
        /// The provider.
        provider: ProviderId,
        /// Its display name.
        title: String,
    },
    /// AWS does not accept the ID tokens of the provider.
    Unusable(UnusableIdToken),
}

impl IdTokenError {
    /// Stable code for metrics and for the audit trail.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherProvider { .. } => "other_provider",
            Self::SignInAgain { .. } => "id_token_expired",
            Self::Unusable(_) => "id_token_unusable",
        }
    }
}

impl std::fmt::Display for IdTokenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OtherProvider { trusted } => {
                write!(f, "this role requires a sign-in with {trusted}")
            }
            Self::SignInAgain { title, .. } => {
                write!(f, "this role requires a recent sign-in with {title}")
            }
            Self::Unusable(reason) => write!(
                f,
                "AWS does not accept the ID tokens of your identity provider ({})",
                reason.code()
            ),
        }
    }
}

impl Issuer {
    /// Until when this session can use accounts that trust the ID tokens of its provider without a new sign-in; `None` if it
    /// cannot.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn id_token_until(
        &self,
        session: &Session,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(match self.sessions.id_token(session.into()).await? {
            Some(StoredIdToken::Usable { until, .. }) => Some(until),
            Some(StoredIdToken::Unusable(_)) | None => None,
        })
    }

    /// The ID token for this role; `None` if its account does not trust ID tokens.
    pub(super) async fn id_token_for(
        &self,
        caller: Caller<'_>,
        grant: &Grant,
    ) -> Result<Option<Result<WebIdentityToken, IdTokenError>>, StoreError> {
        let Some(trusted) = grant.trust().provider_oidc() else {
            return Ok(None);
        };
        if trusted.provider != caller.identity.provider {
            let trusted = trusted.title.clone();
            return Ok(Some(Err(IdTokenError::OtherProvider { trusted })));
        }
        Ok(Some(match self.sessions.id_token(caller).await? {
            Some(StoredIdToken::Usable { token, .. }) => Ok(token),
            Some(StoredIdToken::Unusable(reason)) => Err(IdTokenError::Unusable(reason)),
            None => Err(IdTokenError::SignInAgain {
                provider: trusted.provider.clone(),
                title: trusted.title.clone(),
            }),
        }))
    }
}
