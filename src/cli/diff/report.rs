//! The result of `diff`, which text, JSON and Markdown show.

use rolecall_core::access::{
    AffectedPerson, Comparison, Effect, RoleDifference, RuleDifference, Tally, UnknownMatches,
};
use serde::Serialize;

use super::providers::ProviderDifference;
use crate::cli::people_source::{Evaluated, PersonName, TimeSpan, is_zero};

/// The result.
#[derive(Serialize)]
pub struct Report {
    /// Whether somebody gains access, or may gain it.
    pub gains: bool,
    /// The people, if they were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people: Option<PeopleReport>,
    /// The identity providers that differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<ProviderDifference>,
    /// The entries of the policies that differ.
    pub rules: Vec<RuleDifference>,
}

/// People as they were compared.
pub struct ComparedPeople {
    pub evaluated: Evaluated<Tally>,
    /// Number of recorded people whose provider is in neither configuration.
    pub skipped: usize,
}

/// The differences for people.
#[derive(Serialize)]
pub struct PeopleReport {
    /// Number of people that were compared.
    pub compared: u64,
    /// Number of recorded people who were left out, because their provider is in neither configuration.
    #[serde(skip_serializing_if = "is_zero")]
    pub skipped: usize,
    /// The sign-ins as of which recorded people are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<TimeSpan>,
    /// Number of people who may do more than before.
    pub gaining: usize,
    /// Number of people who may do less than before.
    pub losing: usize,
    /// The differences, role by role.
    pub roles: Vec<Named<RoleDifference>>,
    /// Whether there are more roles than are listed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
    /// Everyone for whom a role differs.
    pub affected: Vec<Affected>,
    /// Rules that may match people by claims that were not recorded.
    pub unknown: Vec<Named<UnknownMatches>>,
}

/// A difference with the names of its first people.
#[derive(Serialize)]
pub struct Named<T> {
    #[serde(flatten)]
    pub what: T,
    /// The names of the first people.
    pub names: Vec<PersonName>,
}

/// How many roles differ for a person.
#[derive(Serialize)]
pub struct Affected {
    #[serde(flatten)]
    pub name: PersonName,
    #[serde(flatten)]
    pub counts: AffectedPerson,
}

impl Report {
    /// The report on a comparison.
    pub fn new(
        comparison: &Comparison,
        people: Option<ComparedPeople>,
        providers: Vec<ProviderDifference>,
    ) -> Self {
        let rules = comparison.rule_differences();
        let people = people.map(|people| PeopleReport::new(comparison, people));
        let gains = match &people {
            Some(people) => {
                let mut unknown = people.unknown.iter();
                people.gaining > 0 || unknown.any(|one| one.what.effect == Effect::Gain)
            }
            None => {
                let rules = rules.iter().map(|rule| rule.effect);
                let mut effects = rules.chain(providers.iter().map(|one| one.effect));
                effects.any(|effect| effect == Effect::Gain)
            }
        };
        Self {
            gains,
            people,
            providers,
            rules,
        }
    }
}

impl PeopleReport {
    fn new(comparison: &Comparison, people: ComparedPeople) -> Self {
        let ComparedPeople { evaluated, skipped } = people;
        let Evaluated { results, people } = evaluated;
        let tally = results.into_iter().reduce(Tally::merge).unwrap_or_default();
        let name = |number: &u32| people.get(*number as usize).map(|one| one.name.clone());
        let named = |first: &[u32]| first.iter().filter_map(name).collect();
        let affected = tally.people().iter();
        Self {
            compared: tally.compared(),
            skipped,
            as_of: TimeSpan::of(people.iter().map(|person| &person.name)),
            gaining: affected.clone().filter(|one| one.gains()).count(),
            losing: affected.clone().filter(|one| one.loses()).count(),
            roles: comparison
                .report(&tally)
                .into_iter()
                .map(|what| Named {
                    names: named(&what.first),
                    what,
                })
                .collect(),
            incomplete: comparison.is_cut(&tally),
            affected: affected
                .filter_map(|counts| {
                    let name = name(&counts.person)?;
                    Some(Affected {
                        name,
                        counts: *counts,
                    })
                })
                .collect(),
            unknown: comparison
                .unknown_matches(&tally)
                .into_iter()
                .map(|what| Named {
                    names: named(&what.first),
                    what,
                })
                .collect(),
        }
    }
}
