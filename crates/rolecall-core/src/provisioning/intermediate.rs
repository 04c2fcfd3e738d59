//! What the gateway's own AWS credentials need for `trust = "caller"`: the roles of `via`, and permissions to assume roles.
//!
//! The roles of all accounts count, also where the plan is made for some of them: an intermediate role serves all of its accounts.

use std::collections::{BTreeMap, BTreeSet};

use super::account::{Findings, PrincipalPlan, notes};
use super::document::{Action, Condition, Effect, Operator, PolicyDocument, Principal, Statement};
use super::role::RoleUse;
use super::trust::{SessionKeys, names_by_source};
use super::{AccountPlan, GatewayPrincipal, Installation, PlanError, PlanNote, RolePlan};
use crate::access::{ACCOUNT_TAG, AssignedRole, CallerTrust, PERMISSION_SET_TAG, Trust};
use crate::aws::{AccountId, RoleArn};
use crate::base::limits;

/// Who assumes an intermediate role, and what distinguishes its sessions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Caller {
    principal: String,
    session: SessionKeys,
    external_id: Option<String>,
    source_identity: Option<Vec<String>>,
}

/// The accounts and the permission sets for which a role is assumed.
#[derive(Default)]
struct Purpose {
    accounts: BTreeSet<String>,
    permission_sets: BTreeSet<String>,
}

/// The calls of the gateway, by principal and by role.
#[derive(Default)]
struct Calls {
    /// The ARNs of the roles that each principal assumes.
    assumed: BTreeMap<String, BTreeSet<String>>,
    /// The roles of `via`, by ARN, with those who assume them.
    intermediate: BTreeMap<String, BTreeMap<Caller, Purpose>>,
}

