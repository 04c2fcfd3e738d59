//! What a role may do, within the limits of IAM.

use super::document::{chars, document};
use super::{AccountText, Node, PlanError};
use crate::access::{Account, PermissionSet, RolePermissions};
use crate::aws::InlinePolicy;
use crate::base::limits;

/// Permissions of a role as IAM stores them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Permissions {
    /// ARNs of attached managed policies.
    pub managed: Vec<AccountText>,
    /// The inline policy.
    pub inline: Option<Node<AccountText>>,
    /// The statements of an inline policy that is too long, as managed policies of the account.
    pub customer_managed: Vec<Node<AccountText>>,
    /// ARN of the permissions boundary.
    pub boundary: Option<AccountText>,
}

impl Permissions {
    /// Number of managed policies that are attached to the role.
    pub fn attached(&self) -> usize {
        self.managed.len() + self.customer_managed.len()
    }

    /// The permissions of a role in an account. `role` is its ARN, for messages.
    pub fn new(
        permissions: &RolePermissions,
        account: &Account,
        role: &str,
    ) -> Result<Self, PlanError> {
        let arns = permissions.managed_policies.iter();
        let mut arns = arns.chain(&permissions.permissions_boundary);
        if let Some(arn) = arns.find(|arn| !arn.fits(&account.id)) {
            return Err(PlanError::PolicyOfOtherAccount {
                role: role.to_owned(),
                policy: arn.to_string(),
            });
        }
        let managed = permissions.managed_policies.iter();
        let inline = permissions.inline_policy.as_ref();
        let (inline, customer_managed) =
            match inline.map(|policy| split(policy, role)).transpose()? {
                None => (None, Vec::new()),
                Some(Split::Inline(policy)) => (Some(policy), Vec::new()),
                Some(Split::Managed(policies)) => (None, policies),
            };
        let permissions = Self {
            managed: managed.map(AccountText::policy_arn).collect(),
            inline,
            customer_managed,
            boundary: permissions
                .permissions_boundary
                .as_ref()
                .map(AccountText::policy_arn),
        };
        permissions.within_quota(role)
    }

    fn within_quota(self, role: &str) -> Result<Self, PlanError> {
        match self.attached() {
            count if count > limits::ROLE_MANAGED_POLICIES_MAX => Err(PlanError::TooManyPolicies {
                role: role.to_owned(),
                count,
            }),
            _ => Ok(self),
        }
    }
}

/// What an IAM user may do that issues sessions of several permission sets: everything that one of them may do. A user has less
/// room for inline policies than a role, so statements are in managed policies.
pub(super) fn of_user(
    sets: &[&PermissionSet],
    account: &Account,
    user: &str,
) -> Result<Permissions, PlanError> {
    let (mut managed, mut statements, mut boundary) = (Vec::new(), Vec::new(), None);
    for set in sets {
        let own = Permissions::new(&set.permissions, account, user)?;
        for arn in own.managed {
            if !managed.contains(&arn) {
                managed.push(arn);
            }
        }
        let inline = set.permissions.inline_policy.iter();
        for statement in inline.flat_map(|policy| policy.statements()) {
            let statement = Node::from(statement);
            if !statements.contains(&statement) {
                statements.push(statement);
            }
        }
        match (&boundary, own.boundary) {
            (None, of_set) => boundary = Some(of_set),
            (Some(known), of_set) if *known == of_set => {}
            (Some(_), _) => {
                return Err(PlanError::UserBoundaries {
                    account: account.name.to_string(),
                });
            }
        }
    }
    let permissions = Permissions {
        managed,
        inline: None,
        customer_managed: match statements.is_empty() {
            true => Vec::new(),
            false => distribute(statements, user)?,
        },
        boundary: boundary.flatten(),
    };
    permissions.within_quota(user)
}

/// A policy that is short enough to be inline, or several managed policies with its statements.
enum Split {
    Inline(Node<AccountText>),
    Managed(Vec<Node<AccountText>>),
}

/// Permissions of several managed policies are added up, so the statements can be distributed in order.
fn split(policy: &InlinePolicy, role: &str) -> Result<Split, PlanError> {
    let statements = policy.statements().into_iter();
    let statements: Vec<Node<AccountText>> = statements.map(Node::from).collect();
    let whole = document(statements.clone());
    if chars(&whole) <= limits::ROLE_INLINE_POLICIES_CHARS_MAX {
        return Ok(Split::Inline(whole));
    }
    distribute(statements, role).map(Split::Managed)
}

/// Managed policies with these statements, in order.
fn distribute(
    statements: Vec<Node<AccountText>>,
    role: &str,
) -> Result<Vec<Node<AccountText>>, PlanError> {
    let mut policies = Vec::new();
    let mut current = Vec::new();
    for (number, statement) in (1..).zip(statements) {
        let alone = chars(&document(vec![statement.clone()]));
        if alone > limits::MANAGED_POLICY_CHARS_MAX {
            return Err(PlanError::StatementTooLong {
                role: role.to_owned(),
                number,
                chars: alone,
            });
        }
        current.push(statement);
        if chars(&document(current.clone())) > limits::MANAGED_POLICY_CHARS_MAX {
            let next = current.split_off(current.len() - 1);
            policies.push(document(std::mem::replace(&mut current, next)));
        }
    }
    policies.push(document(current));
    Ok(policies)
}
