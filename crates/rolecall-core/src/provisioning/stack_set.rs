//! StackSets: one for each role and one for each identity provider, with the accounts that have it.
//!
//! A StackSet for each role keeps its name and its content when other roles are assigned; only its list of accounts changes.
//! A role is the same in all its accounts: it accepts every permission set that uses it in one of them, and has the longest
//! of their durations.

use std::collections::{BTreeMap, BTreeSet};

use super::account::provider;
use super::role::RoleUse;
use super::{Installation, Plan, PlanError, PlanNote, ProviderPlan, RolePlan, plan, resource_name};
use crate::access::{Account, AssignedRole, PermissionSetName, Policy, Trust};
use crate::aws::{AccountId, Region, RolePath};

/// Prefix of the names of StackSets.
const PREFIX: &str = "rolecall";

/// The same resources in several accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackSetPlan {
    /// Unique; letters, digits and hyphens.
    pub name: String,
    /// What it creates in each account.
    pub content: StackSetContent,
    /// The accounts, by ID.
    pub accounts: Vec<AccountId>,
    /// Name of the StackSet of the identity provider that the role trusts.
    pub provider: Option<String>,
}

/// What a StackSet creates in each account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StackSetContent {
    /// The gateway as identity provider.
    Provider(ProviderPlan),
    /// A role with its policies.
    Role(Box<RolePlan>),
}

/// The StackSets, and the accounts that need templates of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackSets {
    /// By name; those of identity providers first.
    pub stack_sets: Vec<StackSetPlan>,
    /// Names of accounts that are not part of a StackSet, because their trust has values of their own; IDs of those that only have
    /// roles of `via` or the gateway's principal.
    pub left_out: Vec<String>,
    /// As of [`Plan`].
    pub notes: BTreeSet<PlanNote>,
}

/// Accounts whose roles trust the gateway in the same way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Oidc {
        audience: String,
    },
    Saml {
        provider: String,
        recipient: Option<String>,
    },
    ProviderOidc {
        issuer: String,
        client_id: String,
    },
    ProviderSaml {
        provider: String,
        region: Option<String>,
    },
}

impl Family {
    fn of(account: &Account) -> Option<Self> {
        match &account.trust {
            Trust::GatewayOidc => Some(Self::Oidc {
                audience: account.token_audience().to_owned(),
            }),
            Trust::GatewaySaml(saml) => Some(Self::Saml {
                provider: saml.provider.name().to_owned(),
                recipient: match (&saml.recipient, &account.sts_region) {
                    (Some(recipient), _) => Some(recipient.to_string()),
                    (None, Some(region)) => Some(region.to_string()),
                    (None, None) => None,
                },
            }),
            Trust::ProviderSaml(arn) => Some(Self::ProviderSaml {
                provider: arn.name().to_owned(),
                region: account.sts_region.as_ref().map(Region::to_string),
            }),
            Trust::ProviderOidc(provider) => Some(Self::ProviderOidc {
                issuer: provider.issuer.clone(),
                client_id: provider.client_id.clone(),
            }),
            Trust::Caller(_) | Trust::FederationToken(_) => None,
        }
    }

    /// The prefix of names: accounts with the default audience have the plain one.
    fn prefix(&self, first: &Account) -> String {
        match self {
            Self::Oidc { .. } if first.audience.is_none() => PREFIX.to_owned(),
            Self::Oidc { .. }
            | Self::Saml { .. }
            | Self::ProviderOidc { .. }
            | Self::ProviderSaml { .. } => {
                format!("{PREFIX}-{}", resource_name(&format!("{self:?}")))
            }
        }
    }
}

