//! Trust policies, compared by the requests that they accept.
//!
//! A statement is as tight as the model if a statement of the model has all its principals and actions, and its conditions imply
//! those of that statement. A policy is sufficient if it accepts every request of the model. What cannot be decided is a finding.

use std::collections::BTreeSet;

use super::condition::{Condition, Test, Weakness};
use super::document::{Document, Principal, Selection, Statement, listed, shown};
use super::finding::{ConditionProblem, FindingKind, TrustKey};
use super::pattern::Pattern;
use super::request::{Request, Truth};
use crate::aws::AccountId;

/// The operations that assume a role.
const ASSUMING: [&str; 3] = [
    "sts:assumerole",
    "sts:assumerolewithsaml",
    "sts:assumerolewithwebidentity",
];
const TAG_SESSION: &str = "sts:tagsession";
const SET_SOURCE_IDENTITY: &str = "sts:setsourceidentity";

/// A difference between trust policies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Difference {
    pub kind: FindingKind,
    pub found: String,
}

/// The differences. `absent` are condition keys, in lower case, that requests of the gateway do not have.
pub(super) fn differences(
    model: &Document,
    found: &Document,
    absent: &[String],
) -> Vec<Difference> {
    let mut differences = BTreeSet::new();
    let allows = found.statements.iter().filter(|one| one.allows);
    for statement in allows {
        differences.extend(looser(model, statement));
    }
    for statement in &model.statements {
        let mut requests = Request::of(statement, absent);
        complete(&mut requests);
        for request in &requests {
            let actions = only(&statement.actions).into_iter().flatten();
            for action in actions {
                refused(found, (request, &requests), action, &mut differences);
            }
        }
        denied(found, statement, &requests, &mut differences);
    }
    let differs = |kind: FindingKind| {
        let FindingKind::Trust(key, _) = kind else {
            return false;
        };
        let differs = FindingKind::Trust(key, ConditionProblem::Differs);
        differences.iter().any(|one| one.kind == differs)
    };
    // A replaced value is one difference.
    let wider = |one: &Difference| {
        matches!(one.kind, FindingKind::Trust(_, ConditionProblem::Wider)) && differs(one.kind)
    };
    differences
        .iter()
        .filter(|one| !wider(one))
        .cloned()
        .collect()
}

/// Whether a policy of a role in `account` names one of the principals in a statement that allows something: itself, everyone, or
/// its account. The role's own account is usual in trust policies and does not count.
pub(super) fn names_principal(
    policy: &Document,
    principals: &BTreeSet<Principal>,
    account: &AccountId,
) -> bool {
    let includes_one = |found: &Principal| {
        found.value != account.as_str() && principals.iter().any(|own| own.is_in(found))
    };
    let named = |statement: &Statement| match &statement.principals {
        Some(Selection::Only(found)) => found.iter().any(includes_one),
        Some(Selection::Except(_)) => true,
        None => false,
    };
    policy.statements.iter().any(|one| one.allows && named(one))
}

/// The principals of a policy of the model.
pub(super) fn principals(model: &Document) -> BTreeSet<Principal> {
    let statements = model.statements.iter();
    let principals = statements.filter_map(|one| only(&one.principals));
    principals.flatten().cloned().collect()
}

fn only<T>(selection: &Option<Selection<T>>) -> Option<&BTreeSet<T>> {
    match selection {
        Some(Selection::Only(only)) => Some(only),
        Some(Selection::Except(_)) | None => None,
    }
}