/// Adds the roles of `via`, and the permission of the gateway's principal, to the accounts for which a plan is made.
pub(super) fn add(
    assigned: &[AssignedRole<'_>],
    installation: &Installation<'_>,
    is_wanted: impl Fn(&AccountId) -> bool,
    accounts: &mut Vec<AccountPlan>,
    findings: &mut Findings,
) {
    let of_account = assigned.chunk_by(|one, other| one.account.id == other.account.id);
    let callers = of_account.filter_map(|assigned| match &assigned.first()?.account.trust {
        Trust::Caller(caller) => Some((assigned, caller)),
        Trust::GatewayOidc
        | Trust::GatewaySaml(_)
        | Trust::ProviderOidc(_)
        | Trust::ProviderSaml(_)
        | Trust::FederationToken(_) => None,
    });
    let Some(principal) = installation.principal else {
        let mut accounts = callers.filter_map(|(assigned, _)| assigned.first());
        if accounts.any(|role| is_wanted(&role.account.id)) {
            findings.notes.insert(PlanNote::NoGatewayPrincipal);
        }
        return;
    };
    let mut calls = Calls::default();
    for (assigned, caller) in callers {
        calls.record(assigned, caller, installation, principal);
    }
    let mut add_to = Added { accounts, findings };
    for (role, trusted) in &calls.intermediate {
        let Ok(arn) = role.parse::<RoleArn>() else {
            continue;
        };
        if is_wanted(arn.account()) {
            let next = calls.assumed.get(role);
            add_to.role(&arn, trusted, next, installation);
        }
    }
    let own = principal.account().filter(|account| is_wanted(account));
    if let Some((account, roles)) = own.zip(calls.assumed.get(principal.as_str())) {
        add_to.principal(account, principal, roles, installation);
    }
}

impl Calls {
    /// Records the calls for the roles of an account.
    fn record(
        &mut self,
        assigned: &[AssignedRole<'_>],
        caller: &CallerTrust,
        installation: &Installation<'_>,
        principal: &GatewayPrincipal,
    ) {
        let external_id = caller.external_id.as_ref().map(ToString::to_string);
        for (path, uses) in RoleUse::by_role(assigned) {
            let Some(account) = assigned.first().map(|role| &role.account.id) else {
                continue;
            };
            let mut from = principal.as_str().to_owned();
            for (number, hop) in caller.via.iter().enumerate() {
                let trusted = self
                    .intermediate
                    .entry(hop.as_str().to_owned())
                    .or_default();
                for (source_identity, names) in names_by_source(&uses, installation) {
                    // External ID, tags and source identity are parameters of the first call.
                    let by = match number {
                        0 => Caller {
                            principal: from.clone(),
                            session: SessionKeys::OfRequest,
                            external_id: external_id.clone(),
                            source_identity,
                        },
                        _ => Caller {
                            principal: from.clone(),
                            session: SessionKeys::OfPrincipal,
                            external_id: None,
                            source_identity,
                        },
                    };
                    let purpose = trusted.entry(by).or_default();
                    purpose.accounts.insert(account.to_string());
                    purpose.permission_sets.extend(names);
                }
                let next = hop.as_str().to_owned();
                let by = std::mem::replace(&mut from, next.clone());
                self.assumed.entry(by).or_default().insert(next);
            }
            let role = RoleArn::new(installation.partition, account.clone(), path.clone());
            let assumed = self.assumed.entry(from).or_default();
            assumed.insert(role.as_str().to_owned());
        }
    }
}

/// Where results go.
struct Added<'a> {
    accounts: &'a mut Vec<AccountPlan>,
    findings: &'a mut Findings,
}

impl Added<'_> {
    fn account(&mut self, id: &AccountId) -> &mut AccountPlan {
        let known = self.accounts.iter().position(|account| account.id == *id);
        let number = known.unwrap_or_else(|| {
            // Those that are not in the policy are last, by ID.
            let before = |account: &AccountPlan| account.name.is_some() || account.id < *id;
            let number = self.accounts.iter().take_while(|one| before(one)).count();
            self.accounts
                .insert(number, AccountPlan::unlisted(id.clone()));
            number
        });
        &mut self.accounts[number]
    }

    fn role(
        &mut self,
        arn: &RoleArn,
        trusted: &BTreeMap<Caller, Purpose>,
        next: Option<&BTreeSet<String>>,
        installation: &Installation<'_>,
    ) {
        let trust = trust_policy(trusted, arn);
        let max = limits::ROLE_INLINE_POLICIES_CHARS_MAX;
        let next = next.into_iter().flatten();
        let permissions = permission(arn.as_str(), next, installation, max);
        match trust.and_then(|trust| Ok((trust, permissions?))) {
            Ok((trust, Permission { policy, is_wide })) => {
                let role = RolePlan::intermediate(arn.role(), trust, &policy);
                self.findings.notes.extend(notes(&role));
                self.note_wide(is_wide, arn.as_str());
                let account = self.account(arn.account());
                let name = role.path().name().to_ascii_lowercase();
                let taken = account
                    .roles
                    .iter()
                    .find(|other| other.path().name().eq_ignore_ascii_case(&name));
                let same = taken.map(|other| PlanError::SameName {
                    one: other.path().to_string(),
                    other: role.path().to_string(),
                });
                match same {
                    Some(error) => drop(self.findings.errors.insert(error)),
                    None => account.roles.push(role),
                }
            }
            Err(error) => drop(self.findings.errors.insert(error)),
        }
    }

    fn principal(
        &mut self,
        account: AccountId,
        principal: &GatewayPrincipal,
        roles: &BTreeSet<String>,
        installation: &Installation<'_>,
    ) {
        let max = limits::MANAGED_POLICY_CHARS_MAX;
        match permission(principal.as_str(), roles.iter(), installation, max) {
            Ok(Permission { policy, is_wide }) => {
                self.note_wide(is_wide, principal.as_str());
                self.account(&account).principal = Some(PrincipalPlan {
                    principal: principal.clone(),
                    policy,
                });
            }
            Err(error) => drop(self.findings.errors.insert(error)),
        }
    }

    fn note_wide(&mut self, is_wide: bool, principal: &str) {
        if is_wide {
            self.findings.notes.insert(PlanNote::AssumesInAllAccounts {
                principal: principal.to_owned(),
            });
        }
    }
}

