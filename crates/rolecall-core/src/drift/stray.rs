//! Roles that trust the gateway and are not in the plan.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Principal, shown};
use super::finding::{Finding, FindingKind, Fix};
use super::fix;
use super::observed::{ObservedAccount, ObservedRole};
use super::{Model, trust};
use crate::access::Trust;
use crate::aws::{AccountId, OidcProviderName, RoleArn};

const STRAY_NOTE: &str =
    "or add an assignment that grants the permission set of the role, if the role is intended";

/// Finds roles that trust the gateway and are not in the plan.
pub(super) struct StrayRoles<'a> {
    model: &'a Model<'a>,
    /// Names of the roles in the plan, in lower case, by account.
    planned: BTreeMap<&'a AccountId, BTreeSet<String>>,
    /// The gateway's principals besides its OIDC provider and its own AWS principal, by account.
    principals: BTreeMap<&'a AccountId, BTreeSet<Principal>>,
    /// Names of the roles of all permission sets and variants, in lower case.
    known: BTreeSet<String>,
    /// ARNs of intermediate roles, which trust the gateway as well.
    intermediate: BTreeSet<&'a str>,
}

impl<'a> StrayRoles<'a> {
    pub fn new(model: &'a Model<'a>) -> Self {
        let planned = model.plan.accounts.iter().map(|account| {
            let names = account.roles.iter();
            let names = names.map(|role| role.path().name().to_lowercase());
            (&account.id, names.collect())
        });
        let sets = model.policy.permission_sets();
        let known = sets.flat_map(|set| {
            let variants = set.variants.iter();
            let own = variants.filter_map(|variant| variant.role.as_ref());
            let roles = own.chain([&set.role]);
            roles.map(|role| role.name().to_lowercase())
        });
        let (mut intermediate, mut principals) = (BTreeSet::new(), BTreeMap::new());
        for account in model.policy.accounts() {
            let own: &mut BTreeSet<Principal> = principals.entry(&account.id).or_default();
            match &account.trust {
                Trust::GatewaySaml(saml) => {
                    let name = format!("saml-provider/{}", saml.provider.name());
                    own.insert(federated(model, &account.id, &name));
                }
                Trust::Caller(caller) => {
                    own.extend(caller.via.last().map(|hop| aws(hop.as_str())));
                    intermediate.extend(caller.via.iter().map(RoleArn::as_str));
                }
                Trust::GatewayOidc
                | Trust::ProviderSaml(_)
                | Trust::ProviderOidc(_)
                | Trust::FederationToken(_) => {}
            }
        }
        Self {
            model,
            planned: planned.collect(),
            principals,
            known: known.collect(),
            intermediate,
        }
    }

    /// The findings in an account.
    pub fn of(&self, account: &AccountId, observed: &ObservedAccount) -> Vec<Finding> {
        let issuer = OidcProviderName::of(self.model.installation.issuer);
        let provider = format!("oidc-provider/{issuer}");
        let mut principals = BTreeSet::from([federated(self.model, account, &provider)]);
        if let Some(principal) = self.model.installation.principal {
            principals.insert(aws(principal.as_str()));
        }
        principals.extend(self.principals.get(account).into_iter().flatten().cloned());
        let planned = self.planned.get(account);
        let roles = observed.roles.iter();
        let strays = roles.filter(|(name, role)| {
            planned.is_none_or(|planned| !planned.contains(*name))
                && !self.intermediate.contains(role.arn.as_str())
        });
        let findings = strays.filter_map(|(name, role)| {
            let policy = role.trust.document().ok()?;
            trust::names_principal(&policy, &principals).then(|| Finding {
                kind: match self.known.contains(name) {
                    true => FindingKind::RoleNotAssigned,
                    false => FindingKind::RoleNotInModel,
                },
                account: Some(account.clone()),
                resource: Some(shown(&role.arn)),
                found: "its trust policy allows the gateway".to_owned(),
                fix: delete(role),
            })
        });
        findings.collect()
    }
}

fn aws(arn: &str) -> Principal {
    Principal {
        kind: "AWS".to_owned(),
        value: arn.to_owned(),
    }
}

fn federated(model: &Model<'_>, account: &AccountId, resource: &str) -> Principal {
    let partition = model.installation.partition;
    Principal {
        kind: "Federated".to_owned(),
        value: format!("arn:{partition}:iam::{account}:{resource}"),
    }
}

/// Deleting a role with its policies.
fn delete(role: &ObservedRole) -> Fix {
    let of_role = |operation| vec!["aws", "iam", operation, "--role-name", role.name.as_str()];
    let detach = role.attached.iter().map(|arn| {
        let mut line = of_role("detach-role-policy");
        line.extend(["--policy-arn", arn]);
        line
    });
    let inline = role.inline.keys().map(|name| {
        let mut line = of_role("delete-role-policy");
        line.extend(["--policy-name", name]);
        line
    });
    let lines = detach.chain(inline).chain([of_role("delete-role")]);
    fix::commands(lines, Some(STRAY_NOTE))
}
