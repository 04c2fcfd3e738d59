//! The claims that a policy uses: in rules, which an unread claim would evaluate wrongly, and in templates.

use std::collections::{BTreeSet, HashMap};

use crate::access::permission_set::PermissionSet;
use crate::access::template::{Placeholder, Template};
use crate::access::who::Who;
use crate::identity::{ClaimPath, ProviderId};

#[derive(Debug, Default)]
pub(super) struct ClaimNames {
    in_rules: BTreeSet<ClaimPath>,
    in_rules_of: HashMap<ProviderId, BTreeSet<ClaimPath>>,
    in_templates: BTreeSet<ClaimPath>,
}

impl ClaimNames {
    pub(super) fn new<'p>(rules: impl Iterator<Item = &'p Who>, sets: &[PermissionSet]) -> Self {
        let mut names = Self::default();
        for who in rules {
            let of_rule = who.claim_paths().cloned();
            match &who.provider {
                Some(provider) => {
                    let mut of_rule = of_rule.peekable();
                    if of_rule.peek().is_some() {
                        let of_provider = names.in_rules_of.entry(provider.clone());
                        of_provider.or_default().extend(of_rule);
                    }
                }
                None => names.in_rules.extend(of_rule),
            }
        }
        let templates = sets.iter().flat_map(PermissionSet::templates);
        let placeholders = templates.flat_map(Template::placeholders);
        names
            .in_templates
            .extend(placeholders.filter_map(|one| match one {
                Placeholder::Claim(path) => Some(path.clone()),
                Placeholder::Email
                | Placeholder::Name
                | Placeholder::Subject
                | Placeholder::Provider => None,
            }));
        names
    }

    /// The claims that rules for people of this provider use.
    pub(super) fn in_rules_for(&self, provider: &ProviderId) -> impl Iterator<Item = &str> {
        let own = self.in_rules_of.get(provider).into_iter().flatten();
        self.in_rules.iter().chain(own).map(ClaimPath::as_str)
    }

    /// The claims that rules and templates use for people of this provider.
    pub(super) fn needed_for(&self, provider: &ProviderId) -> impl Iterator<Item = &str> {
        let in_templates = self.in_templates.iter().map(ClaimPath::as_str);
        self.in_rules_for(provider).chain(in_templates)
    }
}
