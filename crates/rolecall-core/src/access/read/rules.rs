//! `[[assignment]]` and `[[deny]]`. Their names are resolved when all accounts and permission sets are known.

use std::sync::Arc;

use super::federation_token;
use super::permission_set::session_duration;
use super::provider_oidc;
use super::shared_domain::SharedDomain;
use super::unsupported_facts;
use super::{Names, PolicyContext, line_of_text, when};
use crate::access::assignment::{Assignment, Deny, RuleLocation, Scope};
use crate::access::catalog::Account;
use crate::access::condition::Condition;
use crate::access::permission_set::PermissionSet;
use crate::access::selector::Selectors;
use crate::access::who::{RuleKind, Who};
use crate::aws::RoleSessionDuration;
use crate::base::text_newtype;
use crate::config_file::{Located, Reader, Spot, Value};

text_newtype!(
    /// ID of an assignment or a deny rule, as it appears in logs and in the audit trail.
    RuleId,
    InvalidRuleId,
    "an id is 1 to 128 letters, digits or . _ - : / @ +",
    |text| (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:/@+".contains(&b))
);

/// The common part of assignments and deny rules.
struct Rule<'d> {
    id: Option<RuleId>,
    spot: Spot<'d>,
    who: Option<Who>,
    accounts: Option<Vec<Located<'d, &'d str>>>,
    sets: Option<Vec<Located<'d, &'d str>>>,
}

/// An assignment with unresolved names.
pub(super) struct RawAssignment<'d> {
    rule: Rule<'d>,
    when: Condition,
    session_duration: Option<RoleSessionDuration>,
    owner: Option<String>,
}

/// A deny rule with unresolved names.
pub(super) struct RawDeny<'d> {
    rule: Rule<'d>,
    reason: Option<String>,
}

pub(super) fn read_assignment<'d>(
    reader: Reader<'d>,
    context: &PolicyContext<'_>,
    names: &mut Names,
) -> RawAssignment<'d> {
    let rule = Rule::read(&reader, context, names, RuleKind::Assignment);
    let when = reader.table("when").map(|table| {
        let spot = table.spot();
        let when = when::read(table, context);
        if let Some(who) = &rule.who {
            unsupported_facts::warn_of_conditions(who, &when, spot, context);
        }
        when
    });
    let when = when.unwrap_or_default();
    let session_duration = session_duration(&reader);
    let owner = line_of_text(&reader, "owner");
    let _for_people = line_of_text(&reader, "description");
    reader.done();
    RawAssignment {
        rule,
        when,
        session_duration,
        owner,
    }
}

pub(super) fn read_deny<'d>(
    reader: Reader<'d>,
    context: &PolicyContext<'_>,
    names: &mut Names,
) -> RawDeny<'d> {
    let rule = Rule::read(&reader, context, names, RuleKind::Deny);
    let reason = line_of_text(&reader, "reason");
    if let Some(when) = reader.value("when") {
        when.spot().error(
            "a deny rule cannot have `when`: it always applies",
            "remove it; only assignments have conditions",
        );
    }
    reader.done();
    RawDeny { rule, reason }
}

impl<'d> Rule<'d> {
    fn read(
        reader: &Reader<'d>,
        context: &PolicyContext<'_>,
        names: &mut Names,
        rule_kind: RuleKind,
    ) -> Self {
        let id: Option<Located<'_, RuleId>> = reader.required("id").and_then(|id| id.parse());
        if let Some(id) = &id {
            let at = Located {
                value: id.value.as_str(),
                spot: id.spot,
            };
            let kind = match rule_kind {
                RuleKind::Assignment => "assignment",
                RuleKind::Deny => "deny rule",
            };
            names.take(kind, at);
        }
        let who = reader.required("who").and_then(|who| who.table("`who`"));
        let who = who.map(|who| {
            let spot = who.spot();
            let who = Who::read(who, context.providers, rule_kind);
            unsupported_facts::warn_of_people(&who, rule_kind, spot, context);
            who
        });
        Self {
            id: id.map(|id| id.value),
            spot: reader.spot(),
            who,
            accounts: selectors(reader, "accounts", rule_kind),
            sets: selectors(reader, "permission_sets", rule_kind),
        }
    }

