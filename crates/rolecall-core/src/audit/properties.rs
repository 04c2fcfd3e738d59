//! Name, subject and outcome of an event, for searches of the trail.

use serde::{Deserialize, Serialize};

use super::{Actor, AuditEventKind, Target};

/// Outcome of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The action was completed.
    Success,
    /// The gateway or a person denied it.
    Refused,
    /// An error of AWS or an outage prevented it, or the result was not delivered.
    Failed,
}

impl Outcome {
    /// All outcomes, for parsing.
    pub const ALL: [Self; 3] = [Self::Success, Self::Refused, Self::Failed];

    /// Stable code, as in searches and exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl std::str::FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == text);
        known.ok_or_else(|| "write success, refused or failed".to_owned())
    }
}

/// Searchable properties of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventProperties<'e> {
    /// `event` of the canonical form.
    pub event: &'static str,
    /// Id of the identity provider, for events without an actor.
    pub provider: Option<&'e str>,
    /// Person who acted.
    pub actor: Option<&'e Actor>,
    /// Requested role, for events about one role.
    pub target: Option<&'e Target>,
}

impl AuditEventKind {
    /// Returns the searchable properties.
    pub fn properties(&self) -> EventProperties<'_> {
        let system = |event| EventProperties {
            event,
            provider: None,
            actor: None,
            target: None,
        };
        let person = |event, actor| EventProperties {
            actor: Some(actor),
            ..system(event)
        };
        match self {
            Self::WriterStarted { .. } => system("writer_started"),
            Self::SignedIn { actor, .. } => person("signed_in", actor),
            Self::SignInRefused { provider, .. } => EventProperties {
                provider: provider.as_deref(),
                ..system("sign_in_refused")
            },
            Self::SignedOut { actor, .. } => person("signed_out", actor),
            Self::SignOutRefused { provider, .. } => EventProperties {
                provider: provider.as_deref(),
                ..system("sign_out_refused")
            },
            Self::SignInRefusals { .. } => system("sign_in_refusals"),
            Self::SignOutRefusals { .. } => system("sign_out_refusals"),
            Self::ClientSessionBegun { actor, .. } => person("client_session_begun", actor),
            Self::ConsentGiven { actor, .. } => person("consent_given", actor),
            Self::ConsentDenied { actor, .. } => person("consent_denied", actor),
            Self::IssueIntended { actor, target, .. } => EventProperties {
                target: Some(target),
                ..person("issue_intended", actor)
            },
            Self::IssueDone { .. } => system("issue_done"),
            Self::IssuePosted { .. } => system("issue_posted"),
            Self::IssueFailed { .. } => system("issue_failed"),
            Self::IssueUndelivered {} => system("issue_undelivered"),
            Self::IssueUnverified { .. } => system("issue_unverified"),
            Self::IssueRefused { actor, target, .. } => EventProperties {
                target: Some(target),
                ..person("issue_refused", actor)
            },
            Self::ConfigurationLoaded { .. } => system("configuration_loaded"),
            Self::ConfigurationRefused { .. } => system("configuration_refused"),
        }
    }

    /// Returns the outcome; none for an intent, which another event completes.
    pub fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::WriterStarted { .. }
            | Self::SignedIn { .. }
            | Self::SignedOut { .. }
            | Self::ClientSessionBegun { .. }
            | Self::ConsentGiven { .. }
            | Self::IssueDone { .. }
            | Self::IssuePosted { .. }
            | Self::ConfigurationLoaded { .. } => Some(Outcome::Success),
            Self::SignInRefused { .. }
            | Self::SignInRefusals(_)
            | Self::SignOutRefused { .. }
            | Self::SignOutRefusals(_)
            | Self::ConsentDenied { .. }
            | Self::IssueRefused { .. }
            | Self::ConfigurationRefused { .. } => Some(Outcome::Refused),
            Self::IssueFailed { .. } | Self::IssueUndelivered {} | Self::IssueUnverified { .. } => {
                Some(Outcome::Failed)
            }
            Self::IssueIntended { .. } => None,
        }
    }

    /// Returns the public id of the event's session, and that of the session in which it was allowed.
    pub fn sessions(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::SignedIn { session, .. }
            | Self::SignedOut { session, .. }
            | Self::ConsentGiven { session, .. }
            | Self::ConsentDenied { session, .. }
            | Self::IssueIntended { session, .. } => (Some(session), None),
            Self::ClientSessionBegun {
                session,
                allowed_in,
                ..
            } => (Some(session), Some(allowed_in)),
            Self::WriterStarted { .. }
            | Self::SignInRefused { .. }
            | Self::SignInRefusals(_)
            | Self::SignOutRefused { .. }
            | Self::SignOutRefusals(_)
            | Self::IssueDone { .. }
            | Self::IssuePosted { .. }
            | Self::IssueFailed { .. }
            | Self::IssueUndelivered {}
            | Self::IssueUnverified { .. }
            | Self::IssueRefused { .. }
            | Self::ConfigurationLoaded { .. }
            | Self::ConfigurationRefused { .. } => (None, None),
        }
    }
}
