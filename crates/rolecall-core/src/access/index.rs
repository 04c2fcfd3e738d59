//! Index of rules by what a person must have to match them, so that the cost of an evaluation depends on the person and
//! not on the number of rules. The candidates may contain a rule that does not match, and contain every rule that does.

use std::collections::HashMap;

use crate::access::who::{Person, RuleKind, Who};
use crate::identity::{EmailAddress, ProviderId};

/// Indexes of rules, by what a person must have to match them.
#[derive(Debug, Default)]
pub(super) struct Index {
    of_any_provider: Postings,
    of_provider: HashMap<ProviderId, Postings>,
}

#[derive(Debug, Default)]
struct Postings {
    everyone: Vec<u32>,
    users: HashMap<Box<str>, Vec<u32>>,
    subjects: HashMap<Box<str>, Vec<u32>>,
    groups: HashMap<Box<str>, Vec<u32>>,
    claims: HashMap<Box<str>, ClaimPostings>,
}

#[derive(Debug, Default)]
struct ClaimPostings {
    present: Vec<u32>,
    values: HashMap<Box<str>, Vec<u32>>,
}

impl ClaimPostings {
    fn all(&self) -> impl Iterator<Item = &u32> {
        self.present.iter().chain(self.values.values().flatten())
    }
}

impl Index {
    pub(super) fn new<'w>(all: impl Iterator<Item = &'w Who>) -> Self {
        let mut index = Self::default();
        for (number, who) in (0..).zip(all) {
            match &who.provider {
                Some(provider) => index.of_provider.entry(provider.clone()).or_default(),
                None => &mut index.of_any_provider,
            }
            .add(number, who);
        }
        index
    }

    /// The rules that may match the person, sorted, without duplicates.
    pub(super) fn candidates(&self, person: &Person<'_>, rule_kind: RuleKind) -> Vec<u32> {
        let mut found = Vec::new();
        let of_provider = self.of_provider.get(&person.identity.provider);
        for postings in std::iter::once(&self.of_any_provider).chain(of_provider) {
            postings.find(person, &mut found);
            if rule_kind == RuleKind::Deny {
                postings.find_presumed(person, &mut found);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl Postings {
    /// Adds a rule under its most selective key. Every key must match, so one is enough to find the rule.
    fn add(&mut self, number: u32, who: &Who) {
        let put = |map: &mut HashMap<Box<str>, Vec<u32>>, key: &str| {
            map.entry(key.into()).or_default().push(number);
        };
        if !who.users.is_empty() {
            who.users
                .iter()
                .for_each(|user| put(&mut self.users, user.as_str()));
        } else if !who.subjects.is_empty() {
            who.subjects
                .iter()
                .for_each(|subject| put(&mut self.subjects, subject.as_str()));
        } else if !who.groups.is_empty() {
            who.groups
                .iter()
                .for_each(|group| put(&mut self.groups, group));
        } else if let Some((name, values)) = who.claims.first() {
            let claim = self.claims.entry(name.as_str().into()).or_default();
            values
                .iter()
                .for_each(|value| put(&mut claim.values, value));
        } else if let Some((name, _)) = who.claims_matching.first() {
            let claim = self.claims.entry(name.as_str().into()).or_default();
            claim.present.push(number);
        } else {
            self.everyone.push(number);
        }
    }

    fn find(&self, person: &Person<'_>, found: &mut Vec<u32>) {
        let identity = person.identity;
        let email = identity.email.as_ref().map(EmailAddress::as_str);
        found.extend(&self.everyone);
        found.extend(
            email
                .into_iter()
                .flat_map(|email| under(&self.users, email)),
        );
        found.extend(under(&self.subjects, identity.subject.as_str()));
        if !self.groups.is_empty() {
            found.extend(
                person
                    .groups()
                    .iter()
                    .flat_map(|group| under(&self.groups, group)),
            );
        }
        if !self.claims.is_empty() {
            for (name, values) in identity.claims.iter() {
                let Some(claim) = self.claims.get(name) else {
                    continue;
                };
                if values.len() > 0 {
                    found.extend(&claim.present);
                }
                found.extend(values.flat_map(|value| under(&claim.values, value)));
            }
        }
    }

    /// The rules that match if unknown facts about the person are presumed to match.
    fn find_presumed(&self, person: &Person<'_>, found: &mut Vec<u32>) {
        let identity = person.identity;
        if let Some(untrusted) = &identity.untrusted_email {
            match untrusted.candidates() {
                Some(candidates) => {
                    for email in &candidates {
                        found.extend(under(&self.users, email.as_str()));
                    }
                }
                None => found.extend(self.users.values().flatten()),
            }
        }
        if !self.claims.is_empty() && identity.may_have_unread_claims() {
            let named = self.claims.iter();
            let unread = named.filter(|(name, _)| identity.unread_claim(name).is_some());
            found.extend(unread.flat_map(|(_, claim)| claim.all()));
        }
    }
}

fn under<'m>(map: &'m HashMap<Box<str>, Vec<u32>>, key: &str) -> &'m [u32] {
    map.get(key).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::who::Who;
    use crate::caller::{Circumstances, Facts};
    use crate::identity::ClaimPath;

    fn groups(groups: &[&str], provider: Option<&str>) -> Who {
        Who {
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            provider: provider.map(|id| ProviderId::parse(id).unwrap()),
            ..Who::default()
        }
    }

    #[test]
    fn index_returns_only_candidates_of_the_person() {
        let mut all: Vec<Who> = (0..1_000)
            .map(|n| groups(&[&format!("others-{n}")], Some("okta")))
            .collect();
        all.push(groups(&["a", "b"], Some("okta")));
        all.push(groups(&["b"], Some("google")));
        all.push(groups(&["b"], None));
        all.push(Who {
            claims: vec![(ClaimPath::parse("dept"), vec!["x".to_owned()])],
            ..Who::default()
        });
        all.push(groups(&[], None));
        let index = Index::new(all.iter());
        let json = serde_json::json!({
            "provider": "okta", "subject": "s", "email": null, "name": null,
            "groups": ["b", "a", "b"], "claims": {"dept": ["y"]}, "mfa": false,
            "authenticated_at": "2026-06-15T12:00:00Z",
            "evidence": {"IdToken": {"token": "", "sid": null}},
        });
        let identity = serde_json::from_value(json).unwrap();
        let circumstances = Circumstances {
            now: chrono::DateTime::UNIX_EPOCH,
            address: None,
            device_flow: false,
        };
        let facts = Facts::new(&identity, circumstances);
        assert_eq!(
            index.candidates(&Person::new(&facts), RuleKind::Assignment),
            [1_000, 1_002, 1_004]
        );
    }
}