    /// The accounts and permission sets of the rule; an absent list means all. `None` if it cannot be used, which has
    /// been reported.
    fn scope(&self, selectors: &mut Selectors<'_>, kind: &str) -> Option<Scope> {
        let all = Located {
            value: "*",
            spot: self.spot,
        };
        let of = |written: &Option<Vec<Located<'d, &'d str>>>| {
            written.clone().unwrap_or_else(|| vec![all])
        };
        let accounts = selectors.accounts(&of(&self.accounts));
        let sets = selectors.sets(&of(&self.sets));
        if !accounts.is_empty() && !sets.is_empty() {
            return Some(Scope { accounts, sets });
        }
        // Invalid selectors have been reported one by one.
        let mut written = [&self.accounts, &self.sets].into_iter().flatten();
        if written
            .all(|list| !list.is_empty() && list.iter().all(|at| selectors.is_known(at.value)))
        {
            self.spot.error(
                format!(
                    "this {kind} is unreachable: its selectors match no account or no permission set"
                ),
                format!("correct the selectors, or remove the {kind}"),
            );
        }
        None
    }

    fn location(&self) -> RuleLocation {
        RuleLocation {
            path: Arc::from(self.spot.path()),
            line: self.spot.line(),
        }
    }
}

impl RawAssignment<'_> {
    /// Resolves the names. Reports an error if the assignment grants nothing.
    pub(super) fn resolve(
        self,
        selectors: &mut Selectors<'_>,
        denies: &[Deny],
        (accounts, sets): (&[Account], &[PermissionSet]),
        context: &PolicyContext<'_>,
    ) -> Option<Assignment> {
        let scope = self.rule.scope(selectors, "assignment");
        let (scope, id, who) = (scope?, self.rule.id.as_ref()?, self.rule.who.clone()?);
        if who.provider.is_none()
            && let Some(shared) = SharedDomain::any(context.providers)
            && let Some(set) = sets_of(&scope, sets).find(|set| set.uses_email())
        {
            let what = format!("{} uses {{email}} and is assigned", set.name);
            shared.warn(self.rule.spot, &what);
        }
        federation_token::check(self.rule.spot, &scope, accounts, sets);
        federation_token::check_duration(
            self.rule.spot,
            &scope,
            self.session_duration,
            accounts,
            sets,
        );
        let catalog = (accounts, sets);
        provider_oidc::check(self.rule.spot, &who, &scope, catalog, context);
        if let Some(deny) = denied_by(&who, &scope, denies) {
            self.rule.spot.error(
                format!("this assignment is unreachable: everything in it is denied, by {:?} among others", &*deny.id),
                format!("remove the assignment, or narrow the deny rule at {}:{}", deny.location.path.display(), deny.location.line),
            );
        }
        Some(Assignment {
            id: id.as_str().into(),
            location: self.rule.location(),
            who,
            scope,
            when: self.when,
            session_duration: self.session_duration,
            owner: self.owner,
        })
    }
}

impl RawDeny<'_> {
    /// Resolves the names. Reports an error if the deny rule covers nothing: a typing error in a deny rule would grant access.
    pub(super) fn resolve(self, selectors: &mut Selectors<'_>) -> Option<Deny> {
        let scope = self.rule.scope(selectors, "deny rule")?;
        Some(Deny {
            id: self.rule.id.as_ref()?.as_str().into(),
            location: self.rule.location(),
            who: self.rule.who?,
            scope,
            reason: self.reason,
        })
    }
}

fn sets_of<'s>(
    scope: &Scope,
    sets: &'s [PermissionSet],
) -> impl Iterator<Item = &'s PermissionSet> {
    let numbers = scope.sets.numbers();
    numbers.filter_map(|number| sets.get(number as usize))
}

/// A deny rule, if deny rules that apply to everyone whom the assignment matches cover all of it.
fn denied_by<'p>(who: &Who, scope: &Scope, denies: &'p [Deny]) -> Option<&'p Deny> {
    let covering: Vec<&Deny> = denies.iter().filter(|deny| deny.who.covers(who)).collect();
    let first = covering.first().copied()?;
    scope
        .pairs_within(None)
        .all(|(account, set)| covering.iter().any(|deny| deny.scope.holds(account, set)))
        .then_some(first)
}

/// The selectors of a list, which must not be empty. A deny rule without the list covers all.
fn selectors<'d>(
    reader: &Reader<'d>,
    key: &'static str,
    rule_kind: RuleKind,
) -> Option<Vec<Located<'d, &'d str>>> {
    let value = match rule_kind {
        RuleKind::Assignment => reader.required(key)?,
        RuleKind::Deny => reader.value(key)?,
    };
    let list = value.list()?;
    if list.is_empty() {
        value.invalid("an empty list is invalid: write [\"*\"] for all");
    }
    Some(list.iter().filter_map(Value::string).collect())
}