/// Keys that are known for every request of a kind: a federated session has no MFA context of IAM, and that of a role none that
/// is true.
fn complete(requests: &mut [Request<'_>]) {
    use super::request::KeyValue;
    for request in requests {
        let mfa = match request.principal.kind.as_str() {
            "Federated" => KeyValue::Absent,
            _ => KeyValue::Is("false".to_owned()),
        };
        let key = "aws:multifactorauthpresent".to_owned();
        request.keys.entry(key).or_insert(mfa);
    }
}

/// In which respects a statement that allows accepts more than the model.
fn looser(model: &Document, found: &Statement) -> Vec<Difference> {
    let difference = |kind, text: String| Difference {
        kind,
        found: format!("{found}: {text}"),
    };
    let principals = match &found.principals {
        Some(Selection::Only(principals)) => principals,
        Some(Selection::Except(_)) | None => {
            let text = "NotPrincipal with Effect Allow".to_owned();
            return vec![difference(FindingKind::TrustNotPrincipal, text)];
        }
    };
    let known = self::principals(model);
    // A deleted principal cannot assume anything.
    let living: BTreeSet<&Principal> = principals.iter().filter(|one| !one.is_deleted()).collect();
    if living.is_empty() {
        return Vec::new();
    }
    let includes_known = |found: &Principal| known.iter().any(|one| one.is_in(found));
    if !living.iter().copied().any(includes_known) {
        let text = format!("allows {}", names(&living));
        return vec![difference(FindingKind::TrustStatementExtra, text)];
    }
    let candidates = model.statements.iter();
    let candidates = candidates.map(|statement| beyond(statement, found, &living));
    let closest = candidates.min_by_key(Vec::len).unwrap_or_default();
    closest
        .into_iter()
        .map(|(kind, text)| difference(kind, text))
        .collect()
}

fn names(principals: &BTreeSet<&Principal>) -> String {
    listed(principals.iter().map(|principal| principal.to_string()))
}

/// In which respects a statement accepts more than one statement of the model.
fn beyond(
    model: &Statement,
    found: &Statement,
    principals: &BTreeSet<&Principal>,
) -> Vec<(FindingKind, String)> {
    let mut beyond = Vec::new();
    let known = only(&model.principals);
    let others = principals
        .iter()
        .copied()
        .filter(|one| known.is_none_or(|known| !known.contains(*one)));
    let others: BTreeSet<&Principal> = others.collect();
    if !others.is_empty() {
        let text = format!("also allows {}", names(&others));
        beyond.push((FindingKind::TrustPrincipalWider, text));
    }
    match &found.actions {
        Some(Selection::Only(actions)) => {
            let known = only(&model.actions);
            let within = |action: &String| {
                let found = Pattern::glob(action);
                let mut known = known.into_iter().flatten();
                known.any(|one| Pattern::glob(one).includes(&found))
            };
            let extra: Vec<&String> = actions.iter().filter(|one| !within(one)).collect();
            if !extra.is_empty() {
                let text = format!("also allows {}", listed(extra));
                beyond.push((FindingKind::TrustActionExtra, text));
            }
        }
        Some(Selection::Except(_)) | None => {
            let text = "NotAction with Effect Allow".to_owned();
            beyond.push((FindingKind::TrustNotAction, text));
        }
    }
    // Without an action that assumes the role, the conditions of another statement apply to the request.
    if ASSUMING.iter().any(|action| found.names_action(action)) {
        for condition in &model.conditions {
            beyond.extend(unmet(condition, &found.conditions));
        }
    }
    beyond
}

/// In which respects conditions do not enforce one of the model.
fn unmet(model: &Condition, found: &[Condition]) -> Vec<(FindingKind, String)> {
    let key = TrustKey::of(&model.key);
    let wider = FindingKind::Trust(key, ConditionProblem::Wider);
    let Some(weaknesses) = model.weaknesses_of(found) else {
        let kind = FindingKind::Trust(key, ConditionProblem::Missing);
        let text = format!(
            "no condition on {} = {}",
            shown(&model.key),
            listed(&model.values)
        );
        return vec![(kind, text)];
    };
    let of_key = |text: String| format!("{} {text}", shown(&model.key));
    let weaknesses = weaknesses.into_iter().map(|weakness| match weakness {
        Weakness::Values(values) => (wider, of_key(format!("also accepts {}", listed(values)))),
        Weakness::Wildcards(patterns) => {
            let text = of_key(format!("accepts {}", listed(patterns)));
            (FindingKind::TrustWildcard, text)
        }
        Weakness::ForAllValues => (
            FindingKind::TrustForAllValues,
            of_key("is compared with ForAllValues".to_owned()),
        ),
        Weakness::IfExists => (
            FindingKind::TrustIfExists,
            of_key("is compared with an operator with IfExists".to_owned()),
        ),
        Weakness::Operator(operator) => not_compared(&model.key, &operator),
    });
    weaknesses.collect()
}

/// An operator on a key of the model that cannot be compared.
fn not_compared(key: &str, operator: &str) -> (FindingKind, String) {
    let text = format!("{} is compared with {}", shown(key), shown(operator));
    (FindingKind::TrustOperator, text)
}

/// Why no statement allows an action for a request, one of several of a statement of the model, if that is so.
fn refused(
    found: &Document,
    (request, all): (&Request<'_>, &[Request<'_>]),
    action: &str,
    differences: &mut BTreeSet<Difference>,
) {
    let mut add = |kind, found: String| {
        differences.insert(Difference { kind, found });
    };
    let allows = found.statements.iter().filter(|one| one.allows);
    let own: Vec<&Statement> = allows.filter(|one| request.is_made_by(one)).collect();
    if own.is_empty() {
        let statements = found.statements.iter();
        let deleted = statements
            .filter_map(|one| only(&one.principals))
            .flatten()
            .find(|principal| principal.is_deleted());
        return match deleted {
            Some(principal) => add(
                FindingKind::TrustPrincipalDeleted,
                format!("the principal {principal} has been deleted"),
            ),
            None => add(
                FindingKind::TrustPrincipalDiffers,
                format!("no statement allows {}", request.principal),
            ),
        };
    }
    let allowing: Vec<&Statement> = own
        .iter()
        .copied()
        .filter(|one| one.names_action(action))
        .collect();
    if allowing.is_empty() {
        let kind = match action {
            TAG_SESSION => FindingKind::TrustTagSessionMissing,
            SET_SOURCE_IDENTITY => FindingKind::TrustSetSourceIdentityMissing,
            _ => FindingKind::TrustAssumeMissing,
        };
        return add(kind, format!("no statement allows {action}"));
    }
    let judged = allowing.into_iter().map(|statement| {
        let failing = statement.conditions.iter().filter_map(|condition| {
            let truth = request.holds(condition);
            (truth != Truth::Yes).then_some((truth, condition))
        });
        (statement, failing.collect::<Vec<_>>())
    });
    let closest = judged.min_by_key(|(_, failing)| {
        let refusing = failing.iter().filter(|(truth, _)| *truth == Truth::No);
        (refusing.count(), failing.len())
    });
    let Some((statement, failing)) = closest else {
        return;
    };
    for (truth, condition) in failing {
        let key = TrustKey::of(&condition.key);
        let expected = request.keys.contains_key(&condition.key) && key != TrustKey::Condition;
        let refuses_all =
            truth == Truth::No && all.iter().all(|one| one.holds(condition) == Truth::No);
        if expected && condition.test == Test::Other {
            let (kind, text) = not_compared(&condition.key, &condition.operator);
            add(kind, format!("{statement}: {text}"));
            continue;
        }
        let kind = match (expected, refuses_all) {
            (true, true) => FindingKind::Trust(key, ConditionProblem::Differs),
            (true, false) => FindingKind::Trust(key, ConditionProblem::Narrower),
            (false, _) => FindingKind::TrustConditionAdded,
        };
        add(kind, format!("{statement}: {condition}"));
    }
}

/// Statements that deny requests of a statement of the model.
fn denied(
    found: &Document,
    model: &Statement,
    requests: &[Request<'_>],
    differences: &mut BTreeSet<Difference>,
) {
    for statement in found.statements.iter().filter(|one| !one.allows) {
        let mut actions = only(&model.actions).into_iter().flatten();
        if !actions.any(|action| statement.names_action(action)) {
            continue;
        }
        let made = requests.iter().filter(|one| one.is_made_by(statement));
        let text = match made
            .map(|request| request.meets(&statement.conditions))
            .max()
        {
            Some(Truth::Yes) => "denies sessions of the gateway",
            Some(Truth::Maybe) => "can deny sessions of the gateway",
            Some(Truth::No) | None => continue,
        };
        differences.insert(Difference {
            kind: FindingKind::TrustDenyAdded,
            found: format!("{statement} {text}"),
        });
    }
}

#[cfg(test)]
mod tests;
