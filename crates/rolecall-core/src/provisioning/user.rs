//! The IAM user of an account with `trust = "federation-token"`. Its access key is not part of the plan: nobody should read it from a
//! template.

use super::document::{Action, Effect, PolicyDocument, Statement};
use super::permissions::{Permissions, of_user};
use super::{AccountText, Installation, Node, PlanError, PlanNote};
use crate::access::{Account, AssignedRole, PermissionSet};
use crate::base::limits;

/// The IAM user that issues sessions. They have the permissions that both the user and their session policy allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPlan {
    federation: PolicyDocument,
    permissions: Permissions,
}

impl UserPlan {
    /// Name of the user.
    pub const NAME: &'static str = "rolecall";
    /// Name of the inline policy that permits to issue sessions.
    pub const FEDERATION_POLICY_NAME: &'static str = "federation";

    /// The user of an account with these assigned permission sets.
    pub(super) fn new(
        account: &Account,
        assigned: &[AssignedRole<'_>],
        installation: &Installation<'_>,
    ) -> Result<Self, PlanError> {
        let partition = installation.partition;
        let sets: Vec<&PermissionSet> = assigned.iter().map(|role| role.permission_set).collect();
        let arn = format!("arn:{partition}:iam::{}:user/{}", account.id, Self::NAME);
        let sessions =
            AccountText::around_account_id(format!("arn:{partition}:sts::"), ":federated-user/*");
        Ok(Self {
            federation: PolicyDocument::new(vec![Statement {
                sid: None,
                effect: Effect::Allow,
                principal: None,
                actions: vec![Action::GetFederationToken, Action::TagSession],
                resources: vec![sessions],
                conditions: Vec::new(),
            }]),
            permissions: of_user(&sets, account, &arn)?,
        })
    }

    /// Inline policy that permits to issue sessions.
    pub fn federation(&self) -> &PolicyDocument {
        &self.federation
    }

    /// ARNs of managed policies that exist already.
    pub fn managed_policies(&self) -> &[AccountText] {
        &self.permissions.managed
    }

    /// Managed policies with the statements of the inline policies of the permission sets: name and document.
    pub fn customer_managed_policies(&self) -> impl Iterator<Item = (String, &Node<AccountText>)> {
        let policies = (1..).zip(&self.permissions.customer_managed);
        policies.map(|(number, policy)| (format!("{}-user-{number}", Self::NAME), policy))
    }

    /// ARN of the permissions boundary.
    pub fn permissions_boundary(&self) -> Option<&AccountText> {
        self.permissions.boundary.as_ref()
    }

    /// What an administrator should know.
    pub(super) fn notes(&self) -> Vec<PlanNote> {
        let user = || format!("user {}", Self::NAME);
        let mut notes = Vec::new();
        let count = self.permissions.attached();
        if count == 0 {
            notes.push(PlanNote::NoPermissions { of: user() });
        }
        if count > limits::ROLE_MANAGED_POLICIES_DEFAULT {
            notes.push(PlanNote::PoliciesQuota { of: user(), count });
        }
        notes
    }
}
