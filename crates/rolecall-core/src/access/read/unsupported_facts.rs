//! Rules that match nobody, because the provider never reports a fact that they need.

use super::{PolicyContext, ProviderFacts, UnsupportedFacts};
use crate::access::condition::Condition;
use crate::access::who::{RuleKind, Who};
use crate::config_file::Spot;
use crate::identity::{ClaimPath, EmailAddress};

/// The people whom a rule can never match, and the provider that does not report the fact.
struct Unsatisfiable<'p> {
    provider: &'p ProviderFacts,
    /// One of the addresses that the rule names; `None`: everyone whom the rule matches.
    user: Option<&'p EmailAddress>,
}

impl<'p> Unsatisfiable<'p> {
    /// Checks the providers whose people the rule may match: for all of them together, then for each address in the
    /// rule.
    fn find(
        who: &'p Who,
        rule_kind: RuleKind,
        context: &PolicyContext<'p>,
        is_unsupported: impl Fn(&UnsupportedFacts) -> bool,
    ) -> Option<Self> {
        // The first of the providers in question, if none of them reports the fact.
        let of = |may_be: &dyn Fn(&ProviderFacts) -> bool| -> Option<&'p ProviderFacts> {
            let mut candidates = context.providers.iter().filter(|facts| may_be(facts));
            let first = candidates.next()?;
            (is_unsupported(&first.unsupported)
                && candidates.all(|facts| is_unsupported(&facts.unsupported)))
            .then_some(first)
        };
        let may_be = |facts: &ProviderFacts| who.may_match(&facts.id, &facts.domains, rule_kind);
        if let Some(provider) = of(&may_be) {
            let user = None;
            return Some(Self { provider, user });
        }
        let named = who
            .user_addresses()
            .filter(|_| rule_kind == RuleKind::Assignment);
        let mut unsatisfiable = named.filter_map(|user| {
            let trusted =
                |facts: &ProviderFacts| may_be(facts) && facts.domains.contains(&user.domain());
            let provider = of(&trusted)?;
            let user = Some(user);
            Some(Self { provider, user })
        });
        unsatisfiable.next()
    }

    /// Text: the rule matches nobody, or never one of the users that it names.
    fn about(&self) -> String {
        match self.user {
            Some(user) => format!("this never matches {user}"),
            None => "this matches nobody".to_owned(),
        }
    }

    /// Text: nobody meets a condition, or one of the named users never does.
    fn meets(&self, condition: &str) -> String {
        match self.user {
            Some(user) => format!("{user} never meets `{condition}`"),
            None => format!("nobody meets `{condition}`"),
        }
    }
}

/// Reports warnings about groups and claims that no provider sends.
pub(super) fn warn_of_people(
    who: &Who,
    rule_kind: RuleKind,
    spot: Spot<'_>,
    context: &PolicyContext<'_>,
) {
    if who.selects_by_group()
        && let Some(unsatisfiable) =
            Unsatisfiable::find(who, rule_kind, context, |unsupported| unsupported.groups)
    {
        let (id, about) = (&unsatisfiable.provider.id, unsatisfiable.about());
        spot.warning(
            format!("the provider {id} sends no groups: {about}"),
            "name users or claims instead, or use another provider for people whose access depends on groups",
        );
    }
    for claim in who.claim_paths().map(ClaimPath::as_str) {
        let is_unsupported = |unsupported: &UnsupportedFacts| unsupported.claims.contains(&claim);
        if let Some(unsatisfiable) = Unsatisfiable::find(who, rule_kind, context, is_unsupported) {
            let (id, about) = (&unsatisfiable.provider.id, unsatisfiable.about());
            spot.warning(
                format!("the provider {id} never sends the claim {claim:?}: {about}"),
                "name users or other claims instead, or use another provider for people whose access depends on it",
            );
        }
    }
}

/// Reports warnings about conditions that cannot be met.
pub(super) fn warn_of_conditions(
    who: &Who,
    when: &Condition,
    spot: Spot<'_>,
    context: &PolicyContext<'_>,
) {
    let find = |is_unsupported: fn(&UnsupportedFacts) -> bool| {
        Unsatisfiable::find(who, RuleKind::Assignment, context, is_unsupported)
    };
    if when.mfa
        && let Some(unsatisfiable) = find(|unsupported| unsupported.second_factor)
    {
        let (id, meets) = (&unsatisfiable.provider.id, unsatisfiable.meets("mfa"));
        spot.warning(
            format!("the provider {id} does not report whether a second factor was used: {meets}"),
            "remove `mfa` and enforce a second factor at the provider, or use another provider",
        );
    }
    if when.signed_in_within.is_some()
        && let Some(unsatisfiable) = find(|unsupported| unsupported.sign_in_time)
    {
        let (id, meets) = (
            &unsatisfiable.provider.id,
            unsatisfiable.meets("signed_in_within"),
        );
        spot.warning(
            format!("the provider {id} does not report when a person signed in: {meets}"),
            "remove `signed_in_within`, use another provider, or set auth_time = \"assume_now\" for this one if it asks for \
             the password whenever prompt=login is sent",
        );
    }
}