/// The StackSets of a policy. `without` is the management account, in which StackSets of an organization create nothing.
///
/// # Errors
/// As [`plan`](super::plan()).
pub fn stack_sets(
    policy: &Policy,
    installation: &Installation<'_>,
    without: Option<&AccountId>,
) -> Result<StackSets, BTreeSet<PlanError>> {
    // Every role is checked in each of its accounts.
    let Plan { notes, accounts } = plan(policy, installation, None)?;
    let (stack_sets, mut left_out) =
        shared(policy, installation, without).map_err(|error| BTreeSet::from([error]))?;
    let unlisted = accounts.iter().filter(|account| account.name.is_none());
    left_out.extend(unlisted.map(|account| account.id.to_string()));
    Ok(StackSets {
        stack_sets,
        left_out,
        notes,
    })
}

/// The StackSets, and the names of the other accounts.
fn shared(
    policy: &Policy,
    installation: &Installation<'_>,
    without: Option<&AccountId>,
) -> Result<(Vec<StackSetPlan>, Vec<String>), PlanError> {
    let mut families: BTreeMap<Family, Vec<AssignedRole<'_>>> = BTreeMap::new();
    let mut left_out = Vec::new();
    for role in policy.assigned_roles() {
        if Some(&role.account.id) == without {
            continue;
        }
        match Family::of(role.account) {
            Some(family) => families.entry(family).or_default().push(role),
            None => left_out.push(role.account.name.to_string()),
        }
    }
    left_out.dedup();
    let (mut providers, mut roles) = (Vec::new(), Vec::new());
    for (family, assigned) in families {
        let Some(first) = assigned.first().map(|role| role.account) else {
            continue;
        };
        let prefix = family.prefix(first);
        let existing = installation.existing.providers;
        let without = assigned
            .iter()
            .filter(|role| !existing.contains(&role.account.id));
        let without: Vec<AssignedRole<'_>> = without.copied().collect();
        let missing = without
            .first()
            .map(|role| provider(role.account, installation));
        let provider = missing.transpose()?.flatten().map(|plan| StackSetPlan {
            name: format!("{prefix}-provider"),
            content: StackSetContent::Provider(plan),
            accounts: ids(&without),
            provider: None,
        });
        let provider_name = provider.as_ref().map(|provider| provider.name.clone());
        providers.extend(provider);
        let merged = merged(first, &assigned);
        for (path, uses) in RoleUse::by_role(&merged) {
            let users = assigned.iter().filter(|role| uses_role(role, path));
            let users: Vec<AssignedRole<'_>> = users.copied().collect();
            let account = users.first().map_or(first, |role| role.account);
            let Some(role) = RolePlan::new(account, installation, path, &uses)? else {
                continue;
            };
            roles.push(StackSetPlan {
                name: format!("{prefix}-{}", role.resource_name()),
                content: StackSetContent::Role(Box::new(role)),
                accounts: ids(&users),
                provider: provider_name.clone(),
            });
        }
    }
    providers.append(&mut roles);
    Ok((providers, left_out))
}

/// Each permission set once, with the longest duration, as if all were assigned in one account.
fn merged<'p>(account: &'p Account, assigned: &[AssignedRole<'p>]) -> Vec<AssignedRole<'p>> {
    let mut sets: BTreeMap<&PermissionSetName, AssignedRole<'p>> = BTreeMap::new();
    for role in assigned {
        let entry = sets.entry(&role.permission_set.name);
        let known = entry.or_insert(AssignedRole { account, ..*role });
        known.duration_max = known.duration_max.max(role.duration_max);
    }
    sets.into_values().collect()
}

fn uses_role(assigned: &AssignedRole<'_>, path: &RolePath) -> bool {
    let set = assigned.permission_set;
    let mut own = set
        .variants
        .iter()
        .filter_map(|variant| variant.role.as_ref());
    set.role == *path || own.any(|role| role == path)
}

fn ids(assigned: &[AssignedRole<'_>]) -> Vec<AccountId> {
    let mut ids: Vec<AccountId> = assigned
        .iter()
        .map(|role| role.account.id.clone())
        .collect();
    ids.sort();
    ids.dedup();
    ids
}
