//! What an event is called and whom it is about, for those who search the trail.

use serde::{Deserialize, Serialize};

use super::{Actor, AuditEventKind, Target};

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As was asked.
    Success,
    /// Rolecall or a person said no.
    Refused,
    /// AWS or an outage prevented it, or nobody received it.
    Failed,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Success, Self::Refused, Self::Failed];

    /// A stable word.
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

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About<'e> {
    /// `event` of the canonical form.
    pub event: &'static str,
    /// At which provider, where nobody acted; an actor names their own.
    pub provider: Option<&'e str>,
    /// Who acted.
    pub actor: Option<&'e Actor>,
    /// Which role was asked for.
    pub target: Option<&'e Target>,
}

impl AuditEventKind {
    /// See [`About`].
    pub fn about(&self) -> About<'_> {
        let nobody = |event| About {
            event,
            provider: None,
            actor: None,
            target: None,
        };
        let somebody = |event, actor| About {
            actor: Some(actor),
            ..nobody(event)
        };
        match self {
            Self::WriterStarted { .. } => nobody("writer_started"),
            Self::SignedIn { actor, .. } => somebody("signed_in", actor),
            Self::SignInRefused { provider, .. } => About {
                provider: provider.as_deref(),
                ..nobody("sign_in_refused")
            },
            Self::SignedOut { actor, .. } => somebody("signed_out", actor),
            Self::SignOutRefused { provider, .. } => About {
                provider: provider.as_deref(),
                ..nobody("sign_out_refused")
            },
            Self::SignInRefusals { .. } => nobody("sign_in_refusals"),
            Self::SignOutRefusals { .. } => nobody("sign_out_refusals"),
            Self::ClientSessionBegun { actor, .. } => somebody("client_session_begun", actor),
            Self::ConsentGiven { actor, .. } => somebody("consent_given", actor),
            Self::ConsentDenied { actor, .. } => somebody("consent_denied", actor),
            Self::IssueIntended { actor, target, .. } => About {
                target: Some(target),
                ..somebody("issue_intended", actor)
            },
            Self::IssueDone { .. } => nobody("issue_done"),
            Self::IssuePosted { .. } => nobody("issue_posted"),
            Self::IssueFailed { .. } => nobody("issue_failed"),
            Self::IssueUndelivered {} => nobody("issue_undelivered"),
            Self::IssueRefused { actor, target, .. } => About {
                target: Some(target),
                ..somebody("issue_refused", actor)
            },
            Self::ConfigurationLoaded { .. } => nobody("configuration_loaded"),
            Self::ConfigurationRefused { .. } => nobody("configuration_refused"),
        }
    }

    /// How it ended; none for the beginning of an issue, whose end is another event.
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
            Self::IssueFailed { .. } | Self::IssueUndelivered {} => Some(Outcome::Failed),
            Self::IssueIntended { .. } => None,
        }
    }

    /// The public id of the session it is about, and of the one in which that was allowed.
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
            | Self::IssueRefused { .. }
            | Self::ConfigurationLoaded { .. }
            | Self::ConfigurationRefused { .. } => (None, None),
        }
    }
}
