//! The limits of the access policy that explain why AWS denied a request: session policies of permission sets and variants.

use crate::access::{Grant, Grants};
use crate::aws::{AccountId, ActionVerdict, DenyingPolicy, PolicyKind};

/// Longer names of actions and resources are not compared with policies: AWS has none, and the time for it grows with the length.
const NAME_BYTES_MAX: usize = 2_048;

/// The principal of a denied request: a session of a role in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedPrincipal {
    /// The account of the role.
    pub account: AccountId,
    /// The name of the role, without its path.
    pub role: String,
}

impl DeniedPrincipal {
    /// Reads `arn:PARTITION:sts::ACCOUNT:assumed-role/ROLE/SESSION`; none for other principals.
    pub fn parse(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (scheme, _, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (_, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let mut path = resource.split('/');
        let is_session = (scheme, service, path.next()?) == ("arn", "sts", "assumed-role");
        let role = path.next()?.to_owned();
        is_session.then_some(Self {
            account: AccountId::parse(account).ok()?,
            role,
        })
    }
}

/// What AWS says denied a request, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DenialCause {
    /// The kind of policy.
    pub kind: Option<PolicyKind>,
    /// Whether a statement denies the request explicitly; otherwise none allows it.
    pub explicit: Option<bool>,
}

impl From<&DenyingPolicy> for DenialCause {
    fn from(policy: &DenyingPolicy) -> Self {
        Self {
            kind: Some(policy.kind),
            explicit: Some(policy.explicit),
        }
    }
}

/// A limit of the access policy that explains a denial: the session policy of a permission set or variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLimit {
    /// The role as people know it: `payments-prod/Developer@readonly`.
    pub role: String,
    /// Whether the limit belongs to the variant, not to the permission set.
    pub of_variant: bool,
    /// What it says of the action.
    pub verdict: SessionLimitVerdict,
}

/// What the session policies of a role say of an action and a resource. Conditions are not evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionLimitVerdict {
    /// Statements deny it.
    Denied {
        /// Their `Sid`, where they have one.
        statements: Vec<String>,
        /// Whether that depends on conditions, or on the resource.
        conditional: bool,
    },
    /// No statement allows it.
    NotAllowed,
    /// Statements allow it under conditions only.
    AllowedConditionally,
    /// Managed policies limit the session; their content is known to AWS alone. Their ARNs.
    ManagedPolicies(Vec<String>),
}

impl Grants {
    /// The session policies that explain why a session of this principal may not do the action on the resource: those of the
    /// person's own roles with the principal's account and role name. Where AWS blames another kind of policy, none explains it.
    pub fn limits_on(
        &self,
        principal: &DeniedPrincipal,
        action: &str,
        resource: Option<&str>,
        cause: DenialCause,
    ) -> Vec<SessionLimit> {
        let is_long = action.len() > NAME_BYTES_MAX
            || resource.is_some_and(|resource| resource.len() > NAME_BYTES_MAX);
        if is_long || cause.kind.is_some_and(|kind| kind != PolicyKind::Session) {
            return Vec::new();
        }
        let of_role = self
            .of_account(&principal.account)
            .filter(|grant| grant.role().role().name() == principal.role);
        let limits = of_role.filter_map(|grant| {
            let verdict = verdict(&grant, action, resource)?;
            verdict.explains(cause).then(|| SessionLimit {
                role: grant.label(),
                of_variant: grant.variant_session_policies().is_some(),
                verdict,
            })
        });
        limits.collect()
    }
}

impl SessionLimitVerdict {
    /// An explicit deny and the absence of an allow exclude each other.
    fn explains(&self, cause: DenialCause) -> bool {
        match (self, cause.explicit) {
            (_, None) | (Self::ManagedPolicies(_), _) => true,
            (Self::Denied { .. }, Some(explicit)) => explicit,
            (Self::NotAllowed | Self::AllowedConditionally, Some(explicit)) => !explicit,
        }
    }
}

/// `None` if the session policies of the role allow the action, or if it has none.
fn verdict(grant: &Grant, action: &str, resource: Option<&str>) -> Option<SessionLimitVerdict> {
    let own = grant.session_policy();
    let inline = own.map(|policy| policy.verdict_on(action, resource));
    if let Some(ActionVerdict::Denied {
        statements,
        conditional,
    }) = inline
    {
        return Some(SessionLimitVerdict::Denied {
            statements,
            conditional,
        });
    }
    // STS adds the session policies up: a managed policy can allow what the inline policy does not, or deny what it allows.
    if !grant.policy_arns().is_empty() {
        let arns = grant.policy_arns().iter().map(ToString::to_string);
        return Some(SessionLimitVerdict::ManagedPolicies(arns.collect()));
    }
    match inline? {
        ActionVerdict::NotAllowed => Some(SessionLimitVerdict::NotAllowed),
        ActionVerdict::Allowed { conditional: true } => {
            Some(SessionLimitVerdict::AllowedConditionally)
        }
        ActionVerdict::Allowed { conditional: false } | ActionVerdict::Denied { .. } => None,
    }
}
