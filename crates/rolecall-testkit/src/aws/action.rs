//! Actions of STS, as policies name them.

/// An action of STS that a policy can allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    AssumeRole,
    AssumeRoleWithWebIdentity,
    AssumeRoleWithSaml,
    GetFederationToken,
    DecodeAuthorizationMessage,
    TagSession,
    SetSourceIdentity,
}

impl Action {
    /// Name of the action in a policy.
    pub fn wire(self) -> &'static str {
        match self {
            Action::AssumeRole => "sts:AssumeRole",
            Action::AssumeRoleWithWebIdentity => "sts:AssumeRoleWithWebIdentity",
            Action::AssumeRoleWithSaml => "sts:AssumeRoleWithSAML",
            Action::GetFederationToken => "sts:GetFederationToken",
            Action::DecodeAuthorizationMessage => "sts:DecodeAuthorizationMessage",
            Action::TagSession => "sts:TagSession",
            Action::SetSourceIdentity => "sts:SetSourceIdentity",
        }
    }
}