/// The trust policy of an intermediate role. It names the accounts, unless there are too many of them; the roles behind it compare
/// the account in any case.
fn trust_policy(
    trusted: &BTreeMap<Caller, Purpose>,
    arn: &RoleArn,
) -> Result<PolicyDocument, PlanError> {
    let document = |with_accounts| {
        let statements = trusted.iter();
        let statements =
            statements.map(|(caller, purpose)| statement(caller, purpose, with_accounts));
        PolicyDocument::new(statements.collect())
    };
    let complete = document(true);
    if complete.chars() <= limits::TRUST_POLICY_CHARS_DEFAULT {
        return Ok(complete);
    }
    let short = document(false);
    match short.chars() {
        chars if chars > limits::TRUST_POLICY_CHARS_MAX => Err(PlanError::TrustTooLong {
            role: arn.to_string(),
            chars,
        }),
        _ => Ok(short),
    }
}

fn statement(caller: &Caller, purpose: &Purpose, with_accounts: bool) -> Statement {
    let tag = |name: &str| format!("{}{name}", caller.session.tag_prefix().unwrap_or_default());
    let mut actions = vec![Action::AssumeRole, Action::TagSession];
    let external_id = caller.external_id.as_deref();
    let external_id =
        external_id.map(|id| Condition::one(Operator::StringEquals, "sts:ExternalId", id));
    let mut conditions: Vec<Condition> = external_id.into_iter().collect();
    conditions.push(match with_accounts {
        true => Condition::any(
            Operator::StringEquals,
            tag(ACCOUNT_TAG),
            purpose.accounts.iter().cloned(),
        ),
        false => Condition::one(Operator::Null, tag(ACCOUNT_TAG), "false"),
    });
    conditions.push(Condition::any(
        Operator::StringEquals,
        tag(PERMISSION_SET_TAG),
        purpose.permission_sets.iter().cloned(),
    ));
    let patterns = caller.source_identity.iter().flatten().cloned();
    if let Some(key) = caller.session.source_identity()
        && caller.source_identity.is_some()
    {
        actions.push(Action::SetSourceIdentity);
        conditions.push(Condition::any(Operator::StringLike, key, patterns));
    }
    Statement {
        sid: None,
        effect: Effect::Allow,
        principal: Some(Principal::Aws(caller.principal.as_str().into())),
        actions,
        resources: Vec::new(),
        conditions,
    }
}

/// Permission to assume roles.
struct Permission {
    policy: PolicyDocument,
    /// Whether it covers all accounts, because the list would be too long.
    is_wide: bool,
}

fn permission<'r>(
    principal: &str,
    roles: impl Iterator<Item = &'r String>,
    installation: &Installation<'_>,
    chars_max: usize,
) -> Result<Permission, PlanError> {
    let roles: Vec<&String> = roles.collect();
    let policy = allow(roles.iter().map(|role| role.as_str()));
    if policy.chars() <= chars_max {
        return Ok(Permission {
            policy,
            is_wide: false,
        });
    }
    let paths = roles.iter().filter_map(|role| role.split_once(":role/"));
    let paths: BTreeSet<String> = paths
        .map(|(_, path)| format!("arn:{}:iam::*:role/{path}", installation.partition))
        .collect();
    let policy = allow(paths.iter().map(String::as_str));
    match policy.chars() {
        chars if chars > chars_max => Err(PlanError::AssumesTooMany {
            principal: principal.to_owned(),
            chars,
            max: chars_max,
        }),
        _ => Ok(Permission {
            policy,
            is_wide: true,
        }),
    }
}

fn allow<'r>(roles: impl Iterator<Item = &'r str>) -> PolicyDocument {
    PolicyDocument::new(vec![Statement {
        sid: None,
        effect: Effect::Allow,
        principal: None,
        actions: vec![
            Action::AssumeRole,
            Action::TagSession,
            Action::SetSourceIdentity,
        ],
        resources: roles.map(Into::into).collect(),
        conditions: Vec::new(),
    }])
}
