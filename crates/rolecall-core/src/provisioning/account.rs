//! Everything that one account needs.

use std::collections::{BTreeMap, BTreeSet};

use super::role::RoleUse;
use super::trust::is_supported;
use super::{Installation, PlanError, PlanNote, RolePlan};
use crate::access::{Account, AccountName, AssignedRole, Trust};
use crate::aws::AccountId;
use crate::base::limits;

/// An identity provider of IAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderPlan {
    /// The gateway as OIDC provider.
    Oidc {
        /// URL of the issuer.
        url: String,
        /// The client ID: `aud` of the tokens.
        client_id: String,
    },
    /// The gateway as SAML provider.
    Saml {
        /// Name of the provider.
        name: String,
        /// Its metadata.
        metadata: String,
    },
}

/// Everything that one account needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPlan {
    /// The account.
    pub id: AccountId,
    /// Its name in the access policy.
    pub name: AccountName,
    /// The gateway as identity provider, unless the roles trust an AWS principal.
    pub provider: Option<ProviderPlan>,
    /// The roles, by path and name.
    pub roles: Vec<RolePlan>,
}

/// What was found while planning.
#[derive(Default)]
pub(super) struct Findings {
    pub errors: BTreeSet<PlanError>,
    pub notes: BTreeSet<PlanNote>,
}

impl AccountPlan {
    /// The plan of an account with these assigned permission sets; `None` if nothing can be generated for it.
    pub(super) fn new(
        account: &Account,
        assigned: &[AssignedRole<'_>],
        installation: &Installation<'_>,
        findings: &mut Findings,
    ) -> Option<Self> {
        if !is_supported(&account.trust) {
            findings.notes.insert(PlanNote::NotGenerated {
                account: account.name.to_string(),
                trust: account.trust.as_str(),
            });
            return None;
        }
        let provider = provider(account, installation);
        let provider = provider.map_err(|error| findings.errors.insert(error));
        let mut roles = Vec::new();
        let mut names = BTreeMap::new();
        for (path, uses) in RoleUse::by_role(assigned) {
            // Names are unique in an account without regard to path and case (IAM, `CreateRole`).
            if let Some(first) = names.insert(path.name().to_ascii_lowercase(), path) {
                findings.errors.insert(PlanError::SameName {
                    one: first.to_string(),
                    other: path.to_string(),
                });
            }
            match RolePlan::new(account, installation, path, &uses) {
                Ok(role) => roles.extend(role),
                Err(error) => drop(findings.errors.insert(error)),
            }
        }
        findings.notes.extend(roles.iter().flat_map(notes));
        Some(Self {
            id: account.id.clone(),
            name: account.name.clone(),
            provider: provider.ok()?,
            roles,
        })
    }
}

/// The identity provider that the roles of the account trust, if it is the gateway.
pub(super) fn provider(
    account: &Account,
    installation: &Installation<'_>,
) -> Result<Option<ProviderPlan>, PlanError> {
    match &account.trust {
        Trust::GatewayOidc => Ok(Some(ProviderPlan::Oidc {
            url: installation.issuer_url().to_owned(),
            client_id: account.token_audience().to_owned(),
        })),
        Trust::GatewaySaml(saml) => match installation.saml_metadata {
            Some(metadata) => Ok(Some(ProviderPlan::Saml {
                name: saml.provider.name().to_owned(),
                metadata: metadata.to_owned(),
            })),
            None => Err(PlanError::NoSamlMetadata {
                account: account.name.to_string(),
            }),
        },
        Trust::Caller(_)
        | Trust::ProviderSaml(_)
        | Trust::ProviderOidc(_)
        | Trust::FederationToken(_) => Ok(None),
    }
}

/// What an administrator should know about a role. Notes do not name the account: most concern all of them.
fn notes(role: &RolePlan) -> Vec<PlanNote> {
    let path = || role.path().to_string();
    let mut notes = Vec::new();
    if role.has_no_permissions() {
        notes.push(PlanNote::NoPermissions { role: path() });
    }
    if role.trust().chars() > limits::TRUST_POLICY_CHARS_DEFAULT {
        notes.push(PlanNote::TrustQuota {
            role: path(),
            chars: role.trust().chars(),
        });
    }
    if role.attached_policies() > limits::ROLE_MANAGED_POLICIES_DEFAULT {
        notes.push(PlanNote::PoliciesQuota {
            role: path(),
            count: role.attached_policies(),
        });
    }
    notes
}
