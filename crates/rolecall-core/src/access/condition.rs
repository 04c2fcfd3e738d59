//! `when`: the conditions of an assignment.
//!
//! An unmet condition does not hide the role: the person sees which condition is missing.

use std::fmt;

use chrono::{DateTime, Duration, Utc};
use ipnet::IpNet;

use crate::caller::Circumstances;
use crate::identity::{AuthTime, Identity};
use std::net::IpAddr;

/// Parsed `when`. Empty if the assignment always applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// `mfa = true`
    pub mfa: bool,
    /// Maximum age of the sign-in at the identity provider (`signed_in_within`).
    pub signed_in_within: Option<Duration>,
    /// `network`; empty: any network.
    pub network: Vec<IpNet>,
    /// `not_before`: the first moment at which the condition is met.
    pub not_before: Option<DateTime<Utc>>,
    /// `not_after`: the first moment at which it is no longer met.
    pub until: Option<DateTime<Utc>>,
    /// `device_flow = false`
    pub no_device_flow: bool,
}

/// An unmet condition. Its text continues a sentence that begins with the name of the role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// The person did not use a second factor.
    Mfa,
    /// The person did not use a second factor, although the last sign-in requested one.
    MfaUnconfirmed {
        /// [`Identity::unconfirmed_mfa`]
        stated: String,
    },
    /// The sign-in is older than this, or its age is unknown.
    SignedInWithin(Duration),
    /// The sign-in must be more recent than this, and the provider does not report the age even of a sign-in that was
    /// requested.
    AuthTimeMissing(Duration),
    /// The client address is in none of the networks, or unknown.
    Network,
    /// The assignment is not valid before this time.
    NotBefore(DateTime<Utc>),
    /// The assignment is not valid from this time on.
    NotAfter(DateTime<Utc>),
    /// The role is not available through the device flow.
    DeviceFlow,
    /// A session tag or the source identity cannot be rendered for this person.
    Attributes {
        /// Why it cannot be rendered.
        reason: String,
        /// What to do next.
        hint: &'static str,
    },
}

impl Unmet {
    /// Whether a new sign-in requested what is missing, and the provider did not confirm it.
    pub fn is_unconfirmed(&self) -> bool {
        matches!(self, Self::MfaUnconfirmed { .. } | Self::AuthTimeMissing(_))
    }
}

impl Condition {
    /// The unmet conditions; empty if the assignment applies.
    pub fn unmet(&self, identity: &Identity, circumstances: &Circumstances) -> Vec<Unmet> {
        let now = circumstances.now;
        let old = |within: Duration| {
            let at = identity.authenticated_at();
            at.is_none_or(|at| now - at > within)
        };
        let unmet_age = match identity.auth_time {
            AuthTime::Withheld => Unmet::AuthTimeMissing,
            AuthTime::Stated | AuthTime::Assumed | AuthTime::Unstated | AuthTime::Unrecorded => {
                Unmet::SignedInWithin
            }
        };
        let address = circumstances.address.map(|address| address.to_canonical());
        let inside = |address: IpAddr| {
            self.network
                .iter()
                .any(|network| network.contains(&address))
        };
        [
            (self.mfa && !identity.mfa).then(|| unmet_mfa(identity)),
            self.signed_in_within
                .filter(|within| old(*within))
                .map(unmet_age),
            (!self.network.is_empty() && !address.is_some_and(inside)).then_some(Unmet::Network),
            self.not_before
                .filter(|start| now < *start)
                .map(Unmet::NotBefore),
            self.until.filter(|end| now >= *end).map(Unmet::NotAfter),
            (self.no_device_flow && circumstances.device_flow).then_some(Unmet::DeviceFlow),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Condition {
    /// Whether it is met whenever `narrower` is met.
    pub(super) fn covers(&self, narrower: &Self) -> bool {
        let within = match (self.signed_in_within, narrower.signed_in_within) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wide), Some(narrow)) => narrow <= wide,
        };
        let inside = |narrow: &IpNet| self.network.iter().any(|wide| wide.contains(narrow));
        let network = self.network.is_empty()
            || (!narrower.network.is_empty() && narrower.network.iter().all(inside));
        let start = self
            .not_before
            .is_none_or(|wide| narrower.not_before.is_some_and(|narrow| wide <= narrow));
        let end = self
            .until
            .is_none_or(|wide| narrower.until.is_some_and(|narrow| narrow <= wide));
        (!self.mfa || narrower.mfa)
            && within
            && network
            && start
            && end
            && (!self.no_device_flow || narrower.no_device_flow)
    }

