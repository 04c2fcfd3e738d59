//! Each key of `who` and `when` compared with one person, for explanations.

use std::fmt;

use serde::Serialize;

use crate::access::condition::{Condition, Span, moment};
use crate::access::who::{RuleKind, Who};
use crate::caller::Circumstances;
use crate::identity::{EmailAddress, Identity};

/// Values of a person that a check contains.
const VALUES_MAX: usize = 20;

/// A key of a rule, and the value with which it was compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyCheck {
    /// The key, such as `who.groups`, `who.claims.department` or `when.mfa`.
    pub key: String,
    /// Whether it is satisfied.
    pub holds: bool,
    /// The values of the rule, of which one is required.
    pub wanted: Vec<String>,
    /// The values of the person or the request; empty if there are none.
    pub has: Vec<String>,
    /// Number of further values.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: usize,
    /// Why the value is not known. A deny rule is then satisfied, an assignment is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is serde's"
)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl KeyCheck {
    fn new<'v>(
        key: impl Into<String>,
        holds: bool,
        wanted: impl IntoIterator<Item = impl fmt::Display>,
        has: impl IntoIterator<Item = &'v str>,
    ) -> Self {
        let mut has = has.into_iter();
        let first: Vec<String> = has.by_ref().take(VALUES_MAX).map(str::to_owned).collect();
        Self {
            key: key.into(),
            holds,
            wanted: wanted.into_iter().map(|one| one.to_string()).collect(),
            has: first,
            more: has.count(),
            unknown: None,
        }
    }

    /// What would satisfy the key; `None` if it is satisfied.
    pub fn needed(&self) -> Option<String> {
        let wanted = || quoted(&self.wanted);
        (!self.holds).then(|| match self.key.as_str() {
            "who.provider" => format!("a sign-in with the provider {}", wanted()),
            "who.users" => format!("the e-mail address {}", wanted()),
            "who.subjects" => format!("the subject {}", wanted()),
            "who.groups" => format!("membership in the group {}", wanted()),
            "when.mfa" => "a sign-in with a second factor".to_owned(),
            "when.signed_in_within" => {
                format!("a sign-in within the last {}", self.wanted.concat())
            }
            "when.network" => format!("a client address in {}", self.wanted.join(" or ")),
            "when.not_before" => format!("a time from {}", self.wanted.concat()),
            "when.not_after" => format!("a time before {}", self.wanted.concat()),
            "when.device_flow" => "a sign-in without a device code".to_owned(),
            key => match key.strip_prefix("who.claims_matching.") {
                Some(name) => format!("a value of the claim {name:?} that matches {}", wanted()),
                None => {
                    let name = key.strip_prefix("who.claims.").unwrap_or(key);
                    format!("the claim {name:?} with the value {}", wanted())
                }
            },
        })
    }
}

/// One line, such as `who.groups: not satisfied: requires "platform"; the person has "payments-dev"`. Values are quoted,
/// with control and formatting characters escaped.
impl fmt::Display for KeyCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = if self.holds {
            "satisfied"
        } else {
            "not satisfied"
        };
        write!(
            f,
            "{}: {outcome}: requires {}; found ",
            self.key.escape_debug(),
            quoted(&self.wanted)
        )?;
        match (&self.unknown, self.has.as_slice()) {
            (Some(reason), []) => write!(f, "a value that is not known: {reason}"),
            (Some(reason), has) => write!(f, "{}, and {reason}", list(has)),
            (None, []) => f.write_str("none"),
            (None, has) => f.write_str(&list(has)),
        }?;
        match self.more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

fn quoted(values: &[String]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
    quoted.join(" or ")
}

fn list(values: &[String]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
    quoted.join(", ")
}

