//! Everything that one account needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::installation::GatewayPrincipal;
use super::role::RoleUse;
use super::trust::GOOGLE;
use super::user::UserPlan;
use super::{Installation, PlanError, PlanNote, PolicyDocument, RolePlan};
use crate::access::{Account, AccountName, AssignedRole, Trust};
use crate::aws::{AccountId, SamlProviderArn};
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

/// Permission of the gateway's own principal to assume roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalPlan {
    /// The principal, which exists.
    pub principal: GatewayPrincipal,
    /// A managed policy of its account, which is attached to it.
    pub policy: PolicyDocument,
}

impl PrincipalPlan {
    /// Name of the managed policy.
    pub const POLICY_NAME: &'static str = "rolecall-gateway";
}

/// Everything that one account needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPlan {
    /// The account.
    pub id: AccountId,
    /// Its name in the access policy; `None` if it only has roles of `via` or the gateway's own principal.
    pub name: Option<AccountName>,
    /// The identity provider that the roles trust, unless they trust an AWS principal or it exists.
    pub provider: Option<ProviderPlan>,
    /// The roles, by path and name; those of `via` last.
    pub roles: Vec<RolePlan>,
    /// The IAM user that issues sessions, for `trust = "federation-token"`.
    pub user: Option<UserPlan>,
    /// The gateway's own principal, if it is in this account.
    pub principal: Option<PrincipalPlan>,
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
        let user = match &account.trust {
            Trust::FederationToken(_) => UserPlan::new(account, assigned, installation)
                .map_err(|error| findings.errors.insert(error))
                .ok(),
            Trust::GatewayOidc
            | Trust::GatewaySaml(_)
            | Trust::ProviderOidc(_)
            | Trust::ProviderSaml(_)
            | Trust::Caller(_) => None,
        };
        let provider = provider(account, installation);
        findings.notes.extend(provider_note(account, installation));
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
        findings.notes.extend(user.iter().flat_map(UserPlan::notes));
        Some(Self {
            id: account.id.clone(),
            name: Some(account.name.clone()),
            provider: provider.ok()?,
            roles,
            user,
            principal: None,
        })
    }

    /// The plan of an account that is not in the access policy.
    pub(super) fn unlisted(id: AccountId) -> Self {
        Self {
            id,
            name: None,
            provider: None,
            roles: Vec::new(),
            user: None,
            principal: None,
        }
    }
}

impl fmt::Display for AccountPlan {
    /// Name and ID, or the ID alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} ({})", self.id),
            None => self.id.fmt(f),
        }
    }
}

/// The identity provider that the roles of the account trust, unless it exists or is not known.
pub(super) fn provider(
    account: &Account,
    installation: &Installation<'_>,
) -> Result<Option<ProviderPlan>, PlanError> {
    if installation.existing.providers.contains(&account.id) {
        return Ok(None);
    }
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
        // IAM knows Google without a provider.
        Trust::ProviderOidc(provider) if provider.condition_prefix() == GOOGLE => Ok(None),
        Trust::ProviderOidc(provider) => Ok(Some(ProviderPlan::Oidc {
            url: provider.issuer.clone(),
            client_id: provider.client_id.clone(),
        })),
        Trust::ProviderSaml(arn) => {
            Ok(
                metadata_of(arn, installation).map(|metadata| ProviderPlan::Saml {
                    name: arn.name().to_owned(),
                    metadata: metadata.to_owned(),
                }),
            )
        }
        Trust::Caller(_) | Trust::FederationToken(_) => Ok(None),
    }
}

fn metadata_of<'a>(arn: &SamlProviderArn, installation: &Installation<'a>) -> Option<&'a str> {
    let metadata = installation.provider_metadata?.get(arn.name())?;
    Some(metadata)
}

/// What an administrator should know about an identity provider that is not the gateway.
fn provider_note(account: &Account, installation: &Installation<'_>) -> Option<PlanNote> {
    match &account.trust {
        Trust::ProviderOidc(provider) => Some(PlanNote::EveryUserOfClient {
            account: account.name.to_string(),
            client_id: provider.client_id.clone(),
        }),
        Trust::ProviderSaml(arn) => {
            let known = installation.existing.providers.contains(&account.id)
                || metadata_of(arn, installation).is_some();
            (!known).then(|| PlanNote::ProviderNotGenerated {
                account: account.name.to_string(),
                name: arn.name().to_owned(),
            })
        }
        Trust::GatewayOidc
        | Trust::GatewaySaml(_)
        | Trust::Caller(_)
        | Trust::FederationToken(_) => None,
    }
}

/// What an administrator should know about a role. Notes do not name the account: most concern all of them.
pub(super) fn notes(role: &RolePlan) -> Vec<PlanNote> {
    let path = || role.path().to_string();
    let mut notes = Vec::new();
    if role.has_no_permissions() {
        notes.push(PlanNote::NoPermissions {
            of: format!("role {}", path()),
        });
    }
    if role.trust_chars() > limits::TRUST_POLICY_CHARS_DEFAULT {
        notes.push(PlanNote::TrustQuota {
            role: path(),
            chars: role.trust_chars(),
        });
    }
    if role.attached_policies() > limits::ROLE_MANAGED_POLICIES_DEFAULT {
        notes.push(PlanNote::PoliciesQuota {
            of: format!("role {}", path()),
            count: role.attached_policies(),
        });
    }
    notes
}
