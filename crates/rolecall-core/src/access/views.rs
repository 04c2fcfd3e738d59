//! Rules as data for reports: the keys of `who` and `when`, as configured.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use serde::Serialize;

use crate::access::assignment::{Assignment, Deny, RuleLocation};
use crate::access::condition::Condition;
use crate::access::who::Who;
use crate::base::text;
use crate::identity::{EmailAddress, ProviderId, Subject};

/// The keys of `who`; absent keys are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhoView {
    /// `everyone = true`
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub everyone: bool,
    /// `provider`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderId>,
    /// `users`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<EmailAddress>,
    /// `subjects`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Subject>,
    /// `groups`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// `claims`
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, Vec<String>>,
    /// `claims_matching`
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub claims_matching: BTreeMap<String, String>,
}

/// The keys of `when`; absent keys are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConditionView {
    /// `mfa = true`
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mfa: bool,
    /// `signed_in_within`, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_in_within_seconds: Option<i64>,
    /// `network`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network: Vec<IpNet>,
    /// The first moment at which the condition is met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime<Utc>>,
    /// The first moment at which it is no longer met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// `device_flow = false`
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_device_flow: bool,
}

/// An assignment or a deny rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleView {
    /// ID of the rule.
    pub id: String,
    /// File and line, such as `access.toml:12`.
    pub place: String,
    /// The people.
    pub who: WhoView,
    /// The conditions; `None` for a deny rule, which has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<ConditionView>,
    /// What the conditions require, for people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Whether the assignment has expired: nobody can use it any more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub expired: bool,
    /// `session_duration` of the assignment, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_duration_seconds: Option<u32>,
    /// `owner` of the assignment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// `reason` of the deny rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl WhoView {
    pub(super) fn new(who: &Who) -> Self {
        let claims = who.claims.iter();
        let patterns = who.claims_matching.iter();
        Self {
            everyone: who.everyone,
            provider: who.provider.clone(),
            users: who.users.clone(),
            subjects: who.subjects.clone(),
            groups: who.groups.clone(),
            claims: claims
                .map(|(path, values)| (path.as_str().to_owned(), values.clone()))
                .collect(),
            claims_matching: patterns
                .map(|(path, pattern)| (path.as_str().to_owned(), pattern.written().to_owned()))
                .collect(),
        }
    }
}

/// One line, such as `provider okta, groups "a" or "b"`. Values from files are quoted, with control and formatting
/// characters escaped.
impl fmt::Display for WhoView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T: AsRef<str>>(values: &[T]) -> String {
            let quoted: Vec<String> = values
                .iter()
                .map(|one| format!("{:?}", one.as_ref()))
                .collect();
            quoted.join(" or ")
        }
        let texts = |values: Vec<String>| list(&values);
        let mut parts = Vec::new();
        if self.everyone {
            parts.push("everyone".to_owned());
        }
        if let Some(provider) = &self.provider {
            parts.push(format!("provider {provider}"));
        }
        if !self.users.is_empty() {
            let users: Vec<&str> = self.users.iter().map(EmailAddress::as_str).collect();
            parts.push(format!("users {}", users.join(" or ")));
        }
        if !self.subjects.is_empty() {
            let subjects = self.subjects.iter().map(|one| one.as_str().to_owned());
            parts.push(format!("subjects {}", texts(subjects.collect())));
        }
        if !self.groups.is_empty() {
            parts.push(format!("groups {}", list(&self.groups)));
        }
        for (name, values) in &self.claims {
            parts.push(format!("claim {name:?} {}", list(values)));
        }
        for (name, pattern) in &self.claims_matching {
            parts.push(format!("claim {name:?} matching {pattern:?}"));
        }
        f.write_str(&parts.join(", "))
    }
}

impl ConditionView {
    fn new(condition: &Condition) -> Self {
        Self {
            mfa: condition.mfa,
            signed_in_within_seconds: condition.signed_in_within.map(|span| span.num_seconds()),
            network: condition.network.clone(),
            from: condition.not_before,
            until: condition.until,
            no_device_flow: condition.no_device_flow,
        }
    }
}

impl RuleView {
    pub(super) fn of_assignment(assignment: &Assignment, now: DateTime<Utc>) -> Self {
        Self {
            id: assignment.id.to_string(),
            place: place(&assignment.location),
            who: WhoView::new(&assignment.who),
            when: Some(ConditionView::new(&assignment.when)),
            requires: assignment.when.requirements(),
            expired: assignment.when.has_expired(now),
            session_duration_seconds: assignment.session_duration.map(|limit| limit.seconds()),
            owner: assignment.owner.clone(),
            reason: None,
        }
    }

    pub(super) fn of_deny(deny: &Deny) -> Self {
        Self {
            id: deny.id.to_string(),
            place: place(&deny.location),
            who: WhoView::new(&deny.who),
            when: None,
            requires: Vec::new(),
            expired: false,
            session_duration_seconds: None,
            owner: None,
            reason: deny.reason.clone(),
        }
    }
}

/// File and line, without control and formatting characters.
pub(super) fn place(location: &RuleLocation) -> String {
    const PATH_CHARS_MAX: usize = 1_000;
    let path = location.path.display().to_string();
    let path = text::one_line(&path, PATH_CHARS_MAX);
    format!("{path}:{}", location.line)
}
