//! The resource control policy that protects a whole organization from tokens of the gateway that do not name their role.

use super::Installation;
use super::document::{Action, Condition, Effect, Operator, PolicyDocument, Principal, Statement};
use super::trust::ROLE_AUTHORIZED_BY_IDP;

/// Why there is no such policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// STS of other partitions is not known to evaluate the claim.
    #[error(
        "the policy depends on tokens that name their role, which is known to work only in the partition aws"
    )]
    Partition,
    /// The gateway's own tokens would be denied.
    #[error(
        "role_claim = false in [aws]: with this policy, AWS would refuse every token of the gateway"
    )]
    RoleClaim,
}

/// Denies `AssumeRoleWithWebIdentity` for tokens of the gateway that have no list of roles, in every account of the
/// organization. Tokens of other issuers are not affected.
///
/// # Errors
/// [`GuardError`].
pub fn resource_control_policy(
    installation: &Installation<'_>,
) -> Result<PolicyDocument, GuardError> {
    if !installation.role_claim {
        return Err(GuardError::RoleClaim);
    }
    if !installation.enforces_role_claim() {
        return Err(GuardError::Partition);
    }
    let (before, after) = installation
        .oidc_provider()
        .arn_around(installation.partition);
    let provider = format!("{before}*{after}");
    Ok(PolicyDocument::new(vec![Statement {
        sid: Some("RolecallTokensNameTheirRole"),
        effect: Effect::Deny,
        principal: Some(Principal::Everyone),
        actions: vec![Action::AssumeRoleWithWebIdentity],
        resource: Some("*".into()),
        conditions: vec![
            Condition::one(Operator::ArnLike, "aws:FederatedProvider", provider),
            // The key is absent without the claim, not false.
            Condition::one(Operator::BoolIfExists, ROLE_AUTHORIZED_BY_IDP, "false"),
        ],
    }]))
}
