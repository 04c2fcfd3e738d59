//! Differences between the plan of AWS accounts and what the accounts have.
//!
//! Policies are compared by their meaning: what a trust policy accepts beyond the model, and which sessions of the gateway it
//! refuses. What cannot be decided is a finding, so that a person looks at it. Nothing here talks to AWS.

mod condition;
mod document;
mod finding;
mod fix;
mod issuer;
mod observed;
mod pattern;
mod provider;
mod read;
mod request;
mod role;
mod stray;
mod trust;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::access::{Policy, Trust};
use crate::aws::AccountId;
use crate::provisioning::{AccountPlan, Installation, Plan, RolePlan};
pub use finding::{ConditionProblem, Finding, FindingKind, Fix, Severity, TrustKey};
pub use issuer::{discovery, issuer_foreign_key, issuer_unreachable, issuer_url, key_set};
pub use observed::{
    Observed, ObservedAccount, ObservedOidcProvider, ObservedRole, ObservedSamlProvider, PolicyText,
};
use provider::ProviderComparison;
pub use read::{ReadError, account_of, documents};
use role::RoleComparison;
use stray::StrayRoles;

const DEPLOY_NOTE: &str = "if a StackSet or Terraform manages the account, deploy those files instead; with --out, if the account needs several templates";
const PATH_NOTE: &str = "delete the existing role first: the path of a role cannot be changed; or change `role` of the permission set; if a StackSet or Terraform manages the account, deploy those files instead";

/// What accounts should have.
pub struct Model<'a> {
    /// The accounts.
    pub plan: &'a Plan,
    /// The access policy of the plan.
    pub policy: &'a Policy,
    /// The gateway of the plan.
    pub installation: &'a Installation<'a>,
    /// Only these accounts are compared; `None`: all.
    pub only: Option<&'a BTreeSet<AccountId>>,
    /// Options of `rolecalld aws` with which the plan was made, for commands.
    pub options: &'a [String],
    /// The current time.
    pub now: DateTime<Utc>,
    /// SHA-1 thumbprints of the certificates that the issuer sends, in this order; empty if they are not known.
    pub thumbprints: Vec<String>,
    /// Parses SAML metadata of the plan.
    pub saml_metadata: &'a dyn Fn(&str) -> Option<ObservedSamlProvider>,
}

/// The result of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// By account and resource; the most serious first within one.
    pub findings: Vec<Finding>,
    /// The accounts whose roles were compared.
    pub accounts: Vec<AccountId>,
    /// Number of roles of the plan that were compared.
    pub roles: usize,
    /// What was not compared, with the reason.
    pub unseen: BTreeSet<String>,
}

impl Model<'_> {
    fn selects(&self, account: &AccountId) -> bool {
        self.only.is_none_or(|only| only.contains(account))
    }

    /// Condition keys, in lower case, that requests of the gateway do not have unless the model names them.
    fn absent_keys(&self) -> Vec<String> {
        let mut absent = vec!["sts:sourceidentity".to_owned(), "sts:externalid".to_owned()];
        if !self.installation.role_claim {
            absent.push("sts:roleauthorizedbyidp".to_owned());
        }
        absent
    }
}

/// Compares accounts with the model.
pub fn compare(model: &Model<'_>, observed: &Observed) -> Report {
    let mut report = Report::default();
    let mut unknown = Vec::new();
    for account in &model.plan.accounts {
        if let Some(trust) = uncompared(model, account) {
            let name = account.name.as_ref().map_or("", |name| name.as_str());
            report.unseen.insert(format!(
                "{name}: accounts with trust = {trust:?} are not compared"
            ));
            continue;
        }
        match observed.accounts.get(&account.id) {
            Some(found) => of_account(model, account, found, &mut report),
            None => unknown.push(account.to_string()),
        }
    }
    if !unknown.is_empty() {
        report.unseen.insert(format!(
            "{} of the access files, about which nothing is known: {}",
            match unknown.len() {
                1 => "an account".to_owned(),
                count => format!("{count} accounts"),
            },
            document::listed(unknown)
        ));
    }
    let strays = StrayRoles::new(model);
    for (id, found) in &observed.accounts {
        if model.selects(id) {
            report.findings.extend(strays.of(id, found));
        }
    }
    let findings = &mut report.findings;
    findings.sort_by(|a, b| {
        let order = |one: &Finding| {
            (
                one.account.clone(),
                one.resource.clone(),
                one.kind.severity(),
            )
        };
        order(a).cmp(&order(b))
    });
    report
}

/// The trust of an account that is not compared.
fn uncompared(model: &Model<'_>, plan: &AccountPlan) -> Option<&'static str> {
    let mut accounts = model.policy.accounts();
    let trust = &accounts.find(|account| account.id == plan.id)?.trust;
    match trust {
        Trust::GatewayOidc | Trust::GatewaySaml(_) | Trust::Caller(_) => None,
        Trust::ProviderSaml(_) | Trust::ProviderOidc(_) | Trust::FederationToken(_) => {
            Some(trust.as_str())
        }
    }
}

fn of_account(model: &Model<'_>, plan: &AccountPlan, found: &ObservedAccount, report: &mut Report) {
    if let Some(provider) = &plan.provider {
        let mut comparison = ProviderComparison {
            model,
            account: &plan.id,
            observed: found,
            findings: Vec::new(),
            unseen: BTreeSet::new(),
        };
        comparison.compare(provider);
        report.findings.append(&mut comparison.findings);
        report.unseen.append(&mut comparison.unseen);
    }
    if !found.roles_complete {
        report.unseen.insert(format!(
            "roles of {plan}: save `aws iam get-account-authorization-details`"
        ));
        return;
    }
    report.accounts.push(plan.id.clone());
    let absent = model.absent_keys();
    for role in &plan.roles {
        let name = role.path().name();
        let Some(found_role) = found.roles.get(&name.to_lowercase()) else {
            report.findings.push(missing(model, plan, role));
            continue;
        };
        report.roles += 1;
        let mut comparison = RoleComparison {
            account: &plan.id,
            plan: role,
            observed: found,
            found: found_role,
            absent: &absent,
            findings: Vec::new(),
            unseen: BTreeSet::new(),
        };
        match found_role.arn.ends_with(&format!(":role/{}", role.path())) {
            true => comparison.compare(),
            false => report
                .findings
                .push(other_path(model, plan, role, found_role)),
        }
        report.findings.append(&mut comparison.findings);
        report.unseen.append(&mut comparison.unseen);
    }
}

fn missing(model: &Model<'_>, plan: &AccountPlan, role: &RolePlan) -> Finding {
    Finding {
        kind: FindingKind::RoleMissing,
        account: Some(plan.id.clone()),
        resource: Some(arn(model, plan, role)),
        found: format!("there is no role {}", role.path().name()),
        fix: fix::deploy(model.options, plan.id.as_str(), DEPLOY_NOTE),
    }
}

fn other_path(
    model: &Model<'_>,
    plan: &AccountPlan,
    role: &RolePlan,
    found: &ObservedRole,
) -> Finding {
    Finding {
        kind: FindingKind::RolePath,
        account: Some(plan.id.clone()),
        resource: Some(arn(model, plan, role)),
        found: format!("the role is {}", document::shown(&found.arn)),
        fix: fix::deploy(model.options, plan.id.as_str(), PATH_NOTE),
    }
}

fn arn(model: &Model<'_>, plan: &AccountPlan, role: &RolePlan) -> String {
    format!(
        "arn:{}:iam::{}:role/{}",
        model.installation.partition,
        plan.id,
        role.path()
    )
}
