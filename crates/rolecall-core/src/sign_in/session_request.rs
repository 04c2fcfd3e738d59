//! Sign-ins that a session requests: silent ones (`prompt=none`, OpenID Connect Core 3.1.2.1), which renew an ID token without
//! a page of the provider, and step-ups, for roles that require a second factor or a recent sign-in.
//!
//! The provider must assert the person of the session again. Until it has, and if it does not, the session stays as it is.

use serde::{Deserialize, Serialize};

use crate::base::secret::{SecretDigest, SessionSecret};
use crate::identity::{Identity, ProviderId};
use crate::record::StoreError;
use crate::sign_in::{PendingSignIn, ProviderError, ReturnTo, SignInError, SignInRequest, SignIns};

/// Errors with which a provider says that it must show a page (OpenID Connect Core 3.1.2.6).
const INTERACTION: [&str; 4] = [
    "login_required",
    "interaction_required",
    "consent_required",
    "account_selection_required",
];

/// The session that requested a sign-in, and what for. A person is a key; see [`Identity::key`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredRequest", into = "StoredRequest")]
pub enum SessionRequest {
    /// No session: the sign-in is one of anyone.
    #[default]
    None,
    /// A silent sign-in.
    Silent {
        /// The person of the session.
        person: SecretDigest,
    },
    /// Additional verification.
    StepUp(StepUp),
}

/// Additional verification that a session requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUp {
    /// The person of the session.
    person: SecretDigest,
    /// Whether a second factor was requested.
    second_factor: bool,
    /// Whether a page of the gateway led to it, not a link on another site.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    from_own_page: bool,
}

/// The members of a [`PendingSignIn`] in the store.
#[derive(Serialize, Deserialize)]
struct StoredRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    silent_for: Option<SecretDigest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step_up: Option<StepUp>,
}

impl From<StoredRequest> for SessionRequest {
    fn from(stored: StoredRequest) -> Self {
        match (stored.step_up, stored.silent_for) {
            (Some(step_up), _) => Self::StepUp(step_up),
            (None, Some(person)) => Self::Silent { person },
            (None, None) => Self::None,
        }
    }
}

impl From<SessionRequest> for StoredRequest {
    fn from(request: SessionRequest) -> Self {
        let (silent_for, step_up) = match request {
            SessionRequest::None => (None, None),
            SessionRequest::Silent { person } => (Some(person), None),
            SessionRequest::StepUp(step_up) => (None, Some(step_up)),
        };
        Self {
            silent_for,
            step_up,
        }
    }
}

/// A step-up that failed. The session that requested it continues unchanged.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct StepUpFailed {
    /// The error of the sign-in.
    #[source]
    pub error: SignInError,
    /// The provider.
    pub provider: ProviderId,
    /// Page from which the step-up was requested.
    pub return_to: ReturnTo,
    /// Whether a second factor was requested.
    pub second_factor: bool,
}

impl SessionRequest {
    /// Whether it is a step-up to which a page of the gateway led.
    pub(super) fn is_own_step_up(&self) -> bool {
        matches!(self, Self::StepUp(step_up) if step_up.from_own_page)
    }

    /// Checks that the provider asserted the person of the session.
    pub(super) fn check_person(&self, identity: &Identity) -> Result<(), SignInError> {
        match self {
            Self::Silent { person } | Self::StepUp(StepUp { person, .. })
                if *person != identity.key() =>
            {
                Err(SignInError::OtherPerson)
            }
            Self::None | Self::Silent { .. } | Self::StepUp(_) => Ok(()),
        }
    }

    /// The error of the sign-in, if the provider failed. An ordinary sign-in follows a silent one that needs a page.
    pub(super) fn refused(&self, error: ProviderError, to: ReturnTo) -> SignInError {
        match (self, error) {
            (Self::Silent { .. }, ProviderError::Refused { error, .. })
                if INTERACTION.contains(&error) =>
            {
                SignInError::InteractionRequired(to)
            }
            (_, error) => error.into(),
        }
    }
}

