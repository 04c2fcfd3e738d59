//! `who`: the people whom an assignment, a deny rule or an administrator entry matches.
//!
//! Every key must match; a list matches if one of its members does. Values are compared byte for byte. E-mail addresses
//! are lower case and match only if the provider is trusted for their domain. An absent claim never matches. A claim
//! whose values could not be read grants nothing, and denies. The same is true of an address that is not trusted and
//! may be one that is denied.

use std::fmt;

use regex::Regex;

use crate::caller::Facts;
use crate::identity::{
    ClaimPath, EmailAddress, EmailDomain, Identity, ProviderId, Subject, UntrustedEmail,
};

/// The people whom a rule matches.
#[derive(Clone, Debug, Default)]
pub struct Who {
    pub(super) everyone: bool,
    pub(super) provider: Option<ProviderId>,
    pub(super) users: Vec<EmailAddress>,
    pub(super) subjects: Vec<Subject>,
    pub(super) groups: Vec<String>,
    pub(super) claims: Vec<(ClaimPath, Vec<String>)>,
    pub(super) claims_matching: Vec<(ClaimPath, AnchoredPattern)>,
}

/// The effect of a match. Unknown facts do not match a rule that grants, and match a rule that denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// People who match gain access.
    Assignment,
    /// People who match lose access.
    Deny,
}

/// A regular expression that matches whole values only, in linear time and of bounded size.
#[derive(Clone, Debug)]
pub struct AnchoredPattern {
    written: String,
    whole: Regex,
}

/// Why a regular expression is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// It could match a part of a value: a group `not-admins` would match `admins`.
    #[error(
        "a regular expression must be anchored, because it would also match parts of values: write \"^{0}$\""
    )]
    NotAnchored(String),
    /// A syntax error, or an expression that is too large.
    #[error("{0}")]
    Syntax(String),
}

impl AnchoredPattern {
    /// Parses `^…$`.
    ///
    /// # Errors
    /// [`InvalidPattern`].
    pub fn parse(written: &str) -> Result<Self, InvalidPattern> {
        const WRITTEN_BYTES_MAX: usize = 1_024;
        const COMPILED_BYTES_MAX: usize = 256 * 1024;
        if written.len() > WRITTEN_BYTES_MAX {
            let text = format!("longer than {WRITTEN_BYTES_MAX} bytes");
            return Err(InvalidPattern::Syntax(text));
        }
        let not_anchored = || {
            let inner = written.strip_prefix('^').unwrap_or(written);
            let inner = inner.strip_suffix('$').unwrap_or(inner);
            InvalidPattern::NotAnchored(inner.to_owned())
        };
        let inner = written
            .strip_prefix('^')
            .and_then(|rest| rest.strip_suffix('$'))
            .filter(|inner| trailing_backslashes(inner).is_multiple_of(2))
            .ok_or_else(not_anchored)?;
        let compile = |pattern: &str| {
            regex::RegexBuilder::new(pattern)
                .size_limit(COMPILED_BYTES_MAX)
                .nest_limit(32)
                .build()
                .map_err(|error| InvalidPattern::Syntax(short(&error)))
        };
        // Compile the expression alone first, so that an unbalanced parenthesis cannot close the group below. The group
        // makes the anchors apply to all branches of `^a|b$`.
        compile(inner)?;
        let whole = compile(&format!(r"\A(?:{inner})\z"))?;
        let written = written.to_owned();
        Ok(Self { written, whole })
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        self.whole.is_match(value)
    }

    /// The expression as configured.
    pub(super) fn written(&self) -> &str {
        &self.written
    }
}

fn trailing_backslashes(text: &str) -> usize {
    text.bytes().rev().take_while(|b| *b == b'\\').count()
}

