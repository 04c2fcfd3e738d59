//! The outcome of an evaluation, with the statement or the kind of policy that decided.

use serde_json::Value;

use super::policy::{Policy, PolicyKind};
use super::statement::Statement;

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementRef {
    /// Kind of the policy.
    pub kind: PolicyKind,
    /// Name of the policy.
    pub policy: String,
    /// Position of the statement, from 0.
    pub index: usize,
    /// `Sid`
    pub sid: Option<String>,
    /// The statement as it was written.
    pub document: Value,
}

impl StatementRef {
    pub(super) fn new(policy: &Policy, index: usize, statement: &Statement) -> Self {
        StatementRef {
            kind: policy.kind,
            policy: policy.name.clone(),
            index,
            sid: statement.sid.clone(),
            document: statement.document.clone(),
        }
    }
}

/// Whether a request is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// All kinds of policies that apply allow it. The statement of the resource's own policy if there is one, otherwise that of
    /// the identity-based policy.
    Allowed(StatementRef),
    /// A statement denies it.
    ExplicitDeny(StatementRef),
    /// No policy of this kind allows it.
    ImplicitDeny(PolicyKind),
}

impl Decision {
    /// Whether it is [`Decision::Allowed`].
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        match self {
            Decision::Allowed(_) => true,
            Decision::ExplicitDeny(_) | Decision::ImplicitDeny(_) => false,
        }
    }

    /// The statement that decided; none for an implicit deny.
    #[must_use]
    pub fn statement(&self) -> Option<&StatementRef> {
        match self {
            Decision::Allowed(statement) | Decision::ExplicitDeny(statement) => Some(statement),
            Decision::ImplicitDeny(_) => None,
        }
    }

    /// The kind of policy that denies the request; none if it is allowed.
    #[must_use]
    pub fn denied_by(&self) -> Option<PolicyKind> {
        match self {
            Decision::Allowed(_) => None,
            Decision::ExplicitDeny(by) => Some(by.kind),
            Decision::ImplicitDeny(kind) => Some(*kind),
        }
    }

    /// Why an action is denied, in the words of AWS's AccessDenied messages ("Troubleshoot access denied error messages").
    #[must_use]
    pub fn reason(&self, action: &str) -> String {
        match self {
            Decision::Allowed(by) => format!("allowed by {} {}", by.kind.noun(), by.policy),
            Decision::ExplicitDeny(by) => {
                let article = match by.kind {
                    PolicyKind::Identity => "an",
                    PolicyKind::Trust => "the",
                    PolicyKind::Session
                    | PolicyKind::ServiceControl
                    | PolicyKind::ResourceControl => "a",
                };
                format!("with an explicit deny in {article} {}", by.kind.noun())
            }
            Decision::ImplicitDeny(kind) => {
                format!("because no {} allows the {action} action", kind.noun())
            }
        }
    }
}
