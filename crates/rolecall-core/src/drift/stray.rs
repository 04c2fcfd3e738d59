//! Roles that trust the gateway and are not in the plan.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Principal, shown};
use super::finding::{Finding, FindingKind, Fix};
use super::fix;
use super::observed::{ObservedAccount, ObservedRole};
use super::{Model, trust, uncompared};
use crate::access::Trust;
use crate::aws::{AccountId, OidcProviderName, RoleArn};

const STRAY_NOTE: &str =
    "or add an assignment that grants the permission set of the role, if the role is intended";
const OTHER_TRUST_NOTE: &str = "the access files grant this role, but not through the gateway: remove the gateway from its trust policy, or deploy the generated files of the account again";

/// Finds roles that trust the gateway and are not in the plan.
pub(super) struct StrayRoles<'a> {
    model: &'a Model<'a>,
    /// Paths with names of the roles in the plan that trust the gateway, by account.
    planned: BTreeMap<&'a AccountId, BTreeSet<String>>,
    /// Those of the roles in the plan that do not trust the gateway.
    others: BTreeMap<&'a AccountId, BTreeSet<String>>,
    /// The gateway's principals besides its OIDC provider and its own AWS principal, by account.
    principals: BTreeMap<&'a AccountId, BTreeSet<Principal>>,
    /// Paths with names of the roles of all permission sets and variants.
    known: BTreeSet<String>,
    /// ARNs of intermediate roles, which trust the gateway as well.
    intermediate: BTreeSet<&'a str>,
}

impl<'a> StrayRoles<'a> {
    pub fn new(model: &'a Model<'a>) -> Self {
        let (mut planned, mut others) = (BTreeMap::new(), BTreeMap::new());
        for account in &model.plan.accounts {
            let paths = account.roles.iter().map(|role| role.path().to_string());
            let paths: BTreeSet<String> = paths.collect();
            match uncompared(model, account) {
                None => planned.insert(&account.id, paths),
                Some(_) => others.insert(&account.id, paths),
            };
        }
        let sets = model.policy.permission_sets();
        let known = sets.flat_map(|set| {
            let variants = set.variants.iter();
            let own = variants.filter_map(|variant| variant.role.as_ref());
            let roles = own.chain([&set.role]);
            roles.map(|role| role.to_string())
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
            planned,
            others,
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
        let is_in = |roles: &BTreeMap<&AccountId, BTreeSet<String>>, role: &ObservedRole| {
            let paths = roles.get(account);
            paths.is_some_and(|paths| paths.contains(path(role)))
        };
        let roles = observed.roles.values();
        let strays = roles.filter(|role| {
            !is_in(&self.planned, role) && !self.intermediate.contains(role.arn.as_str())
        });
        let findings = strays.filter_map(|role| {
            let policy = role.trust.document().ok()?;
            trust::names_principal(&policy, &principals, account).then(|| Finding {
                kind: match self.known.contains(path(role)) {
                    true => FindingKind::RoleNotAssigned,
                    false => FindingKind::RoleNotInModel,
                },
                account: Some(account.clone()),
                resource: Some(shown(&role.arn)),
                found: "its trust policy allows the gateway".to_owned(),
                fix: match is_in(&self.others, role) {
                    true => fix::advice(OTHER_TRUST_NOTE),
                    false => delete(role),
                },
            })
        });
        findings.collect()
    }
}

/// Path and name of a role.
fn path(role: &ObservedRole) -> &str {
    let found = role.arn.split_once(":role/");
    found.map_or("", |(_, path)| path)
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
