//! Explains why a person has a role or lacks it: the evaluation of the policy, with reasons.

use std::fmt;

use serde::Serialize;

use crate::access::assignment::AssignmentIndex;
use crate::access::checks::{self, KeyCheck};
use crate::access::condition::Unmet;
use crate::access::grant::Grants;
use crate::access::policy::{Contents, Observer};
use crate::access::views::place;
use crate::access::who::{RuleKind, UnmetCondition, Who};
use crate::aws::AccountId;
use crate::caller::{Circumstances, Facts};
use crate::identity::Identity;

/// The result of every rule of the policy for one person, and the grants.
#[derive(Debug)]
pub struct Explanation {
    grants: Grants,
    assignments: Vec<EvaluatedRule>,
    denies: Vec<EvaluatedRule>,
}

/// The result of one assignment or deny.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EvaluatedRule {
    /// ID of the rule.
    pub id: String,
    /// File and line, such as `access.toml:12`.
    #[serde(rename = "place")]
    pub location: String,
    /// Whether the rule applies.
    pub outcome: RuleOutcome,
    /// Reasons for people: the key of `who` that does not match, or the unmet conditions of `when`. Empty if the rule
    /// applies, except for a deny rule with a configured reason, or one that applies because an address is not trusted.
    pub reasons: Vec<String>,
    /// Every key of `who` and `when` with the value that it was compared with.
    pub checks: Vec<KeyCheck>,
    /// What would be needed for an assignment that does not apply. Empty for a deny rule.
    pub needed: Vec<String>,
    /// Index among the rules of its kind.
    #[serde(skip)]
    number: u32,
}

/// Whether a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleOutcome {
    /// The rule applies: the assignment grants, or the deny rule denies.
    Holds,
    /// The rule matches this person, but its conditions are not met.
    OtherCircumstances,
    /// The rule matches other people.
    OtherPeople,
}

impl Explanation {
    /// The same grants as those of [`crate::access::Policy::grants`].
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Every assignment, in the order of the files.
    pub fn assignments(&self) -> &[EvaluatedRule] {
        &self.assignments
    }

    /// Every deny rule, in the order of the files.
    pub fn denies(&self) -> &[EvaluatedRule] {
        &self.denies
    }

    /// The assignments and deny rules that cover one permission set in one account, whether or not they match the person.
    /// `None` if there is no such account or permission set.
    pub fn about(
        &self,
        account: &AccountId,
        permission_set: &str,
    ) -> Option<(Vec<&EvaluatedRule>, Vec<&EvaluatedRule>)> {
        let contents = self.grants.contents();
        let account = *contents.account_by_id.get(account)?;
        let set = contents.set_by_name(permission_set)?;
        let assigns = |entry: &&EvaluatedRule| {
            let assignment = &contents.assignments[entry.number as usize];
            assignment.scope.holds(account, set)
        };
        let denies = |entry: &&EvaluatedRule| {
            let deny = &contents.denies[entry.number as usize];
            deny.scope.holds(account, set)
        };
        Some((
            self.assignments.iter().filter(assigns).collect(),
            self.denies.iter().filter(denies).collect(),
        ))
    }
}

impl fmt::Display for EvaluatedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            RuleOutcome::Holds => "applies",
            RuleOutcome::OtherCircumstances => "would apply under other circumstances",
            RuleOutcome::OtherPeople => "applies to other people",
        };
        write!(f, "{} ({}) {outcome}", self.id, self.location)?;
        for (n, reason) in self.reasons.iter().enumerate() {
            write!(f, "{}{reason}", if n == 0 { ": " } else { "; " })?;
        }
        Ok(())
    }
}

/// Collects the reasons during evaluation.
pub(super) struct Reasons<'p> {
    contents: &'p Contents,
    identity: &'p Identity,
    circumstances: Circumstances,
    assignments: Vec<EvaluatedRule>,
    denies: Vec<EvaluatedRule>,
}

impl<'p> Reasons<'p> {
    pub(super) fn new(contents: &'p Contents, facts: &Facts<'p>) -> Self {
        Self {
            contents,
            identity: facts.identity(),
            circumstances: *facts.circumstances(),
            assignments: Vec::new(),
            denies: Vec::new(),
        }
    }

    /// Why a rule that names people by e-mail address matches or does not match, if the address of the person is not
    /// trusted.
    fn untrusted(&self, who: &Who, presumed: bool) -> Option<String> {
        let untrusted = self.identity.untrusted_email.as_ref();
        let untrusted = untrusted.filter(|_| who.selects_by_email())?;
        Some(match presumed {
            true => format!("may apply to this person: the address {untrusted}"),
            false => format!("the address {untrusted}"),
        })
    }

    pub(super) fn explain(self, grants: Grants) -> Explanation {
        Explanation {
            grants,
            assignments: self.assignments,
            denies: self.denies,
        }
    }
}

impl Observer for Reasons<'_> {
    fn assignment(
        &mut self,
        number: AssignmentIndex,
        mismatch: Option<UnmetCondition<'_>>,
        unmet: &[Unmet],
    ) {
        let assignment = &self.contents.assignments[number as usize];
        let (outcome, reasons) = match mismatch {
            Some(mismatch) => {
                let untrusted = self.untrusted(&assignment.who, false);
                let untrusted = untrusted.filter(|_| mismatch == UnmetCondition::Users);
                let reasons = std::iter::once(mismatch.to_string()).chain(untrusted);
                (RuleOutcome::OtherPeople, reasons.collect())
            }
            None if unmet.is_empty() => (RuleOutcome::Holds, Vec::new()),
            None => (
                RuleOutcome::OtherCircumstances,
                unmet.iter().map(Unmet::to_string).collect(),
            ),
        };
        let mut checks = checks::of_who(&assignment.who, self.identity, RuleKind::Assignment);
        let when = checks::of_when(&assignment.when, self.identity, &self.circumstances);
        checks.extend(when);
        self.assignments.push(EvaluatedRule {
            needed: checks.iter().filter_map(KeyCheck::needed).collect(),
            checks,
            id: assignment.id.to_string(),
            location: place(&assignment.location),
            outcome,
            reasons,
            number,
        });
    }

    fn deny(&mut self, number: u32, mismatch: Option<UnmetCondition<'_>>) {
        let deny = &self.contents.denies[number as usize];
        let (outcome, reasons) = match mismatch {
            Some(mismatch) => (RuleOutcome::OtherPeople, vec![mismatch.to_string()]),
            None => {
                let presumed = self.untrusted(&deny.who, true);
                let reasons = deny.reason.clone().into_iter().chain(presumed);
                (RuleOutcome::Holds, reasons.collect())
            }
        };
        self.denies.push(EvaluatedRule {
            checks: checks::of_who(&deny.who, self.identity, RuleKind::Deny),
            needed: Vec::new(),
            id: deny.id.to_string(),
            location: place(&deny.location),
            outcome,
            reasons,
            number,
        });
    }
}
