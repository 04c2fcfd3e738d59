//! What an event is called and whom it is about, for those who search the trail.

use super::{Actor, Happened, Target};

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

impl Happened {
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
}
