//! The parsed policy and its evaluation.
//!
//! Evaluation cannot fail: all errors are found when the policy is parsed. Granting and explaining use the same
//! evaluation; they differ in the rules that are evaluated (candidates or all) and in the observer.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::access::assignment::{AccountIndex, Assignment, AssignmentIndex, Deny, Scope, SetIndex};
use crate::access::attributes;
use crate::access::catalog::Account;
use crate::access::claim_names::ClaimNames;
use crate::access::condition::Unmet;
use crate::access::explain::{Explanation, Reasons};
use crate::access::grant::Grants;
use crate::access::index::Index;
use crate::access::match_counter::MatchCounter;
use crate::access::permission_set::PermissionSet;
use crate::access::who::{Person, RuleKind, UnmetCondition};
use crate::aws::{AccountId, Partition};
use crate::caller::{Circumstances, Facts};
use crate::config_file::ConfigError;
use crate::identity::{Identity, InvalidClaims, ProviderId};

/// A parsed access policy. Cheap to clone.
#[derive(Clone)]
pub struct Policy(pub(super) Arc<Contents>);

/// The part that a [`Policy`] shares with its grants.
pub(super) struct Contents {
    pub(super) partition: Partition,
    /// Sorted by name and ID.
    pub(super) accounts: Vec<Account>,
    pub(super) account_by_id: HashMap<AccountId, AccountIndex>,
    /// Sorted by name.
    pub(super) sets: Vec<PermissionSet>,
    pub(super) assignments: Vec<Assignment>,
    pub(super) assignment_index: Index,
    pub(super) denies: Vec<Deny>,
    pub(super) deny_index: Index,
    pub(super) claim_names: ClaimNames,
    pub(super) warnings: Vec<ConfigError>,
}