/// The regex crate formats errors in several lines; the last one contains the message.
fn short(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

/// The key of a [`Who`] that does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnmetCondition<'w> {
    /// The person is of another provider.
    Provider(&'w ProviderId),
    /// The person has none of these addresses, or the provider is not trusted for the domain.
    Users,
    /// The person has none of these subjects.
    Subjects,
    /// The person is in none of these groups.
    Groups(&'w [String]),
    /// The claim is absent, or has none of these values.
    Claim(&'w str, &'w [String]),
    /// The claim is absent, or none of its values matches.
    ClaimMatching(&'w str, &'w str),
}

/// An identity with sorted groups, for repeated evaluation.
pub(super) struct Person<'i> {
    pub(super) identity: &'i Identity,
    groups: Vec<&'i str>,
}

impl<'i> Person<'i> {
    pub(super) fn new(facts: &'i Facts<'_>) -> Self {
        let mut groups: Vec<&str> = facts.groups().collect();
        groups.sort_unstable();
        groups.dedup();
        Self {
            identity: facts.identity(),
            groups,
        }
    }

    /// The groups, sorted, without duplicates.
    pub(super) fn groups(&self) -> &[&'i str] {
        &self.groups
    }
}

impl Who {
    /// The first key that does not match.
    pub(super) fn mismatch(
        &self,
        person: &Person<'_>,
        rule_kind: RuleKind,
    ) -> Option<UnmetCondition<'_>> {
        let identity = person.identity;
        if let Some(provider) = &self.provider
            && *provider != identity.provider
        {
            return Some(UnmetCondition::Provider(provider));
        }
        if !self.users.is_empty() && !self.matches_email_of(identity, rule_kind) {
            return Some(UnmetCondition::Users);
        }
        if !self.subjects.is_empty() && !self.subjects.contains(&identity.subject) {
            return Some(UnmetCondition::Subjects);
        }
        let member = |group: &String| person.groups.binary_search(&group.as_str()).is_ok();
        if !self.groups.is_empty() && !self.groups.iter().any(member) {
            return Some(UnmetCondition::Groups(&self.groups));
        }
        let presumed =
            |name: &str| rule_kind == RuleKind::Deny && identity.unread_claim(name).is_some();
        for (path, wanted) in &self.claims {
            let name = path.as_str();
            let mut values = identity.claims.values(name);
            let holds = values.any(|value| wanted.iter().any(|wanted| wanted == value));
            if !holds && !presumed(name) {
                return Some(UnmetCondition::Claim(name, wanted));
            }
        }
        for (path, pattern) in &self.claims_matching {
            let name = path.as_str();
            let mut values = identity.claims.values(name);
            if !values.any(|value| pattern.matches(value)) && !presumed(name) {
                return Some(UnmetCondition::ClaimMatching(name, &pattern.written));
            }
        }
        None
    }

    pub(super) fn matches_email_of(&self, identity: &Identity, rule_kind: RuleKind) -> bool {
        let trusted = |email: &EmailAddress| self.users.contains(email);
        let presumed = |untrusted: &UntrustedEmail| {
            let candidates = untrusted.candidates();
            rule_kind == RuleKind::Deny
                && candidates.is_none_or(|candidates| candidates.iter().any(trusted))
        };
        identity.email.as_ref().is_some_and(trusted)
            || identity.untrusted_email.as_ref().is_some_and(presumed)
    }

    /// Whether it selects people by address.
    pub(super) fn selects_by_email(&self) -> bool {
        !self.users.is_empty()
    }

    /// The claims that it uses.
    pub(super) fn claim_paths(&self) -> impl Iterator<Item = &ClaimPath> {
        let exact = self.claims.iter().map(|(path, _)| path);
        let patterns = self.claims_matching.iter();
        exact.chain(patterns.map(|(path, _)| path))
    }

    /// Whether it matches everyone whom `other` matches, as far as the keys tell.
    pub(super) fn covers(&self, other: &Self) -> bool {
        fn within<T: PartialEq>(wide: &[T], narrow: &[T]) -> bool {
            wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|one| wide.contains(one)))
        }
        let claim = |(name, wide): &(ClaimPath, Vec<String>)| {
            let mut same = other.claims.iter().filter(|(narrow, _)| narrow == name);
            same.any(|(_, narrow)| within(wide, narrow))
        };
        let pattern = |(name, wide): &(ClaimPath, AnchoredPattern)| {
            let mut same = other
                .claims_matching
                .iter()
                .filter(|(narrow, _)| narrow == name);
            same.any(|(_, narrow)| narrow.written == wide.written)
        };
        (self.provider.is_none() || self.provider == other.provider)
            && within(&self.users, &other.users)
            && within(&self.subjects, &other.subjects)
            && within(&self.groups, &other.groups)
            && self.claims.iter().all(claim)
            && self.claims_matching.iter().all(pattern)
    }

    /// Whether it may match a person of this provider, which is trusted for these domains. A deny rule also matches
    /// addresses that are not trusted.
    pub(super) fn may_match(
        &self,
        provider: &ProviderId,
        domains: &[EmailDomain],
        rule_kind: RuleKind,
    ) -> bool {
        let trusted = |user: &EmailAddress| domains.contains(&user.domain());
        self.provider.as_ref().is_none_or(|own| own == provider)
            && (rule_kind == RuleKind::Deny
                || self.users.is_empty()
                || self.users.iter().any(trusted))
    }

    /// The addresses that it names.
    pub(super) fn user_addresses(&self) -> impl Iterator<Item = &EmailAddress> {
        self.users.iter()
    }

    /// Whether it names groups.
    pub(super) fn selects_by_group(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Whether it has no key that selects people, apart from the provider.
    pub(super) fn matches_everyone(&self) -> bool {
        self.users.is_empty()
            && self.subjects.is_empty()
            && self.groups.is_empty()
            && self.claims.is_empty()
            && self.claims_matching.is_empty()
    }
}

impl fmt::Display for UnmetCondition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(provider) => write!(f, "applies to people of the provider {provider}"),
            Self::Users => f.write_str("applies to other e-mail addresses"),
            Self::Subjects => f.write_str("applies to other subjects"),
            Self::Groups(groups) => write!(f, "applies to the groups {groups:?}"),
            Self::Claim(name, values) => {
                write!(f, "needs the claim {name:?} to be one of {values:?}")
            }
            Self::ClaimMatching(name, pattern) => {
                write!(f, "needs the claim {name:?} to match {pattern:?}")
            }
        }
    }
}