    /// Whether it can never be met again.
    pub(super) fn has_expired(&self, now: DateTime<Utc>) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// What each key requires, for people; empty if the assignment always applies. Each text continues "requires …".
    pub fn requirements(&self) -> Vec<String> {
        let networks: Vec<String> = self.network.iter().map(IpNet::to_string).collect();
        [
            self.mfa.then(|| "a second factor".to_owned()),
            self.signed_in_within
                .map(|within| format!("a sign-in within the last {}", Span(within))),
            (!networks.is_empty())
                .then(|| format!("a client address in {}", networks.join(" or "))),
            self.not_before
                .map(|start| format!("a time from {}", moment(start))),
            self.until
                .map(|until| format!("a time before {}", moment(until))),
            self.no_device_flow
                .then(|| "a sign-in without a device code".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

pub(super) fn moment(at: DateTime<Utc>) -> String {
    at.format("%-d %B %Y, %H:%M UTC").to_string()
}

impl Unmet {
    /// What an administrator must change; `None` if the condition can be met without that.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::AuthTimeMissing(_) => Some(
                "ask your administrator to configure the identity provider to send auth_time, or to set \
                 auth_time = \"assume_now\"",
            ),
            Self::MfaUnconfirmed { .. } => Some(
                "ask your administrator to configure the identity provider to require a second factor, or to set mfa of \
                 the provider to a value that it sends",
            ),
            Self::Mfa
            | Self::SignedInWithin(_)
            | Self::Network
            | Self::NotBefore(_)
            | Self::NotAfter(_)
            | Self::DeviceFlow
            | Self::Attributes { .. } => None,
        }
    }
}

fn unmet_mfa(identity: &Identity) -> Unmet {
    match &identity.unconfirmed_mfa {
        Some(stated) => Unmet::MfaUnconfirmed {
            stated: stated.clone(),
        },
        None => Unmet::Mfa,
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mfa => f.write_str("needs a sign-in with a second factor"),
            Self::MfaUnconfirmed { stated } => write!(
                f,
                "needs a sign-in with a second factor, but your identity provider did not confirm one although it was \
                 requested: {stated}"
            ),
            Self::SignedInWithin(within) => {
                write!(f, "needs a sign-in within the last {}", Span(*within))
            }
            Self::AuthTimeMissing(within) => write!(
                f,
                "needs a sign-in within the last {} (your identity provider does not report when you signed in)",
                Span(*within)
            ),
            Self::Network => f.write_str("is only available from certain networks"),
            Self::NotBefore(start) => {
                write!(f, "is available from {}", moment(*start))
            }
            Self::NotAfter(end) => write!(f, "expired on {}", moment(*end)),
            Self::DeviceFlow => {
                f.write_str("needs a sign-in with a browser, not with a device code")
            }
            Self::Attributes { reason, hint } => {
                write!(f, "cannot be used, because {reason}; {hint}")
            }
        }
    }
}

/// Formats a duration, such as `1 h 30 min`.
pub(super) struct Span(pub(super) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.num_seconds();
        let parts = [
            (seconds / 86_400, "d"),
            (seconds / 3_600 % 24, "h"),
            (seconds / 60 % 60, "min"),
            (seconds % 60, "s"),
        ];
        let texts: Vec<String> = parts
            .iter()
            .filter(|(amount, _)| *amount > 0)
            .map(|(amount, unit)| format!("{amount} {unit}"))
            .collect();
        f.write_str(&texts.join(" "))
    }
}
