//! Evaluation of all policies that apply to a request (IAM User Guide, "Policy evaluation logic").
//!
//! An explicit deny in any policy overrides every allow, and the default is an implicit deny.

use super::arn::account;
use super::context::RequestContext;
use super::decision::{Decision, StatementRef};
use super::policy::{Policy, PolicyKind};
use super::principal::{Named, Principal};
use super::statement::Effect;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who makes it.
    pub principal: Principal,
    /// `service:Action`
    pub action: String,
    /// ARN of the resource, or `*` for an action without one.
    pub resource: String,
    /// Condition keys.
    pub context: RequestContext,
}

/// The policies that apply to a request.
#[derive(Default)]
pub struct Policies<'a> {
    /// Resource control policies of the organization of the resource's account. They only deny.
    pub resource_control: Vec<&'a Policy>,
    /// Service control policies of the principal's account, by level from the root: each level must allow the request. Empty if
    /// none apply: for a federated principal, for the management account, and without an organization.
    pub service_control: Vec<Vec<&'a Policy>>,
    /// Policy of the resource: for a role, its trust policy.
    pub resource: Option<&'a Policy>,
    /// Identity-based policies of the user or role.
    pub identity: Vec<&'a Policy>,
    /// Session policies; `None` if the session has none. A session with an empty list has no permissions, as a federated user
    /// without a policy.
    pub session: Option<Vec<&'a Policy>>,
}

/// A statement that allows a request, and how it names the principal.
struct Allow {
    by: StatementRef,
    named: Named,
}

impl Policies<'_> {
    /// Decides about the request.
    ///
    /// # Errors
    /// If the context has an unknown condition key, or a value that does not have the type of its key.
    pub fn decide(&self, request: &Request) -> anyhow::Result<Decision> {
        request.context.check()?;
        if let Some(by) = self.all().find_map(|policy| denied(policy, request)) {
            return Ok(Decision::ExplicitDeny(by));
        }
        for level in &self.service_control {
            if allowed(level, request).is_none() {
                return Ok(Decision::ImplicitDeny(PolicyKind::ServiceControl));
            }
        }
        let resource = self
            .resource
            .map(|policy| allowed(&[policy], request).ok_or(policy.kind));
        let resource = match resource.transpose() {
            Ok(allow) => allow,
            Err(kind) => return Ok(Decision::ImplicitDeny(kind)),
        };
        if let (Principal::Federated(_), Some(allow)) = (&request.principal, &resource) {
            return Ok(Decision::Allowed(allow.by.clone()));
        }
        // In the account of the resource, a policy that names the principal itself is sufficient.
        let same_account = request.principal.account() == account(&request.resource);
        let named = resource
            .as_ref()
            .filter(|_| same_account)
            .map(|allow| allow.named);
        let identity = allowed(&self.identity, request);
        if identity.is_none() && named < Some(Named::Itself) {
            return Ok(Decision::ImplicitDeny(PolicyKind::Identity));
        }
        if let Some(session) = &self.session
            && named != Some(Named::Session)
            && allowed(session, request).is_none()
        {
            return Ok(Decision::ImplicitDeny(PolicyKind::Session));
        }
        Ok(match resource.or(identity) {
            Some(allow) => Decision::Allowed(allow.by),
            None => Decision::ImplicitDeny(PolicyKind::Identity),
        })
    }

    /// All policies, in the order in which AWS names the one that denies.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Policy> {
        let control = self.resource_control.iter();
        control
            .chain(self.service_control.iter().flatten())
            .chain(&self.resource)
            .chain(&self.identity)
            .chain(self.session.iter().flatten())
            .copied()
    }
}

/// The first statement that denies the request.
fn denied(policy: &Policy, request: &Request) -> Option<StatementRef> {
    let mut statements = policy.statements.iter().enumerate();
    let (index, statement) =
        statements.find(|(_, one)| one.effect == Effect::Deny && one.applies(request).is_some())?;
    Some(StatementRef::new(policy, index, statement))
}

/// The statement that allows the request and names the principal most specifically.
fn allowed(policies: &[&Policy], request: &Request) -> Option<Allow> {
    let mut best: Option<Allow> = None;
    for policy in policies {
        for (index, statement) in policy.statements.iter().enumerate() {
            let Some(named) = statement.applies(request) else {
                continue;
            };
            let better = best.as_ref().is_none_or(|best| best.named < named);
            if statement.effect == Effect::Allow && better {
                let by = StatementRef::new(policy, index, statement);
                best = Some(Allow { by, named });
            }
        }
    }
    best
}
