//! The organization that all accounts belong to, with its service control policies (SCP) and resource control policies (RCP).
//!
//! It has two levels: the root and the accounts. Policies of both kinds do not apply to the management account.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::ensure;
use serde_json::Value;

use super::organization_api::{self, MemberAccount, Members};
use super::state::AwsState;
use crate::iam::{Policy, PolicyKind};

/// `aws:PrincipalOrgID` and `aws:ResourceOrgID`.
pub(super) const ID: &str = "o-emulated00";
/// Policies per target (AWS Organizations quota), with the one that is attached by default.
const POLICIES_MAX: usize = 5;

/// What a policy of the organization is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The root: all accounts but the management account.
    Root,
    /// The account with this ID.
    Account(String),
}

/// The organization of an emulator.
#[derive(Clone)]
pub struct Organization(pub(super) Arc<AwsState>);

impl Organization {
    /// `organizations:CreatePolicy` and `AttachPolicy`, for a service control policy.
    ///
    /// # Errors
    /// If AWS would reject the document, or the evaluator does not know an element of it.
    pub fn service_control_policy(
        &self,
        name: &str,
        target: Target,
        document: &Value,
    ) -> anyhow::Result<()> {
        let policy = Policy::parse(PolicyKind::ServiceControl, name, document)?;
        self.0.organization.attach(policy, target)
    }

    /// `organizations:CreatePolicy` and `AttachPolicy`, for a resource control policy.
    ///
    /// # Errors
    /// If AWS would reject the document, or the evaluator does not know an element of it.
    pub fn resource_control_policy(
        &self,
        name: &str,
        target: Target,
        document: &Value,
    ) -> anyhow::Result<()> {
        let policy = Policy::parse(PolicyKind::ResourceControl, name, document)?;
        self.0.organization.attach(policy, target)
    }

    /// `organizations:DetachPolicy`. `FullAWSAccess` is attached to each target at first; without it, only what other policies of the
    /// target allow is possible.
    pub fn detach(&self, name: &str, target: &Target) {
        self.0.organization.detach(name, target);
    }

    /// ID of the root.
    #[must_use]
    pub fn root(&self) -> &'static str {
        organization_api::ROOT
    }

    /// `organizations:CreateOrganizationalUnit`, in the root or the unit with this ID. Returns the ID of the new unit. Units and
    /// member accounts are only listed; policies are attached to accounts of the emulator.
    pub fn create_unit(&self, parent: &str, name: &str) -> String {
        self.0.organization.members().add_unit(parent, name)
    }

    /// `organizations:CreateAccount`, or `MoveAccount` for a known account.
    pub fn create_account(&self, parent: &str, account: MemberAccount) {
        self.0.organization.members().add_account(parent, account);
    }

    /// Makes an account the management account. Without a call, there is none among the accounts of the emulator.
    pub fn set_management_account(&self, id: &str) {
        self.0.organization.write().management = Some(id.to_owned());
    }
}

#[derive(Default)]
struct State {
    attached: Vec<(Target, Arc<Policy>)>,
    /// Targets without `FullAWSAccess`.
    restricted: Vec<Target>,
    management: Option<String>,
}

/// State of the organization.
pub(super) struct Policies {
    state: RwLock<State>,
    members: Mutex<Members>,
    full_access: Arc<Policy>,
}

impl Default for Policies {
    fn default() -> Self {
        Policies {
            state: RwLock::default(),
            members: Mutex::default(),
            full_access: Arc::new(Policy::full_aws_access()),
        }
    }
}

impl Policies {
    /// Organizational units and accounts.
    pub fn members(&self) -> std::sync::MutexGuard<'_, Members> {
        crate::lock(&self.members)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Attaches a policy. One with the same name and target is replaced.
    fn attach(&self, policy: Policy, target: Target) -> anyhow::Result<()> {
        let mut state = self.write();
        state
            .attached
            .retain(|(at, known)| *at != target || known.name() != policy.name());
        let kind = policy.kind();
        let count = state.attached.iter();
        let count = count.filter(|(at, known)| *at == target && known.kind() == kind);
        ensure!(
            count.count() + 1 < POLICIES_MAX,
            "a target has at most {POLICIES_MAX} policies of a kind"
        );
        state.attached.push((target, Arc::new(policy)));
        Ok(())
    }

    fn detach(&self, name: &str, target: &Target) {
        let mut state = self.write();
        if name == self.full_access.name() {
            state.restricted.push(target.clone());
        }
        state
            .attached
            .retain(|(at, known)| at != target || known.name() != name);
    }

    /// Whether this is the management account.
    pub fn is_management_account(&self, id: &str) -> bool {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.management.as_deref() == Some(id)
    }

    /// Policies of this kind for an account, by level; none for the management account.
    pub fn of(&self, kind: PolicyKind, account: &str) -> Vec<Vec<Arc<Policy>>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if state.management.as_deref() == Some(account) {
            return Vec::new();
        }
        let level = |target: Target| {
            let attached = state.attached.iter();
            let mut found: Vec<Arc<Policy>> = attached
                .filter(|(at, policy)| *at == target && policy.kind() == kind)
                .map(|(_, policy)| Arc::clone(policy))
                .collect();
            if kind == PolicyKind::ServiceControl && !state.restricted.contains(&target) {
                found.push(Arc::clone(&self.full_access));
            }
            found
        };
        vec![
            level(Target::Root),
            level(Target::Account(account.to_owned())),
        ]
    }
}
