//! `who`: which people an assignment, a deny or an administrator's entry is about.
//!
//! Every key must hold, and a list means one of its members. Everything is compared byte for byte, except e-mail
//! addresses, which are lower case and count only where the provider is believed about their domain. A claim that is
//! absent never matches. One that was sent and whose values are not known grants nothing, and denies. So does an address
//! that was sent and is not believed, where it may be one that is denied.

use std::fmt;

use regex::Regex;

use crate::caller::Facts;
use crate::identity::{EmailAddress, EmailDomain, Identity, ProviderId, Subject, UntrustedEmail};

/// The people meant.
#[derive(Clone, Debug, Default)]
pub struct Who {
    pub(super) everyone: bool,
    pub(super) provider: Option<ProviderId>,
    pub(super) users: Vec<EmailAddress>,
    pub(super) subjects: Vec<Subject>,
    pub(super) groups: Vec<String>,
    pub(super) claims: Vec<(String, Vec<String>)>,
    pub(super) claims_matching: Vec<(String, AnchoredPattern)>,
}

/// What matching means: being let in, or being kept out. What is careless in the one is careful in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhoUse {
    /// People who match gain something.
    Granting,
    /// People who match lose something.
    Denying,
}

/// A regular expression that fits whole values only. Linear in time, bounded in size.
#[derive(Clone, Debug)]
pub struct AnchoredPattern {
    written: String,
    whole: Regex,
}

/// Why a text is no anchored regular expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// It could fit a part of a value: a group `not-admins` would pass for `admins`.
    #[error(
        "a regular expression must be anchored, or it fits parts of values as well: write \"^{0}$\""
    )]
    NotAnchored(String),
    /// Not a regular expression, or one that is too large.
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
        // Alone first, so that no unbalanced parenthesis can leave the group below; and in a group, so that the
        // anchors bind all branches of `^a|b$`.
        compile(inner)?;
        let whole = compile(&format!(r"\A(?:{inner})\z"))?;
        let written = written.to_owned();
        Ok(Self { written, whole })
    }

    fn fits(&self, value: &str) -> bool {
        self.whole.is_match(value)
    }
}

fn trailing_backslashes(text: &str) -> usize {
    text.bytes().rev().take_while(|b| *b == b'\\').count()
}

/// The regex crate draws a picture of several lines; its last line says what is wrong.
fn short(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

/// Which key of a [`Who`] does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnmetCondition<'w> {
    /// Another provider.
    Provider(&'w ProviderId),
    /// None of these addresses, or the provider is not believed about it.
    Users,
    /// None of these subjects.
    Subjects,
    /// None of these groups.
    Groups(&'w [String]),
    /// The claim is absent, or has none of these values.
    Claim(&'w str, &'w [String]),
    /// The claim is absent, or none of its values fits.
    ClaimMatching(&'w str, &'w str),
}

/// An identity, prepared for being asked about many times.
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

    /// Each group once.
    pub(super) fn groups(&self) -> &[&'i str] {
        &self.groups
    }
}

impl Who {
    /// The first key that does not hold.
    pub(super) fn mismatch(
        &self,
        person: &Person<'_>,
        usage: WhoUse,
    ) -> Option<UnmetCondition<'_>> {
        let identity = person.identity;
        if let Some(provider) = &self.provider
            && *provider != identity.provider
        {
            return Some(UnmetCondition::Provider(provider));
        }
        if !self.users.is_empty() && !self.names_address_of(identity, usage) {
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
            |name: &str| usage == WhoUse::Denying && identity.unread_claim(name).is_some();
        for (name, wanted) in &self.claims {
            let mut values = identity.claims.values(name);
            let holds = values.any(|value| wanted.iter().any(|wanted| wanted == value));
            if !holds && !presumed(name) {
                return Some(UnmetCondition::Claim(name, wanted));
            }
        }
        for (name, pattern) in &self.claims_matching {
            let mut values = identity.claims.values(name);
            if !values.any(|value| pattern.fits(value)) && !presumed(name) {
                return Some(UnmetCondition::ClaimMatching(name, &pattern.written));
            }
        }
        None
    }

    fn names_address_of(&self, identity: &Identity, usage: WhoUse) -> bool {
        let believed = |email: &EmailAddress| self.users.contains(email);
        let presumed = |untrusted: &UntrustedEmail| {
            let candidates = untrusted.candidates();
            usage == WhoUse::Denying
                && candidates.is_none_or(|candidates| candidates.iter().any(believed))
        };
        identity.email.as_ref().is_some_and(believed)
            || identity.untrusted_email.as_ref().is_some_and(presumed)
    }

    /// Whether it names people by their addresses.
    pub(super) fn names_addresses(&self) -> bool {
        !self.users.is_empty()
    }

    /// The claims it names.
    pub(super) fn claim_names(&self) -> impl Iterator<Item = &str> {
        let exact = self.claims.iter().map(|(name, _)| name.as_str());
        let patterns = self.claims_matching.iter();
        exact.chain(patterns.map(|(name, _)| name.as_str()))
    }

    /// Whether everybody whom `other` is about is meant as well, as far as the keys tell.
    pub(super) fn covers(&self, other: &Self) -> bool {
        fn within<T: PartialEq>(wide: &[T], narrow: &[T]) -> bool {
            wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|one| wide.contains(one)))
        }
        let claim = |(name, wide): &(String, Vec<String>)| {
            let mut same = other.claims.iter().filter(|(narrow, _)| narrow == name);
            same.any(|(_, narrow)| within(wide, narrow))
        };
        let pattern = |(name, wide): &(String, AnchoredPattern)| {
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

    /// Whether somebody of this provider, which is believed about these domains, may be meant. A deny holds for addresses
    /// that are not believed, too.
    pub(super) fn may_be_of(
        &self,
        provider: &ProviderId,
        domains: &[EmailDomain],
        usage: WhoUse,
    ) -> bool {
        let believed = |user: &EmailAddress| domains.contains(&user.domain());
        self.provider.as_ref().is_none_or(|own| own == provider)
            && (usage == WhoUse::Denying
                || self.users.is_empty()
                || self.users.iter().any(believed))
    }

    /// The addresses that it names.
    pub(super) fn users_named(&self) -> impl Iterator<Item = &EmailAddress> {
        self.users.iter()
    }

    /// Whether it names groups.
    pub(super) fn names_groups(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Whether it has no key that singles people out, beside the provider.
    pub(super) fn is_about_everyone(&self) -> bool {
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
            Self::Provider(provider) => write!(f, "is for people of the provider {provider}"),
            Self::Users => f.write_str("is for other people, by their e-mail addresses"),
            Self::Subjects => f.write_str("is for other people, by their subjects"),
            Self::Groups(groups) => write!(f, "is for the groups {groups:?}"),
            Self::Claim(name, values) => {
                write!(f, "needs the claim {name:?} to be one of {values:?}")
            }
            Self::ClaimMatching(name, pattern) => {
                write!(f, "needs the claim {name:?} to fit {pattern:?}")
            }
        }
    }
}
