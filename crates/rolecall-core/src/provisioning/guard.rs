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
    let provider = installation.oidc_provider();
    let (before, after) = provider.arn_around(installation.partition);
    let arn = format!("{before}*{after}");
    // AWS documents that the key is present and contains the ARN of the provider. For a user pool of Cognito, it was observed to
    // contain the issuer instead, so a second statement does not depend on it: the keys of an issuer are present for its tokens only.
    Ok(PolicyDocument::new(vec![
        unnamed_role_denied(
            "RolecallTokensNameTheirRole",
            Condition::one(Operator::ArnLike, "aws:FederatedProvider", arn),
        ),
        unnamed_role_denied(
            "RolecallSubjectsNameTheirRole",
            Condition::one(Operator::Null, provider.condition_key("sub"), "false"),
        ),
    ]))
}

/// Denies tokens without a list of roles, of the issuer that the condition recognizes.
fn unnamed_role_denied(sid: &'static str, of_issuer: Condition) -> Statement {
    Statement {
        sid: Some(sid),
        effect: Effect::Deny,
        principal: Some(Principal::Everyone),
        actions: vec![Action::AssumeRoleWithWebIdentity],
        resources: vec!["*".into()],
        conditions: vec![
            of_issuer,
            // The key is absent without the claim, not false.
            Condition::one(Operator::BoolIfExists, ROLE_AUTHORIZED_BY_IDP, "false"),
        ],
    }
}