/// Receives the result of each rule during evaluation.
pub(super) trait Observer {
    /// The result of an assignment. It applies if there is neither a mismatch nor an unmet condition.
    fn assignment(
        &mut self,
        number: AssignmentIndex,
        mismatch: Option<UnmetCondition<'_>>,
        unmet: &[Unmet],
    );
    /// The result of a deny rule. It applies if there is no mismatch.
    fn deny(&mut self, number: u32, mismatch: Option<UnmetCondition<'_>>);
}

/// Ignores all results.
struct NoopObserver;

impl Observer for NoopObserver {
    fn assignment(&mut self, _: AssignmentIndex, _: Option<UnmetCondition<'_>>, _: &[Unmet]) {}
    fn deny(&mut self, _: u32, _: Option<UnmetCondition<'_>>) {}
}

/// The rules to evaluate, in order.
struct Candidates<A, D> {
    assignments: A,
    denies: D,
}

/// The rules that apply to one person.
#[derive(Default)]
pub(super) struct Applicable {
    /// Assignments that apply, in order.
    pub(super) assignments: Vec<AssignmentIndex>,
    /// Assignments whose `who` matches and whose `when` is not met.
    pub(super) locked: Vec<(AssignmentIndex, Vec<Unmet>)>,
    /// Deny rules that apply, in order.
    pub(super) denies: Vec<u32>,
}

impl Policy {
    /// Checks and reduces the claims of an identity that a provider has just sent. Every claim that a rule for people
    /// of its provider uses must be readable, because a deny rule could otherwise fail to match. Of the other claims, as
    /// many are kept as a session may hold.
    ///
    /// # Errors
    /// [`InvalidClaims`], with the name of the claim.
    pub fn check_claims(&self, identity: &mut Identity) -> Result<(), InvalidClaims> {
        let names = &self.0.claim_names;
        for name in names.in_rules_for(&identity.provider) {
            if let Some(reason) = identity.unread_claim(name) {
                let name = name.to_owned();
                return Err(InvalidClaims::Unread { name, reason });
            }
        }
        let provider = identity.provider.clone();
        identity.bound_claims(self.claims_named_for(&provider));
        Ok(())
    }

    /// The claims that rules and templates name for people of this provider, with duplicates.
    pub fn claims_named_for(&self, provider: &ProviderId) -> impl Iterator<Item = &str> {
        self.0.claim_names.needed_for(provider)
    }

    /// The roles that are granted for these facts.
    pub fn grants(&self, facts: &Facts<'_>) -> Grants {
        self.grants_within(None, facts)
    }

    /// The roles that are granted in one account. Evaluates only that account.
    pub fn grants_in(&self, account: &AccountId, facts: &Facts<'_>) -> Grants {
        match self.0.account_by_id.get(account) {
            Some(account) => self.grants_within(Some(*account), facts),
            None => self.add_up(facts, Applicable::default(), None),
        }
    }

    fn grants_within(&self, only: Option<AccountIndex>, facts: &Facts<'_>) -> Grants {
        let contents = &*self.0;
        let person = Person::new(facts);
        let matters = |scope: &Scope| only.is_none_or(|account| scope.covers(account));
        let assigning = &contents.assignment_index;
        let assignments = assigning
            .candidates(&person, RuleKind::Assignment)
            .into_iter();
        let denying = &contents.deny_index;
        let denies = denying.candidates(&person, RuleKind::Deny).into_iter();
        let applicable = contents.walk(
            Candidates {
                assignments: assignments
                    .filter(|number| matters(&contents.assignments[*number as usize].scope)),
                denies: denies.filter(|number| matters(&contents.denies[*number as usize].scope)),
            },
            &person,
            facts.circumstances(),
            &mut NoopObserver,
        );
        self.add_up(facts, applicable, only)
    }

    fn add_up(
        &self,
        facts: &Facts<'_>,
        applicable: Applicable,
        only: Option<AccountIndex>,
    ) -> Grants {
        let unusable = |set: &PermissionSet| {
            let error = attributes::unusable(set, self.0.partition, facts)?;
            Some(Unmet::Attributes {
                reason: error.to_string(),
                hint: error.hint(),
            })
        };
        let contents = Arc::clone(&self.0);
        let chaining = facts.chaining().clone();
        Grants::new(MatchCounter::new(
            contents, applicable, chaining, only, unusable,
        ))
    }

    /// Evaluates every rule and returns the grants with the reasons.
    pub fn explain(&self, facts: &Facts<'_>) -> Explanation {
        let person = Person::new(facts);
        let mut reasons = Reasons::new(&self.0, facts);
        let applicable = self.0.walk(
            Candidates {
                assignments: 0..count(&self.0.assignments),
                denies: 0..count(&self.0.denies),
            },
            &person,
            facts.circumstances(),
            &mut reasons,
        );
        reasons.explain(self.add_up(facts, applicable, None))
    }

    /// Warnings that were found when the policy was parsed.
    pub fn warnings(&self) -> &[ConfigError] {
        &self.0.warnings
    }

    /// The accounts, by name.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.0.accounts.iter()
    }

    /// Whether an account trusts the ID tokens of this provider (`trust = "provider-oidc"`), so that they are credentials.
    pub fn trusts_id_tokens_of(&self, provider: &ProviderId) -> bool {
        let mut trusted = self.accounts().filter_map(|one| one.trust.provider_oidc());
        trusted.any(|trusted| &trusted.provider == provider)
    }

    /// The permission sets, by name.
    pub fn permission_sets(&self) -> impl Iterator<Item = &PermissionSet> {
        self.0.sets.iter()
    }

    /// Number of assignments and deny rules.
    pub fn rules(&self) -> usize {
        self.0.assignments.len() + self.0.denies.len()
    }
}

impl Contents {
    /// Evaluates the candidates.
    fn walk(
        &self,
        candidates: Candidates<impl IntoIterator<Item = u32>, impl IntoIterator<Item = u32>>,
        person: &Person<'_>,
        circumstances: &Circumstances,
        observer: &mut impl Observer,
    ) -> Applicable {
        let mut applicable = Applicable::default();
        for number in candidates.assignments {
            let assignment = &self.assignments[number as usize];
            let mismatch = assignment.who.mismatch(person, RuleKind::Assignment);
            let unmet = match mismatch {
                Some(_) => Vec::new(),
                None => assignment.when.unmet(person.identity, circumstances),
            };
            observer.assignment(number, mismatch, &unmet);
            if mismatch.is_none() && unmet.is_empty() {
                applicable.assignments.push(number);
            } else if mismatch.is_none() {
                applicable.locked.push((number, unmet));
            }
        }
        for number in candidates.denies {
            let deny = &self.denies[number as usize];
            let mismatch = deny.who.mismatch(person, RuleKind::Deny);
            observer.deny(number, mismatch);
            if mismatch.is_none() {
                applicable.denies.push(number);
            }
        }
        applicable
    }

    pub(super) fn set_by_name(&self, name: &str) -> Option<SetIndex> {
        let at = self
            .sets
            .binary_search_by(|set| set.name.as_str().cmp(name))
            .ok()?;
        u32::try_from(at).ok()
    }
}

/// Number of entries; a policy has at most [`crate::base::limits::POLICY_ENTRIES_MAX`].
pub(super) fn count<T>(entries: &[T]) -> u32 {
    u32::try_from(entries.len()).unwrap_or(u32::MAX)
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("accounts", &self.0.accounts.len())
            .field("permission_sets", &self.0.sets.len())
            .field("assignments", &self.0.assignments.len())
            .field("denies", &self.0.denies.len())
            .finish_non_exhaustive()
    }
}
