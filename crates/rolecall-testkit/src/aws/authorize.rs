//! Whether a request is allowed: gathers the policies that apply and the condition keys, decides, and records the decision.

use std::sync::Arc;

use chrono::SecondsFormat;
use serde_json::Value;

use super::action::Action;
use super::error::{AwsError, ErrorCode};
use super::organization;
use super::signer::Signer;
use super::state::AwsState;
use crate::iam::{Decision, Policies, Policy, PolicyKind, Principal, Request, RequestContext};

/// A request about which the emulator decided, with the policies that applied to it.
#[derive(Clone, Debug)]
pub struct RecordedDecision {
    /// Principal, action, resource and condition keys.
    pub request: Request,
    /// The policies, in the order of evaluation.
    pub policies: Vec<AppliedPolicy>,
    /// The outcome.
    pub decision: Decision,
}

/// A policy that applied to a request.
#[derive(Clone, Debug)]
pub struct AppliedPolicy {
    /// What it is attached to.
    pub kind: PolicyKind,
    /// Its name.
    pub name: String,
    /// Its document.
    pub document: Value,
}

/// Who makes a request.
#[derive(Clone, Copy)]
pub(super) enum Caller<'a> {
    /// A person for whom an identity provider vouches, with an unsigned request.
    Provider {
        arn: &'a str,
        /// Errors name the operation, whichever action is denied.
        operation: Action,
    },
    Signer(&'a Signer),
}

impl Caller<'_> {
    fn principal(self) -> Principal {
        match self {
            Caller::Provider { arn, .. } => Principal::Federated(arn.to_owned()),
            Caller::Signer(signer) => signer.principal(),
        }
    }
}

/// The request of a caller, without the condition keys that depend on neither caller nor resource.
pub(super) struct Call<'a> {
    pub caller: Caller<'a>,
    pub action: &'a str,
    /// ARN, or `*`.
    pub resource: &'a str,
    /// Trust policy, if the resource is a role.
    pub trust: Option<&'a Policy>,
    /// Condition keys of the operation.
    pub context: RequestContext,
}

impl<'a> Call<'a> {
    /// A request of a signer for an action of STS that involves no role.
    pub fn of_signer(signer: &'a Signer, action: Action, resource: &'a str) -> Self {
        Call {
            caller: Caller::Signer(signer),
            action: action.wire(),
            resource,
            trust: None,
            context: RequestContext::default(),
        }
    }

    /// Allows the request or returns the error of AWS.
    pub fn check(self, state: &AwsState) -> Result<(), AwsError> {
        let (caller, action, resource) = (self.caller, self.action, self.resource);
        let reason = match self.decide(state) {
            Ok(Decision::Allowed(_)) => return Ok(()),
            Ok(decision) => {
                tracing::debug!(resource, action, ?decision, "the request is denied");
                // AWS reports to nobody which trust policy, statement or condition denies.
                match decision.denied_by() {
                    Some(PolicyKind::Trust) => String::new(),
                    Some(_) | None => format!(" {}", decision.reason(action)),
                }
            }
            Err(error) => format!(" because the AWS emulator cannot evaluate it: {error:#}"),
        };
        Err(AwsError::new(
            ErrorCode::AccessDenied,
            match caller {
                Caller::Provider { operation, .. } => {
                    format!("Not authorized to perform {}{reason}", operation.wire())
                }
                Caller::Signer(signer) => format!(
                    "User: {} is not authorized to perform: {action} on resource: {resource}{reason}",
                    signer.arn()
                ),
            },
        ))
    }

    /// Decides about the request and records it.
    pub fn decide(mut self, state: &AwsState) -> anyhow::Result<Decision> {
        self.add_keys(state);
        let owner = owner(self.resource);
        let mut applied = Applied {
            resource_control: owner.map_or_else(Vec::new, |account| {
                let levels = state.organization.of(PolicyKind::ResourceControl, account);
                levels.concat()
            }),
            ..Applied::default()
        };
        if let Caller::Signer(signer) = self.caller {
            applied.service_control = state
                .organization
                .of(PolicyKind::ServiceControl, signer.account());
            applied.identity = state.permissions(signer.account(), signer.issuer());
            let session = signer.session();
            applied.session = session
                .map(|session| state.session_policies(session))
                .transpose()?
                .flatten();
        }
        let policies = applied.policies(self.trust);
        let request = Request {
            principal: self.caller.principal(),
            action: self.action.to_owned(),
            resource: self.resource.to_owned(),
            context: self.context,
        };
        let decision = policies.decide(&request)?;
        state.record_decision(|| RecordedDecision {
            policies: policies.all().map(AppliedPolicy::from).collect(),
            request,
            decision: decision.clone(),
        });
        Ok(decision)
    }

    fn add_keys(&mut self, state: &AwsState) {
        let now = state.now();
        let mut context = match self.caller {
            // Only OpenID providers have the key (IAM User Guide, "AWS global condition context keys").
            Caller::Provider {
                arn,
                operation: Action::AssumeRoleWithWebIdentity,
            } => RequestContext::default().with("aws:FederatedProvider", arn),
            Caller::Provider { .. } => RequestContext::default(),
            Caller::Signer(signer) => signer.context(now),
        };
        if let Some(account) = owner(self.resource) {
            context.add("aws:ResourceAccount", account);
            context.add("aws:ResourceOrgID", organization::ID);
        }
        let time = now.to_rfc3339_opts(SecondsFormat::Secs, true);
        context.add("aws:CurrentTime", &time);
        context.add("aws:EpochTime", &now.timestamp().to_string());
        context.add("aws:SecureTransport", "true");
        context.add("aws:ViaAWSService", "false");
        context.add("aws:PrincipalIsAWSService", "false");
        self.context.extend(&context);
    }
}

/// The account of a resource.
fn owner(resource: &str) -> Option<&str> {
    let account = resource.split(':').nth(4);
    account.filter(|account| !account.is_empty())
}

/// The policies that apply, by kind.
#[derive(Default)]
struct Applied {
    resource_control: Vec<Arc<Policy>>,
    service_control: Vec<Vec<Arc<Policy>>>,
    identity: Vec<Arc<Policy>>,
    session: Option<Vec<Arc<Policy>>>,
}

impl Applied {
    fn policies<'a>(&'a self, trust: Option<&'a Policy>) -> Policies<'a> {
        let borrow = |policies: &'a [Arc<Policy>]| policies.iter().map(Arc::as_ref).collect();
        Policies {
            resource_control: borrow(&self.resource_control),
            service_control: self.service_control.iter().map(|one| borrow(one)).collect(),
            resource: trust,
            identity: borrow(&self.identity),
            session: self.session.as_deref().map(borrow),
        }
    }
}

impl From<&Policy> for AppliedPolicy {
    fn from(policy: &Policy) -> Self {
        AppliedPolicy {
            kind: policy.kind(),
            name: policy.name().to_owned(),
            document: policy.document().clone(),
        }
    }
}