impl PendingSignIn {
    /// Adds to an error from which page a step-up was requested.
    pub(super) fn explain(self, error: SignInError) -> SignInError {
        let SessionRequest::StepUp(step_up) = self.requested_by else {
            return error;
        };
        SignInError::StepUp(Box::new(StepUpFailed {
            error,
            provider: self.provider,
            return_to: self.return_to,
            second_factor: step_up.second_factor,
        }))
    }
}

impl SignIns {
    /// The session that this sign-in is for, and what is requested of the provider for it. Without a live session of a person
    /// of the provider, it is a sign-in like any other. A step-up is never silent.
    pub(super) async fn session_request(
        &self,
        provider: &ProviderId,
        session: Option<&SessionSecret>,
        request: &mut SignInRequest,
    ) -> Result<SessionRequest, StoreError> {
        let requirements = &mut request.requirements;
        let is_step_up = requirements.is_step_up();
        if !is_step_up && !requirements.silent {
            return Ok(SessionRequest::None);
        }
        let session = match session {
            Some(secret) => self.sessions.session(secret).await?,
            None => None,
        };
        let identity = session.map(|session| session.identity);
        let identity = identity.filter(|identity| identity.provider == *provider);
        requirements.silent = !is_step_up && identity.is_some();
        let Some(identity) = identity else {
            return Ok(SessionRequest::None);
        };
        let person = identity.key();
        if is_step_up {
            return Ok(SessionRequest::StepUp(StepUp {
                person,
                second_factor: requirements.second_factor,
                from_own_page: request.from_own_page,
            }));
        }
        requirements.login_hint = requirements.login_hint.take().or(identity.email);
        // Without it, a provider may assert less than in the session that this sign-in replaces.
        requirements.second_factor = identity.mfa;
        Ok(SessionRequest::Silent { person })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::State;

    fn person() -> SecretDigest {
        State::new("alice").digest()
    }

    /// A sign-in as an earlier version stored it, with these members.
    fn stored(more: &[(&str, serde_json::Value)]) -> serde_json::Value {
        let mut stored = serde_json::json!({
            "provider": "okta", "browser": person(), "correlation": {}, "return_to": "/",
        });
        for (name, value) in more {
            stored[*name] = value.clone();
        }
        stored
    }

    fn opened(stored: serde_json::Value) -> PendingSignIn {
        serde_json::from_value(stored).unwrap()
    }

    #[test]
    fn sign_ins_of_earlier_versions_open() {
        let person = || serde_json::to_value(person()).unwrap();
        let step_up = serde_json::json!({ "person": person(), "second_factor": true });
        assert_eq!(opened(stored(&[])).requested_by, SessionRequest::None);
        let null = stored(&[("silent_for", serde_json::Value::Null)]);
        assert_eq!(opened(null).requested_by, SessionRequest::None);
        let silent = opened(stored(&[("silent_for", person())]));
        let SessionRequest::Silent { person: read } = silent.requested_by else {
            panic!("{silent:?}");
        };
        assert_eq!(serde_json::to_value(read).unwrap(), person());
        for more in [
            vec![("step_up", step_up.clone())],
            vec![("step_up", step_up), ("silent_for", person())],
        ] {
            let opened = opened(stored(&more));
            let SessionRequest::StepUp(step_up) = opened.requested_by else {
                panic!("{opened:?}");
            };
            assert!(step_up.second_factor && !step_up.from_own_page);
        }
    }

    #[test]
    fn earlier_versions_open_sign_ins() {
        let step_up = StepUp {
            person: person(),
            second_factor: false,
            from_own_page: true,
        };
        for (requested_by, name) in [
            (SessionRequest::None, None),
            (
                SessionRequest::Silent { person: person() },
                Some("silent_for"),
            ),
            (SessionRequest::StepUp(step_up), Some("step_up")),
        ] {
            let pending = PendingSignIn {
                requested_by: requested_by.clone(),
                ..opened(stored(&[]))
            };
            let written = serde_json::to_value(&pending).unwrap();
            for member in ["silent_for", "step_up"] {
                assert_eq!(written.get(member).is_some(), name == Some(member));
            }
            assert_eq!(opened(written).requested_by, requested_by);
        }
    }
}
