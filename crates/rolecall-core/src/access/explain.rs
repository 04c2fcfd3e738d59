//! Why somebody has a role or lacks it: the walk of the policy, with the reasons kept.

use std::fmt;

use serde::Serialize;

use crate::access::assignment::{AssignmentIndex, RuleLocation};
use crate::access::condition::Unmet;
use crate::access::grant::Grants;
use crate::access::policy::{Contents, Observer};
use crate::access::who::{UnmetCondition, Who};
use crate::aws::AccountId;
use crate::identity::Identity;

/// Every entry of the policy and what became of it for one person, and what the person may become.
#[derive(Debug)]
pub struct Explanation {
    grants: Grants,
    assignments: Vec<EvaluatedRule>,
    denies: Vec<EvaluatedRule>,
}

/// One assignment or deny, as it was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EvaluatedRule {
    /// Its id.
    pub id: String,
    /// `access.toml:12`
    pub place: String,
    /// What became of it.
    pub outcome: RuleOutcome,
    /// Why, for people: the key of `who` that does not hold, or what is missing of `when`. Empty when it holds, except
    /// for a deny with a reason of its own, or one that holds because an address is not believed.
    pub reasons: Vec<String>,
    /// Its number among its kind.
    #[serde(skip)]
    number: u32,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleOutcome {
    /// It holds: the assignment grants, or the deny takes away.
    Holds,
    /// It is about this person, in other circumstances.
    OtherCircumstances,
    /// It is about other people.
    OtherPeople,
}

impl Explanation {
    /// Exactly what [`crate::access::Policy::grants`] says.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Every assignment, in the order of the files.
    pub fn assignments(&self) -> &[EvaluatedRule] {
        &self.assignments
    }

    /// Every deny, in the order of the files.
    pub fn denies(&self) -> &[EvaluatedRule] {
        &self.denies
    }

    /// The entries that speak of one permission set in one account, whoever they are about: what to show when
    /// somebody asks about one role. None when there is no such account or permission set.
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
            RuleOutcome::Holds => "holds",
            RuleOutcome::OtherCircumstances => "would hold in other circumstances",
            RuleOutcome::OtherPeople => "is about other people",
        };
        write!(f, "{} ({}) {outcome}", self.id, self.place)?;
        for (n, reason) in self.reasons.iter().enumerate() {
            write!(f, "{}{reason}", if n == 0 { ": " } else { "; " })?;
        }
        Ok(())
    }
}

/// Keeps the reasons while the policy is walked.
pub(super) struct Reasons<'p> {
    contents: &'p Contents,
    identity: &'p Identity,
    assignments: Vec<EvaluatedRule>,
    denies: Vec<EvaluatedRule>,
}

impl<'p> Reasons<'p> {
    pub(super) fn new(contents: &'p Contents, identity: &'p Identity) -> Self {
        Self {
            contents,
            identity,
            assignments: Vec::new(),
            denies: Vec::new(),
        }
    }

    /// Why an entry that names people by their addresses is or is not about this person, where the address that was sent
    /// is not believed.
    fn untrusted(&self, who: &Who, presumed: bool) -> Option<String> {
        let untrusted = self.identity.untrusted_email.as_ref();
        let untrusted = untrusted.filter(|_| who.names_addresses())?;
        Some(match presumed {
            true => format!("may be about this person: the address {unbelieved}"),
            false => format!("the address {unbelieved}"),
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
        self.assignments.push(EvaluatedRule {
            id: assignment.id.to_string(),
            place: shown(&assignment.place),
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
            id: deny.id.to_string(),
            place: shown(&deny.place),
            outcome,
            reasons,
            number,
        });
    }
}

fn shown(place: &RuleLocation) -> String {
    format!("{}:{}", place.path.display(), place.line)
}