/// The keys of `who`, in the order in which they are evaluated.
pub(super) fn of_who(who: &Who, identity: &Identity, kind: RuleKind) -> Vec<KeyCheck> {
    let mut checks = Vec::new();
    if let Some(provider) = &who.provider {
        let own = identity.provider.as_str();
        let holds = *provider == identity.provider;
        checks.push(KeyCheck::new("who.provider", holds, [provider], [own]));
    }
    if !who.users.is_empty() {
        let own = identity.email.as_ref().map(EmailAddress::as_str);
        let holds = who.matches_email_of(identity, kind);
        let mut check = KeyCheck::new("who.users", holds, &who.users, own);
        let untrusted = identity.untrusted_email.as_ref();
        check.unknown = untrusted.map(|one| format!("the address {one}"));
        checks.push(check);
    }
    if !who.subjects.is_empty() {
        let own = identity.subject.as_str();
        let holds = who.subjects.contains(&identity.subject);
        checks.push(KeyCheck::new("who.subjects", holds, &who.subjects, [own]));
    }
    if !who.groups.is_empty() {
        let own = identity.groups.iter().map(String::as_str);
        let matching: Vec<&str> = own
            .clone()
            .filter(|group| who.groups.iter().any(|one| one == group))
            .collect();
        checks.push(match matching.is_empty() {
            true => KeyCheck::new("who.groups", false, &who.groups, own),
            false => KeyCheck::new("who.groups", true, &who.groups, matching),
        });
    }
    let mut claim = |key: String, name: &str, wanted: &[String], matches: &dyn Fn(&str) -> bool| {
        let unread = identity.unread_claim(name);
        let mut values = identity.claims.values(name);
        let holds = values.any(matches) || (kind == RuleKind::Deny && unread.is_some());
        let mut check = KeyCheck::new(key, holds, wanted, identity.claims.values(name));
        check.unknown = unread.map(|reason| format!("the claim {reason}"));
        checks.push(check);
    };
    for (path, wanted) in &who.claims {
        let name = path.as_str();
        let matches = |value: &str| wanted.iter().any(|one| one == value);
        claim(format!("who.claims.{name}"), name, wanted, &matches);
    }
    for (path, pattern) in &who.claims_matching {
        let name = path.as_str();
        let wanted = [pattern.written().to_owned()];
        let matches = |value: &str| pattern.matches(value);
        claim(
            format!("who.claims_matching.{name}"),
            name,
            &wanted,
            &matches,
        );
    }
    checks
}

/// The keys of `when`.
pub(super) fn of_when(
    when: &Condition,
    identity: &Identity,
    circumstances: &Circumstances,
) -> Vec<KeyCheck> {
    let mut checks = Vec::new();
    let now = circumstances.now;
    // Each key alone, with the evaluation of the whole condition.
    let mut check = |key: &str, alone: Condition, wanted: Vec<String>, has: Option<String>| {
        let holds = alone.unmet(identity, circumstances).is_empty();
        let key = format!("when.{key}");
        checks.push(KeyCheck::new(key, holds, wanted, has.as_deref()));
    };
    let none = Condition::default;
    if when.mfa {
        let has = match (&identity.unconfirmed_mfa, identity.mfa) {
            (_, true) => "true".to_owned(),
            (None, false) => "false".to_owned(),
            (Some(stated), false) => format!("false ({stated})"),
        };
        let alone = Condition {
            mfa: true,
            ..none()
        };
        check("mfa", alone, vec!["true".to_owned()], Some(has));
    }
    if let Some(within) = when.signed_in_within {
        let at = identity.authenticated_at();
        let alone = Condition {
            signed_in_within: Some(within),
            ..none()
        };
        let has =
            at.map(|at| format!("{} ago", Span((now - at).max(chrono::Duration::seconds(1)))));
        check(
            "signed_in_within",
            alone,
            vec![Span(within).to_string()],
            has,
        );
    }
    if !when.network.is_empty() {
        let alone = Condition {
            network: when.network.clone(),
            ..none()
        };
        let wanted = when.network.iter().map(ToString::to_string).collect();
        check(
            "network",
            alone,
            wanted,
            circumstances.address.map(|one| one.to_string()),
        );
    }
    if let Some(start) = when.not_before {
        let alone = Condition {
            not_before: Some(start),
            ..none()
        };
        check("not_before", alone, vec![moment(start)], Some(moment(now)));
    }
    if let Some(until) = when.until {
        let alone = Condition {
            until: Some(until),
            ..none()
        };
        check("not_after", alone, vec![moment(until)], Some(moment(now)));
    }
    if when.no_device_flow {
        let alone = Condition {
            no_device_flow: true,
            ..none()
        };
        let has = circumstances.device_flow.to_string();
        check("device_flow", alone, vec!["false".to_owned()], Some(has));
    }
    checks
}
